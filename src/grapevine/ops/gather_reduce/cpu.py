"""Gather, scale and reduce in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.order import Order

REDUCE = {"sum": 0, "mean": 1, "max": 2, "min": 3}


def reasons(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> list[str]:
    return _core.reasons(order.ptr, floating=(x, weight))


def positions(order: Order, on: str) -> int:
    """Address of the row numbers by position; 0 stands for the position itself."""
    return _core.address(order.perm if on == "edge" else order.other)


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> tuple[Tensor, Tensor | None]:
    assert _core.core is not None
    x = x.contiguous()
    weight = None if weight is None else weight.contiguous()
    features = x.shape[1]
    out = x.new_empty(order.num_rows, features)
    ties = torch.empty(out.shape, dtype=torch.int32) if reduce in ("max", "min") else None
    _core.core.gather_reduce(
        _core.DTYPES[x.dtype], REDUCE[reduce], order.num_rows, features, 0 if weight is None else weight.shape[1],
        order.ptr.data_ptr(), positions(order, x_on), positions(order, weight_on),
        x.data_ptr(), _core.address(weight), out.data_ptr(), _core.address(ties), 0, 0,
        torch.get_num_threads(),
    )  # fmt: skip
    return out, ties
