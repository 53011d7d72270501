"""Graphs from graphs: loops, reversal, duplicates, line graphs, orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import csgraph
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError, dgl_warning
from grapevine.dgl.frame import Frame
from grapevine.dgl.partition import metis_partition_assignment
from grapevine.dgl.queries import rows_of_order, sorted_pairs
from grapevine.dgl.relabel import selected
from grapevine.dgl.structure import EType, Schema
from grapevine.dgl.subgraph import edge_subgraph, node_subgraph
from grapevine.edges import Edges, known_good
from grapevine.utils import scatter

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "add_edges",
    "add_nodes",
    "add_reverse_edges",
    "add_self_loop",
    "line_graph",
    "remove_edges",
    "remove_nodes",
    "remove_self_loop",
    "reorder_graph",
    "reverse",
    "to_bidirected",
    "to_simple",
    "to_simple_graph",
]


def add_nodes(g: DGLGraph, num: int, data: Any = None, ntype: str | None = None) -> DGLGraph:
    """As `DGLGraph.add_nodes`, on a copy.

    Example:
        >>> from grapevine import dgl
        >>> add_nodes(dgl.graph(([0], [1])), 2).num_nodes()
        4
    """
    g = g.clone()
    g.add_nodes(num, data=data, ntype=ntype)
    return g


def add_edges(g: DGLGraph, u: Any, v: Any, data: Any = None, etype: str | EType | None = None) -> DGLGraph:
    """As `DGLGraph.add_edges`, on a copy.

    Example:
        >>> from grapevine import dgl
        >>> add_edges(dgl.graph(([0], [1])), [1, 3], [0, 0]).num_nodes()
        4
    """
    g = g.clone()
    g.add_edges(u, v, data=data, etype=etype)
    return g


def remove_edges(
    g: DGLGraph, eids: Any, etype: str | EType | None = None, store_ids: bool = False
) -> DGLGraph:
    """As `DGLGraph.remove_edges`, on a copy."""
    g = g.clone()
    g.remove_edges(eids, etype=etype, store_ids=store_ids)
    return g


def remove_nodes(g: DGLGraph, nids: Any, ntype: str | None = None, store_ids: bool = False) -> DGLGraph:
    """As `DGLGraph.remove_nodes`, on a copy."""
    g = g.clone()
    g.remove_nodes(nids, ntype=ntype, store_ids=store_ids)
    return g


def add_self_loop(
    g: DGLGraph,
    edge_feat_names: Sequence[str] | None = None,
    fill_data: float | str = 1.0,
    etype: str | EType | None = None,
) -> DGLGraph:
    """A self-loop on every node, after the last edge, whether there is one already or not.

    Args:
        g: a graph.
        edge_feat_names: which edge features the loops get; None means all. Others are filled by the initialiser.
        fill_data: a number; or "sum", "mean", "max", "min" over the edges that arrive at the node.
        etype: a relation from a type to itself.

    Raises:
        DGLError: for a relation between two types, or an unknown reduction.

    Example:
        >>> from grapevine import dgl
        >>> add_self_loop(dgl.graph(([0], [1]))).edges()
        (tensor([0, 0, 1]), tensor([1, 0, 1]))
    """
    canonical = _square(g, etype, "add_self_loop")
    relation, frame = g._relation(canonical), g._edge_frame(canonical)
    data = {}
    for name in frame if edge_feat_names is None else edge_feat_names:
        old = frame[name]
        if not isinstance(fill_data, str):
            data[name] = torch.full(
                (relation.num_dst, *old.shape[1:]), fill_data, dtype=old.dtype, device=old.device
            )
        elif fill_data in ("sum", "mean", "max", "min"):
            data[name] = scatter(old, relation.dst_index, 0, relation.num_dst, fill_data)
        else:
            raise DGLError(f"Unsupported aggregation: {fill_data}; choose sum, mean, max or min")
    nodes = g.nodes(canonical[0])
    return add_edges(g, nodes, nodes, data=data, etype=canonical)


def remove_self_loop(g: DGLGraph, etype: str | EType | None = None) -> DGLGraph:
    """The graph without edges from a node to itself; the other edges keep their order.

    Args:
        g: a graph.
        etype: a relation from a type to itself.

    Example:
        >>> from grapevine import dgl
        >>> remove_self_loop(dgl.graph(([0, 1, 0], [0, 1, 1]))).edges()
        (tensor([0]), tensor([1]))
    """
    canonical = _square(g, etype, "remove_self_loop")
    relation = g._relation(canonical)
    loops = (relation.src_index == relation.dst_index).nonzero().reshape(-1)
    return remove_edges(g, g._as_ids(loops), etype=canonical)


def reverse(
    g: DGLGraph,
    copy_ndata: bool = True,
    copy_edata: bool = False,
    *,
    share_ndata: bool | None = None,
    share_edata: bool | None = None,
) -> DGLGraph:
    """Every edge the other way round, under the same id.

    Args:
        g: a graph that is not a block.
        copy_ndata: whether node features are kept (the same tensors).
        copy_edata: whether edge features are kept.
        share_ndata: older name of `copy_ndata`.
        share_edata: older name of `copy_edata`.

    Example:
        >>> from grapevine import dgl
        >>> reverse(dgl.graph(([0, 1], [1, 2]))).edges()
        (tensor([1, 2]), tensor([0, 1]))
    """
    for old, name in ((share_ndata, "ndata"), (share_edata, "edata")):
        if old is not None:
            dgl_warning(f"share_{name} argument has been renamed to copy_{name}.")
    if share_ndata is not None:
        copy_ndata = share_ndata
    if share_edata is not None:
        copy_edata = share_edata
    if g.is_block:
        raise DGLError("Reversing a block graph is not supported.")
    etypes = [(dst, etype, src) for src, etype, dst in g.canonical_etypes]
    schema = Schema(g.ntypes, etypes, [(dst, src) for src, dst in g._schema.ends])
    return type(g)._build(
        schema,
        g._counts,
        [relation.reverse() for relation in g._relations],
        g.idtype,
        g.device,
        [frame.clone() for frame in g._node_frames] if copy_ndata else None,
        [frame.clone() for frame in g._edge_frames] if copy_edata else None,
    )


def add_reverse_edges(
    g: DGLGraph,
    readonly: bool | None = None,
    copy_ndata: bool = True,
    copy_edata: bool = False,
    ignore_bipartite: bool = False,
    exclude_self: bool = True,
) -> DGLGraph:
    """All edges, then their reverses in the same order.

    Args:
        g: a graph.
        readonly: ignored.
        copy_ndata: whether node features are kept.
        copy_edata: whether edge features are kept, for both directions; then `edata[dgl.EID]` holds the old ids.
        ignore_bipartite: True leaves relations between two types as they are, False refuses them.
        exclude_self: whether self-loops are not added a second time.

    Raises:
        DGLError: for a relation between two types, unless `ignore_bipartite`.

    Example:
        >>> from grapevine import dgl
        >>> add_reverse_edges(dgl.graph(([0, 1], [0, 2]))).edges()
        (tensor([0, 1, 2]), tensor([0, 2, 1]))
    """
    relations, origins = [], []
    for (src, etype, dst), relation in zip(g.canonical_etypes, g._relations):
        ids = torch.arange(relation.num_edges, device=g.device)
        if src != dst:
            if not ignore_bipartite:
                raise DGLError(
                    "add_reverse_edges is not well defined for unidirectional bipartite graphs, but "
                    f"{(src, etype, dst)} is unidirectional bipartite; pass ignore_bipartite=True to leave it as it is"
                )
            relations.append(relation)
            origins.append(ids)
            continue
        u, v = relation.src_index, relation.dst_index
        again = (u != v).nonzero().reshape(-1) if exclude_self else ids
        relations.append(known_good(torch.cat((u, v[again])), torch.cat((v, u[again])), relation.size))
        origins.append(torch.cat((ids, again)))
    edge_frames = selected(g._edge_frames, origins, EID) if copy_edata else None
    return _same_nodes(g, relations, copy_ndata, edge_frames)


def to_bidirected(g: DGLGraph, copy_ndata: bool = False, readonly: bool | None = None) -> DGLGraph:
    """For every edge its reverse too, each once, sorted by source and destination.

    Args:
        g: a graph whose relations join types to themselves.
        copy_ndata: whether node features are kept.
        readonly: ignored.

    Example:
        >>> from grapevine import dgl
        >>> to_bidirected(dgl.graph(([0, 1, 1], [1, 0, 2]))).edges()
        (tensor([0, 1, 1, 2]), tensor([1, 0, 2, 1]))
    """
    both = add_reverse_edges(g, copy_ndata=copy_ndata)
    return to_simple(both, return_counts=None, copy_ndata=copy_ndata)


def to_simple(
    g: DGLGraph,
    return_counts: str | None = "count",
    writeback_mapping: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = False,
    aggregator: str = "arbitrary",
) -> Any:
    """Parallel edges merged into one; edges are sorted by source, then destination.

    Args:
        g: a graph that is not a block.
        return_counts: the edge feature that says how many edges were merged; None means no such feature.
        writeback_mapping: whether to return, for every old edge, the new id.
        copy_ndata: whether node features are kept.
        copy_edata: whether edge features are merged.
        aggregator: how: "arbitrary" (the first edge's; then `edata[dgl.EID]` holds its id), "sum", "mean".

    Returns:
        the graph, or the graph and the new ids (a dict by type where there are several).

    Example:
        >>> from grapevine import dgl
        >>> simple = to_simple(dgl.graph(([1, 0, 1], [2, 1, 2])))
        >>> simple.edges(), simple.edata["count"].tolist()
        ((tensor([0, 1]), tensor([1, 2])), [1, 2])
    """
    if g.is_block:
        raise DGLError("Cannot convert a block graph to a simple graph.")
    merged = [_merge(relation) for relation in g._relations]
    edge_frames = None
    if copy_edata:
        if aggregator == "arbitrary":
            edge_frames = selected(g._edge_frames, [first for _, first, _ in merged], EID)
        elif aggregator in ("sum", "mean"):
            edge_frames = [
                _merged_frame(frame, _new_ids(relation, counts), len(counts), aggregator)
                for frame, relation, (_, _, counts) in zip(g._edge_frames, g._relations, merged)
            ]
        else:
            raise DGLError(f"Aggregator {aggregator!r} not recognized; choose arbitrary, sum or mean")
    simple = _same_nodes(g, [relation for relation, _, _ in merged], copy_ndata, edge_frames)
    if return_counts is not None:
        for frame, (_, _, counts) in zip(simple._edge_frames, merged):
            frame[return_counts] = g._as_ids(counts)
    if not writeback_mapping:
        return simple
    maps = [g._as_ids(_new_ids(relation, counts)) for relation, (_, _, counts) in zip(g._relations, merged)]
    return simple, maps[0] if len(maps) == 1 else dict(zip(g.canonical_etypes, maps))


def to_simple_graph(g: DGLGraph) -> DGLGraph:
    """Older name of `to_simple`."""
    dgl_warning("dgl.to_simple_graph is renamed to dgl.to_simple in v0.5.")
    return to_simple(g)


def _merge(relation: Edges) -> tuple[Edges, Tensor, Tensor]:
    """The edges without repetitions, the first old id of each, and how many there were."""
    keys, perm = sorted_pairs(relation)
    fresh = torch.ones_like(keys, dtype=torch.bool)
    torch.ne(keys[1:], keys[:-1], out=fresh[1:])
    starts = fresh.nonzero().reshape(-1)
    kept = keys.index_select(0, starts)
    width = max(relation.num_dst, 1)
    simple = known_good(kept // width, kept % width, relation.size)
    counts = torch.diff(starts, append=starts.new_tensor([len(keys)]))
    return simple, perm.index_select(0, starts), counts


def _new_ids(relation: Edges, counts: Tensor) -> Tensor:
    """What becomes of every edge, where edges sorted by both ends are merged in groups of these sizes."""
    _, perm = sorted_pairs(relation)
    groups = torch.repeat_interleave(counts, output_size=len(perm))
    return torch.empty_like(perm).scatter_(0, perm, groups)


def _merged_frame(frame: Frame, new_ids: Tensor, count: int, how: str) -> Frame:
    return Frame({name: scatter(frame[name], new_ids, 0, count, how) for name in frame}, count)


def line_graph(g: DGLGraph, backtracking: bool = True, shared: bool = False) -> DGLGraph:
    """The graph whose nodes are the edges: an edge from i to j where i ends where j starts, and i is not j.

    Its edges are sorted by (i, j).

    Args:
        g: a graph with one type of nodes and edges.
        backtracking: whether j may be the reverse of i.
        shared: whether the edge features become node features.

    Example:
        >>> from grapevine import dgl
        >>> line_graph(dgl.graph(([0, 1, 1], [1, 0, 2]))).edges()
        (tensor([0, 0, 1]), tensor([1, 2, 0]))
    """
    if not g.is_homogeneous:
        raise DGLError("only homogeneous graph is supported")
    relation = g._relation()
    i, j = rows_of_order(relation.by_src, relation.dst_index)
    keep = i != j
    if not backtracking:
        keep &= relation.src_index[i] != relation.dst_index[j]
    count = relation.num_edges
    return type(g)._build(
        Schema.of(["_N"], [("_N", "_E", "_N")]),
        [count],
        [known_good(i[keep], j[keep], (count, count))],
        g.idtype,
        g.device,
        [g._edge_frames[0].clone()] if shared else None,
    )


def reorder_graph(
    g: DGLGraph,
    node_permute_algo: str | None = None,
    edge_permute_algo: str = "src",
    store_ids: bool = True,
    permute_config: dict[str, Any] | None = None,
) -> DGLGraph:
    """The same graph with nodes and edges in an order that is kinder to caches.

    Args:
        g: a graph with one type of nodes and edges.
        node_permute_algo: "rcmk" (reverse Cuthill-McKee), "metis", "custom", or None for the order as it is.
        edge_permute_algo: "src" or "dst" (edges sorted by that end), "custom".
        store_ids: whether to keep the old ids in `ndata[dgl.NID]` and `edata[dgl.EID]`.
        permute_config: `{'k': parts}` for "metis"; `{'nodes_perm': ids}` and `{'edges_perm': ids}` for "custom".

    Raises:
        DGLError: for unknown names, or permutations that are missing.

    Example:
        >>> from grapevine import dgl
        >>> reorder_graph(dgl.graph(([1, 0], [0, 1]))).edges()[0]
        tensor([0, 1])
    """
    if not g.is_homogeneous:
        raise DGLError("Only homogeneous graphs are supported.")
    config = permute_config or {}
    nodes = torch.as_tensor(_node_order(g, node_permute_algo, config)).to(g.device, g.idtype)
    old_edges = g._as_ids(torch.arange(g.num_edges(), device=g.device))
    if node_permute_algo is None:
        moved = g.clone()
    else:
        part = node_subgraph(g, nodes)
        old_edges = part.edata[EID]
        moved = node_subgraph(g, nodes, store_ids=False)
    if edge_permute_algo in ("src", "dst"):
        order = moved.edges()[edge_permute_algo == "dst"].argsort(stable=True)
    elif edge_permute_algo == "custom":
        if "edges_perm" not in config:
            raise DGLError("edge_permute_algo is 'custom', but there is no 'edges_perm' in permute_config.")
        order = old_edges.argsort()[torch.as_tensor(config["edges_perm"]).to(g.device, torch.int64)]
    else:
        raise DGLError(
            f"Unexpected edge_permute_algo is specified: {edge_permute_algo}; choose src, dst or custom"
        )
    moved = edge_subgraph(moved, g._as_ids(order), relabel_nodes=False, store_ids=False)
    if store_ids:
        moved.ndata[NID] = nodes
        moved.edata[EID] = old_edges[order]
    return moved


def _node_order(g: DGLGraph, algorithm: str | None, config: dict[str, Any]) -> Any:
    if algorithm is None:
        return torch.arange(g.num_nodes())
    if algorithm == "rcmk":
        return csgraph.reverse_cuthill_mckee(g.adj_external(scipy_fmt="csr")).copy()
    if algorithm == "metis":
        if "k" not in config:
            raise DGLError("Partition parts 'k' is required for metis. Please specify in permute_config.")
        return np.argsort(metis_partition_assignment(g, config["k"]).numpy(), kind="stable")
    if algorithm == "custom":
        if "nodes_perm" not in config:
            raise DGLError("node_permute_algo is 'custom', but there is no 'nodes_perm' in permute_config.")
        if len(config["nodes_perm"]) != g.num_nodes():
            raise DGLError(
                f"Length of 'nodes_perm' ({len(config['nodes_perm'])}) does not match graph num_nodes "
                f"({g.num_nodes()})."
            )
        return config["nodes_perm"]
    raise DGLError(f"Unexpected node_permute_algo is specified: {algorithm}; choose rcmk, metis or custom")


def _square(g: DGLGraph, etype: str | EType | None, name: str) -> EType:
    canonical = g.to_canonical_etype(etype)
    if canonical[0] != canonical[2]:
        raise DGLError(
            f"{name} does not support unidirectional bipartite graphs: {canonical}. "
            "Please make sure the types of head node and tail node are identical."
        )
    return canonical


def _same_nodes(
    g: DGLGraph, relations: Sequence[Edges], copy_ndata: bool, edge_frames: Sequence[Frame] | None
) -> DGLGraph:
    """Other edges between the same nodes."""
    node_frames = [frame.clone() for frame in g._node_frames] if copy_ndata else None
    return type(g)._build(g._schema, g._counts, relations, g.idtype, g.device, node_frames, edge_frames)
