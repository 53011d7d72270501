"""Random numbers of the dialect: they come from torch's generator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["seed"]


def seed(val: int) -> None:
    """Seeds everything random in the dialect, which is torch's generator.

    Example:
        >>> seed(0)
    """
    torch.manual_seed(val)


def choice(
    a: int | Tensor, size: int | tuple[int, ...], replace: bool = True, prob: Tensor | None = None
) -> Tensor:
    """Random entries of a population.

    Args:
        a: the entries, or their number, for the integers below it.
        size: how many, or the shape of the result.
        replace: whether an entry may be drawn more than once.
        prob: the weight of every entry.

    Example:
        >>> choice(5, 5, replace=False).sort().values
        tensor([0, 1, 2, 3, 4])
    """
    population = a if isinstance(a, int) else len(a)
    shape: Any = (size,) if isinstance(size, int) else size
    count = math.prod(shape)
    if prob is not None:
        chosen = torch.multinomial(prob, count, replacement=replace)
    elif replace:
        chosen = torch.randint(population, (count,))
    elif 2 * count > population:
        chosen = torch.randperm(population)[:count]
    else:
        chosen = _distinct(population, count)
    found = chosen if isinstance(a, int) else a[chosen.to(a.device)]
    return found.reshape(shape)


def _distinct(population: int, count: int) -> Tensor:
    """Draws until there are enough different ones, without a list of the whole population."""
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < count:
        more = torch.cat((found, torch.randint(population, (2 * (count - len(found)),))))
        found = more.unique()
    return found[torch.randperm(len(found))[:count]]
