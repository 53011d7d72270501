"""The gradient of max and min in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.order import Order


def reasons(
    order: Order,
    x: Tensor,
    weight: Tensor | None,
    x_on: str,
    out: Tensor,
    share: Tensor,
    ties: Tensor | None = None,
) -> list[str]:
    return _core.reasons(order.ptr, floating=(x, weight, out, share))


def run(
    order: Order,
    x: Tensor,
    weight: Tensor | None,
    x_on: str,
    out: Tensor,
    share: Tensor,
    ties: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    assert _core.core is not None
    x, out, share = x.contiguous(), out.contiguous(), share.contiguous()
    weight = None if weight is None else weight.contiguous()
    grad_x = torch.empty_like(x)
    grad_weight = None if weight is None else torch.empty_like(weight)
    _core.core.extreme_backward(
        _core.DTYPES[x.dtype], order.num_rows, out.shape[0], x.shape[1], 0 if weight is None else weight.shape[1],
        order.ptr.data_ptr(), _core.address(order.perm), _core.address(order.other), x_on == "edge", x.data_ptr(),
        _core.address(weight), out.data_ptr(), share.data_ptr(), _core.address(ties), grad_x.data_ptr(),
        _core.address(grad_weight), torch.get_num_threads(),
    )  # fmt: skip
    return grad_x, grad_weight
