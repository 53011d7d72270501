"""Edges of rows, one row after the other: the same draws as the compiled core."""

from __future__ import annotations

from bisect import bisect_right

import torch
from torch import Tensor

from grapevine.ops._draw import PHI, SLOT, Draw, mix
from grapevine.ops.sample_neighbors.contract import Relation
from grapevine.ops.sample_neighbors.reference import pick


def run(
    relation: Relation, rows: Tensor, k: int, key: int, first_row: int, slot: Tensor | None, time: Tensor | None,
    replace: bool, last: bool, first_edge: int, dtype: torch.dtype,
) -> Tensor:  # fmt: skip
    counts: list[int] = []
    found: list[int] = []
    for i, v in enumerate(rows.tolist()):
        begin, end = (int(p) for p in relation.ptr[v : v + 2])
        row = (begin, end)
        if time is not None and relation.time is not None:
            end = begin + bisect_right(relation.time[begin:end].tolist(), int(time[i]))
            begin = max(begin, end - k) if last and k >= 0 else begin
        state = key + PHI * (v + first_row) + (0 if slot is None else SLOT * int(slot[i]))
        positions = pick(relation, begin, end, row == (begin, end), k, replace, Draw(mix(state)))
        counts.append(len(positions))
        found += positions
    position = torch.tensor(found, dtype=torch.int64)
    edge = position if relation.edge is None else relation.edge[position].to(torch.int64)
    parts = (torch.tensor(counts, dtype=dtype), relation.index[position], edge + first_edge)
    return torch.cat([part.to(dtype) for part in parts])
