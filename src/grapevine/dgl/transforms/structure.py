"""Transforms of the structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from grapevine.dgl.construct import heterograph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.rewire import add_self_loop, line_graph, remove_self_loop, to_simple
from grapevine.dgl.structure import EType
from grapevine.dgl.transforms.base import BaseTransform, restructured
from grapevine.dgl.transforms.products import khop_graph, metapath_reachable_graph

__all__ = [
    "AddEdge",
    "AddMetaPaths",
    "AddReverse",
    "AddSelfLoop",
    "DropEdge",
    "DropNode",
    "KHopGraph",
    "LineGraph",
    "RemoveSelfLoop",
    "ToLevi",
    "ToSimple",
]


class AddSelfLoop(BaseTransform):
    """Adds self-loops to every relation from a type to itself.

    Args:
        allow_duplicate: False removes those that are there first.
        new_etypes: whether to add a relation `self` for every node type too.
        edge_feat_names: which edge features the loops get; None means all.
        fill_data: what they are filled with, see `dgl.add_self_loop`.

    Example:
        >>> from grapevine import dgl
        >>> AddSelfLoop()(dgl.graph(([0, 0], [0, 1]))).edges()
        (tensor([0, 0, 1]), tensor([1, 0, 1]))
    """

    def __init__(
        self,
        allow_duplicate: bool = False,
        new_etypes: bool = False,
        edge_feat_names: Sequence[str] | None = None,
        fill_data: float | str = 1.0,
    ) -> None:
        self.allow_duplicate = allow_duplicate
        self.new_etypes = new_etypes
        self.edge_feat_names = edge_feat_names
        self.fill_data = fill_data

    def __call__(self, g: DGLGraph) -> DGLGraph:
        for etype in g.canonical_etypes:
            if etype[0] == etype[2]:
                if not self.allow_duplicate:
                    g = remove_self_loop(g, etype)
                g = add_self_loop(g, self.edge_feat_names, self.fill_data, etype)
        if self.new_etypes:
            data: dict[EType, Any] = {(t, "self", t): (g.nodes(t), g.nodes(t)) for t in g.ntypes}
            data.update({etype: g.edges(etype=etype) for etype in g.canonical_etypes})
            g = restructured(g, data)
        return g


class RemoveSelfLoop(BaseTransform):
    """Removes the self-loops of every relation.

    Example:
        >>> from grapevine import dgl
        >>> RemoveSelfLoop()(dgl.graph(([0, 0], [0, 1]))).edges()
        (tensor([0]), tensor([1]))
    """

    def __call__(self, g: DGLGraph) -> DGLGraph:
        for etype in g.canonical_etypes:
            if etype[0] == etype[2]:
                g = remove_self_loop(g, etype)
        return g


class AddReverse(BaseTransform):
    """Adds the reverse of every edge: to the relation itself where it joins a type to itself, else as `rev_<name>`.

    Args:
        copy_edata: whether reverse edges get the features of theirs; else zeros (or none, in a relation of their own).
        sym_new_etype: whether relations from a type to itself get one of their own too.

    Example:
        >>> from grapevine import dgl
        >>> AddReverse()(dgl.heterograph({("a", "x", "b"): ([0], [1])})).canonical_etypes
        [('a', 'x', 'b'), ('b', 'rev_x', 'a')]
    """

    def __init__(self, copy_edata: bool = False, sym_new_etype: bool = False) -> None:
        self.copy_edata = copy_edata
        self.sym_new_etype = sym_new_etype

    def __call__(self, g: DGLGraph) -> DGLGraph:
        data: dict[EType, Any] = {}
        for etype in g.canonical_etypes:
            src, dst = g.edges(etype=etype)
            if self._own(etype):
                data[etype] = (src, dst)
                data[_reversed(etype)] = (dst, src)
            else:
                data[etype] = (torch.cat((src, dst)), torch.cat((dst, src)))
        new = restructured(g, data, copy_edata=False)
        for etype in g.canonical_etypes:
            for name, x in g.edges[etype].data.items():
                if not self._own(etype):
                    again = x if self.copy_edata else torch.zeros_like(x)
                    new.edges[etype].data[name] = torch.cat((x, again))
                    continue
                new.edges[etype].data[name] = x
                if self.copy_edata:
                    new.edges[_reversed(etype)].data[name] = x
        return new

    def _own(self, etype: EType) -> bool:
        return etype[0] != etype[2] or self.sym_new_etype


def _reversed(etype: EType) -> EType:
    src, name, dst = etype
    return dst, f"rev_{name}", src


class ToSimple(BaseTransform):
    """Merges parallel edges, see `dgl.to_simple`.

    Args:
        return_counts: the edge feature that says how many were merged.
        aggregator: how edge features are merged.
    """

    def __init__(self, return_counts: str = "count", aggregator: str = "arbitrary") -> None:
        self.return_counts = return_counts
        self.aggregator = aggregator

    def __call__(self, g: DGLGraph) -> DGLGraph:
        return to_simple(g, return_counts=self.return_counts, copy_edata=True, aggregator=self.aggregator)


class LineGraph(BaseTransform):
    """The line graph, with the edge features on its nodes, see `dgl.line_graph`.

    Args:
        backtracking: whether an edge leads to its own reverse.
    """

    def __init__(self, backtracking: bool = True) -> None:
        self.backtracking = backtracking

    def __call__(self, g: DGLGraph) -> DGLGraph:
        return line_graph(g, self.backtracking, shared=True)


class KHopGraph(BaseTransform):
    """An edge for every walk of k steps, see `dgl.khop_graph`.

    Args:
        k: the number of steps.
    """

    def __init__(self, k: int) -> None:
        self.k = k

    def __call__(self, g: DGLGraph) -> DGLGraph:
        return khop_graph(g, self.k)


class AddMetaPaths(BaseTransform):
    """Adds a relation for every path of edge types, see `dgl.metapath_reachable_graph`.

    Args:
        metapaths: from the name of the new relation to the canonical edge types of the path.
        keep_orig_edges: whether the relations that were there stay.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.heterograph({("a", "x", "b"): ([0, 1], [0, 0]), ("b", "y", "a"): ([0], [1])})
        >>> AddMetaPaths({"xy": [("a", "x", "b"), ("b", "y", "a")]})(g).etypes
        ['x', 'xy', 'y']
    """

    def __init__(self, metapaths: Mapping[str, Sequence[EType]], keep_orig_edges: bool = True) -> None:
        self.metapaths = metapaths
        self.keep_orig_edges = keep_orig_edges

    def __call__(self, g: DGLGraph) -> DGLGraph:
        data: dict[EType, Any] = {
            (path[0][0], name, path[-1][-1]): metapath_reachable_graph(g, path).edges()
            for name, path in self.metapaths.items()
        }
        if self.keep_orig_edges:
            data.update({etype: g.edges(etype=etype) for etype in g.canonical_etypes})
        return restructured(g, data, copy_edata=self.keep_orig_edges)


class DropNode(BaseTransform):
    """Removes each node with probability p, on a copy.

    Args:
        p: the probability.

    Source: "Graph Contrastive Learning with Augmentations" (arXiv:2010.13902).
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, g: DGLGraph) -> DGLGraph:
        g = g.clone()
        for ntype in g.ntypes if self.p > 0 else ():
            dropped = torch.rand(g.num_nodes(ntype), device=g.device) < self.p
            g.remove_nodes(g.nodes(ntype)[dropped], ntype=ntype)
        return g


class DropEdge(BaseTransform):
    """Removes each edge with probability p, on a copy.

    Args:
        p: the probability.

    Source: "DropEdge: Towards Deep Graph Convolutional Networks on Node Classification" (arXiv:1907.10903).
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, g: DGLGraph) -> DGLGraph:
        g = g.clone()
        for etype in g.canonical_etypes if self.p > 0 else ():
            dropped = torch.rand(g.num_edges(etype), device=g.device) < self.p
            g.remove_edges(g.edges(form="eid", etype=etype)[dropped], etype=etype)
        return g


class AddEdge(BaseTransform):
    """Adds random edges to every relation, on a copy.

    Args:
        ratio: how many, as a share of those that are there.
    """

    def __init__(self, ratio: float = 0.2) -> None:
        self.ratio = ratio

    def __call__(self, g: DGLGraph) -> DGLGraph:
        if self.ratio == 0.0:
            return g
        g = g.clone()
        for etype in g.canonical_etypes:
            count = int(g.num_edges(etype) * self.ratio)
            src, dst = (
                torch.randint(g.num_nodes(t), (count,), dtype=g.idtype, device=g.device)
                for t in (etype[0], etype[2])
            )
            g.add_edges(src, dst, etype=etype)
        return g


class ToLevi(BaseTransform):
    """The Levi graph: a node for every node and for every edge, joined where the edge begins and where it ends.

    Example:
        >>> from grapevine import dgl
        >>> ToLevi()(dgl.graph(([0], [1]))).canonical_etypes
        [('edge', 'e2n', 'node'), ('node', 'n2e', 'edge')]
    """

    def __call__(self, g: DGLGraph) -> DGLGraph:
        src, dst, ids = g.edges(form="all")
        levi = heterograph(
            {("node", "n2e", "edge"): (src, ids), ("edge", "e2n", "node"): (ids, dst)},
            {"node": g.num_nodes(), "edge": g.num_edges()},
            idtype=g.idtype,
            device=g.device,
        )
        levi.nodes["node"].data.update(g.ndata)
        levi.nodes["edge"].data.update(g.edata)
        return levi
