"""Reductions of consecutive rows, and products with one matrix per segment."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine import engine
from grapevine.dgl.base import DGLError
from grapevine.dgl.function.algebra import lowered
from grapevine.ops import Order
from grapevine.topology import TensorMemo, Topology

__all__ = ["segment_mm", "segment_reduce", "segment_softmax"]

_known = TensorMemo()


def _segments(seglen: Tensor, rows: int) -> Topology:
    """Rows as edges into their segments; kept with the tensor of lengths."""
    found: Topology | None = None if seglen.is_inference() else _known.get(seglen)
    if found is not None and found.num_edges == rows:
        return found
    count = seglen.shape[0]
    index = torch.repeat_interleave(torch.arange(count, device=seglen.device), seglen)
    if index.shape[0] != rows:
        raise DGLError(
            f"expected as many rows as the segments are long together, {index.shape[0]}, got {rows}"
        )
    number = torch.arange(rows, device=seglen.device)
    found = Topology(number, index, (rows, count), validate=False)
    small = torch.int32 if max(rows, count) < 2**31 else torch.int64
    ptr = torch.nn.functional.pad(seglen.cumsum(0), (1, 0)).to(small)
    found._core.orders[1] = Order(ptr, None, number.to(small), count, rows, rows)
    return found if seglen.is_inference() else _known.set(seglen, found)


def segment_reduce(seglen: Tensor, value: Tensor, reducer: str = "sum") -> Tensor:
    """Reduces consecutive rows.

    Args:
        seglen: `(B,)` integers: how many rows each segment has; they add up to the rows of `value`.
        value: `(N, ...)`.
        reducer: sum, mean, max or min.

    Returns:
        `(B, ...)`; zero for empty segments.

    Raises:
        DGLError: for an unknown reducer, or lengths that do not add up.

    Example:
        >>> segment_reduce(torch.tensor([1, 0, 2]), torch.tensor([1.0, 2.0, 4.0]))
        tensor([1., 0., 6.])
    """
    if reducer not in ("sum", "mean", "max", "min"):
        raise DGLError(f"reducer {reducer} not recognized.")
    value = lowered(value)
    return engine.reduce(_segments(seglen, value.shape[0]), value, reducer)


def segment_softmax(seglen: Tensor, value: Tensor) -> Tensor:
    """Softmax of consecutive rows within their segment, feature by feature.

    Args:
        seglen: `(B,)` integers: how many rows each segment has.
        value: `(N, ...)`.

    Example:
        >>> segment_softmax(torch.tensor([1, 2]), torch.ones(3))
        tensor([1.0000, 0.5000, 0.5000])
    """
    value = lowered(value)
    return engine.softmax(_segments(seglen, value.shape[0]), value)


def segment_mm(a: Tensor, b: Tensor, seglen_a: Tensor) -> Tensor:
    """Consecutive rows times their segment's matrix: `a[0:10] @ b[0]`, `a[10:15] @ b[1]`, ...

    Args:
        a: `(N, D1)`.
        b: `(R, D1, D2)`.
        seglen_a: `(R,)` integers that add up to N.

    Returns:
        `(N, D2)`.

    Example:
        >>> segment_mm(torch.ones(3, 1), torch.tensor([[[2.0]], [[3.0]]]), torch.tensor([1, 2])).flatten()
        tensor([2., 3., 3.])
    """
    a, b = lowered(a), lowered(b)
    return torch.cat([rows @ weight for rows, weight in zip(a.split(seglen_a.tolist()), b)])
