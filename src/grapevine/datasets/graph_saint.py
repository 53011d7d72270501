"""The large graphs of GraphSAINT: a sparse matrix, features, classes and roles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix

from grapevine.data import Data
from grapevine.data.files import google_url
from grapevine.datasets._published import PublishedDataset, mask_of

_FILES = ("adj_full.npz", "feats.npy", "class_map.json", "role.json")


def edges_of(matrix: csr_matrix) -> torch.Tensor:
    """The entries of a sparse matrix as edges from rows to columns, (2, E)."""
    entries = matrix.tocoo()
    return torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))


class GraphSAINTDataset(PublishedDataset):
    """A graph in the form of GraphSAINT; `keys` are those of its files in Google Drive. As `PublishedDataset`."""

    keys: tuple[str, str, str, str]

    def _urls(self) -> Mapping[str, str]:
        return {file: google_url(key) for file, key in zip(_FILES, self.keys)}

    def _read(self, folder: Path) -> Data:
        with np.load(folder / "adj_full.npz") as parts:
            adjacency = csr_matrix((parts["data"], parts["indices"], parts["indptr"]), parts["shape"])
        adjacency.check_format(full_check=True)
        x = torch.from_numpy(np.load(folder / "feats.npy")).float()
        classes = json.loads((folder / "class_map.json").read_text())
        y: list[int | list[int]] = [-1] * x.size(0)
        for node, value in classes.items():
            y[int(node)] = value
        roles = json.loads((folder / "role.json").read_text())
        masks = {
            f"{part}_mask": mask_of(roles[key], x.size(0))
            for part, key in (("train", "tr"), ("val", "va"), ("test", "te"))
        }
        return Data(x=x, edge_index=edges_of(adjacency), y=torch.tensor(y), **masks)


class Flickr(GraphSAINTDataset):
    """Pictures that share properties: 89,250 nodes, 899,756 edges, 500 features, 7 classes.

    Arguments as for `PublishedDataset`.

    Source: Zeng et al., "GraphSAINT: Graph Sampling Based Inductive Learning Method", arXiv:1907.04931.
    """

    keys = (
        "1crmsTbd1-2sEXsGwa2IKnIB7Zd3TmUsy",
        "1join-XdvX3anJU_MLVtick7MgeAQiWIZ",
        "1uxIkbtg5drHTsKt-PAsZZ4_yJmgFmle9",
        "1htXCtuktuCW8TR8KiKfrFDAxUgekQoV7",
    )


class Yelp(GraphSAINTDataset):
    """Friends who write reviews: 716,847 nodes, 13,954,819 edges, 300 features, 100 classes, several at once.

    Arguments as for `PublishedDataset`.

    Source: Zeng et al., "GraphSAINT: Graph Sampling Based Inductive Learning Method", arXiv:1907.04931.
    """

    keys = (
        "1Juwx8HtDwSzmVIJ31ooVa1WljI4U5JnA",
        "1Zy6BZH_zLEjKlEFSduKE5tV9qqA_8VtM",
        "1VUcBGr0T0-klqerjAjxRmAqFuld_SMWU",
        "1NI5pa5Chpd-52eSmLW60OnB3WS5ikxq_",
    )


class AmazonProducts(GraphSAINTDataset):
    """Goods with common buyers: 1,569,960 nodes, 264,339,468 edges, 200 features, 107 classes, several at once.

    Arguments as for `PublishedDataset`.

    Source: Zeng et al., "GraphSAINT: Graph Sampling Based Inductive Learning Method", arXiv:1907.04931.
    """

    keys = (
        "17qhNA8H1IpbkkR-T2BmPQm8QNW5do-aa",
        "10SW8lCvAj-kb6ckkfTOC5y0l8XXdtMxj",
        "1LIl4kimLfftj4-7NmValuWyCQE8AaE7P",
        "1npK9xlmbnjNkV80hK2Q68wTEVOFjnt4K",
    )


class Reddit2(GraphSAINTDataset):
    """Posts with common commentators, sparser than `Reddit`: 232,965 nodes, 23,213,838 edges, 602 features, 41 classes.

    Arguments as for `PublishedDataset`.

    Source: Zeng et al., "GraphSAINT: Graph Sampling Based Inductive Learning Method", arXiv:1907.04931.
    """

    keys = (
        "1sncK996BM5lpuDf75lDFqCiDZyErc1c2",
        "1ZsHaJ0ussP1W722krmEIp_8pwKAoi5b3",
        "1JF3Pjv9OboMNYs2aXRQGbJbc4t_nDd5u",
        "1nJIKd77lcAGU4j-kVNx_AIGEkveIKz3A",
    )
