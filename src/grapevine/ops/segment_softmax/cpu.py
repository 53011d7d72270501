"""Softmax over the edges of each row in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.order import Order


def reasons(order: Order, e: Tensor) -> list[str]:
    return _core.reasons(order.ptr, floating=(e,))


def run(order: Order, e: Tensor) -> Tensor:
    assert _core.core is not None
    e = e.contiguous()
    out = torch.empty_like(e)
    _core.core.segment_softmax(
        _core.DTYPES[e.dtype], order.num_rows, e.shape[1], order.ptr.data_ptr(), _core.address(order.perm),
        e.data_ptr(), 0, out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out


def reasons_backward(order: Order, p: Tensor, grad: Tensor) -> list[str]:
    return _core.reasons(order.ptr, floating=(p, grad))


def run_backward(order: Order, p: Tensor, grad: Tensor) -> Tensor:
    assert _core.core is not None
    p, grad = p.contiguous(), grad.contiguous()
    out = torch.empty_like(p)
    _core.core.segment_softmax(
        _core.DTYPES[p.dtype], order.num_rows, p.shape[1], order.ptr.data_ptr(), _core.address(order.perm),
        p.data_ptr(), grad.data_ptr(), out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out
