"""Counting sort, written with a stable sort."""

from __future__ import annotations

import torch
from torch import Tensor


def run(index: Tensor, num_rows: int) -> tuple[Tensor, Tensor | None]:
    small = max(index.numel(), num_rows) < 2**31 - 1
    dtype = torch.int32 if small else torch.int64
    ptr = torch.zeros(num_rows + 1, dtype=dtype, device=index.device)
    ptr[1:] = torch.bincount(index, minlength=num_rows).cumsum(0)
    if bool((index[1:] >= index[:-1]).all()):
        return ptr, None
    return ptr, torch.argsort(index, stable=True).to(dtype)
