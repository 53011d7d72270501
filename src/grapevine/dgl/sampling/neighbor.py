"""Some in-edges, or out-edges, of some nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.frame import Frame
from grapevine.dgl.queries import rows_of_order
from grapevine.dgl.relabel import by_node_type
from grapevine.dgl.subgraph import _edges_only

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph
    from grapevine.dgl.structure import EType

__all__ = ["sample_neighbors", "select_topk"]


def sample_neighbors(
    g: DGLGraph,
    nodes: Any,
    fanout: Any,
    edge_dir: str = "in",
    prob: Any = None,
    replace: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    _dist_training: bool = False,
    exclude_edges: Any = None,
    output_device: Any = None,
) -> DGLGraph:
    """Draws up to k in-edges of every given node.

    Args:
        g: the graph.
        nodes: ids, or a dict of ids by node type.
        fanout: k, or a dict of k by edge type that names all of them; -1 takes all edges.
        edge_dir: `"in"` or `"out"`.
        prob: the edge feature with the weights (or a mask) of the draw, or a list of tensors by edge type; edges of
            weight 0 are never drawn. Edge types without it are drawn uniformly.
        replace: draw with replacement; then every node with edges gets exactly k.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        _dist_training: whether to leave out the features, all but the ids.
        exclude_edges: edge ids, or a dict of them by edge type, that are never drawn.
        output_device: where the result goes.

    Returns:
        a graph with all nodes and the drawn edges only.

    Raises:
        DGLError: for unknown directions, features or types.

    Departure: edges are excluded before the draw, so that there are k of the others; DGL draws k first.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2, 3], [3, 3, 3, 0]))
        >>> sample_neighbors(g, [3], 2).num_edges()
        2

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """
    fanouts = by_relation(g, fanout, "Fan-out", int)
    excluded = _by_etype(g, exclude_edges)
    weights = _weights(g, prob)
    draws = []
    for k, weight, out in zip(fanouts, weights, excluded):
        draws.append(_Draw(k, weight, out, replace))
    return _frontier(
        g,
        nodes,
        edge_dir,
        draws,
        copy_ndata and not _dist_training,
        copy_edata,
        output_device,
        _dist_training,
    )


def select_topk(
    g: DGLGraph,
    k: Any,
    weight: str,
    nodes: Any = None,
    edge_dir: str = "in",
    ascending: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """The k in-edges with the largest weights, of every given node.

    Args:
        g: the graph.
        k: how many, or a dict by edge type that names all of them; -1 takes all edges.
        weight: the edge feature, `(E,)` or `(E, 1)`.
        nodes: ids, or a dict of ids by node type; None means all nodes.
        edge_dir: `"in"` or `"out"`.
        ascending: whether to take the smallest.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        output_device: where the result goes.

    Returns:
        a graph with all nodes and the chosen edges only, those of a node in the order of their weights.

    Raises:
        DGLError: for unknown directions or types, and if an edge type lacks the feature.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [3, 3, 3]))
        >>> g.edata["w"] = torch.tensor([1.0, 3.0, 2.0])
        >>> select_topk(g, 2, "w").edges()[0]
        tensor([1, 2])
    """
    if nodes is None:
        nodes = {ntype: g.nodes(ntype) for ntype in g.ntypes}
    choices: list[_Choice] = []
    for i, count in enumerate(by_relation(g, k, "K value", int)):
        if weight not in g._edge_frames[i]:
            raise DGLError(
                f'Edge weights "{weight}" do not exist for relation graph "{g.canonical_etypes[i]}".'
            )
        choices.append(_Top(count, g._edge_frames[i][weight], ascending))
    return _frontier(g, nodes, edge_dir, choices, copy_ndata, copy_edata, output_device)


_Choice = Callable[[Tensor, Tensor, int], Tensor]


class _Draw:
    """Random edges of every row."""

    def __init__(self, k: int, weight: Tensor | None, exclude: Tensor | None, replace: bool) -> None:
        self.k = k
        self.weight = weight
        self.exclude = exclude
        self.replace = replace

    def __call__(self, rows: Tensor, edges: Tensor, num_rows: int) -> Tensor:
        """The chosen edge ids.

        Args:
            rows: `(K,)` the row of every candidate, ascending.
            edges: `(K,)` their edge ids.
            num_rows: the number of rows.
        """
        weight = None if self.weight is None else self.weight.view(-1).index_select(0, edges).double()
        keep = None if weight is None else weight > 0
        if self.exclude is not None:
            fresh = ~torch.isin(edges, self.exclude)
            keep = fresh if keep is None else keep & fresh
        if keep is not None:
            rows, edges, weight = rows[keep], edges[keep], None if weight is None else weight[keep]
        if self.k < 0:
            return edges
        degrees = torch.bincount(rows, minlength=num_rows)
        if self.replace:
            return edges[_with_replacement(degrees, weight, self.k)]
        # Edges of rows with few are all kept; of the others, those with the smallest keys.
        crowded = (degrees > self.k).index_select(0, rows)
        chosen = ~crowded
        key = torch.rand(int(crowded.sum()), dtype=torch.float64, device=rows.device)
        if weight is not None:  # Efraimidis and Spirakis: exponential times, the heavier the sooner
            key = -torch.log1p(-key) / weight[crowded]
        chosen[crowded.nonzero().view(-1)[_first_by(key, rows[crowded], self.k)]] = True
        return edges[chosen]


class _Top:
    """The edges of every row with the largest weights."""

    def __init__(self, k: int, weight: Tensor, ascending: bool) -> None:
        self.k = k
        self.weight = weight
        self.ascending = ascending

    def __call__(self, rows: Tensor, edges: Tensor, num_rows: int) -> Tensor:
        value = self.weight.view(-1).index_select(0, edges)
        order = torch.argsort(value, stable=True, descending=not self.ascending)
        return edges[_first_in_rows(order, rows, self.k if self.k >= 0 else len(rows))]


def _first_by(key: Tensor, rows: Tensor, k: int) -> Tensor:
    return _first_in_rows(torch.argsort(key), rows, k)


def _first_in_rows(order: Tensor, rows: Tensor, k: int) -> Tensor:
    """Of every row, the first k items in the given order."""
    order = order[torch.argsort(rows[order], stable=True)]
    sorted_rows = rows[order]
    turn = torch.arange(len(order), device=rows.device)
    return order[turn - torch.searchsorted(sorted_rows, sorted_rows) < k]


def _with_replacement(degrees: Tensor, weight: Tensor | None, k: int) -> Tensor:
    """k positions of every row that has any; items of a row stand together."""
    ends = degrees.cumsum(0)
    starts = (ends - degrees)[degrees > 0].repeat_interleave(k)
    ends = ends[degrees > 0].repeat_interleave(k)
    u = torch.rand(len(starts), dtype=torch.float64, device=degrees.device)
    if weight is None:
        return starts + (u * (ends - starts)).long()
    total = torch.cat((weight.new_zeros(1), weight.cumsum(0)))
    low, high = total[starts], total[ends]
    found = torch.searchsorted(total, low + u * (high - low), right=True) - 1
    return torch.minimum(torch.maximum(found, starts), ends - 1)


def _frontier(
    g: DGLGraph,
    nodes: Any,
    edge_dir: str,
    choices: Any,
    copy_ndata: bool,
    copy_edata: bool,
    output_device: Any,
    ids_only: bool = False,
) -> DGLGraph:
    """The graph with the edges that the choices make among those of the given nodes."""
    if edge_dir not in ("in", "out"):
        raise DGLError(f"edge_dir can only be 'in' or 'out', got {edge_dir!r}")
    given = by_node_type(g, nodes)
    if not given:
        raise DGLError(
            "Got an empty dictionary in the nodes argument; pass one with empty tensors as values."
        )
    seeds = {
        g.get_ntype_id(t): g._node_argument(ids, f'nodes["{t}"]', g.num_nodes(t)) for t, ids in given.items()
    }
    kept = []
    for edges, ends, choice in zip(g._relations, g._schema.ends, choices):
        chosen = seeds.get(ends[1 if edge_dir == "in" else 0])
        if chosen is None:
            kept.append(torch.empty(0, dtype=torch.int64, device=g.device))
        else:
            rows, ids = rows_of_order(edges.by_dst if edge_dir == "in" else edges.by_src, chosen)
            kept.append(choice(rows, ids, len(chosen)))
    found = _edges_only(g, kept, copy_edata, None)
    if not copy_ndata:
        found._node_frames = [Frame(num_rows=n) for n in found._counts]
    if not copy_edata or ids_only:
        found._edge_frames = [Frame(num_rows=r.num_edges) for r in found._relations]
    if ids_only:
        for frame, ids in zip(found._edge_frames, kept):
            frame["_ID"] = g._as_ids(ids)
    return found.to(output_device)


def by_relation(g: DGLGraph, value: Any, name: str, kind: Callable[[Any], Any]) -> list[Any]:
    """A value for every edge type, from one for all or a dict by edge type."""
    if not isinstance(value, Mapping):
        return [kind(value)] * len(g._relations)
    if len(value) != len(g._relations):
        raise DGLError(f"{name} must be specified for each edge type if a dict is provided.")
    found = [None] * len(g._relations)
    for etype, one in value.items():
        found[g.get_etype_id(etype)] = kind(one)
    return found


def _by_etype(g: DGLGraph, edges: Any) -> list[Tensor | None]:
    if edges is None:
        return [None] * len(g._relations)
    if not isinstance(edges, Mapping):
        if len(g._relations) > 1:
            raise DGLError("Must specify etype when the graph is not homogeneous.")
        edges = {g.canonical_etypes[0]: edges}
    found: list[Tensor | None] = [None] * len(g._relations)
    etype: str | EType
    for etype, ids in edges.items():
        found[g.get_etype_id(etype)] = g._ids(ids, "edges").to(torch.int64)
    return found


def _weights(g: DGLGraph, prob: Any) -> list[Tensor | None]:
    if prob is None:
        return [None] * len(g._relations)
    if isinstance(prob, str):
        if not any(prob in frame for frame in g._edge_frames):
            raise DGLError(f"expected an edge feature of weights, got {prob!r}, which no edge type has")
        return [frame.get(prob) for frame in g._edge_frames]
    return list(prob)
