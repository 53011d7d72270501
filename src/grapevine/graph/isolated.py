"""Isolated nodes: those without an edge to or from another node."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.graph.loops import last_loops, remove_self_loops, segregate_self_loops
from grapevine.graph.mask import index_to_mask
from grapevine.graph.num_nodes import maybe_num_nodes


def contains_isolated_nodes(edge_index: Tensor, num_nodes: int | None = None) -> bool:
    """Whether some node has no edge to or from another node.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes.

    Example:
        >>> contains_isolated_nodes(torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
        True
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    return not bool(index_to_mask(remove_self_loops(edge_index)[0], num_nodes).all())


def remove_isolated_nodes(
    edge_index: Tensor, edge_attr: Tensor | None = None, num_nodes: int | None = None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Drops nodes without an edge to or from another node, and numbers the others anew.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.
        num_nodes: number of nodes N.

    Returns:
        `edge_index` (the edges in their order, then one self-loop of every node that has some), `edge_attr`,
        and the mask (N,) of the nodes that stay.

    Example:
        >>> remove_isolated_nodes(torch.tensor([[0, 2, 1], [2, 0, 1]]))
        (tensor([[0, 1],
            [1, 0]]), None, tensor([ True, False,  True]))
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    edge_index, edge_attr, loop_index, loop_attr = segregate_self_loops(edge_index, edge_attr)
    mask = index_to_mask(edge_index, num_nodes)
    last = last_loops(loop_index[0], num_nodes)
    kept = last[mask & (last >= 0)]
    new_id = mask.cumsum(0) - 1
    edge_index = new_id[torch.cat([edge_index, loop_index[:, kept]], dim=1)]
    if edge_attr is not None and loop_attr is not None:
        edge_attr = torch.cat([edge_attr, loop_attr[kept]])
    return edge_index, edge_attr, mask
