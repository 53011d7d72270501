"""Single graphs that come as small tables: airports, blogs, mails, articles, and synthetic ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import load_npz
from torch import Tensor

from grapevine.data import Data
from grapevine.data.files import google_url
from grapevine.datasets._published import NamedDataset, PublishedDataset, mask_of, pairs, rows
from grapevine.errors import GraphValueError
from grapevine.io import read_pickle
from grapevine.utils import coalesce, to_undirected


class Airports(NamedDataset):
    """Airports with flights between them, without features but their own number; 4 classes of activity.

    | name   | nodes | edges  |
    |--------|-------|--------|
    | USA    | 1,190 | 13,599 |
    | Brazil | 131   | 1,074  |
    | Europe | 399   | 5,995  |

    Arguments as for `NamedDataset`.

    Source: Ribeiro et al., "struc2vec: Learning Node Representations from Structural Identity", arXiv:1704.03165.
    """

    names = ("usa", "brazil", "europe")

    def _urls(self) -> Mapping[str, str]:
        files = (f"{self.name}-airports.edgelist", f"labels-{self.name}-airports.txt")
        return {file: f"https://github.com/leoribeiro/struc2vec/raw/master/graph/{file}" for file in files}

    def _read(self, folder: Path) -> Data:
        edges, labels = (folder / file for file in self._urls())
        table = rows(labels, skip=1)
        number = {int(row[0]): i for i, row in enumerate(table)}
        ends = [[number[int(end)] for end in row[:2]] for row in rows(edges)]
        edge_index = coalesce(torch.tensor(ends).t().contiguous(), num_nodes=len(table))
        y = torch.tensor([int(row[1]) for row in table])
        return Data(x=torch.eye(len(table)), edge_index=edge_index, y=y)

    def __repr__(self) -> str:
        return f"{self.name.capitalize()}Airports()"


class PolBlogs(PublishedDataset):
    """Political blogs that link to each other: 1,490 nodes, 19,025 edges, 2 parties, no features.

    Arguments as for `PublishedDataset`.

    Source: Adamic, Glance, "The Political Blogosphere and the 2004 US Election", LinkKDD 2005.
    """

    def _archive(self) -> tuple[str, str]:
        return "polblogs.tar.gz", "https://netset.telecom-paris.fr/datasets/polblogs.tar.gz"

    def _urls(self) -> Mapping[str, str]:
        return {"adjacency.tsv": "", "labels.tsv": ""}

    def _read(self, folder: Path) -> Data:
        y = torch.tensor([int(row[0]) for row in rows(folder / "labels.tsv")])
        return Data(edge_index=pairs(folder / "adjacency.tsv"), y=y, num_nodes=y.numel())


class EmailEUCore(PublishedDataset):
    """Members of a research institution who wrote to each other: 1,005 nodes, 25,571 edges, 42 departments.

    Arguments as for `PublishedDataset`.

    Source: Leskovec et al., "Graph Evolution: Densification and Shrinking Diameters", arXiv:physics/0603229.
    """

    def _urls(self) -> Mapping[str, str]:
        files = ("email-Eu-core.txt", "email-Eu-core-department-labels.txt")
        return {file: f"https://snap.stanford.edu/data/{file}.gz" for file in files}

    def _read(self, folder: Path) -> Data:
        edges, labels = (folder / file for file in self._urls())
        y = pairs(labels)[1].contiguous()
        return Data(edge_index=pairs(edges), y=y, num_nodes=y.numel())


class WikiCS(PublishedDataset):
    """Articles of Wikipedia about computer science: 11,701 nodes, 300 features, 10 branches, 20 splits.

    Args:
        root: folder of the dataset.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        is_undirected: whether to add the reverse of every link (431,726 edges, else 297,110); None: yes.
        force_reload: whether to read the raw file again.

    Source: Mernyei, Cangea, "Wiki-CS: A Wikipedia-Based Benchmark for Graph Neural Networks", arXiv:2007.02901.
    """

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        is_undirected: bool | None = None,
        force_reload: bool = False,
    ) -> None:
        self.is_undirected = is_undirected is not False
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{'un' if self.is_undirected else ''}directed.pt"

    def _urls(self) -> Mapping[str, str]:
        return {"data.json": "https://github.com/pmernyei/wiki-cs-dataset/raw/master/dataset/data.json"}

    def _read(self, folder: Path) -> Data:
        given = json.loads((folder / "data.json").read_text())
        x = torch.tensor(given["features"], dtype=torch.float32)
        ends = [(i, j) for i, linked in enumerate(given["links"]) for j in linked]
        edge_index = torch.tensor(ends).t().contiguous()
        if self.is_undirected:
            edge_index = to_undirected(edge_index, num_nodes=x.size(0))
        masks = {
            f"{part}_mask": torch.tensor(given[f"{part}_masks"], dtype=torch.bool).t().contiguous()
            for part in ("train", "val", "stopping")
        }
        masks["test_mask"] = torch.tensor(given["test_mask"], dtype=torch.bool)
        return Data(x=x, y=torch.tensor(given["labels"]), edge_index=edge_index, **masks)


class MixHopSyntheticDataset(PublishedDataset):
    """Ten synthetic graphs of 5,000 nodes and 10 classes, whose edges join nodes of a class with a given chance.

    Args:
        root: folder of the collection.
        homophily: 0.0, 0.1, ... 0.9.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph with 2 features and 59,596 edges; the masks take a third of the nodes each.

    Raises:
        GraphValueError: for another homophily.

    Source: Abu-El-Haija et al., "MixHop: Higher-Order Graph Convolutional Architectures", arXiv:1905.00067.
    """

    def __init__(
        self,
        root: str,
        homophily: float,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if homophily not in [i / 10 for i in range(10)]:
            raise GraphValueError(f"expected a homophily of 0.0, 0.1, ... 0.9, got {homophily}")
        self.homophily = homophily
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / f"0{round(10 * self.homophily)}" / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / f"0{round(10 * self.homophily)}" / "processed")

    def _urls(self) -> Mapping[str, str]:
        files = [f"ind.n5000-h{self.homophily:.1f}-c10.{part}" for part in ("allx", "ally", "graph")]
        return {
            file: f"https://raw.githubusercontent.com/samihaija/mixhop/master/data/synthetic/{file}"
            for file in files
        }

    def _read(self, folder: Path) -> Data:
        features, classes, graph = (folder / file for file in self._urls())
        x = torch.from_numpy(np.load(features))
        neighbours: dict[int, list[int]] = read_pickle(graph)
        ends = [(node, other) for node, linked in neighbours.items() for other in linked]
        third = x.size(0) // 3
        bounds = {"train": (0, third), "val": (third, 2 * third), "test": (2 * third, x.size(0))}
        masks = {f"{part}_mask": mask_of(range(*bound), x.size(0)) for part, bound in bounds.items()}
        y = torch.from_numpy(np.load(classes)).argmax(dim=-1)
        return Data(x=x, y=y, edge_index=torch.tensor(ends).t().contiguous(), **masks)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(homophily={self.homophily:.1f})"


class AttributedGraphDataset(NamedDataset):
    """Graphs with attributes for every node, and one label or several.

    | name        | nodes      | edges       | features | classes |
    |-------------|------------|-------------|----------|---------|
    | Wiki        | 2,405      | 17,981      | 4,973    | 17      |
    | Cora        | 2,708      | 5,429       | 1,433    | 7       |
    | CiteSeer    | 3,312      | 4,715       | 3,703    | 6       |
    | PubMed      | 19,717     | 44,338      | 500      | 3       |
    | BlogCatalog | 5,196      | 343,486     | 8,189    | 6       |
    | PPI         | 56,944     | 1,612,348   | 50       | 121     |
    | Flickr      | 7,575      | 479,476     | 12,047   | 9       |
    | Facebook    | 4,039      | 88,234      | 1,283    | 193     |
    | TWeibo      | 2,320,895  | 9,840,066   | 1,657    | 8       |
    | MAG         | 59,249,719 | 978,147,253 | 2,000    | 100     |

    More than 10,000 features, and MAG's, are kept as a sparse matrix. Arguments as for `NamedDataset`.

    Source: Yang et al., "Scaling Attributed Network Embedding to Massive Graphs", arXiv:2009.00826.
    """

    keys = {
        "wiki": "1EPhlbziZTQv19OsTrKrAJwsElbVPEbiV",
        "cora": "1FyVnpdsTT-lhkVPotUW8OVeuCi1vi3Ey",
        "citeseer": "1d3uQIpHiemWJPgLgTafi70RFYye7hoCp",
        "pubmed": "1DOK3FfslyJoGXUSCSrK5lzdyLfIwOz6k",
        "blogcatalog": "178PqGqh67RUYMMP6-SoRHDoIBh8ku5FS",
        "ppi": "1dvwRpPT4gGtOcNP_Q-G1TKl9NezYhtez",
        "flickr": "1tZp3EB20fAC27SYWwa-x66_8uGsuU62X",
        "facebook": "12aJWAGCM4IvdGI2fiydDNyWzViEOLZH8",
        "twitter": "1fUYggzZlDrt9JsLsSdRUHiEzQRW1kSA4",
        "tweibo": "1-2xHDPFCsuBuFdQN_7GLleWa8R_t50qU",
        "mag": "1ggraUMrQgdUyA3DjSRzzqMv0jFkU65V5",
    }
    names = tuple(keys)

    def _archive(self) -> tuple[str, str]:
        return f"{self.name}.attr.zip", google_url(self.keys[self.name])

    def _urls(self) -> Mapping[str, str]:
        return {"attrs.npz": "", "edgelist.txt": "", "labels.txt": ""}

    def _read(self, folder: Path) -> Data:
        matrix = load_npz(folder / "attrs.npz").tocsr()
        x: Tensor
        if matrix.shape[1] > 10_000 or self.name == "mag":
            ptr, columns, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
            x = torch.sparse_csr_tensor(ptr, columns, values, size=matrix.shape)
        else:
            x = torch.from_numpy(matrix.toarray()).float()
        given = [[int(label) - 1 for label in row[1:]] for row in rows(folder / "labels.txt")]
        if max(map(len, given)) == 1:
            y = torch.tensor(given).view(-1)
        else:
            y = torch.zeros(len(given), max(max(labels, default=-1) for labels in given) + 1)
            for node, labels in enumerate(given):
                y[node, labels] = 1.0
        return Data(x=x, edge_index=pairs(folder / "edgelist.txt"), y=y)

    def __repr__(self) -> str:
        return f"{self.name.capitalize()}()"
