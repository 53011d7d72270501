"""Which examples an index means: slices, lists, masks, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from grapevine.data.aliases import IndexType, Scalar
from grapevine.errors import GraphIndexError


def is_scalar(idx: Any) -> TypeGuard[Scalar]:
    """Returns whether an index means one example: an integer, or a tensor or array without dimensions."""
    return isinstance(idx, int | np.integer) or (isinstance(idx, Tensor | np.ndarray) and idx.ndim == 0)


def position(idx: Scalar, length: int) -> int:
    """Returns the position in 0 ... length - 1 that an integer means; negative ones count from the end."""
    if not -length <= int(idx) < length:
        raise GraphIndexError(f"expected an index in [{-length}, {length}), got {int(idx)}")
    return int(idx) % length


def positions(idx: IndexType, length: int) -> Sequence[int]:
    """Returns the positions that an index of many examples means.

    Args:
        idx: a slice (bounds that are floats are fractions of `length`), or a list, tuple, tensor or array of
            integers or of bools.
        length: the number of examples.

    Raises:
        GraphIndexError: for other kinds of index, positions out of range, and masks of another length.

    Example:
        >>> positions(slice(0.5, None), 4), positions(torch.tensor([True, False, True]), 3)
        (range(2, 4), [0, 2])
    """
    if isinstance(idx, slice):
        start, stop = (round(b * length) if isinstance(b, float) else b for b in (idx.start, idx.stop))
        return range(length)[start : stop : idx.step]
    if isinstance(idx, np.ndarray):
        idx = torch.from_numpy(idx)
    if isinstance(idx, Tensor) and idx.dtype == torch.bool:
        if idx.numel() != length:
            raise GraphIndexError(f"expected a mask with {length} entries, got {idx.numel()}")
        return idx.flatten().nonzero().view(-1).tolist()
    if isinstance(idx, Tensor) and not idx.is_floating_point():
        idx = idx.flatten().tolist()
    if isinstance(idx, Sequence) and not isinstance(idx, str) and all(is_scalar(i) for i in idx):
        return [position(i, length) for i in idx]
    kind = f"{type(idx).__name__} of {idx.dtype}" if isinstance(idx, Tensor) else type(idx).__name__
    raise GraphIndexError(
        "Only slices (':'), lists, tuples, tensors and arrays of integers or bools are valid indices "
        f"(got {kind})"
    )
