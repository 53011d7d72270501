"""Traversals: the nodes or edges that a search meets, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.heterograph import DGLGraph
from grapevine.edges import Edges

__all__ = [
    "bfs_edges_generator",
    "bfs_nodes_generator",
    "dfs_edges_generator",
    "dfs_labeled_edges_generator",
    "topological_nodes_generator",
]

FORWARD, REVERSE, NONTREE = 0, 1, 2


def _relation(graph: DGLGraph, reverse: bool) -> Edges:
    if len(graph.canonical_etypes) != 1:
        raise DGLError(
            f"expected a graph with one edge type, got {len(graph.canonical_etypes)}; take one with g['etype']"
        )
    relation = graph._relation()
    return relation.reverse() if reverse else relation


def _sources(graph: DGLGraph, source: Any) -> Tensor:
    if isinstance(source, int):
        source = [source]
    return graph._ids(source, "source").to(torch.int64)


def _outgoing(relation: Edges, nodes: Tensor) -> Tensor:
    """The edges that leave some nodes, node by node in the order given."""
    order = relation.by_src
    ptr = order.ptr.to(torch.int64)
    first, count = ptr.index_select(0, nodes), ptr.diff().index_select(0, nodes)
    starts = torch.repeat_interleave(first - count.cumsum(0) + count, count)
    return order.edges().index_select(0, starts + torch.arange(starts.shape[0], device=ptr.device))


def _firsts(ids: Tensor, num_ids: int) -> Tensor:
    """The places where an id occurs for the first time, ascending."""
    places = torch.arange(ids.shape[0] - 1, -1, -1, device=ids.device)
    first = places.new_full((num_ids,), -1).scatter_reduce(0, ids.flip(0), places, "amin", include_self=False)
    return first[first >= 0].sort().values


def _bfs(relation: Edges, sources: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Level by level: the nodes found, and the edges they were found by."""
    seen = torch.zeros(relation.num_src, dtype=torch.bool, device=relation.device)
    nodes = sources[_firsts(sources, relation.num_src)]
    edges = nodes.new_zeros(0)
    while nodes.shape[0]:
        seen[nodes] = True
        yield nodes, edges
        edges = _outgoing(relation, nodes)
        edges = edges[~seen[relation.dst_index[edges]]]
        edges = edges[_firsts(relation.dst_index[edges], relation.num_dst)]
        nodes = relation.dst_index[edges]


def bfs_nodes_generator(graph: DGLGraph, source: Any, reverse: bool = False) -> tuple[Tensor, ...]:
    """The nodes that a breadth-first search meets, level by level.

    Args:
        graph: a graph with one edge type.
        source: ids of the nodes to begin with.
        reverse: True to walk against the edges.

    Returns:
        Node ids, one tensor per level.

    Raises:
        DGLError: for a graph with several edge types.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 1, 2, 2, 3], [1, 2, 3, 3, 4, 5]))
        >>> bfs_nodes_generator(g, 0)
        (tensor([0]), tensor([1]), tensor([2, 3]), tensor([4, 5]))
    """
    levels = _bfs(_relation(graph, reverse), _sources(graph, source))
    return tuple(graph._as_ids(nodes) for nodes, _ in levels)


def bfs_edges_generator(graph: DGLGraph, source: Any, reverse: bool = False) -> tuple[Tensor, ...]:
    """The edges by which a breadth-first search meets new nodes, level by level; see `bfs_nodes_generator`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 1, 2, 2, 3], [1, 2, 3, 3, 4, 5]))
        >>> bfs_edges_generator(g, 0)
        (tensor([0]), tensor([1, 2]), tensor([4, 5]))
    """
    levels = _bfs(_relation(graph, reverse), _sources(graph, source))
    return tuple(graph._as_ids(edges) for _, edges in levels if edges.shape[0])


def topological_nodes_generator(graph: DGLGraph, reverse: bool = False) -> tuple[Tensor, ...]:
    """The nodes in topological order: each tensor holds those whose predecessors have all come before.

    Args:
        graph: a graph with one edge type and without cycles.
        reverse: True to walk against the edges.

    Raises:
        DGLError: if there is a cycle.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 1, 2, 2, 3], [1, 2, 3, 3, 4, 5]))
        >>> topological_nodes_generator(g)
        (tensor([0]), tensor([1]), tensor([2]), tensor([3, 4]), tensor([5]))
    """
    relation = _relation(graph, reverse)
    missing = relation.in_degrees().clone()
    nodes = (missing == 0).nonzero().flatten()
    steps, met = [], 0
    while nodes.shape[0]:
        steps.append(graph._as_ids(nodes))
        met += nodes.shape[0]
        arrived = relation.dst_index[_outgoing(relation, nodes)].flip(0)
        missing -= torch.bincount(arrived, minlength=relation.num_dst)
        last = arrived[_firsts(arrived, relation.num_dst)].flip(0)  # in the order of their last predecessor
        nodes = last[missing[last] == 0]
    if met != relation.num_dst:
        raise DGLError("Error in topological traversal: loop detected in the given graph.")
    return tuple(steps)


def dfs_edges_generator(graph: DGLGraph, source: Any, reverse: bool = False) -> tuple[Tensor, ...]:
    """The edges by which a depth-first search meets new nodes, one by one.

    Args:
        graph: a graph with one edge type.
        source: ids of the nodes to begin with, each in a component of its own: their searches advance side by side.
        reverse: True to walk against the edges.

    Returns:
        Edge ids, one tensor per step.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 1, 2, 2, 3], [1, 2, 3, 3, 4, 5]))
        >>> dfs_edges_generator(g, 0)
        (tensor([0]), tensor([1]), tensor([3]), tensor([5]), tensor([4]))
    """
    edges, _ = _dfs_steps(graph, source, reverse, False, False)
    return edges


def dfs_labeled_edges_generator(
    graph: DGLGraph,
    source: Any,
    reverse: bool = False,
    has_reverse_edge: bool = False,
    has_nontree_edge: bool = False,
    return_labels: bool = True,
) -> Any:
    """The edges that a depth-first search walks, one by one, with what they are to it.

    Args:
        graph: a graph with one edge type.
        source: ids of the nodes to begin with, each in a component of its own: their searches advance side by side.
        reverse: True to walk against the edges.
        has_reverse_edge: whether to tell when the search goes back along an edge (label 1).
        has_nontree_edge: whether to tell of edges to nodes that were met before (label 2).
        return_labels: whether to return the labels; 0 is an edge to a new node.

    Returns:
        Edge ids, one tensor per step; and the labels, likewise, if asked for.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 0], [1, 2, 2]))
        >>> dfs_labeled_edges_generator(g, 0, has_nontree_edge=True)
        ((tensor([0]), tensor([1]), tensor([2])), (tensor([0]), tensor([0]), tensor([2])))
    """
    edges, labels = _dfs_steps(graph, source, reverse, has_reverse_edge, has_nontree_edge)
    return (edges, labels) if return_labels else edges


def _dfs_steps(
    graph: DGLGraph, source: Any, reverse: bool, back: bool, nontree: bool
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    relation = _relation(graph, reverse)
    searches = [_dfs(relation, s, back, nontree) for s in _sources(graph, source).tolist()]
    steps = [
        [search[i] for search in searches if i < len(search)]
        for i in range(max(map(len, searches), default=0))
    ]
    edges = tuple(graph._as_ids(torch.tensor([e for e, _ in step], device=graph.device)) for step in steps)
    labels = tuple(torch.tensor([label for _, label in step], device=graph.device) for step in steps)
    return edges, labels


def _dfs(relation: Edges, source: int, back: bool, nontree: bool) -> list[tuple[int, int]]:
    """Edges and labels in the order of the search."""
    order = relation.by_src
    ptr, edges, heads = order.ptr.tolist(), order.edges().tolist(), relation.dst_index.tolist()
    seen, walked = {source}, []
    stack = [(source, ptr[source], -1)]  # a node, the next of its edges, the edge it was met by
    while stack:
        node, at, by = stack.pop()
        if at == ptr[node + 1]:
            if back and by >= 0:
                walked.append((by, REVERSE))
            continue
        stack.append((node, at + 1, by))
        edge = edges[at]
        head = heads[edge]
        if head not in seen:
            seen.add(head)
            walked.append((edge, FORWARD))
            stack.append((head, ptr[head], edge))
        elif nontree:
            walked.append((edge, NONTREE))
    return walked
