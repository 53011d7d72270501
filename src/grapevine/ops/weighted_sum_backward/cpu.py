"""A weighted sum's derivative in the compiled core: `gather_reduce`, which multiplies the rows it reads twice."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.gather_reduce.cpu import REDUCE, positions
from grapevine.ops.order import Order


def reasons(order: Order, grad: Tensor, weight: Tensor, x: Tensor) -> list[str]:
    return _core.reasons(order.ptr, floating=(grad, weight, x))


def run(order: Order, grad: Tensor, weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    assert _core.core is not None
    grad, weight, x = grad.contiguous(), weight.contiguous(), x.contiguous()
    grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
    _core.core.gather_reduce(
        _core.DTYPES[x.dtype], REDUCE["sum"], order.num_rows, x.shape[1], weight.shape[1],
        order.ptr.data_ptr(), positions(order, "other"), positions(order, "edge"),
        grad.data_ptr(), weight.data_ptr(), grad_x.data_ptr(), 0, x.data_ptr(), grad_weight.data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip
    return grad_x, grad_weight
