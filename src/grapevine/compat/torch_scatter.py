"""`torch_scatter`: reductions by index, answered with Grapevine's."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from grapevine import utils
from grapevine.errors import GraphValueError

#: The version of torch_scatter that programs see when they ask.
__version__ = "2.1.2"


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
        out: what sums are added to and products multiplied with, in place.
        dim_size: entries of the result along `dim`; the largest index plus one if None.
        reduce: sum (or add), mul, mean, min, max.

    Returns:
        As `src`, with `dim_size` along `dim`; zero where no entry falls (one for mul). Means of integers are rounded
        down.

    Raises:
        GraphValueError: for `out` with mean, min or max.

    Departures from torch_scatter: gradients of min and max are shared by equal extremes (`scatter_max` picks one).

    Example:
        >>> scatter(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([0, 1, 0]))
        tensor([[5., 2.]])
    """
    axis = dim % src.dim()
    if reduce == "mean" and not src.is_floating_point() and out is None:
        total, count = (scatter(s, index, dim, None, dim_size) for s in (src, torch.ones_like(src)))
        return total.div(count.clamp(min=1), rounding_mode="floor")
    if out is not None:
        _check_out(reduce)
        dim_size = out.shape[axis]
    if index.dim() == 1 and index.shape[0] == src.shape[axis]:
        value = utils.scatter(src, index, axis, dim_size, reduce)
    else:
        value = _by_entry(src, _like(index, src, axis), axis, dim_size, reduce)
    if out is None:
        return value
    return out.mul_(value) if reduce == "mul" else out.add_(value)


def _check_out(reduce: str) -> None:
    if reduce not in ("sum", "add", "mul"):
        raise GraphValueError(
            f"expected out=None for {reduce!r}, got a tensor; combine it with the result instead"
        )


def _like(index: Tensor, src: Tensor, axis: int) -> Tensor:
    """An index in the shape of the values."""
    if index.dim() == 1:
        index = index.view([-1 if d == axis else 1 for d in range(src.dim())])
    return index.view(*index.shape, *[1] * (src.dim() - index.dim())).expand_as(src)


def _by_entry(src: Tensor, index: Tensor, axis: int, dim_size: int | None, reduce: str) -> Tensor:
    """Where every entry has an index of its own: columns are groups apart, all in one reduction."""
    size = _size(index, dim_size)
    lead, values = index.transpose(0, axis), src.transpose(0, axis)
    columns = values[:1].numel() if values.shape[0] else 0
    groups = lead.reshape(-1, columns) * columns + torch.arange(columns, device=src.device)
    flat = utils.scatter(values.reshape(-1), groups.reshape(-1), 0, size * columns, reduce)
    return flat.view(size, *values.shape[1:]).transpose(0, axis)


def _size(index: Tensor, dim_size: int | None) -> int:
    if dim_size is not None:
        return dim_size
    return int(index.max()) + 1 if index.numel() else 0


def scatter_sum(
    src: Tensor, index: Tensor, dim: int = -1, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """`scatter` with reduce="sum".

    Example:
        >>> scatter_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        tensor([5., 2.])
    """
    return scatter(src, index, dim, out, dim_size, "sum")


scatter_add = scatter_sum


def scatter_mul(
    src: Tensor, index: Tensor, dim: int = -1, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """`scatter` with reduce="mul".

    Example:
        >>> scatter_mul(torch.tensor([3.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        tensor([12.,  2.])
    """
    return scatter(src, index, dim, out, dim_size, "mul")


def scatter_mean(
    src: Tensor, index: Tensor, dim: int = -1, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """`scatter` with reduce="mean".

    Example:
        >>> scatter_mean(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        tensor([2.5000, 2.0000])
    """
    return scatter(src, index, dim, out, dim_size, "mean")


def _extreme(
    src: Tensor, index: Tensor, dim: int, out: Tensor | None, dim_size: int | None, reduce: str
) -> tuple[Tensor, Tensor]:
    if out is not None:
        _check_out(reduce)
    axis, length = dim % src.dim(), src.shape[dim]
    dim_size = _size(index, dim_size)
    every = _like(index, src, axis)
    best = scatter(src.detach(), index, axis, None, dim_size, reduce)
    place = torch.arange(length, device=src.device).view([-1 if d == axis else 1 for d in range(src.dim())])
    place = torch.where(src.detach() == best.gather(axis, every), place, length)
    first = torch.full(best.shape, length, device=src.device)
    first = first.scatter_reduce(axis, every, place, "amin")
    shape = list(src.shape)
    shape[axis] = 1
    return torch.cat([src, src.new_zeros(shape)], axis).gather(axis, first), first


def scatter_max(
    src: Tensor, index: Tensor, dim: int = -1, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """The largest entry of each index, and its place along `dim`: the first one of equals, which gets the gradient.

    Where no entry falls the value is 0 and the place `src.size(dim)`.

    Example:
        >>> scatter_max(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]))
        (tensor([4., 0., 2.]), tensor([2, 3, 1]))
    """
    return _extreme(src, index, dim, out, dim_size, "max")


def scatter_min(
    src: Tensor, index: Tensor, dim: int = -1, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """The smallest entry of each index, and its place along `dim`, as `scatter_max`.

    Example:
        >>> scatter_min(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        (tensor([1., 2.]), tensor([0, 1]))
    """
    return _extreme(src, index, dim, out, dim_size, "min")


def _shifted(src: Tensor, index: Tensor, dim: int, dim_size: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Values less the largest of their group, those largest ones, and the index in the values' shape."""
    every = _like(index, src, dim % src.dim())
    top = scatter(src.detach(), index, dim, None, dim_size, "max")
    return src - top.gather(dim, every), top, every


def scatter_logsumexp(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    eps: float = 1e-12,
) -> Tensor:
    """log of the sum of exp of the entries of each index; `eps` is added to the sum.

    Example:
        >>> scatter_logsumexp(torch.zeros(2), torch.tensor([0, 0]))
        tensor([0.6931])
    """
    if out is not None:
        _check_out("logsumexp")
    shifted, top, _ = _shifted(src, index, dim, dim_size)
    return (scatter_sum(shifted.exp(), index, dim, None, top.shape[dim]) + eps).log() + top


def scatter_softmax(src: Tensor, index: Tensor, dim: int = -1, dim_size: int | None = None) -> Tensor:
    """Softmax over the entries of each index.

    Example:
        >>> scatter_softmax(torch.tensor([1.0, 1.0, 5.0]), torch.tensor([0, 0, 1]))
        tensor([0.5000, 0.5000, 1.0000])
    """
    if index.dim() == 1:
        return utils.softmax(src, index, None, dim_size, dim)
    return scatter_log_softmax(src, index, dim, 0.0, dim_size).exp()


def scatter_log_softmax(
    src: Tensor, index: Tensor, dim: int = -1, eps: float = 1e-12, dim_size: int | None = None
) -> Tensor:
    """Log of the softmax over the entries of each index; `eps` is added to the sum.

    Example:
        >>> scatter_log_softmax(torch.zeros(2), torch.tensor([0, 0]))
        tensor([-0.6931, -0.6931])
    """
    shifted, top, every = _shifted(src, index, dim, dim_size)
    total = scatter_sum(shifted.exp(), index, dim, None, top.shape[dim])
    return shifted - (total.gather(dim, every) + eps).log()


def scatter_std(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    unbiased: bool = True,
) -> Tensor:
    """Standard deviation of the entries of each index.

    Example:
        >>> scatter_std(torch.tensor([1.0, 3.0, 4.0]), torch.tensor([0, 0, 1]), unbiased=False)
        tensor([1.0000, 0.0000])
    """
    if out is not None:
        _check_out("std")
    every = _like(index, src, dim % src.dim())
    mean = scatter_mean(src, index, dim, None, dim_size)
    squares = (src - mean.gather(dim, every)).square()
    count = scatter_sum(torch.ones_like(src), index, dim, None, mean.shape[dim])
    if unbiased:
        count = count - 1
    return (scatter_sum(squares, index, dim, None, mean.shape[dim]) / (count.clamp(min=1) + 1e-6)).sqrt()


# -- consecutive groups ------------------------------------------------------------------------------


def segment_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None, reduce: str = "sum"
) -> Tensor:
    """`scatter` along the last axis of an ascending `index`.

    Example:
        >>> segment_coo(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 0, 1]))
        tensor([3., 4.])
    """
    return scatter(src, index, index.dim() - 1, out, dim_size, reduce)


def segment_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None, reduce: str = "sum") -> Tensor:
    """Reduces consecutive entries: result r covers the entries `indptr[r]` to `indptr[r + 1] - 1`.

    Args:
        src: values; reduced along the axis which is the last one of `indptr`.
        indptr: `(..., R + 1)` non-decreasing; leading axes broadcast to those of `src`.
        out: overwritten with the result.
        reduce: sum (or add), mean, min, max.

    Example:
        >>> segment_csr(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 3]))
        tensor([3., 4.])
    """
    dim, rows = indptr.dim() - 1, indptr.shape[-1] - 1
    value = scatter(src, _groups(src, indptr), dim, None, rows + 1, reduce).narrow(dim, 0, rows)
    return value if out is None else out.copy_(value)


def _groups(src: Tensor, indptr: Tensor) -> Tensor:
    """The segment of every entry; R for entries outside all segments."""
    dim = indptr.dim() - 1
    ptr = indptr.expand(*src.shape[:dim], -1).contiguous()
    places = torch.arange(src.shape[dim], device=src.device).expand(*src.shape[: dim + 1]).contiguous()
    groups = torch.searchsorted(ptr, places, right=True) - 1
    return torch.where(groups < 0, indptr.shape[-1] - 1, groups)


def _extreme_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None, *, reduce: str
) -> tuple[Tensor, Tensor]:
    """The extreme of each segment, and its place; see `segment_csr` and `scatter_max`."""
    dim, rows = indptr.dim() - 1, indptr.shape[-1] - 1
    value, place = _extreme(src, _groups(src, indptr), dim, out, rows + 1, reduce)
    return value.narrow(dim, 0, rows), place.narrow(dim, 0, rows)


def _extreme_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None, *, reduce: str
) -> tuple[Tensor, Tensor]:
    """The extreme of each index, and its place; see `segment_coo` and `scatter_max`."""
    return _extreme(src, index, index.dim() - 1, out, dim_size, reduce)


segment_sum_coo = segment_add_coo = functools.partial(segment_coo, reduce="sum")
segment_mean_coo = functools.partial(segment_coo, reduce="mean")
segment_min_coo = functools.partial(_extreme_coo, reduce="min")
segment_max_coo = functools.partial(_extreme_coo, reduce="max")
segment_sum_csr = segment_add_csr = functools.partial(segment_csr, reduce="sum")
segment_mean_csr = functools.partial(segment_csr, reduce="mean")
segment_min_csr = functools.partial(_extreme_csr, reduce="min")
segment_max_csr = functools.partial(_extreme_csr, reduce="max")


def gather_coo(src: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """The entries of `src` at `index`, along the last axis of `index`.

    Example:
        >>> gather_coo(torch.tensor([1.0, 2.0]), torch.tensor([0, 0, 1]))
        tensor([1., 1., 2.])
    """
    dim = index.dim() - 1
    if dim == 0:
        value = src.index_select(0, index)
    else:
        trailing = src.shape[dim + 1 :]
        every = index.view(*index.shape, *[1] * len(trailing)).expand(
            *src.shape[:dim], index.shape[-1], *trailing
        )
        value = src.gather(dim, every)
    return value if out is None else out.copy_(value)


def gather_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    """Repeats entry r of `src` `indptr[r + 1] - indptr[r]` times: what `segment_csr` reduces.

    Example:
        >>> gather_csr(torch.tensor([1.0, 2.0]), torch.tensor([0, 2, 3]))
        tensor([1., 1., 2.])
    """
    lead = indptr.shape[:-1]
    length = int(indptr.flatten()[-1]) if indptr.numel() else 0
    return gather_coo(src, _groups(src.new_empty((*lead, length)), indptr), out)
