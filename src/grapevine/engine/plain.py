"""Reductions in plain ATen ops: what tracers and transforms see, and the oracle inside `gv.materialised()`."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import fold_rows
from grapevine.ops._fold import has_scatter_reduce


def reduce(index: Tensor, num_rows: int, m: Tensor, reduce: str) -> Tensor:
    """Reduces rows of `m` by index; zero where nothing arrives."""
    trailing = [1] * (m.dim() - 1)
    if reduce in ("sum", "mean"):
        wide = m.float() if m.dtype in (torch.bfloat16, torch.float16) else m  # their sums would stop growing
        out = wide.new_zeros((num_rows, *m.shape[1:])).index_add(0, index, wide)
        if reduce == "mean":
            ones = wide.new_ones(index.shape[0])
            counts = wide.new_zeros(num_rows).index_add(0, index, ones).clamp(min=1).view(-1, *trailing)
            out = out / counts if out.is_floating_point() else out.div(counts, rounding_mode="floor")
        return out.to(m.dtype)
    if reduce == "mul" or not m.is_floating_point():
        return fold_rows(index, num_rows, m, reduce, empty=int(reduce == "mul"))
    if not has_scatter_reduce(m):
        return _extreme(index, num_rows, m, reduce)
    # Start from a value that equals nothing: torch counts it among those that share the gradient.
    out = fold_rows(index, num_rows, m, reduce, empty=torch.nan)
    # 0 rather than False, which TorchScript does not know here.
    nothing = torch.ones(num_rows, dtype=torch.bool, device=m.device).index_fill(0, index, 0)
    return out.masked_fill(nothing.view(-1, *trailing), 0.0)


def _extreme(index: Tensor, num_rows: int, m: Tensor, reduce: str) -> Tensor:
    """Max or min whose gradient is shared evenly, as that of `scatter_reduce`, among finite rows that attain it."""
    value = m.detach()
    top = fold_rows(index, num_rows, value, reduce, empty=0.0)
    attained = (value == top.index_select(0, index)) & value.isfinite()
    ties = torch.zeros_like(top).index_add(0, index, attained.to(m.dtype)).clamp(min=1)
    change = torch.where(attained, (m - value) / ties.index_select(0, index), 0.0)  # zero, with a derivative
    return top.index_add(0, index, change)


def softmax(index: Tensor, num_rows: int, e: Tensor) -> Tensor:
    """Softmax of rows within their group."""
    top = reduce(index, num_rows, e.detach(), "max")
    weights = (e - top.index_select(0, index)).exp()
    total = reduce(index, num_rows, weights, "sum") + 1e-16
    return weights / total.index_select(0, index)
