"""Edges as the compressed rows that `sample_neighbors` reads."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops.alias_tables import alias_tables
from grapevine.ops.sample_neighbors.contract import Relation
from grapevine.ops.sort_rows import sort_rows


def compress(
    neighbour: Tensor, row: Tensor, size: tuple[int, int], kinds: tuple[int, int],
    time: Tensor | None = None, weight: Tensor | None = None,
) -> Relation:  # fmt: skip
    """Groups edges by row.

    Args:
        neighbour: `(E,)` the end that is sampled.
        row: `(E,)` the end that samples.
        size: numbers of nodes on the two sides.
        kinds: numbers of their node types.
        time: `(E,)` sortable times; rows are then ordered by them.
        weight: `(E,)` weights.
    """
    row, neighbour = row.cpu().to(torch.int64), neighbour.cpu().to(torch.int64)
    by_time = None
    if time is not None and time.numel() and bool((time[1:] < time[:-1]).any()):
        by_time = torch.argsort(time, stable=True)
        row = row[by_time]
    ptr, perm = sort_rows(row, size[1])
    if by_time is not None:
        perm = by_time if perm is None else by_time[perm.to(torch.int64)]
    small = max(*size, row.numel()) < 2**31 - 1
    dtype = torch.int32 if small else torch.int64
    edge: Tensor | None = None
    if perm is None:
        index = neighbour.to(dtype)
    else:  # side by side: one cache miss instead of two
        perm = perm.to(torch.int64)
        table = torch.empty(row.numel(), 2, dtype=dtype)
        table[:, 0], table[:, 1] = neighbour[perm], perm
        index, edge = table[:, 0], table[:, 1]

    def ordered(values: Tensor) -> Tensor:
        return (values if perm is None else values[perm]).contiguous()

    ptr = ptr.to(dtype)
    weights = None if weight is None else ordered(weight.detach().cpu().to(torch.float32).view(-1))
    alias = None if weights is None else alias_tables(ptr, weights)
    times = None if time is None else ordered(time)
    return Relation(kinds[0], kinds[1], ptr, index, edge, weights, alias, times)
