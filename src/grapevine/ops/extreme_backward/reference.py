"""The specification: a mask over all messages."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops.gather_reduce.reference import messages
from grapevine.ops.order import Order


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, out: Tensor, arg: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor | None]:
    rows = order.rows()
    m = messages(order, x, weight, x_on, weight_on)
    attained = (m == out.index_select(0, rows)).to(grad.dtype)
    ties = grad.new_zeros(grad.shape).index_add_(0, rows, attained)
    share = attained * (grad / ties.clamp(min=1)).index_select(0, rows)
    edges = order.edges()
    to = edges if x_on == "edge" else order.other
    assert to is not None
    if weight is None:
        return x.new_zeros(x.shape).index_add_(0, to, share), None
    heads = weight.shape[1]
    w = weight.index_select(0, edges).unsqueeze(-1)
    split = (heads, x.shape[1] // heads)
    scaled = (share.unflatten(1, split) * w).flatten(1)
    per_weight = (share * x.index_select(0, to)).unflatten(1, split).sum(-1)
    return (
        x.new_zeros(x.shape).index_add_(0, to, scaled),
        weight.new_zeros(weight.shape).index_add_(0, edges, per_weight),
    )
