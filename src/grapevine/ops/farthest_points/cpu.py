"""Farthest points in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core


def reasons(x: Tensor, ptr: Tensor, count: Tensor, start: Tensor) -> list[str]:
    found = _core.reasons(floating=(x,))
    if not found and x.dtype not in (torch.float32, torch.float64):
        found.append(f"points have dtype {x.dtype}, not float32 or float64")
    return found


def run(x: Tensor, ptr: Tensor, count: Tensor, start: Tensor) -> Tensor:
    assert _core.core is not None
    x, ptr, start = x.contiguous(), ptr.contiguous(), start.contiguous()
    begin = torch.cat([count.new_zeros(1), count.cumsum(0)])
    out = torch.empty(int(begin[-1]), dtype=torch.int64)
    _core.core.farthest_points(
        x.dtype is torch.float64, count.numel(), x.shape[1], x.data_ptr(), ptr.data_ptr(), begin.data_ptr(),
        start.data_ptr(), out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out
