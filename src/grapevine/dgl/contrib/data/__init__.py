"""The datasets of the first R-GCN programs."""

from __future__ import annotations

from typing import Any

import torch

from grapevine.dgl.base import ETYPE, NTYPE, DGLError
from grapevine.dgl.data import knowledge_graph, rdf
from grapevine.dgl.homogeneous import to_homogeneous

__all__ = ["RGCNEntityDataset", "RGCNLinkDataset", "load_data"]

_ENTITY = {
    "aifb": rdf.AIFBDataset,
    "mutag": rdf.MUTAGDataset,
    "bgs": rdf.BGSDataset,
    "am": rdf.AMDataset,
}
_LINK = {
    "wn18": knowledge_graph.WN18Dataset,
    "FB15k": knowledge_graph.FB15kDataset,
    "FB15k-237": knowledge_graph.FB15k237Dataset,
}


class RGCNLinkDataset:
    """Facts as arrays.

    Args:
        data: a dataset of `dgl.data.knowledge_graph`, made with `reverse=False`.

    Attributes:
        num_nodes: of entities.
        num_rels: of relations.
        train: `(K, 3)` array: source, relation, destination; likewise `valid` and `test`.
    """

    def __init__(self, data: Any) -> None:
        self.name: str = data.name
        self.num_nodes: int = data.num_nodes
        self.num_rels: int = data.num_rels
        self.train, self.valid, self.test = data.train, data.valid, data.test


class RGCNEntityDataset:
    """A graph of the semantic web as arrays, its nodes of all types numbered one after the other.

    Args:
        data: a dataset of `dgl.data.rdf`.

    Attributes:
        num_nodes: of entities.
        num_rels: of relations, reversed ones included.
        num_classes: of labels.
        edge_src: `(E,)` array, like `edge_dst` and `edge_type`.
        edge_norm: `(E,)` one over the number of edges of that relation at the destination.
        labels: `(N, 1)`; -1 where there is none.
        train_idx: nodes for training; likewise `test_idx`.
    """

    def __init__(self, data: Any) -> None:
        g = data[0]
        whole = to_homogeneous(g)
        src, dst = whole.edges()
        kind = whole.edata[ETYPE]
        self.name: str = data.name
        self.num_nodes: int = whole.num_nodes()
        self.num_rels: int = len(g.canonical_etypes)
        self.num_classes: int = data.num_classes
        _, place, count = (dst * self.num_rels + kind).unique(return_inverse=True, return_counts=True)
        norm = 1 / count[place].float()
        self.edge_src, self.edge_dst = src.numpy(), dst.numpy()
        self.edge_type, self.edge_norm = kind.numpy(), norm.numpy()
        mine = (whole.ndata[NTYPE] == g.get_ntype_id(data.predict_category)).nonzero().view(-1)
        nodes = g.nodes[data.predict_category].data
        labels = torch.full((self.num_nodes, 1), -1)
        labels[mine, 0] = nodes["labels"]
        self.labels = labels.numpy()
        self.train_idx, self.test_idx = (mine[nodes[f"{part}_mask"]].numpy() for part in ("train", "test"))


def load_data(dataset: str, bfs_level: int = 3, relabel: bool = False) -> Any:
    """A dataset by name.

    Args:
        dataset: `"aifb"`, `"mutag"`, `"bgs"`, `"am"` (entities to classify); `"wn18"`, `"FB15k"`, `"FB15k-237"` (links
            to predict).
        bfs_level: accepted; the whole graph is returned.
        relabel: accepted; nodes are numbered by type.

    Raises:
        DGLError: for another name.
    """
    if dataset in _ENTITY:
        return RGCNEntityDataset(_ENTITY[dataset]())
    if dataset in _LINK:
        return RGCNLinkDataset(_LINK[dataset](reverse=False))
    raise DGLError(f"expected one of {', '.join([*_ENTITY, *_LINK])}, got {dataset!r}")
