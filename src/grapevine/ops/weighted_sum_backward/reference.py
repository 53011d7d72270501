"""The specification: a weighted sum along the edges turned around, and a dot product per edge."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops.edge_dot import reference as edge_dot
from grapevine.ops.gather_reduce import reference as gather_reduce
from grapevine.ops.order import Order


def run(order: Order, grad: Tensor, weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    grad_x, _ = gather_reduce.run(order, grad, weight, "other", "edge", "sum")
    return grad_x, edge_dot.run(order, x, grad, weight.shape[1], "other")
