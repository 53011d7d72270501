"""A weighted sum's derivative as two edge programs."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.edge_dot import triton as edge_dot
from grapevine.ops.gather_reduce import triton as gather_reduce
from grapevine.ops.order import Order


def reasons(order: Order, grad: Tensor, weight: Tensor, x: Tensor) -> list[str]:
    return _triton.reasons(grad, weight, x)


def run(order: Order, grad: Tensor, weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    grad_x, _ = gather_reduce.run(order, grad, weight, "other", "edge", "sum")
    return grad_x, edge_dot.run(order, x, grad, weight.shape[1], "other")
