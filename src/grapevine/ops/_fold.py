"""`fold_rows`: the largest, the smallest or the product of rows that share an index, in plain ATen ops."""

from __future__ import annotations

import torch
from torch import Tensor

_NAMES = {"max": "amax", "min": "amin", "mul": "prod"}
_OPS = {"max": torch.maximum, "min": torch.minimum, "mul": torch.mul}

#: Devices whose own `scatter_reduce` folds rows. Elsewhere, as on Ascend NPUs, it may run on the CPU, or not at all.
SCATTERING = ("cpu", "cuda", "xpu", "mps", "meta")


def has_scatter_reduce(x: Tensor) -> bool:
    """Whether the device of `x` is one of those."""
    return x.device.type in SCATTERING


def spread(index: Tensor, like: Tensor) -> Tensor:
    """`(E,)` indices repeated over the trailing dims of `like`."""
    return index.view(-1, *[1] * (like.dim() - 1)).expand_as(like)


def fold_rows(index: Tensor, num_rows: int, m: Tensor, how: str, empty: float) -> Tensor:
    """Folds the rows of `m` (E, ...) by an index (E,) int64 in [0, R) to (R, ...); rows without any are `empty`.

    Args:
        index: where each row belongs.
        num_rows: R.
        m: the rows.
        how: max, min or mul.
        empty: what stands where nothing arrives.

    Example:
        >>> fold_rows(torch.tensor([2, 0, 2]), 3, torch.tensor([4.0, 5.0, 6.0]), "max", 0)
        tensor([5., 0., 6.])
    """
    if not has_scatter_reduce(m):
        return _by_doubling(index, num_rows, m, how, empty)
    out = m.new_full((num_rows, *m.shape[1:]), empty)
    return out.scatter_reduce(0, spread(index, m), m, _NAMES[how], include_self=False)


def _by_doubling(index: Tensor, num_rows: int, m: Tensor, how: str, empty: float) -> Tensor:
    """The same by a sort and log2(E) passes over the rows: after k of them each has seen the 2^k before it."""
    out = m.new_full((num_rows, *m.shape[1:]), empty)
    if m.shape[0] == 0:
        return out
    order = index.argsort(stable=True)
    rows, seen = index.index_select(0, order), m.index_select(0, order)
    step = 1
    while step < rows.shape[0]:
        mates = (rows[step:] == rows[:-step]).view(-1, *[1] * (m.dim() - 1))
        seen = torch.cat([seen[:step], torch.where(mates, _OPS[how](seen[step:], seen[:-step]), seen[step:])])
        step *= 2
    count = torch.zeros_like(rows[:1]).expand(num_rows).index_add(0, rows, torch.ones_like(rows))
    last = seen.index_select(0, (count.cumsum(0) - 1).clamp(min=0))
    return torch.where((count > 0).view(-1, *[1] * (m.dim() - 1)), last, out)
