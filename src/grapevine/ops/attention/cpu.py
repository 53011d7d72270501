"""Attention in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.order import Order


def reasons(order: Order, scores: Tensor, x: Tensor) -> list[str]:
    return _core.reasons(order.ptr, floating=(scores, x))


def run(order: Order, scores: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    scores, x = scores.contiguous(), x.contiguous()
    out = x.new_empty(order.num_rows, x.shape[1])
    wide = torch.promote_types(x.dtype, torch.float32)
    norm = x.new_empty(order.num_rows, scores.shape[1], dtype=wide)
    _call(order, x, scores, norm, out)
    return out, norm


def reasons_backward(
    order: Order, grad: Tensor, out: Tensor, scores: Tensor, norm: Tensor, x: Tensor
) -> list[str]:
    return _core.reasons(order.ptr, floating=(grad, out, scores, x))


def run_backward(
    order: Order, grad: Tensor, out: Tensor, scores: Tensor, norm: Tensor, x: Tensor
) -> tuple[Tensor, Tensor]:
    grad, out, scores, norm, x = (t.contiguous() for t in (grad, out, scores, norm, x))
    grad_x, grad_scores = torch.empty_like(x), torch.empty_like(scores)
    _call(order, x, scores, norm, out, grad, grad_x, grad_scores)
    return grad_x, grad_scores


def _call(order: Order, x: Tensor, scores: Tensor, norm: Tensor, out: Tensor, *backward: Tensor) -> None:
    assert _core.core is not None
    tensors = (x, scores, norm, out, *(backward or (None, None, None)))
    _core.core.attention(
        _core.DTYPES[x.dtype], bool(backward), order.num_rows, order.num_other, x.shape[1], scores.shape[1],
        order.ptr.data_ptr(), _core.address(order.other), _core.address(order.perm),
        *map(_core.address, tensors), torch.get_num_threads(),
    )  # fmt: skip
