"""Parts of graphs: chosen nodes, chosen edges, neighbourhoods, chosen types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.queries import endpoints, rows_of_order
from grapevine.dgl.relabel import by_appearance, by_node_type, distinct, edge_ids, locate, node_ids, selected
from grapevine.dgl.structure import EType, Schema
from grapevine.edges import Edges, known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "edge_subgraph",
    "edge_type_subgraph",
    "in_subgraph",
    "khop_in_subgraph",
    "khop_out_subgraph",
    "node_subgraph",
    "node_type_subgraph",
    "out_subgraph",
]


def node_subgraph(
    graph: DGLGraph,
    nodes: Any,
    *,
    relabel_nodes: bool = True,
    store_ids: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """The chosen nodes and all edges among them.

    Edges come grouped by source in the order of the chosen nodes; the subgraph's `ndata[dgl.NID]` and
    `edata[dgl.EID]` hold the ids in the graph. Features are gathered when they are read.

    Args:
        graph: a graph that is not a block.
        nodes: ids or a bool mask, or a dict of them by type.
        relabel_nodes: False keeps all nodes and their ids.
        store_ids: whether to keep the old ids.
        output_device: where the result goes.

    Raises:
        DGLError: for a block, and for ids that do not exist.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> part = node_subgraph(g, [0, 1])
        >>> part.edges()[0].tolist(), part.ndata[dgl.NID].tolist()
        ([0], [0, 1])
    """
    _no_block(graph)
    chosen = node_ids(graph, nodes)
    kept, relations = [], []
    for edges, (src, dst) in zip(graph._relations, graph._schema.ends):
        rows, ids = rows_of_order(edges.by_src, chosen[src])
        heads, inside = locate(
            edges.dst_index.index_select(0, ids), chosen[dst].to(torch.int64), edges.num_dst
        )
        kept.append(ids[inside])
        size = (len(chosen[src]), len(chosen[dst]))
        relations.append(known_good(rows[inside], heads[inside], size))
    if not relabel_nodes:
        return _edges_only(graph, kept, store_ids, output_device)
    return _assembled(graph, relations, chosen, kept, store_ids, output_device)


def edge_subgraph(
    graph: DGLGraph,
    edges: Any,
    *,
    relabel_nodes: bool = True,
    store_ids: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """The chosen edges, in the order given, and the nodes that they join.

    Nodes are numbered in the order in which they first appear: among all sources, then among all destinations.

    Args:
        graph: a graph; a block only with `relabel_nodes=False`.
        edges: ids or a bool mask, or a dict of them by type.
        relabel_nodes: False keeps all nodes and their ids.
        store_ids: whether to keep the old ids.
        output_device: where the result goes.

    Raises:
        DGLError: for ids that do not exist.

    Example:
        >>> from grapevine import dgl
        >>> part = edge_subgraph(dgl.graph(([0, 1, 2], [1, 2, 0])), [2])
        >>> part.ndata[dgl.NID].tolist()
        [2, 0]
    """
    if relabel_nodes:
        _no_block(graph)
    chosen = edge_ids(graph, edges)
    if not relabel_nodes:
        return _edges_only(graph, chosen, store_ids, output_device)
    return _relabelled(graph, chosen, store_ids, output_device)


def in_subgraph(
    graph: DGLGraph,
    nodes: Any,
    *,
    relabel_nodes: bool = False,
    store_ids: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """All nodes, and the edges that arrive at the chosen ones.

    Args:
        graph: a graph that is not a block.
        nodes: ids, or a dict of them by type.
        relabel_nodes: True leaves out nodes without an edge.
        store_ids: whether to keep the old ids.
        output_device: where the result goes.

    Example:
        >>> from grapevine import dgl
        >>> in_subgraph(dgl.graph(([0, 1, 2], [1, 2, 2])), [2]).edata[dgl.EID].tolist()
        [1, 2]
    """
    _no_block(graph)
    chosen = node_ids(graph, nodes)
    kept = [
        rows_of_order(edges.by_dst, chosen[dst])[1]
        for edges, (_, dst) in zip(graph._relations, graph._schema.ends)
    ]
    return (_relabelled if relabel_nodes else _edges_only)(graph, kept, store_ids, output_device)


def out_subgraph(
    graph: DGLGraph,
    nodes: Any,
    *,
    relabel_nodes: bool = False,
    store_ids: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """All nodes, and the edges that leave the chosen ones; arguments as of `in_subgraph`.

    Example:
        >>> from grapevine import dgl
        >>> out_subgraph(dgl.graph(([0, 1, 2], [1, 2, 2])), [1]).edata[dgl.EID].tolist()
        [1]
    """
    _no_block(graph)
    chosen = node_ids(graph, nodes)
    kept = [
        rows_of_order(edges.by_src, chosen[src])[1]
        for edges, (src, _) in zip(graph._relations, graph._schema.ends)
    ]
    return (_relabelled if relabel_nodes else _edges_only)(graph, kept, store_ids, output_device)


def khop_in_subgraph(
    graph: DGLGraph,
    nodes: Any,
    k: int,
    *,
    relabel_nodes: bool = True,
    store_ids: bool = True,
    output_device: Any = None,
) -> Any:
    """The nodes from which the chosen ones can be reached in at most k steps, and the edges among them.

    Args:
        graph: a graph that is not a block.
        nodes: ids, or a dict of them by type.
        k: the number of steps.
        relabel_nodes: False keeps all nodes and their ids, and returns the graph only.
        store_ids: whether to keep the old ids.
        output_device: where the result goes.

    Returns:
        the subgraph, whose nodes are sorted by their ids in the graph, and the places of the chosen nodes in it.

    Example:
        >>> from grapevine import dgl
        >>> part, seeds = khop_in_subgraph(dgl.graph(([0, 1, 2], [1, 2, 3])), [2], 1)
        >>> part.ndata[dgl.NID].tolist(), seeds.tolist()
        ([1, 2], [1])
    """
    return _khop(graph, nodes, k, "in", relabel_nodes, store_ids, output_device)


def khop_out_subgraph(
    graph: DGLGraph,
    nodes: Any,
    k: int,
    *,
    relabel_nodes: bool = True,
    store_ids: bool = True,
    output_device: Any = None,
) -> Any:
    """The nodes that can be reached from the chosen ones in at most k steps; arguments as of `khop_in_subgraph`.

    Example:
        >>> from grapevine import dgl
        >>> part, seeds = khop_out_subgraph(dgl.graph(([0, 1, 2], [1, 2, 3])), [2], 1)
        >>> part.ndata[dgl.NID].tolist(), seeds.tolist()
        ([2, 3], [0])
    """
    return _khop(graph, nodes, k, "out", relabel_nodes, store_ids, output_device)


def _khop(
    graph: DGLGraph,
    nodes: Any,
    k: int,
    way: str,
    relabel_nodes: bool,
    store_ids: bool,
    output_device: Any,
) -> Any:
    _no_block(graph)
    seeds = [ids.to(torch.int64) for ids in node_ids(graph, nodes)]
    near, far = (1, 0) if way == "in" else (0, 1)
    reached = [[ids] for ids in seeds]
    last = seeds
    for _ in range(k):
        found: list[list[Tensor]] = [[ids[:0]] for ids in seeds]
        for edges, ends in zip(graph._relations, graph._schema.ends):
            order, index = (edges.by_dst, edges.src_index) if way == "in" else (edges.by_src, edges.dst_index)
            ids = rows_of_order(order, last[ends[near]])[1]
            found[ends[far]].append(index.index_select(0, ids))
        last = [distinct(torch.cat(parts), n) for parts, n in zip(found, graph._counts)]
        for parts, ids in zip(reached, last):
            parts.append(ids)
    everything = [distinct(torch.cat(parts), n) for parts, n in zip(reached, graph._counts)]
    part = node_subgraph(
        graph,
        {ntype: graph._as_ids(ids) for ntype, ids in zip(graph.ntypes, everything)},
        relabel_nodes=relabel_nodes,
        store_ids=store_ids,
        output_device=output_device,
    )
    if not relabel_nodes:
        return part
    places = {}
    for ntype in by_node_type(graph, nodes):
        i = graph.get_ntype_id(ntype)
        places[ntype] = torch.searchsorted(everything[i], seeds[i]).to(part.device)
    return part, places if isinstance(nodes, Mapping) else next(iter(places.values()))


def node_type_subgraph(graph: DGLGraph, ntypes: Sequence[str], output_device: Any = None) -> DGLGraph:
    """The relations among the chosen node types; shares features with the graph.

    Args:
        graph: a graph.
        ntypes: names of node types.
        output_device: where the result goes.

    Raises:
        DGLError: if no relation joins them.
    """
    ids = {graph.get_ntype_id(ntype) for ntype in ntypes}
    etypes = [
        etype
        for etype, (src, dst) in zip(graph.canonical_etypes, graph._schema.ends)
        if src in ids and dst in ids
    ]
    if not etypes:
        raise DGLError("There are no edges among nodes of the specified types.")
    return edge_type_subgraph(graph, etypes, output_device=output_device)


def edge_type_subgraph(graph: DGLGraph, etypes: Sequence[str | EType], output_device: Any = None) -> DGLGraph:
    """The chosen relations and the node types that they join; shares features with the graph.

    Args:
        graph: a graph.
        etypes: names or triples of edge types; their order is that of the result.
        output_device: where the result goes.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.heterograph({("a", "x", "b"): ([0], [0]), ("a", "y", "a"): ([0], [0])})
        >>> edge_type_subgraph(g, ["y"]).ntypes
        ['a']
    """
    ids = [graph.get_etype_id(etype) for etype in etypes]
    ends = [graph._schema.ends[i] for i in ids]
    nodes = sorted({i for pair in ends for i in pair})
    place = {i: k for k, i in enumerate(nodes)}
    schema = Schema(
        [graph.ntypes[i] for i in nodes],
        [graph.canonical_etypes[i] for i in ids],
        [(place[src], place[dst]) for src, dst in ends],
    )
    part = type(graph)._build(
        schema,
        [graph._counts[i] for i in nodes],
        [graph._relations[i] for i in ids],
        graph.idtype,
        graph.device,
        [graph._node_frames[i] for i in nodes],
        [graph._edge_frames[i] for i in ids],
    )
    return part.to(output_device)


# -- the ways to put a part together -----------------------------------------------------------------


def _no_block(graph: DGLGraph) -> None:
    if graph.is_block:
        raise DGLError("Extracting subgraph from a block graph is not allowed.")


def _edges_only(graph: DGLGraph, kept: Sequence[Tensor], store_ids: bool, output_device: Any) -> DGLGraph:
    """All nodes, with the chosen edges only."""
    relations = [known_good(*endpoints(edges, ids), edges.size) for edges, ids in zip(graph._relations, kept)]
    return _assembled(graph, relations, None, kept, store_ids, output_device)


def _relabelled(graph: DGLGraph, kept: Sequence[Tensor], store_ids: bool, output_device: Any) -> DGLGraph:
    """The chosen edges, with the nodes that they join only."""
    ends = [endpoints(edges, ids) for edges, ids in zip(graph._relations, kept)]
    nodes, relations = compacted(graph._schema, graph._counts, ends, [[] for _ in graph.ntypes])
    return _assembled(graph, relations, nodes, kept, store_ids, output_device)


def compacted(
    schema: Schema,
    counts: Sequence[int],
    ends: Sequence[tuple[Tensor, Tensor]],
    first: Sequence[Sequence[Tensor]],
) -> tuple[list[Tensor], list[Edges]]:
    """New ids for the nodes at the ends of edges, in the order of first appearance.

    Args:
        schema: the types.
        counts: the number of old ids of every node type.
        ends: sources and destinations of every relation.
        first: by node type, nodes that come before all others, whether they have edges or not.

    Returns:
        the old ids of the new nodes by type, and the relations in new ids.
    """
    parts = [list(ids) for ids in first]
    for (src, dst), (u, v) in zip(schema.ends, ends):
        parts[src].append(u)
        parts[dst].append(v)
    device = ends[0][0].device if ends else torch.device("cpu")
    empty = torch.empty(0, dtype=torch.int64, device=device)
    found = [by_appearance(torch.cat(p) if p else empty, n) for p, n in zip(parts, counts)]
    taken = [sum(len(ids) for ids in f) for f in first]

    def take(ntype: int, count: int) -> Tensor:
        start = taken[ntype]
        taken[ntype] += count
        return found[ntype][1][start : start + count]

    relations = []
    for (src, dst), (u, v) in zip(schema.ends, ends):
        new_u, new_v = take(src, len(u)), take(dst, len(v))
        relations.append(known_good(new_u, new_v, (len(found[src][0]), len(found[dst][0]))))
    return [nodes for nodes, _ in found], relations


def _assembled(
    graph: DGLGraph,
    relations: Sequence[Edges],
    nodes: Sequence[Tensor] | None,
    kept: Sequence[Tensor],
    store_ids: bool,
    output_device: Any,
) -> DGLGraph:
    edges = [graph._as_ids(ids) for ids in kept]
    if nodes is None:
        counts, node_frames = graph._counts, [frame.clone() for frame in graph._node_frames]
    else:
        chosen = [graph._as_ids(ids) for ids in nodes]
        counts = [len(ids) for ids in chosen]
        node_frames = selected(graph._node_frames, chosen, NID, store_ids)
    part = type(graph)._build(
        graph._schema,
        counts,
        relations,
        graph.idtype,
        graph.device,
        node_frames,
        selected(graph._edge_frames, edges, EID, store_ids),
    )
    return part.to(output_device)
