"""A dot product per edge in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.gather_reduce.cpu import positions
from grapevine.ops.order import Order


def reasons(order: Order, a: Tensor, b: Tensor, heads: int, b_on: str) -> list[str]:
    return _core.reasons(order.ptr, floating=(a, b))


def run(order: Order, a: Tensor, b: Tensor, heads: int, b_on: str) -> Tensor:
    assert _core.core is not None
    a, b = a.contiguous(), b.contiguous()
    out = a.new_empty(order.num_edges, heads)
    _core.core.edge_dot(
        _core.DTYPES[a.dtype], order.num_rows, a.shape[1], heads, order.ptr.data_ptr(), _core.address(order.perm),
        positions(order, b_on), a.data_ptr(), b.data_ptr(), out.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    return out
