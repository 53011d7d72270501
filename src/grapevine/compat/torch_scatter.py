"""`torch_scatter`: reductions by index, answered with Grapevine's."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine import utils
from grapevine.errors import GraphKeyError
from grapevine.graph.sorting import ptr2index

#: The version of torch_scatter that programs see when they ask.
__version__ = "2.1.2"

__all__ = [
    "gather_coo",
    "gather_csr",
    "scatter",
    "scatter_add",
    "scatter_log_softmax",
    "scatter_logsumexp",
    "scatter_max",
    "scatter_mean",
    "scatter_min",
    "scatter_mul",
    "scatter_softmax",
    "scatter_std",
    "scatter_sum",
    "segment_add_coo",
    "segment_add_csr",
    "segment_coo",
    "segment_csr",
    "segment_max_coo",
    "segment_max_csr",
    "segment_mean_coo",
    "segment_mean_csr",
    "segment_min_coo",
    "segment_min_csr",
    "segment_sum_coo",
    "segment_sum_csr",
]


def scatter(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> Tensor:
    """Reduces the entries of `src` along `dim` that share an index.

    Args:
        src: values.
        index: groups: one-dimensional along `dim`, or of a shape that broadcasts to that of `src`.
        dim: the axis that is reduced; the last one by default.
        out: what the results are added to (sum), multiplied with (mul) or compared with (min, max), in place; the
            means are added to it.
        dim_size: entries of the result along `dim`; the largest index plus one if None.
        reduce: sum (or add), mul, mean, min, max.

    Returns:
        As `src`, with `dim_size` along `dim`; zero where no entry falls (one for mul).

    Example:
        >>> scatter(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([0, 1, 0]))
        tensor([[5., 2.]])
    """
    axis = dim % src.dim()
    if out is not None:
        dim_size = out.shape[axis]
    if index.dim() == 1 and (src.dim() == 1 or index.shape[0] == src.shape[axis]):
        value = utils.scatter(src, index, axis, dim_size, reduce)
    else:
        value = _by_entry(src, _like(index, src, axis), axis, dim_size, reduce)
    return value if out is None else _into(out, value, reduce)


def _into(out: Tensor, value: Tensor, reduce: str) -> Tensor:
    if reduce == "mul":
        return out.mul_(value)
    if reduce in ("min", "max"):
        raise GraphKeyError(
            f"expected out=None for {reduce}, got a tensor; combine it with torch.{reduce}imum"
        )
    return out.add_(value)


def _like(index: Tensor, src: Tensor, axis: int) -> Tensor:
    """An index in the shape of the values."""
    if index.dim() == 1:
        index = index.view([-1 if d == axis else 1 for d in range(src.dim())])
    return index.view(*index.shape, *[1] * (src.dim() - index.dim())).expand_as(src)


def _by_entry(src: Tensor, index: Tensor, axis: int, dim_size: int | None, reduce: str) -> Tensor:
    """Where every entry has a group of its own: columns are groups apart, all in one reduction."""
    size = dim_size if dim_size is not None else int(index.max()) + 1 if index.numel() else 0
    lead, values = index.transpose(0, axis), src.transpose(0, axis)
    columns = lead[0].numel() if lead.shape[0] else 0
    groups = lead.reshape(-1, columns) * columns + torch.arange(columns, device=src.device)
    flat = utils.scatter(values.reshape(-1), groups.reshape(-1), 0, size * columns, reduce)
    return flat.view(size, *values.shape[1:]).transpose(0, axis)
