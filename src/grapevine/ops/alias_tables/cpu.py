"""Alias tables in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core


def reasons(ptr: Tensor, weight: Tensor) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    if ptr.dtype not in (torch.int32, torch.int64) or weight.dtype is not torch.float32:
        found.append(f"dtypes {ptr.dtype} and {weight.dtype}, not int32 or int64 and float32")
    if ptr.device.type != "cpu":
        found.append(f"the rows are on {ptr.device}, the core reads main memory")
    return found


def run(ptr: Tensor, weight: Tensor) -> Tensor:
    assert _core.core is not None
    ptr, weight = ptr.contiguous(), weight.contiguous()
    out = torch.empty(weight.numel(), dtype=torch.int64)
    wide, threads = ptr.dtype is torch.int64, torch.get_num_threads()
    _core.core.alias_tables(ptr.numel() - 1, wide, ptr.data_ptr(), weight.data_ptr(), out.data_ptr(), threads)
    return out
