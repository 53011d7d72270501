"""The gradient of max and min in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.gather_reduce.cpu import positions
from grapevine.ops.order import Order


def reasons(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, out: Tensor, arg: Tensor, grad: Tensor
) -> list[str]:
    return _core.reasons(order.ptr, floating=(x, weight, grad))


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, out: Tensor, arg: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor | None]:
    assert _core.core is not None
    x, grad = x.contiguous(), grad.contiguous()
    weight = None if weight is None else weight.contiguous()
    wide = x.dtype if x.dtype is torch.float64 else torch.float32
    grad_x = torch.empty(x.shape, dtype=wide)
    grad_weight = None if weight is None else torch.empty(weight.shape, dtype=wide)
    _core.core.extreme_backward(
        _core.DTYPES[x.dtype], order.num_rows, x.shape[1], 0 if weight is None else weight.shape[1], x.shape[0],
        order.ptr.data_ptr(), _core.address(order.perm), positions(order, x_on), x_on == "edge", x.data_ptr(), _core.address(weight),
        out.data_ptr(), arg.data_ptr(), grad.data_ptr(), grad_x.data_ptr(), _core.address(grad_weight),
        torch.get_num_threads(),
    )  # fmt: skip
    return grad_x.to(x.dtype), None if grad_weight is None else grad_weight.to(x.dtype)
