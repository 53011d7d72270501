"""The specification, in terms of other ops, each of which takes its best backend: weights are stored, then used."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.gather_reduce import gather_reduce
from grapevine.ops.gather_reduce.reference import split
from grapevine.ops.order import Order
from grapevine.ops.weighted_sum_backward import weighted_sum_backward


def reasons(order: Order, scores: Tensor, x: Tensor) -> list[str]:
    return _triton.reasons(scores, x)


def _by_edge(order: Order, rows: Tensor) -> Tensor:
    """What lies in the order's sequence, (E,), edge by edge."""
    rows = rows.long()
    return torch.empty_like(rows).index_copy_(0, order.edges(), rows)


def run(order: Order, scores: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    wide = scores.to(torch.promote_types(x.dtype, torch.float32))
    at = _by_edge(order, order.rows())
    top, _ = gather_reduce(order, wide, None, "edge", "edge", "max")
    powers = (wide - top.index_select(0, at)).exp()
    total, _ = gather_reduce(order, powers, None, "edge", "edge", "sum")
    weights = powers / (total + 1e-16).index_select(0, at)
    out, _ = gather_reduce(order, x, weights.to(x.dtype), "other", "edge", "sum")
    return out, top + (total + 1e-16).log()


def reasons_backward(
    order: Order, grad: Tensor, out: Tensor, scores: Tensor, norm: Tensor, x: Tensor
) -> list[str]:
    return _triton.reasons(grad, out, scores, x)


def run_backward(
    order: Order, grad: Tensor, out: Tensor, scores: Tensor, norm: Tensor, x: Tensor
) -> tuple[Tensor, Tensor]:
    assert order.other is not None
    at = _by_edge(order, order.other)
    weights = (scores - norm.index_select(0, at)).exp()
    grad_x, grad_weights = weighted_sum_backward(order, grad, weights.to(x.dtype), x)
    mixed = split(grad.to(norm.dtype) * out, scores.shape[1]).sum(-1)
    return grad_x, (weights * (grad_weights - mixed.index_select(0, at))).to(x.dtype)
