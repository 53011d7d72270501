"""Counting sort in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core


def reasons(index: Tensor, num_rows: int) -> list[str]:
    found = _core.reasons()
    if index.device.type != "cpu":
        found.append(f"the index is on {index.device}")
    if max(index.numel(), num_rows) >= 2**31 - 1:
        found.append("2^31 or more edges or rows")
    if index.dtype is not torch.int64:
        found.append(f"index dtype {index.dtype}, not int64")
    return found


def run(index: Tensor, num_rows: int) -> tuple[Tensor, Tensor | None]:
    assert _core.core is not None
    index = index.contiguous()
    ptr = torch.empty(num_rows + 1, dtype=torch.int32)
    perm = torch.empty(index.numel(), dtype=torch.int32)
    is_sorted = _core.core.sort_rows(
        index.data_ptr(), index.numel(), num_rows, ptr.data_ptr(), perm.data_ptr(), torch.get_num_threads()
    )
    return ptr, None if is_sorted else perm
