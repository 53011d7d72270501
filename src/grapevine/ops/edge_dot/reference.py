"""The specification: both rows are stored per edge."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops.gather_reduce.reference import split
from grapevine.ops.order import Order


def run(order: Order, a: Tensor, b: Tensor, heads: int, b_on: str) -> Tensor:
    edges = order.edges()
    other = edges if b_on == "edge" else order.other
    assert other is not None
    product = a.index_select(0, order.rows()) * b.index_select(0, other)
    dots = split(product, heads).sum(-1)
    return dots.new_empty(dots.shape).index_copy_(0, edges, dots)
