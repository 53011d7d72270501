"""Initialisers: what new rows of a feature are filled with."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["zero_initializer"]


def zero_initializer(
    shape: tuple[int, ...], dtype: torch.dtype, ctx: torch.device, id_range: slice
) -> Tensor:
    """Zeros: the default of every feature.

    Args:
        shape: of the new rows, the number of rows first.
        dtype: of the feature.
        ctx: the device of the feature.
        id_range: the ids of the new rows.

    Example:
        >>> zero_initializer((2, 1), torch.float32, torch.device("cpu"), slice(0, 2)).tolist()
        [[0.0], [0.0]]
    """
    return torch.zeros(shape, dtype=dtype, device=ctx)
