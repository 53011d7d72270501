"""The specification: a mask over all messages."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops.gather_reduce.reference import split
from grapevine.ops.order import Order


def run(
    order: Order,
    x: Tensor,
    weight: Tensor | None,
    x_on: str,
    out: Tensor,
    share: Tensor,
    ties: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    share = share if ties is None else share / ties.clamp(min=1)
    rows, edges = order.rows(), order.edges()
    if x_on == "edge":
        grad = x.new_zeros(x.shape)
        attained = (x.index_select(0, edges) == out.index_select(0, rows)).to(x.dtype)
        return grad.index_copy_(0, edges, attained * share.index_select(0, rows)), None
    assert order.other is not None
    x_e = x.index_select(0, rows)
    groups = 1 if weight is None else weight.shape[1]
    w_e = x.new_ones(1, 1, 1) if weight is None else weight.index_select(0, edges).unsqueeze(-1)
    messages = (split(x_e, groups) * w_e).reshape(x_e.shape)
    attained = (messages == out.index_select(0, order.other)).to(x.dtype) * share.index_select(0, order.other)
    grad_x = x.new_zeros(x.shape).index_add_(0, rows, (split(attained, groups) * w_e).reshape(x_e.shape))
    if weight is None:
        return grad_x, None
    per_weight = split(attained * x_e, groups).sum(-1)
    return grad_x, weight.new_zeros(weight.shape).index_copy_(0, edges, per_weight)
