"""Lengths and directions whose derivatives of any order are finite for vectors of length zero too."""

from __future__ import annotations

import torch
from torch import Tensor


def norm(x: Tensor) -> Tensor:
    """`(..., D)` -> `(..., 1)`: the length; its derivative at zero counts as zero."""
    squared = x.square().sum(dim=-1, keepdim=True)
    some = squared > 0
    return torch.where(some, squared, 1.0).sqrt() * some


def direction(x: Tensor) -> Tensor:
    """`(..., D)` -> `(..., D)`: x over its length; zero for the zero vector, and so are its derivatives."""
    squared = x.square().sum(dim=-1, keepdim=True)
    some = squared > 0
    return x * (torch.where(some, squared, 1.0).rsqrt() * some)
