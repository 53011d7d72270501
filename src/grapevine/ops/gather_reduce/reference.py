"""The specification: every message is stored, then reduced."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops._fold import fold_rows
from grapevine.ops.order import Order


def split(x: Tensor, groups: int) -> Tensor:
    """`(M, F)` as `(M, groups, F / groups)`."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups)


def messages(order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str) -> Tensor:
    """The (E, F) messages in the order's sequence."""
    m = x.index_select(0, order.index_of(x_on))
    if weight is None:
        return m
    w = weight.index_select(0, order.index_of(weight_on))
    return (split(m, w.shape[1]) * w.unsqueeze(-1)).reshape(m.shape)


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> tuple[Tensor, Tensor | None]:
    return reduced(order, messages(order, x, weight, x_on, weight_on), reduce)


def reduced(order: Order, m: Tensor, reduce: str) -> tuple[Tensor, Tensor | None]:
    """Reduces messages that lie in the order's sequence."""
    rows = order.rows()
    if reduce in ("sum", "mean"):
        wide = m.float() if m.dtype in (torch.bfloat16, torch.float16) else m
        total = wide.new_zeros(order.num_rows, m.shape[1]).index_add_(0, rows, wide)
        if reduce == "mean":
            total /= order.ptr.diff().clamp(min=1).unsqueeze(1).to(wide.dtype)
        return total.to(m.dtype), None
    out = fold_rows(rows, order.num_rows, m, reduce, empty=0)
    attained = (m == out.index_select(0, rows)).to(torch.int32)
    return out, torch.zeros(out.shape, dtype=torch.int32, device=m.device).index_add_(0, rows, attained)
