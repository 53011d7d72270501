"""Reduction of rows into groups, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.ops import fold_rows

_REDUCTIONS = ("sum", "add", "mean", "min", "max", "mul", "any")


def reduce_rows(src: Tensor, index: Tensor, num_rows: int, reduce: str) -> Tensor:
    """Reduces the rows of `src` (E, ...) that share an `index` (E,) into `(num_rows, ...)`.

    Empty groups are 0 (1 for `"mul"`); `"mean"` of integers is a float, as in a true division; `"any"` keeps
    one row.
    """
    if reduce not in _REDUCTIONS:
        raise GraphValueError(f"expected reduce to be one of {_REDUCTIONS}, got {reduce!r}")
    index = index.to(torch.int64)
    if reduce == "any":
        return src.new_zeros((num_rows, *src.shape[1:])).index_copy_(0, index, src)
    if reduce in ("sum", "add"):
        return src.new_zeros((num_rows, *src.shape[1:])).index_add_(0, index, src)
    if reduce == "mean":
        count = src.new_zeros(num_rows).index_add_(0, index, src.new_ones(index.numel())).clamp_(min=1)
        return reduce_rows(src, index, num_rows, "sum") / count.view(-1, *[1] * (src.dim() - 1))
    return fold_rows(index, num_rows, src, reduce, empty=int(reduce == "mul"))
