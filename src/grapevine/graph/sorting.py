"""Orders of edges: lexicographic sorting, merging of duplicates, compressed pointers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.graph._attr import MISSING, each, packed, present
from grapevine.graph._reduce import reduce_rows

_MAX_INT64 = torch.iinfo(torch.int64).max


def index_sort(inputs: Tensor, max_value: int | None = None, stable: bool = False) -> tuple[Tensor, Tensor]:
    """Sorts an index tensor in ascending order.

    Args:
        inputs: `(E,)` integers.
        max_value: upper bound of the values; a hint that is not needed.
        stable: whether equal values must keep their order.

    Returns:
        The sorted values and the permutation that sorts.

    Example:
        >>> index_sort(torch.tensor([2, 0, 1]))
        (tensor([0, 1, 2]), tensor([1, 2, 0]))
    """
    values, perm = inputs.sort(stable=stable)
    return values, perm


def lexsort(keys: Sequence[Tensor], dim: int = -1, descending: bool = False) -> Tensor:
    """Sorts by several keys at once, the last of them first, as `numpy.lexsort` does.

    Args:
        keys: tensors of one shape, from the least to the most significant.
        dim: the dimension to sort along.
        descending: whether the largest come first.

    Returns:
        The permutation, of the shape of a key; equal entries keep their order.

    Raises:
        GraphValueError: if there is no key.

    Example:
        >>> lexsort([torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0])])
        tensor([2, 0, 1])
    """
    if len(keys) == 0:
        raise GraphValueError("expected at least one key, got none; pass a list of tensors")
    perm = keys[0].argsort(dim=dim, descending=descending, stable=True)
    for key in keys[1:]:
        order = key.gather(dim, perm).argsort(dim=dim, descending=descending, stable=True)
        perm = perm.gather(dim, order)
    return perm


def pair_keys(major: Tensor, minor: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """One integer per pair, in the lexicographic order of the pairs, and the way back.

    Raises:
        GraphIndexError: for a negative index.
    """
    base = 1
    for index in (major, minor):
        if index.numel() > 0:
            low, high = torch.stack(index.aminmax()).tolist()
            if low < 0:
                raise GraphIndexError(f"expected node indices of 0 and above, got {low} in edge_index")
            base = max(base, high + 1)
    if base * base <= _MAX_INT64:
        # Decoding a sorted key is several times faster than gathering both ends in the sorted order.
        return (
            major.to(torch.int64) * base + minor,
            lambda key: ((key // base).to(major.dtype), (key % base).to(minor.dtype)),
        )
    majors, major = major.unique(return_inverse=True)
    minors, minor = minor.unique(return_inverse=True)
    base = minors.numel()
    return major * base + minor, lambda key: (majors[key // base], minors[key % base])


def sort_keys(key: Tensor, stable: bool = True) -> tuple[Tensor, Tensor | None]:
    """Sorted keys and the permutation that sorts, None where they came sorted."""
    if bool((key[1:] >= key[:-1]).all()):
        return key, None
    return key.sort(stable=stable)


def _like(edge_index: Tensor | tuple[Tensor, Tensor], major: Tensor, minor: Tensor, by_row: bool) -> Any:
    """The two ends in the form in which `edge_index` came."""
    ends = (major, minor) if by_row else (minor, major)
    return torch.stack(ends) if isinstance(edge_index, Tensor) else ends


@overload
def sort_edge_index(
    edge_index: Tensor, edge_attr: str = ..., num_nodes: int | None = ..., sort_by_row: bool = ...
) -> Tensor: ...


@overload
def sort_edge_index(
    edge_index: Tensor, edge_attr: Tensor, num_nodes: int | None = ..., sort_by_row: bool = ...
) -> tuple[Tensor, Tensor]: ...


@overload
def sort_edge_index(
    edge_index: Tensor, edge_attr: None, num_nodes: int | None = ..., sort_by_row: bool = ...
) -> tuple[Tensor, None]: ...


@overload
def sort_edge_index(
    edge_index: Tensor, edge_attr: list[Tensor], num_nodes: int | None = ..., sort_by_row: bool = ...
) -> tuple[Tensor, list[Tensor]]: ...


def sort_edge_index(
    edge_index: Any, edge_attr: Any = MISSING, num_nodes: int | None = None, sort_by_row: bool = True
) -> Any:
    """Sorts edges lexicographically; equal edges keep their order.

    Args:
        edge_index: `(2, E)` integers, or the pair of its rows.
        edge_attr: `(E, ...)`, a list of such, or None.
        num_nodes: number of nodes; a hint that is not needed.
        sort_by_row: sort by (row, column), else by (column, row).

    Returns:
        The sorted `edge_index`; with an `edge_attr` (None included) the pair of both.

    Example:
        >>> sort_edge_index(torch.tensor([[2, 1, 1], [1, 2, 0]]), torch.tensor([0., 1., 2.]))
        (tensor([[1, 1, 2],
            [0, 2, 1]]), tensor([2., 1., 0.]))
    """
    row, col = edge_index
    key, decode = pair_keys(row, col) if sort_by_row else pair_keys(col, row)
    key, perm = sort_keys(key, stable=present(edge_attr))
    if perm is None:
        return packed(edge_index, edge_attr)
    edge_index = _like(edge_index, *decode(key), sort_by_row)
    return packed(edge_index, each(edge_attr, lambda attr: attr.index_select(0, perm)))


@overload
def coalesce(
    edge_index: Tensor,
    edge_attr: str = ...,
    num_nodes: int | None = ...,
    reduce: str = ...,
    is_sorted: bool = ...,
    sort_by_row: bool = ...,
) -> Tensor: ...


@overload
def coalesce(
    edge_index: Tensor,
    edge_attr: Tensor,
    num_nodes: int | None = ...,
    reduce: str = ...,
    is_sorted: bool = ...,
    sort_by_row: bool = ...,
) -> tuple[Tensor, Tensor]: ...


@overload
def coalesce(
    edge_index: Tensor,
    edge_attr: None,
    num_nodes: int | None = ...,
    reduce: str = ...,
    is_sorted: bool = ...,
    sort_by_row: bool = ...,
) -> tuple[Tensor, None]: ...


@overload
def coalesce(
    edge_index: Tensor,
    edge_attr: list[Tensor],
    num_nodes: int | None = ...,
    reduce: str = ...,
    is_sorted: bool = ...,
    sort_by_row: bool = ...,
) -> tuple[Tensor, list[Tensor]]: ...


def coalesce(
    edge_index: Any,
    edge_attr: Any = MISSING,
    num_nodes: int | None = None,
    reduce: str = "sum",
    is_sorted: bool = False,
    sort_by_row: bool = True,
) -> Any:
    """Sorts edges and merges duplicates, reducing their attributes.

    Args:
        edge_index: `(2, E)` integers, or the pair of its rows.
        edge_attr: `(E, ...)`, a list of such, or None.
        num_nodes: number of nodes; a hint that is not needed.
        reduce: how attributes of duplicates merge: `"sum"`, `"mean"`, `"min"`, `"max"`, `"mul"` or `"any"`.
        is_sorted: promise that the edges are sorted already.
        sort_by_row: sort by (row, column), else by (column, row).

    Returns:
        The merged `edge_index`; with an `edge_attr` (None included) the pair of both.

    Raises:
        GraphValueError: for an unknown `reduce`.

    Example:
        >>> coalesce(torch.tensor([[1, 1, 0], [0, 0, 1]]), torch.tensor([1., 2., 3.]))
        (tensor([[0, 1],
            [1, 0]]), tensor([3., 3.]))
    """
    row, col = edge_index
    key, decode = pair_keys(row, col) if sort_by_row else pair_keys(col, row)
    perm = None
    if not is_sorted:
        key, perm = sort_keys(key, stable=present(edge_attr))
    if perm is not None:
        edge_attr = each(edge_attr, lambda attr: attr.index_select(0, perm))

    first = torch.ones_like(key, dtype=torch.bool)
    torch.ne(key[1:], key[:-1], out=first[1:])
    if bool(first.all()):
        return packed(edge_index if perm is None else _like(edge_index, *decode(key), sort_by_row), edge_attr)
    key = key[first]
    if present(edge_attr):
        group = first.cumsum(0) - 1
        edge_attr = each(edge_attr, lambda attr: reduce_rows(attr, group, key.numel(), reduce))
    return packed(_like(edge_index, *decode(key), sort_by_row), edge_attr)


def index2ptr(index: Tensor, size: int | None = None) -> Tensor:
    """Compresses a sorted index into row pointers.

    Args:
        index: `(E,)`, non-decreasing.
        size: number of rows R; by default the largest index plus one.

    Returns:
        `ptr` (R + 1,): row `r` owns the positions `ptr[r]` to `ptr[r + 1] - 1`.

    Example:
        >>> index2ptr(torch.tensor([0, 0, 2]), size=3)
        tensor([0, 2, 2, 3])
    """
    if size is None:
        size = int(index[-1]) + 1 if index.numel() > 0 else 0
    rows = torch.arange(size + 1, dtype=index.dtype, device=index.device)
    return torch.searchsorted(index.contiguous(), rows).to(index.dtype)


def ptr2index(ptr: Tensor, output_size: int | None = None) -> Tensor:
    """Expands row pointers into the row of every position.

    Args:
        ptr: `(R + 1,)`, non-decreasing.
        output_size: E, to spare a synchronisation on devices.

    Returns:
        `(E,)` row indices.

    Example:
        >>> ptr2index(torch.tensor([0, 2, 2, 3]))
        tensor([0, 0, 2])
    """
    rows = torch.arange(ptr.numel() - 1, dtype=ptr.dtype, device=ptr.device)
    return rows.repeat_interleave(ptr.diff(), output_size=output_size)
