"""Blocks, and graphs without the nodes that nothing touches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.relabel import by_appearance, by_node_type, locate, selected
from grapevine.dgl.structure import Schema
from grapevine.dgl.subgraph import compacted
from grapevine.edges import known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLBlock, DGLGraph

__all__ = ["compact_graphs", "to_block"]


def to_block(
    g: DGLGraph, dst_nodes: Any = None, include_dst_in_src: bool = True, src_nodes: Any = None
) -> DGLBlock:
    """The edges of a graph as a block, from the nodes that send to the nodes that receive.

    Destination nodes come first among the source nodes, under the same ids; the other source nodes follow in the order
    in which they first appear. `srcdata[dgl.NID]`, `dstdata[dgl.NID]` and `edata[dgl.EID]` hold the ids in the graph.

    Args:
        g: a graph that is not a block.
        dst_nodes: the destination nodes in their order, or a dict by type; None means all that an edge reaches, sorted.
        include_dst_in_src: False lists only nodes that send as source nodes.
        src_nodes: the source nodes in their order, if they are known.

    Raises:
        DGLError: if an edge reaches a node that is not among the destination nodes.

    Example:
        >>> from grapevine import dgl
        >>> block = to_block(dgl.graph(([3, 4], [1, 1])))
        >>> block, block.srcdata[dgl.NID].tolist()
        (Block(num_src_nodes=3, num_dst_nodes=1, num_edges=2), [1, 3, 4])
    """
    if g.is_block:
        raise DGLError("expected a graph, got a block; it need not be converted")
    dst = _chosen(g, dst_nodes, "dst_nodes") if dst_nodes is not None else _reached(g)
    given = _chosen(g, src_nodes, "src_nodes") if src_nodes is not None else None
    senders: list[list[Tensor]] = [[] for _ in g.ntypes]
    for relation, (s, _) in zip(g._relations, g._schema.ends):
        senders[s].append(relation.src_index)
    src: list[Tensor] = []
    places: list[Any] = []
    for i, parts in enumerate(senders):
        head = dst[i] if include_dst_in_src else dst[i][:0]
        if given is not None:
            src.append(given[i])
            places.append(None)
            continue
        nodes, place = by_appearance(torch.cat((head, *parts)), g._counts[i])
        src.append(nodes)
        places.append(place[len(head) :].split([len(p) for p in parts]))
    turn = [0] * len(g.ntypes)
    relations = []
    for etype, relation, (s, d) in zip(g.canonical_etypes, g._relations, g._schema.ends):
        known = places[s]
        if known is None:
            new_src = _located(relation.src_index, src[s], relation.num_src, f"source nodes of {etype}")
        else:
            new_src = known[turn[s]]
            turn[s] += 1
        new_dst = _located(relation.dst_index, dst[d], relation.num_dst, f"destination nodes of {etype}")
        relations.append(known_good(new_src, new_dst, (len(src[s]), len(dst[d]))))
    src_ids, dst_ids = [g._as_ids(i) for i in src], [g._as_ids(i) for i in dst]
    node_frames = selected(g._node_frames, src_ids, NID) + selected(g._node_frames, dst_ids, NID)
    edge_frames = [frame.clone() for frame in g._edge_frames]
    for frame in edge_frames:
        frame[EID] = torch.arange(frame.num_rows, dtype=g.idtype, device=g.device)
    n = len(g.ntypes)
    ends = [(s, d + n) for s, d in g._schema.ends]
    schema = Schema([*g.ntypes, *g.ntypes], g.canonical_etypes, ends, n)
    counts = [len(i) for i in (*src, *dst)]
    return g._block(schema, counts, relations, node_frames, edge_frames)


def _chosen(g: DGLGraph, nodes: Any, name: str) -> list[Tensor]:
    chosen = [torch.empty(0, dtype=torch.int64, device=g.device)] * len(g.ntypes)
    for ntype, ids in by_node_type(g, nodes, name).items():
        chosen[g.get_ntype_id(ntype)] = torch.as_tensor(ids, device=g.device).to(torch.int64)
    return chosen


def _reached(g: DGLGraph) -> list[Tensor]:
    found: list[list[Tensor]] = [[torch.empty(0, dtype=torch.int64, device=g.device)] for _ in g.ntypes]
    for relation, (_, d) in zip(g._relations, g._schema.ends):
        found[d].append(relation.dst_index)
    return [torch.cat(parts).unique() for parts in found]


def _located(ids: Tensor, among: Tensor, count: int, name: str) -> Tensor:
    places, there = locate(ids, among, count)
    if not bool(there.all()):
        raise DGLError(f"Invalid vertex {int(ids[~there][0])}: it is not among the {name}")
    return places


def compact_graphs(
    graphs: Any, always_preserve: Any = None, copy_ndata: bool = True, copy_edata: bool = True
) -> Any:
    """Graphs over one set of nodes without the nodes that have no edge in any of them.

    New ids follow the order of first appearance, those always preserved first; `ndata[dgl.NID]` holds the old ids.

    Args:
        graphs: a graph, or a list of graphs of the same node types.
        always_preserve: nodes to keep in any case, or a dict by type.
        copy_ndata: whether node features are kept.
        copy_edata: whether edge features are kept.

    Returns:
        a graph or a list, as given.

    Example:
        >>> from grapevine import dgl
        >>> small = compact_graphs(dgl.graph(([7], [3])))
        >>> small.num_nodes(), small.ndata[dgl.NID].tolist()
        (2, [7, 3])
    """
    if not isinstance(graphs, Iterable):
        return compact_graphs([graphs], always_preserve, copy_ndata, copy_edata)[0]
    graphs = list(graphs)
    if not graphs:
        return []
    first: DGLGraph = graphs[0]
    for g in graphs:
        if g.is_block:
            raise DGLError("Compacting a block graph is not allowed.")
        if (g.ntypes, g.idtype, g.device) != (first.ntypes, first.idtype, first.device):
            raise DGLError(
                "expected graphs of the same node types, id type and device, got "
                f"{(first.ntypes, first.idtype, first.device)} and {(g.ntypes, g.idtype, g.device)}"
            )
    kept: list[list[Tensor]] = [[] for _ in first.ntypes]
    if always_preserve is not None:
        given = by_node_type(first, always_preserve, "always_preserve")
        for ntype, ids in given.items():
            kept[first.get_ntype_id(ntype)].append(first._ids(ids, "always_preserve").to(torch.int64))
    counts = [max(g._counts[i] for g in graphs) for i in range(len(first.ntypes))]
    nodes, relations = compacted(
        _joint([g._schema for g in graphs]),
        counts,
        [(r.src_index, r.dst_index) for g in graphs for r in g._relations],
        kept,
    )
    ids = [first._as_ids(i) for i in nodes]
    found = []
    for g in graphs:
        own, relations = relations[: len(g._relations)], relations[len(g._relations) :]
        node_frames = selected(g._node_frames, ids, NID) if copy_ndata else None
        edge_frames = [frame.clone() for frame in g._edge_frames] if copy_edata else None
        counts = [len(i) for i in ids]
        found.append(type(g)._build(g._schema, counts, own, g.idtype, g.device, node_frames, edge_frames))
    return found


def _joint(schemas: Sequence[Schema]) -> Schema:
    """All relations of all schemas over the one set of node types."""
    ends = [pair for schema in schemas for pair in schema.ends]
    etypes = [etype for schema in schemas for etype in schema.canonical_etypes]
    return Schema(schemas[0].ntypes, etypes, ends)
