"""The specification: every message is stored, then reduced."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops.order import Order


def messages(order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str) -> Tensor:
    """The (E, F) messages in the order's sequence."""
    index = {"edge": order.edges, "other": lambda: order.other}
    m = x.index_select(0, index[x_on]())
    if weight is None:
        return m
    w = weight.index_select(0, index[weight_on]())
    return (m.unflatten(1, (w.shape[1], m.shape[1] // w.shape[1])) * w.unsqueeze(-1)).flatten(1)


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> tuple[Tensor, Tensor | None]:
    m = messages(order, x, weight, x_on, weight_on)
    rows = order.rows()
    out = m.new_zeros(order.num_rows, m.shape[1])
    if reduce in ("sum", "mean"):
        out.index_add_(0, rows, m)
        if reduce == "mean":
            out /= order.ptr.diff().clamp(min=1).unsqueeze(1).to(m.dtype)
        return out, None
    where = rows.unsqueeze(1).expand_as(m)
    out.scatter_reduce_(0, where, m, f"a{reduce}", include_self=False)
    attained = m == out.index_select(0, rows)
    nobody = order.num_edges
    first = torch.full_like(out, nobody, dtype=torch.int64)
    position = torch.arange(order.num_edges, device=m.device).unsqueeze(1).expand_as(m)
    first.scatter_reduce_(0, where, torch.where(attained, position, nobody), "amin")
    ties = torch.zeros_like(first).scatter_add_(0, where, attained.long())
    arg = torch.where(ties > 1, -2 - first, first)
    return out, torch.where(first == nobody, -1, arg).to(order.ptr.dtype)
