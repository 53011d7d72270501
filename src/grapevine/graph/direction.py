"""Directed and undirected edges."""

from __future__ import annotations

from typing import Any, overload

import torch
from torch import Tensor

from grapevine.graph._attr import MISSING, each
from grapevine.graph.sorting import coalesce, pair_keys, sort_keys


def is_undirected(
    edge_index: Tensor, edge_attr: Tensor | list[Tensor] | None = None, num_nodes: int | None = None
) -> bool:
    """Whether every edge has its reverse, with the same attributes.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`, or a list of such.
        num_nodes: number of nodes; a hint that is not needed.

    Example:
        >>> is_undirected(torch.tensor([[0, 1, 1], [1, 0, 2]]))
        False
    """
    row, col = edge_index
    if int((row < col).sum()) != int((row > col).sum()):
        return False
    attrs = [edge_attr] if isinstance(edge_attr, Tensor) else edge_attr or []
    there, perm = sort_keys(pair_keys(row, col)[0], stable=len(attrs) > 0)
    back, back_perm = sort_keys(pair_keys(col, row)[0], stable=len(attrs) > 0)
    if not torch.equal(there, back):
        return False
    return all(torch.equal(_ordered(attr, perm), _ordered(attr, back_perm)) for attr in attrs)


def _ordered(attr: Tensor, perm: Tensor | None) -> Tensor:
    return attr if perm is None else attr.index_select(0, perm)


@overload
def to_undirected(
    edge_index: Tensor, edge_attr: str | int = ..., num_nodes: int | None = ..., reduce: str = ...
) -> Tensor: ...


@overload
def to_undirected(
    edge_index: Tensor, edge_attr: Tensor, num_nodes: int | None = ..., reduce: str = ...
) -> tuple[Tensor, Tensor]: ...


@overload
def to_undirected(
    edge_index: Tensor, edge_attr: None, num_nodes: int | None = ..., reduce: str = ...
) -> tuple[Tensor, None]: ...


@overload
def to_undirected(
    edge_index: Tensor, edge_attr: list[Tensor], num_nodes: int | None = ..., reduce: str = ...
) -> tuple[Tensor, list[Tensor]]: ...


def to_undirected(
    edge_index: Any, edge_attr: Any = MISSING, num_nodes: int | None = None, reduce: str = "add"
) -> Any:
    """Adds the reverse of every edge, sorts and merges duplicates.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`, a list of such, or None; the reverse has the attributes of its edge.
        num_nodes: number of nodes; a hint that is not needed.
        reduce: how attributes of duplicates merge, see `coalesce` (with `"add"` an edge that had its reverse
            gets the sum of both).

    Returns:
        The undirected `edge_index`; with an `edge_attr` (None included) the pair of both.

    Example:
        >>> to_undirected(torch.tensor([[0, 1], [1, 2]]))
        tensor([[0, 1, 1, 2],
                [1, 0, 2, 1]])
    """
    if isinstance(edge_attr, int):  # an old signature had num_nodes in this place
        edge_attr, num_nodes = MISSING, edge_attr
    row, col = edge_index[0], edge_index[1]
    both = torch.stack([torch.cat([row, col]), torch.cat([col, row])])
    return coalesce(both, each(edge_attr, lambda attr: torch.cat([attr, attr])), num_nodes, reduce)
