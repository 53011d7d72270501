"""Values for every element of a sequence."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch import Tensor


def repeat(src: Any, length: int) -> Any:
    """A sequence of the given length: cut off, or filled up with the last entry.

    Args:
        src: a number, a sequence or a tensor; None stays None.
        length: the length.

    Example:
        >>> repeat([1, 2], length=4)
        [1, 2, 2, 2]
    """
    if src is None:
        return None
    if isinstance(src, numbers.Number):
        return [src] * length
    if isinstance(src, Tensor):
        src = torch.atleast_1d(src)
    missing = max(length - len(src), 0)
    if isinstance(src, Tensor):
        return torch.cat([src[:length], src[-1:].expand(missing, *src.shape[1:])])
    return src[:length] + src[-1:] * missing
