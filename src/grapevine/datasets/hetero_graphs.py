"""Heterogeneous graphs: films, articles, music; and those of the benchmark HGB."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import load_npz
from torch import Tensor

from grapevine.data import HeteroData
from grapevine.data.files import google_url
from grapevine.datasets._parts import obtain_tree
from grapevine.datasets._published import NamedDataset, PublishedDataset, fetch, mask_of, pairs, rows
from grapevine.datasets.graph_saint import edges_of
from grapevine.errors import GraphValueError
from grapevine.utils import coalesce

_PARTS = ("train", "val", "test")
_LABELS = "googlescholar.8area.{}.label.txt"


class MAGNNDataset(PublishedDataset):
    """A heterogeneous graph in the form of MAGNN: one matrix over the nodes of all types. As `PublishedDataset`."""

    place: str

    def _archive(self) -> tuple[str, str]:
        name = f"{type(self).__name__}_processed.zip"
        return name, f"https://www.dropbox.com/s/{self.place}/{name}?dl=1"

    def _connect(self, data: HeteroData, folder: Path) -> HeteroData:
        """Cuts the matrix into the edges between each two types, in the order of the types."""
        types = data.node_types
        ends = np.cumsum([data[name].num_nodes for name in types])
        matrix = load_npz(folder / "adjM.npz").tocsr()
        for i, j in product(range(len(types)), repeat=2):
            (a, b), (c, d) = (
                (end - data[types[k]].num_nodes, end) for k, end in ((i, ends[i]), (j, ends[j]))
            )
            block = matrix[a:b, c:d]
            if block.nnz > 0:
                data[types[i], types[j]].edge_index = edges_of(block)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _sparse(file: Path) -> Tensor:
    return torch.from_numpy(load_npz(file).toarray()).float()


def _classes(data: HeteroData, name: str, folder: Path) -> None:
    """The classes of the nodes of a type, and their split."""
    data[name].y = torch.from_numpy(np.load(folder / "labels.npy")).long()
    with np.load(folder / "train_val_test_idx.npz") as split:
        for part in _PARTS:
            data[name][f"{part}_mask"] = mask_of(split[f"{part}_idx"], data[name].num_nodes)


class IMDB(MAGNNDataset):
    """Films with their directors and actors: 4,278 films of 3 genres, 2,081 directors, 5,257 actors, 3,066 features.

    Arguments as for `PublishedDataset`.

    Source: Fu et al., "MAGNN: Metapath Aggregated Graph Neural Network for Heterogeneous Graph Embedding",
    arXiv:2002.01680.
    """

    place = "g0btk9ctr1es39x"

    def _urls(self) -> Mapping[str, str]:
        files = ("adjM.npz", *(f"features_{i}.npz" for i in range(3)), "labels.npy", "train_val_test_idx.npz")
        return dict.fromkeys(files, "")

    def _read(self, folder: Path) -> HeteroData:
        data = HeteroData()
        for i, name in enumerate(("movie", "director", "actor")):
            data[name].x = _sparse(folder / f"features_{i}.npz")
        _classes(data, "movie", folder)
        return self._connect(data, folder)


class DBLP(MAGNNDataset):
    """Authors of 4 fields with their articles: 4,057 authors, 14,328 papers, 7,723 terms, 20 conferences.

    Arguments as for `PublishedDataset`.

    Source: Fu et al., "MAGNN: Metapath Aggregated Graph Neural Network for Heterogeneous Graph Embedding",
    arXiv:2002.01680.
    """

    place = "yh4grpeks87ugr2"

    def _urls(self) -> Mapping[str, str]:
        files = ("features_0.npz", "features_1.npz", "features_2.npy", "labels.npy", "node_types.npy")
        return dict.fromkeys(("adjM.npz", *files, "train_val_test_idx.npz"), "")

    def _read(self, folder: Path) -> HeteroData:
        data = HeteroData()
        data["author"].x, data["paper"].x = (_sparse(folder / f"features_{i}.npz") for i in range(2))
        data["term"].x = torch.from_numpy(np.load(folder / "features_2.npy")).float()
        data["conference"].num_nodes = int((np.load(folder / "node_types.npy") == 3).sum())
        _classes(data, "author", folder)
        return self._connect(data, folder)


class LastFM(MAGNNDataset):
    """Listeners, artists and tags, for predicting who listens to whom: 1,892 users, 17,632 artists, 1,088 tags.

    The edges of users and artists have the splits ``val_pos_edge_index``, ``test_pos_edge_index`` and, of pairs that
    are none, ``train_neg_edge_index``, ``val_neg_edge_index``, ``test_neg_edge_index``. Arguments as for
    `PublishedDataset`.

    Source: Fu et al., "MAGNN: Metapath Aggregated Graph Neural Network for Heterogeneous Graph Embedding",
    arXiv:2002.01680.
    """

    place = "jvlbs09pz6zwcka"

    def _urls(self) -> Mapping[str, str]:
        splits = (f"train_val_test_{sign}_user_artist.npz" for sign in ("neg", "pos"))
        return dict.fromkeys(("adjM.npz", "node_types.npy", *splits), "")

    def _read(self, folder: Path) -> HeteroData:
        data = HeteroData()
        types = np.load(folder / "node_types.npy")
        for i, name in enumerate(("user", "artist", "tag")):
            data[name].num_nodes = int((types == i).sum())
        for sign in ("pos", "neg"):
            with np.load(folder / f"train_val_test_{sign}_user_artist.npz") as split:
                for part in _PARTS[sign == "pos" :]:
                    found = torch.from_numpy(split[f"{part}_{sign}_user_artist"]).long()
                    data["user", "artist"][f"{part}_{sign}_edge_index"] = found.t().contiguous()
        return self._connect(data, folder)


class AMiner(PublishedDataset):
    """Authors, their papers and where they appeared: 1,693,531 authors, 3,194,405 papers, 3,883 venues.

    Classes are known of some: ``y`` of the nodes ``y_index``, 8 fields. Arguments as for `PublishedDataset`.

    Source: Dong et al., "metapath2vec: Scalable Representation Learning for Heterogeneous Networks", KDD 2017.
    """

    def _urls(self) -> Mapping[str, str]:
        return dict.fromkeys(
            ("id_author.txt", "id_conf.txt", "paper.txt", "paper_author.txt", "paper_conf.txt"), ""
        )

    def _archive(self) -> tuple[str, str]:
        return "net_aminer.zip", "https://www.dropbox.com/s/1bnz8r7mofx0osf/net_aminer.zip?dl=1"

    @property
    def raw_file_names(self) -> list[str]:
        return [*self._urls(), "label"]

    def download(self) -> None:
        super().download()
        labels = dict.fromkeys((_LABELS.format("author"), _LABELS.format("venue")), "")
        into = Path(self.raw_dir, "label")
        into.mkdir(exist_ok=True)
        place = "https://www.dropbox.com/s/nkocx16rpl4ydde/label.zip?dl=1"
        fetch(labels, ("label.zip", place), into, self.root, "aminer")

    def _read(self, folder: Path) -> HeteroData:
        data = HeteroData()
        for name, table in (("author", "id_author.txt"), ("venue", "id_conf.txt")):
            number = {row[1]: int(row[0]) for row in rows(folder / table, "\t")}
            given = rows(folder / "label" / _LABELS.format(name), " ")
            data[name].y = torch.tensor([int(row[1]) - 1 for row in given])
            data[name].y_index = torch.tensor([number[row[0]] for row in given])
        for name, table, there, back in (
            ("author", "paper_author.txt", "written_by", "writes"),
            ("venue", "paper_conf.txt", "published_in", "publishes"),
        ):
            edge_index = pairs(folder / table, "\t")
            num_papers, num_others = (int(ends.max()) + 1 for ends in edge_index)
            edge_index = coalesce(edge_index, num_nodes=max(num_papers, num_others))
            if name == "author":
                data["paper"].num_nodes = num_papers
            data[name].num_nodes = num_others
            data["paper", there, name].edge_index = edge_index
            data[name, back, "paper"].edge_index = edge_index.flip([0])
        return data


class HGBDataset(NamedDataset):
    """Heterogeneous graphs with one class, or several, for the nodes of one type.

    | name     | node types | edge types | nodes   | edges     | target | classes    |
    |----------|------------|------------|---------|-----------|--------|------------|
    | ACM      | 4          | 8          | 10,942  | 547,872   | paper  | 3          |
    | DBLP     | 4          | 6          | 26,128  | 239,566   | author | 4          |
    | Freebase | 8          | 36         | 180,098 | 1,057,688 | book   | 7          |
    | IMDB     | 4          | 6          | 21,420  | 86,642    | movie  | 5, several |

    Arguments as for `NamedDataset`.

    Source: Lv et al., "Are we really making much progress? Revisiting, benchmarking, and refining heterogeneous graph
    neural networks", KDD 2021.
    """

    names = ("acm", "dblp", "freebase", "imdb")
    shown = {"acm": "ACM", "dblp": "DBLP", "freebase": "Freebase", "imdb": "IMDB"}
    keys = {
        "acm": "1xbJ4QE9pcDJOcALv7dYhHDCPITX2Iddz",
        "dblp": "1fLLoy559V7jJaQ_9mQEsC06VKd6Qd3SC",
        "freebase": "1vw-uqbroJZfFsWpriC1CWbtHCJMGdWJ7",
        "imdb": "18qXmmwKJBrEJxVQaYwKTL3Ny3fPqJeJ2",
    }

    @property
    def raw_file_names(self) -> list[str]:
        return [f"{self.shown[self.name]}/{file}" for file in self._urls()]

    def _urls(self) -> Mapping[str, str]:
        return dict.fromkeys(("info.dat", "node.dat", "link.dat", "label.dat", "label.dat.test"), "")

    def download(self) -> None:
        into = Path(self.raw_dir, self.shown[self.name])
        into.mkdir(parents=True, exist_ok=True)
        fetch(
            self._urls(),
            (f"{self.shown[self.name]}.zip", google_url(self.keys[self.name])),
            into,
            self.root,
            self.name,
        )

    def _read(self, folder: Path) -> HeteroData:
        folder = folder / self.shown[self.name]
        types, relations, num_classes = _schema((folder / "info.dat").read_text())
        data, place, count = HeteroData(), {}, dict.fromkeys(types.values(), 0)
        features: dict[str, list[list[float]]] = {name: [] for name in types.values()}
        for number, _, kind, *values in rows(folder / "node.dat", "\t"):
            name = types[int(kind)]
            place[int(number)] = count[name]
            count[name] += 1
            if values:
                features[name].append([float(value) for value in values[0].split(",")])
        for name, known in features.items():
            if known:
                data[name].x = torch.tensor(known)
            else:
                data[name].num_nodes = count[name]
        links: dict[int, list[tuple[int, int, float]]] = {relation: [] for relation in relations}
        for src, dst, relation, weight in rows(folder / "link.dat", "\t"):
            links[int(relation)].append((place[int(src)], place[int(dst)], float(weight)))
        for key, found in links.items():
            ends = torch.tensor([link[:2] for link in found], dtype=torch.int64).view(-1, 2)
            weights = torch.tensor([link[2] for link in found])
            data[relations[key]].edge_index = ends.t().contiguous()
            if not torch.allclose(weights, torch.ones_like(weights)):
                data[relations[key]].edge_weight = weights
        for part, file in (("train", "label.dat"), ("test", "label.dat.test")):
            for number, _, kind, labels in rows(folder / file, "\t"):
                store, node = data[types[int(kind)]], place[int(number)]
                if "y" not in store:
                    size = store.num_nodes
                    several = self.name == "imdb"
                    store.y = torch.zeros(size, num_classes) if several else torch.full((size,), -1)
                    store.train_mask, store.test_mask = torch.zeros(2, size, dtype=torch.bool).unbind()
                chosen = [int(label) for label in labels.split(",")]
                if store.y.dim() > 1:
                    store.y[node, chosen] = 1
                else:
                    store.y[node] = chosen[0]
                store[f"{part}_mask"][node] = True
        return data

    def __repr__(self) -> str:
        return f"{self.shown[self.name]}()"


def _schema(info: str) -> tuple[dict[int, str], dict[int, tuple[str, str, str]], int]:
    """Node types and relations by number, and the number of classes, from JSON or from tables in a text."""
    if info.lstrip().startswith("{"):
        given = json.loads(info)
        types = {int(key): name for key, name in given["node.dat"]["node type"].items()}
        links = [(int(key), *link.values()) for key, link in given["link.dat"]["link type"].items()]
        num_classes = len(given["label.dat"]["node type"]["0"])
    else:
        lines = info.split("\n")

        def table(head: str) -> list[str]:
            start = lines.index(head) + 1
            return lines[start : start + lines[start:].index("")]

        split = (line.split("\t\t") for line in table("TYPE\tMEANING"))
        types = {int(key): name.lower() for key, name in split}
        cells = ([cell for cell in line.split("\t") if cell] for line in table("LINK\tSTART\tEND\tMEANING"))
        links = [(int(key), start, end, meaning) for key, start, end, meaning in cells]
        num_classes = 0
    relations = {}
    for key, start, end, meaning in links:
        src, dst, name = types[int(start)], types[int(end)], meaning.split("-")[1]
        # A name that only repeats the destination says nothing.
        relations[key] = (src, "to" if num_classes and dst in (name, name[1:]) else name, dst)
    return types, relations, num_classes


class OGB_MAG(PublishedDataset):
    """Papers, authors, institutions and fields of study, from ogbn-mag: 736,389 papers of 349 venues.

    | papers  | authors   | institutions | fields | features of papers |
    |---------|-----------|--------------|--------|--------------------|
    | 736,389 | 1,134,649 | 8,740        | 59,965 | 128                |

    Args:
        root: folder of the dataset.
        preprocess: "metapath2vec" or "transe" adds embeddings as features of the other nodes; None: none.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for another `preprocess`.

    Source: Wang et al., "Microsoft Academic Graph: When experts are not enough", 2020; Hu et al., arXiv:2005.00687.
    """

    relations = (
        ("author", "affiliated_with", "institution"),
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "has_topic", "field_of_study"),
    )

    def __init__(
        self,
        root: str,
        preprocess: str | None = None,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.preprocess = None if preprocess is None else preprocess.lower()
        if self.preprocess not in (None, "metapath2vec", "transe"):
            raise GraphValueError(f"expected preprocess 'metapath2vec', 'transe' or None, got {preprocess!r}")
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def num_classes(self) -> int:
        """The number of venues."""
        return int(self[0]["paper"].y.max()) + 1

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / "mag" / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / "mag" / "processed")

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.preprocess}.pt" if self.preprocess else "grapevine.pt"

    def _urls(self) -> Mapping[str, str]:
        return dict.fromkeys(("node-feat", "node-label", "relations", "split", "num-node-dict.csv.gz"), "")

    @property
    def raw_file_names(self) -> list[str]:
        embeddings = [f"mag_{self.preprocess}_emb.pt"] if self.preprocess else []
        return [*self._urls(), *embeddings]

    def download(self) -> None:
        into = Path(self.raw_dir)
        if not all((into / name).exists() for name in self._urls()):
            url = "http://snap.stanford.edu/ogb/data/nodeproppred/mag.zip"
            obtain_tree("mag.zip", "mag", str(into), url, self.root)
            for found in (into / "raw").iterdir():
                shutil.move(found, into)
        if self.preprocess:
            name = f"mag_{self.preprocess}_emb"
            place = f"{name}.zip", f"https://data.pyg.org/datasets/{name}.zip"
            fetch({f"{name}.pt": ""}, place, into, self.root, "mag")

    def _read(self, folder: Path) -> HeteroData:
        data = HeteroData()
        data["paper"].x = _table(folder / "node-feat/paper/node-feat.csv.gz", np.float32)
        data["paper"].year = _table(folder / "node-feat/paper/node_year.csv.gz", np.int64).view(-1)
        data["paper"].y = _table(folder / "node-label/paper/node-label.csv.gz", np.int64).view(-1)
        if self.preprocess:
            embeddings = torch.load(folder / f"mag_{self.preprocess}_emb.pt", weights_only=True)
            for name, x in embeddings.items():
                if name != "paper":
                    data[name].x = x
        else:
            with gzip.open(folder / "num-node-dict.csv.gz", "rt") as file:
                names, sizes = (line.strip().split(",") for line in file)
            for name, size in zip(names, sizes):
                if name != "paper":
                    data[name].num_nodes = int(size)
        for relation in self.relations:
            found = _table(folder / "relations" / "___".join(relation) / "edge.csv.gz", np.int64)
            data[relation].edge_index = found.t().contiguous()
        for part, name in (("train", "train"), ("val", "valid"), ("test", "test")):
            index = _table(folder / f"split/time/paper/{name}.csv.gz", np.int64).view(-1)
            data["paper"][f"{part}_mask"] = mask_of(index, data["paper"].num_nodes)
        return data

    def __repr__(self) -> str:
        return "ogbn-mag()"


def _table(file: Path, dtype: type) -> Tensor:
    return torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=dtype, ndmin=2))
