"""Message passing step by step, over the nodes or edges that a traversal meets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.traversal import (
    bfs_nodes_generator,
    dfs_labeled_edges_generator,
    topological_nodes_generator,
)

__all__ = ["prop_edges", "prop_edges_dfs", "prop_nodes", "prop_nodes_bfs", "prop_nodes_topo"]


def _update(function: Any) -> Any:
    """The update function; "default", of old programs, means none."""
    return None if function == "default" else function


def prop_nodes(
    graph: DGLGraph,
    nodes_generator: Iterable[Any],
    message_func: Any = "default",
    reduce_func: Any = "default",
    apply_node_func: Any = "default",
) -> None:
    """`graph.prop_nodes`: `pull` for one set of nodes after the other.

    Args:
        graph: the graph.
        nodes_generator: ids of the nodes of every step.
        message_func: as in `update_all`.
        reduce_func: as in `update_all`.
        apply_node_func: as in `update_all`.
    """
    graph.prop_nodes(nodes_generator, message_func, reduce_func, _update(apply_node_func))


def prop_edges(
    graph: DGLGraph,
    edges_generator: Iterable[Any],
    message_func: Any = "default",
    reduce_func: Any = "default",
    apply_node_func: Any = "default",
) -> None:
    """`graph.prop_edges`: `send_and_recv` for one set of edges after the other.

    Args:
        graph: the graph.
        edges_generator: ids of the edges of every step.
        message_func: as in `update_all`.
        reduce_func: as in `update_all`.
        apply_node_func: as in `update_all`.
    """
    graph.prop_edges(edges_generator, message_func, reduce_func, _update(apply_node_func))


def prop_nodes_bfs(
    graph: DGLGraph,
    source: Any,
    message_func: Any,
    reduce_func: Any,
    reverse: bool = False,
    apply_node_func: Any = None,
) -> None:
    """Message passing level by level of a breadth-first search.

    Args:
        graph: a graph with one edge type.
        source: ids of the nodes to begin with.
        message_func: as in `update_all`.
        reduce_func: as in `update_all`.
        reverse: True to search against the edges.
        apply_node_func: as in `update_all`.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 2]))
        >>> g.ndata["h"] = torch.ones(3)
        >>> prop_nodes_bfs(g, 0, dgl.function.copy_u("h", "m"), dgl.function.sum("m", "h"))
        >>> g.ndata["h"]
        tensor([0., 0., 0.])
    """
    nodes = bfs_nodes_generator(graph, source, reverse)
    prop_nodes(graph, nodes, message_func, reduce_func, apply_node_func)


def prop_nodes_topo(
    graph: DGLGraph,
    message_func: Any,
    reduce_func: Any,
    reverse: bool = False,
    apply_node_func: Any = None,
) -> None:
    """Message passing in topological order, as recursive networks over trees do.

    Args:
        graph: a graph with one edge type and without cycles.
        message_func: as in `update_all`.
        reduce_func: as in `update_all`.
        reverse: True to walk against the edges.
        apply_node_func: as in `update_all`.
    """
    nodes = topological_nodes_generator(graph, reverse)
    prop_nodes(graph, nodes, message_func, reduce_func, apply_node_func)


def prop_edges_dfs(
    graph: DGLGraph,
    source: Any,
    message_func: Any,
    reduce_func: Any,
    reverse: bool = False,
    has_reverse_edge: bool = False,
    has_nontree_edge: bool = False,
    apply_node_func: Any = None,
) -> None:
    """Message passing edge by edge of a depth-first search.

    Args:
        graph: a graph with one edge type.
        source: ids of the nodes to begin with.
        message_func: as in `update_all`.
        reduce_func: as in `update_all`.
        reverse: True to search against the edges.
        has_reverse_edge: whether to pass messages again when the search goes back.
        has_nontree_edge: whether to pass messages along edges to nodes that were met before.
        apply_node_func: as in `update_all`.
    """
    edges = dfs_labeled_edges_generator(
        graph, source, reverse, has_reverse_edge, has_nontree_edge, return_labels=False
    )
    prop_edges(graph, edges, message_func, reduce_func, apply_node_func)
