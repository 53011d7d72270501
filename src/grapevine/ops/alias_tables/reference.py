"""Alias tables, row by row."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

FULL = 0xFFFFFFFF


def run(ptr: Tensor, weight: Tensor) -> Tensor:
    out: list[int] = []
    bounds = ptr.tolist()
    for first, last in pairwise(bounds):
        out += [(other << 32) | threshold for threshold, other in _row(weight[first:last].tolist())]
    signed = [entry - 2**64 if entry >= 2**63 else entry for entry in out]
    return torch.tensor(signed, dtype=torch.int64)


def _row(weight: list[float]) -> list[tuple[int, int]]:
    degree, total = len(weight), sum(weight)
    if not total > 0:
        return [(0, FULL)] * degree
    share = [w / total * degree for w in weight]
    small = [i for i in range(degree) if share[i] < 1]
    large = [i for i in range(degree) if not share[i] < 1]
    row = [(0, 0)] * degree
    while small and large:  # a slot that weighs less than average is filled up by one that weighs more
        s, other = small.pop(), large[-1]
        row[s] = (min(int(share[s] * 2**32), FULL), other)
        share[other] -= 1 - share[s]
        if share[other] < 1:
            small.append(large.pop())
    for i in large + small:  # small: what rounding left over
        row[i] = (FULL, i) if weight[i] > 0 else (0, weight.index(max(weight)))
    return row
