"""Reduction of rows into groups, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError

_FOLDS = {"sum": "sum", "add": "sum", "mean": "mean", "min": "amin", "max": "amax", "mul": "prod"}


def reduce_rows(src: Tensor, index: Tensor, num_rows: int, reduce: str) -> Tensor:
    """Reduces the rows of `src` (E, ...) that share an `index` (E,) into `(num_rows, ...)`.

    Empty groups are 0 (1 for `"mul"`); `"mean"` of integers is a float, as in a true division; `"any"` keeps
    one row.
    """
    if reduce != "any" and reduce not in _FOLDS:
        raise GraphValueError(f"expected reduce to be one of {[*_FOLDS, 'any']}, got {reduce!r}")
    size = (num_rows, *src.shape[1:])
    index = index.to(torch.int64)
    rows = index.view(-1, *[1] * (src.dim() - 1)).expand_as(src)
    if reduce == "any":
        return src.new_zeros(size).scatter_(0, rows, src)
    if reduce in ("sum", "add"):
        return src.new_zeros(size).scatter_add_(0, rows, src)
    if reduce == "mean":
        count = src.new_zeros(num_rows).scatter_add_(0, index, src.new_ones(index.numel())).clamp_(min=1)
        return reduce_rows(src, index, num_rows, "sum") / count.view(-1, *[1] * (src.dim() - 1))
    start = src.new_ones(size) if reduce == "mul" else src.new_zeros(size)
    return start.scatter_reduce_(0, rows, src, _FOLDS[reduce], include_self=reduce == "mul")
