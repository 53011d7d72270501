"""Row gathers in the compiled core."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from grapevine.ops import _core

Empty: TypeAlias = Callable[[tuple[int, ...], torch.dtype], Tensor]


def fresh(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Memory that was not used before."""
    return torch.empty(shape, dtype=dtype)


def reasons(x: Tensor, index: Tensor, empty: Any = None) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    if x.device.type != "cpu" or x.layout is not torch.strided or x.is_conj() or x.is_neg():
        found.append("x is not a plain tensor in main memory")
    elif not x.is_contiguous() or x.dim() == 0 or x.requires_grad:
        found.append("x is not contiguous, has no rows or needs gradients")
    if index.dtype is not torch.int64 or index.device.type != "cpu":
        found.append(f"index dtype {index.dtype} on {index.device}, not int64 in main memory")
    return found


def run(x: Tensor, index: Tensor, empty: Empty = fresh) -> Tensor:
    assert _core.core is not None
    index = index.contiguous()
    out = empty((index.numel(), *x.shape[1:]), x.dtype)
    row_bytes = math.prod(x.shape[1:]) * x.element_size()
    if out.numel():
        _core.core.gather_rows(x.data_ptr(), row_bytes, index.data_ptr(), index.numel(), out.data_ptr())
    return out
