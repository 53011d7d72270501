"""Reductions of rows by index: scatter, segment, softmax, degree, on the engine's kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine import engine
from grapevine.engine import EdgeTensor
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.graph.sorting import ptr2index
from grapevine.topology import Topology, grouping

_NAMES = {
    "add": "sum",
    "sum": "sum",
    "mean": "mean",
    "max": "max",
    "amax": "max",
    "min": "min",
    "amin": "min",
    "mul": "mul",
    "prod": "mul",
    "any": "any",
}


def _rows(index: Tensor, dim_size: int | None) -> int:
    if dim_size is not None:
        return dim_size
    return int(index.max()) + 1 if index.numel() > 0 else 0


def _reduction(reduce: str) -> str:
    try:
        return _NAMES[reduce]
    except KeyError:
        known = ", ".join(sorted(set(_NAMES)))
        raise GraphKeyError(f"unknown reduction {reduce!r}; choose one of {known}") from None


def _check_groups(src: Tensor, index: Tensor, axis: int) -> None:
    """Kernels trust that every entry has a group."""
    if index.shape[0] != src.shape[axis]:
        raise GraphValueError(
            f"expected the group of each of the {src.shape[axis]} entries along dim {axis} of shape "
            f"{list(src.shape)}, got an index of {index.shape[0]}"
        )


def scatter(
    src: Tensor, index: Tensor, dim: int = 0, dim_size: int | None = None, reduce: str = "sum"
) -> Tensor:
    """Reduces all entries of `src` that share an index.

        out[n] = reduce of src[e] over e with index[e] = n

    Args:
        src: values; a lazy edge tensor is reduced without being computed where a kernel fits.
        index: `(src.size(dim),)` int64 in `[0, dim_size)`.
        dim: the axis that `index` runs along.
        dim_size: rows of the result; the largest index plus one if None.
        reduce: sum (or add), mean, max, min, mul, any. `any` keeps one of the entries.

    Returns:
        As `src`, with `dim_size` along `dim`; zero where no entry falls (one for mul). Means of integers are of the
        default floating dtype.

    Raises:
        GraphValueError: if `index` is not one-dimensional or not as long as `src` along `dim`, or `dim` does
            not exist.
        GraphKeyError: for an unknown reduction.

    Example:
        >>> scatter(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        tensor([5., 2.])
    """
    if index.dim() != 1:
        raise GraphValueError(f"expected a one-dimensional index, got {index.dim()} dimensions")
    how = _reduction(reduce)
    ndim = src.dim()
    axis = dim + ndim if dim < 0 else dim
    if not 0 <= axis < ndim:
        raise GraphValueError(f"expected dim between {-ndim} and {ndim - 1}, got {dim}")
    _check_groups(src, index, axis)
    if axis != 0:
        moved = scatter(engine.materialise(src).transpose(0, axis), index, 0, dim_size, how)
        return moved.transpose(0, axis)
    num_rows = _rows(index, dim_size)
    if how == "any":
        out = src.new_zeros((num_rows, *src.shape[1:]))
        return out.index_copy(0, index, engine.materialise(src))
    if how == "mean" and not (src.is_floating_point() or src.is_complex()):
        exact = engine.materialise(src).double()
        return scatter(exact, index, 0, num_rows, how).to(torch.get_default_dtype())
    if engine.computes_now():
        return engine.plain.reduce(index, num_rows, engine.materialise(src), how)
    return engine.reduce(_topology(src, index, num_rows), src, how)


def _topology(src: Tensor, index: Tensor, num_rows: int) -> Topology:
    """Who belongs where: the message's own edges if it is scattered to their destinations."""
    if isinstance(src, EdgeTensor):
        edges = src.topology
        if edges.dst_index is index and edges.num_dst == num_rows:
            return edges
        if edges.src_index is index and edges.num_src == num_rows:
            return edges.reverse()
    return grouping(index, num_rows)


def segment(src: Tensor, ptr: Tensor, reduce: str = "sum") -> Tensor:
    """Reduces consecutive rows: row r of the result covers rows `ptr[r]` to `ptr[r + 1] - 1`.

    Args:
        src: `(E, ...)`.
        ptr: `(R + 1,)` int64, non-decreasing.
        reduce: sum, mean, max, min.

    Example:
        >>> segment(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 3]))
        tensor([3., 4.])
    """
    return scatter(src, ptr2index(ptr, src.shape[0]), 0, ptr.shape[0] - 1, reduce)


def softmax(
    src: Tensor,
    index: Tensor | None = None,
    ptr: Tensor | int | None = None,
    num_nodes: int | None = None,
    dim: int = 0,
) -> Tensor:
    """Softmax within groups of entries that share an index.

        out[e] = exp(src[e]) / sum of exp(src[f]) over f with index[f] = index[e]

    Args:
        src: scores, lazy or real.
        index: `(src.size(dim),)` group of each entry; or
        ptr: `(R + 1,)` for consecutive groups; a number is `num_nodes`, whose place this once was.
        num_nodes: number of groups.
        dim: the axis of the entries.

    Raises:
        GraphValueError: if neither `index` nor `ptr` is given, or if they are not of as many entries as `src` has.

    Example:
        >>> softmax(torch.tensor([1.0, 1.0, 5.0]), torch.tensor([0, 0, 1]))
        tensor([0.5000, 0.5000, 1.0000])
    """
    if isinstance(ptr, int):
        ptr, num_nodes = None, ptr
    ndim = src.dim()
    axis = dim + ndim if dim < 0 else dim
    if axis != 0:
        return softmax(engine.materialise(src).transpose(0, axis), index, ptr, num_nodes).transpose(0, axis)
    if ptr is not None:
        index, num_nodes = ptr2index(ptr, src.shape[0]), ptr.shape[0] - 1
    if index is None:
        raise GraphValueError("expected index or ptr, got neither; pass the group of each entry as index")
    _check_groups(src, index, 0)
    num_rows = _rows(index, num_nodes)
    if engine.computes_now():
        return engine.plain.softmax(index, num_rows, engine.materialise(src))
    return engine.softmax(_topology(src, index, num_rows), src)


def degree(index: Tensor, num_nodes: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """How often each id occurs.

    Args:
        index: `(E,)` ids in `[0, num_nodes)`.
        num_nodes: N; the largest id plus one if None.
        dtype: of the result; the default floating dtype if None.

    Raises:
        GraphValueError: if `index` is not one-dimensional.

    Example:
        >>> degree(torch.tensor([0, 2, 2]), num_nodes=3)
        tensor([1., 0., 2.])
    """
    if index.dim() != 1:
        raise GraphValueError(
            f"expected a one-dimensional index, got shape {list(index.shape)}; of an edge_index take the targets, "
            "degree(edge_index[1]), or the sources, degree(edge_index[0])"
        )
    num_rows = _rows(index, num_nodes)
    dtype = dtype or torch.get_default_dtype()
    # Half precision cannot count far: 256 + 1 is 256 in bfloat16.
    exact = torch.promote_types(dtype, torch.float32) if dtype.is_floating_point else dtype
    out = torch.zeros(num_rows, dtype=exact, device=index.device)
    return out.index_add_(0, index, out.new_ones(index.shape[0])).to(dtype)


def cumsum(x: Tensor, dim: int = 0) -> Tensor:
    """Running sum with a leading zero: sizes to pointers.

    Example:
        >>> cumsum(torch.tensor([2, 1]))
        tensor([0, 2, 3])
    """
    shape = list(x.shape)
    shape[dim] = 1
    return torch.cat((x.new_zeros(shape), x.cumsum(dim, dtype=x.dtype)), dim)
