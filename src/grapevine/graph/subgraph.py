"""Subgraphs induced by nodes, and neighbourhoods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.mask import index_to_mask, map_index, mask_to_index
from grapevine.graph.num_nodes import maybe_num_nodes

Subset = Tensor | Sequence[int]


def _subset(subset: Subset, index: Tensor, num_nodes: int | None) -> tuple[Tensor, Tensor]:
    """The chosen nodes as an index (in the given order) and as a mask."""
    if not isinstance(subset, Tensor):
        subset = torch.tensor(subset, dtype=torch.int64, device=index.device)
    if subset.dtype == torch.bool:
        return mask_to_index(subset), subset
    size = max(maybe_num_nodes(index), maybe_num_nodes(subset)) if num_nodes is None else num_nodes
    return subset, index_to_mask(subset, size)


@overload
def subgraph(
    subset: Subset,
    edge_index: Tensor,
    edge_attr: Tensor | None = ...,
    relabel_nodes: bool = ...,
    num_nodes: int | None = ...,
    *,
    return_edge_mask: Literal[False] = ...,
) -> tuple[Tensor, Tensor | None]: ...


@overload
def subgraph(
    subset: Subset,
    edge_index: Tensor,
    edge_attr: Tensor | None = ...,
    relabel_nodes: bool = ...,
    num_nodes: int | None = ...,
    *,
    return_edge_mask: Literal[True],
) -> tuple[Tensor, Tensor | None, Tensor]: ...


@overload
def subgraph(
    subset: Subset,
    edge_index: Tensor,
    edge_attr: Tensor | None = ...,
    relabel_nodes: bool = ...,
    num_nodes: int | None = ...,
    *,
    return_edge_mask: bool,
) -> tuple[Tensor, Tensor | None] | tuple[Tensor, Tensor | None, Tensor]: ...


def subgraph(
    subset: Subset,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    relabel_nodes: bool = False,
    num_nodes: int | None = None,
    *,
    return_edge_mask: bool = False,
) -> tuple[Tensor, Tensor | None] | tuple[Tensor, Tensor | None, Tensor]:
    """The edges between the nodes of a subset.

    Args:
        subset: node indices or a mask over all nodes.
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.
        relabel_nodes: number the nodes anew, by their place in the subset.
        num_nodes: number of nodes.
        return_edge_mask: return the mask over the E edges too.

    Returns:
        `edge_index`, `edge_attr` and, if asked for, the edge mask.

    Example:
        >>> subgraph([2, 1], torch.tensor([[0, 1, 2], [1, 2, 1]]), relabel_nodes=True)
        (tensor([[1, 0],
            [0, 1]]), None)
    """
    subset, node_mask = _subset(subset, edge_index, num_nodes)
    edge_mask = node_mask.index_select(0, edge_index[0]) & node_mask.index_select(0, edge_index[1])
    edge_index = edge_index[:, edge_mask]
    edge_attr = None if edge_attr is None else edge_attr[edge_mask]
    if relabel_nodes:
        flat, _ = map_index(edge_index.reshape(-1), subset, node_mask.numel() - 1, inclusive=True)
        edge_index = flat.view(2, -1)
    return (edge_index, edge_attr, edge_mask) if return_edge_mask else (edge_index, edge_attr)


def bipartite_subgraph(
    subset: tuple[Subset, Subset],
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    relabel_nodes: bool = False,
    size: tuple[int, int] | None = None,
    return_edge_mask: bool = False,
) -> tuple[Tensor, Tensor | None] | tuple[Tensor, Tensor | None, Tensor]:
    """The edges of a bipartite graph between a subset of the sources and one of the destinations.

    Args:
        subset: indices of, or masks over, sources and destinations.
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.
        relabel_nodes: number both sides anew, by their place in the subsets.
        size: number of sources and of destinations.
        return_edge_mask: return the mask over the E edges too.

    Returns:
        `edge_index`, `edge_attr` and, if asked for, the edge mask.

    Example:
        >>> bipartite_subgraph(([1], [0]), torch.tensor([[0, 1, 1], [0, 0, 1]]), relabel_nodes=True)
        (tensor([[0],
            [0]]), None)
    """
    num_src, num_dst = (None, None) if size is None else size
    src_subset, src_mask = _subset(subset[0], edge_index[0], num_src)
    dst_subset, dst_mask = _subset(subset[1], edge_index[1], num_dst)
    edge_mask = src_mask.index_select(0, edge_index[0]) & dst_mask.index_select(0, edge_index[1])
    edge_index = edge_index[:, edge_mask]
    edge_attr = None if edge_attr is None else edge_attr[edge_mask]
    if relabel_nodes:
        row, _ = map_index(edge_index[0], src_subset, src_mask.numel() - 1, inclusive=True)
        col, _ = map_index(edge_index[1], dst_subset, dst_mask.numel() - 1, inclusive=True)
        edge_index = torch.stack([row, col])
    return (edge_index, edge_attr, edge_mask) if return_edge_mask else (edge_index, edge_attr)


def k_hop_subgraph(
    node_idx: int | Sequence[int] | Tensor,
    num_hops: int,
    edge_index: Tensor,
    relabel_nodes: bool = False,
    num_nodes: int | None = None,
    flow: str = "source_to_target",
    directed: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The subgraph around nodes: all that reach them within a number of hops.

    Args:
        node_idx: the central node or nodes.
        num_hops: how far.
        edge_index: `(2, E)` integers.
        relabel_nodes: number the nodes anew, by their place among the returned ones.
        num_nodes: number of nodes.
        flow: `"source_to_target"` follows edges backwards from the centre, `"target_to_source"` forwards.
        directed: keep only the edges that were followed, else all between the nodes found.

    Returns:
        The nodes in ascending order, the `edge_index` among them, the places of `node_idx` among the nodes,
        and the mask over the E edges.

    Raises:
        GraphValueError: for an unknown `flow`.

    Example:
        >>> nodes, edge_index, place, _ = k_hop_subgraph(3, 1, torch.tensor([[0, 1, 2], [1, 3, 3]]))
        >>> nodes, edge_index, place
        (tensor([1, 2, 3]), tensor([[1, 2],
            [3, 3]]), tensor([2]))
    """
    if flow not in ("source_to_target", "target_to_source"):
        raise GraphValueError(f"expected flow 'source_to_target' or 'target_to_source', got {flow!r}")
    source, target = edge_index
    if flow == "target_to_source":
        source, target = target, source
    if not isinstance(node_idx, Tensor):
        node_idx = torch.tensor([node_idx] if isinstance(node_idx, int) else node_idx, dtype=torch.int64)
    centre = node_idx.to(edge_index.device).reshape(-1)
    if num_nodes is None:
        num_nodes = max(maybe_num_nodes(edge_index), maybe_num_nodes(centre))

    found = index_to_mask(centre, num_nodes)
    followed = torch.zeros_like(source, dtype=torch.bool)
    frontier = found
    for _ in range(num_hops):
        hop = frontier.index_select(0, target)
        followed |= hop
        reached = index_to_mask(source[hop], num_nodes)
        frontier = reached & ~found
        found = found | reached

    nodes = mask_to_index(found)
    place = found.cumsum(0) - 1
    edge_mask = followed if directed else found.index_select(0, source) & found.index_select(0, target)
    edge_index = edge_index[:, edge_mask]
    return nodes, place[edge_index] if relabel_nodes else edge_index, place[centre], edge_mask
