"""Reductions in plain ATen ops: what tracers and transforms see, and the oracle inside `gv.materialised()`."""

from __future__ import annotations

import torch
from torch import Tensor


def spread(index: Tensor, like: Tensor) -> Tensor:
    """`(E,)` indices repeated over the trailing dims of `like`."""
    return index.view(-1, *[1] * (like.dim() - 1)).expand_as(like)


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
    name = {"max": "amax", "min": "amin", "mul": "prod"}[reduce]
    if name == "prod" or not m.is_floating_point():
        out = m.new_full((num_rows, *m.shape[1:]), int(name == "prod"))
        return out.scatter_reduce(0, spread(index, m), m, name, include_self=name == "prod")
    # Start from a value that equals nothing: torch counts it among those that share the gradient.
    out = m.new_full((num_rows, *m.shape[1:]), torch.nan)
    out = out.scatter_reduce(0, spread(index, m), m, name, include_self=False)
    nothing = torch.ones(num_rows, dtype=torch.bool, device=m.device).index_fill(0, index, False)
    return out.masked_fill(nothing.view(-1, *trailing), 0.0)


def softmax(index: Tensor, num_rows: int, e: Tensor) -> Tensor:
    """Softmax of rows within their group."""
    top = reduce(index, num_rows, e.detach(), "max")
    weights = (e - top.index_select(0, index)).exp()
    total = reduce(index, num_rows, weights, "sum") + 1e-16
    return weights / total.index_select(0, index)
