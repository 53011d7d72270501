"""Edges of rows in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.sample_neighbors.contract import Relation
from grapevine.ops.sample_neighbors.cpu import numbers, relation_reasons


def reasons(relation: Relation, *_: object) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    return found + relation_reasons(relation)


def run(
    relation: Relation, rows: Tensor, k: int, key: int, first_row: int, slot: Tensor | None, time: Tensor | None,
    replace: bool, last: bool, first_edge: int, dtype: torch.dtype,
) -> Tensor:  # fmt: skip
    assert _core.core is not None
    held = [None if t is None else t.contiguous() for t in (rows, slot, time)]
    found = _core.core.pick_edges(
        numbers(relation, (k,)),
        rows.numel(),
        *map(_core.address, held),
        key & (2**64 - 1),
        first_row,
        replace,
        last,
    )
    block = torch.empty(rows.numel() + 2 * found.size, dtype=dtype)
    found.write(dtype is torch.int64, block.data_ptr(), first_edge)
    return block
