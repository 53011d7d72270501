"""Sorting edges on a device: a stable sort and a search, without atomic additions."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _triton


def reasons(index: Tensor, num_rows: int) -> list[str]:
    return _triton.refused(index.device)


def run(index: Tensor, num_rows: int) -> tuple[Tensor, Tensor | None]:
    dtype = torch.int32 if max(index.numel(), num_rows) < 2**31 - 1 else torch.int64
    ordered, perm = torch.sort(index, stable=True)
    rows = torch.arange(num_rows + 1, device=index.device, dtype=index.dtype)
    ptr = torch.searchsorted(ordered, rows, out_int32=dtype is torch.int32)
    return ptr, None if torch.equal(ordered, index) else perm.to(dtype)
