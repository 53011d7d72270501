"""How calls of torch functions are taken apart: which operands, which axes, and whether the edge axis stays axis 0.

One function per family of ops, from `(func, args, kwargs)` to a `Call`; None where row e of the result would not depend
on row e of the edge operands alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(slots=True)
class Call:
    """A call in recorded form: `func(*args, **params)`, tensors among `args` or in lists there, and nowhere else."""

    func: Callable[..., Tensor]
    args: tuple[Any, ...]
    params: dict[str, Any]
    ndim: int
    #: True where plain operands of `ndim` dims whose axis 0 has length E hold one row per edge; or which ones do.
    aligned: bool | tuple[Tensor, ...] = True
    #: The record that it belongs to, where that is not the function's own.
    name: str = ""

    def has_rows(self, x: Tensor, num_edges: int) -> bool:
        """True for a plain operand that holds one row per edge."""
        if isinstance(self.aligned, tuple):
            return any(x is a for a in self.aligned)
        return self.aligned and x.dim() == self.ndim > 0 and x.shape[0] == num_edges

    def tensors(self) -> list[Tensor]:
        """In the order of the arguments."""
        found: list[Tensor] = []
        for arg in self.args:
            if isinstance(arg, Tensor):
                found.append(arg)
            elif isinstance(arg, list):
                found += [a for a in arg if isinstance(a, Tensor)]
        return found


#: From `(func, args, kwargs)`; a tensor, or several, where the call means other recorded ops.
Bind = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


_SCALARS = (int, float, bool, complex, str, type(None))


def is_edge(x: Any) -> bool:
    # Lazy and plain tensors differ by type alone; the wrapper class lives a floor above.
    return isinstance(x, Tensor) and hasattr(x, "topology")


def _plain_params(kwargs: dict[str, Any]) -> bool:
    return (
        not kwargs.get("inplace")
        and kwargs.get("out") is None
        and not any(isinstance(v, Tensor) for v in kwargs.values())
    )


def pointwise(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Every operand is broadcast; edge operands must have the dims of the result, or their axis 0 would move."""
    if kwargs and not _plain_params(kwargs):
        return None
    ndim = 0
    for a in args:
        if isinstance(a, Tensor):
            ndim = max(ndim, a.dim())
        elif a is True or not isinstance(a, _SCALARS):  # True: perhaps `inplace`, taken by position
            return None
    for a in args:
        if is_edge(a) and a.dim() != ndim:
            return None
    return Call(func, args, kwargs, ndim)


def where_method(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """`m.where(condition, other)` in the order of `torch.where`."""
    if len(args) != 3 or kwargs:
        return None
    return pointwise(torch.where, (args[1], args[0], args[2]), {})


def axis_of(dim: Any, ndim: int) -> int | None:
    """A trailing axis counted from the front; None for the edge axis or anything unclear."""
    if not isinstance(dim, int) or isinstance(dim, bool):
        return None
    dim = dim + ndim if dim < 0 else dim
    return dim if 0 < dim < ndim else None


def _axes(dim: Any, ndim: int) -> Any:
    if isinstance(dim, (tuple, list)):
        found = tuple(axis_of(d, ndim) for d in dim)
        return None if not found or None in found else found
    return axis_of(dim, ndim)


def along(position: int = 1, name: str = "dim", operands: int = 1) -> Bind:
    """Ops along trailing axes (sum, mean, softmax, norm, squeeze): the axis must be given, and not be the edges'.

    Args:
        position: of the axis among the arguments.
        name: of the axis.
        operands: how many tensors of as many dims come first.
    """

    def bind(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        tensors, rest = args[:operands], list(args[operands:])
        if not _plain_params(kwargs) or any(isinstance(a, Tensor) for a in rest):
            return None
        if len(tensors) < operands or not all(isinstance(t, Tensor) for t in tensors):
            return None
        ndim = tensors[0].dim()
        if not any(map(is_edge, tensors)) or any(t.dim() != ndim for t in tensors):
            return None
        params = dict(kwargs)
        at = position - operands
        given = params.get(name) if name in params else (rest[at] if at < len(rest) else None)
        axis = _axes(given, ndim)
        if axis is None:
            return None
        if name in params:
            params[name] = axis
        else:
            rest[at] = axis
        return Call(func, (*tensors, *rest), params, ndim)

    return bind


def view_rows(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Rows of this shape."""
    return x.reshape(x.shape[0], *sizes)


def view(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Views that keep the rows apart."""
    x, *sizes = args
    if kwargs or not is_edge(x):
        return None
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = list(sizes[0])
    if not sizes or not all(isinstance(s, int) for s in sizes):
        return None
    rows, per_row = x.shape[0], 1
    for s in x.shape[1:]:
        per_row *= s
    lead, *tail = sizes
    known = 1
    for s in tail:
        known *= s if s != -1 else 1
    if tail.count(-1) > 1 or rows == 0 or per_row == 0 or known <= 0:
        return None
    if -1 in tail:
        if lead != rows or per_row % known:
            return None
        tail[tail.index(-1)] = per_row // known
    elif lead not in (rows, -1) or known != per_row:
        return None
    return Call(view_rows, (x, tuple(tail)), {}, x.dim())


def unsqueeze(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if len(args) + len(kwargs) != 2 or not is_edge(args[0]):
        return None
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    axis = axis_of(dim, args[0].dim() + 1)
    return None if axis is None else Call(torch.unsqueeze, (args[0], axis), {}, args[0].dim())


def options(args: tuple[Any, ...], kwargs: dict[str, Any], **defaults: Any) -> dict[str, Any] | None:
    """What follows the message in a call, by name; None for unknown names."""
    if len(args) > 1 + len(defaults) or not kwargs.keys() <= defaults.keys():
        return None
    return {**defaults, **dict(zip(defaults, args[1:], strict=False)), **kwargs}


def flatten(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    x, given = args[0], options(args, kwargs, start_dim=0, end_dim=-1)
    if given is None or not is_edge(x) or any(s == 0 for s in x.shape):
        return None
    start, end = axis_of(given["start_dim"], x.dim()), axis_of(given["end_dim"], x.dim())
    if start is None or end is None:
        return None
    return Call(torch.flatten, (x, start, end), {}, x.dim())


def transpose(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if len(args) != 3 or kwargs or not is_edge(args[0]):
        return None
    first, second = axis_of(args[1], args[0].dim()), axis_of(args[2], args[0].dim())
    if first is None or second is None:
        return None
    return Call(torch.transpose, (args[0], first, second), {}, args[0].dim())


def getitem(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """`m[:, i]`, `m[..., a:b]`, `m[:, None]`: basic indexing that takes all edges; `weight[types]`: see `take`."""
    x, index = args
    if is_edge(index):
        return take(func, args, kwargs)
    index = index if isinstance(index, tuple) else (index,)
    if not is_edge(x) or not index:
        return None
    for i in index:
        if not (
            i is None
            or i is Ellipsis
            or isinstance(i, slice)
            or (isinstance(i, int) and not isinstance(i, bool))
        ):
            return None
    used = sum(i is not None and i is not Ellipsis for i in index)
    if index[0] is Ellipsis:
        if used >= x.dim():
            return None
    elif not (isinstance(index[0], slice) and index[0] == slice(None)):
        return None
    return Call(operator.getitem, (x, index), {}, x.dim())


def join(new_axis: bool) -> Bind:
    """cat and stack along trailing axes: every part has its edge axis first."""

    def bind(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        if not _plain_params(kwargs):
            return None
        parts = args[0] if args else kwargs.get("tensors")
        dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        if not isinstance(parts, (list, tuple)) or not all(isinstance(p, Tensor) for p in parts):
            return None
        edge = next(p for p in parts if is_edge(p))
        ndim = edge.dim()
        axis = axis_of(dim, ndim + new_axis)
        if axis is None or any(p.dim() != ndim or p.shape[0] != edge.shape[0] for p in parts):
            return None
        return Call(torch.stack if new_axis else torch.cat, (list(parts), axis), {}, ndim)

    return bind


def linear(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """`x @ W.T + b` with one weight for all edges."""
    x, given = args[0], options(args, kwargs, weight=None, bias=None)
    if given is None or not is_edge(x) or x.dim() < 2:
        return None
    weight, bias = given.values()
    if not isinstance(weight, Tensor) or is_edge(weight) or is_edge(bias) or weight.dim() != 2:
        return None
    return Call(F.linear, (x, weight, bias), {}, x.dim(), aligned=False)


def matmul(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """`x @ W` with one weight for all edges; with three and more dims also matrices per edge, or per head."""
    if len(args) != 2 or kwargs or not all(isinstance(a, Tensor) for a in args):
        return None
    x, weight = args
    ndim = max(x.dim(), weight.dim())
    if ndim > 2:
        edge_first = all(a.dim() == ndim for a in args if is_edge(a))
        return Call(torch.matmul, args, {}, ndim, name="bmm") if edge_first else None
    if not is_edge(x) or x.dim() < 2 or is_edge(weight):
        return None
    return Call(torch.matmul, (x, weight), {}, x.dim(), aligned=False)


def take(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Rows of a shared table, by a number per edge: `weight[types]`, `weight.index_select(0, types)`, an embedding."""
    if func is F.embedding:
        usual = {
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2.0,
            "scale_grad_by_freq": False,
            "sparse": False,
        }
        given = options(args, kwargs, weight=None, **usual)
        if given is None or any(given[name] != usual[name] for name in usual if name != "norm_type"):
            return None
        index, weight = args[0], given["weight"]
    elif func is Tensor.__getitem__:
        weight, index = args
    else:
        given = options(args, kwargs, dim=None, index=None)
        if given is None or given["dim"] != 0:
            return None
        weight, index = args[0], given["index"]
    if not is_edge(index) or is_edge(weight) or not isinstance(weight, Tensor) or weight.dim() == 0:
        return None
    if index.dtype not in (torch.int64, torch.int32):
        return None
    return Call(_rows_of, (index, weight), {}, index.dim(), aligned=False, name="take")


def _rows_of(index: Tensor, weight: Tensor) -> Tensor:
    return weight[index]


_CASTS = {
    Tensor.float: torch.float32,
    Tensor.double: torch.float64,
    Tensor.half: torch.float16,
    Tensor.bfloat16: torch.bfloat16,
    Tensor.int: torch.int32,
    Tensor.long: torch.int64,
    Tensor.bool: torch.bool,
}


def cast(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | Tensor | None:
    """`m.float()`, `m.to(torch.float64)`, `m.type_as(x)`: another dtype on the same device.

    Not one of less precision: its gradients would be summed in that, instead of one by one.
    """
    x, *rest = args
    if func in _CASTS:
        wanted: Any = None if rest or kwargs else _CASTS[func]
    else:
        given = [*rest, *kwargs.values()]
        wanted = given[0] if len(given) == 1 and kwargs.keys() <= {"dtype", "other"} else None
        if isinstance(wanted, Tensor):
            wanted = wanted.dtype if wanted.device == x.device else None
    if not isinstance(wanted, torch.dtype) or not is_edge(x):
        return None
    if wanted.is_floating_point and torch.promote_types(x.dtype, wanted) is not wanted:
        return None
    return x if x.dtype is wanted else Call(Tensor.to, (x, wanted), {}, x.dim())


def prelu(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """One slope for all features, or one each."""
    given = options(args, kwargs, weight=None)
    if given is None or not is_edge(args[0]) or is_edge(given["weight"]):
        return None
    return Call(torch.prelu, (args[0], given["weight"]), {}, args[0].dim(), aligned=False)


def unflatten(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    given = options(args, kwargs, dim=None, sizes=None)
    axis = None if given is None or not is_edge(args[0]) else axis_of(given["dim"], args[0].dim())
    if given is None or axis is None or not all(isinstance(s, int) for s in given["sizes"]):
        return None
    return Call(Tensor.unflatten, (args[0], axis, tuple(given["sizes"])), {}, args[0].dim())


def part(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """`narrow` and `select` along a trailing axis."""
    if kwargs or not is_edge(args[0]) or not all(isinstance(a, int) for a in args[1:]):
        return None
    axis = axis_of(args[1], args[0].dim())
    return None if axis is None else Call(func, (args[0], axis, *args[2:]), {}, args[0].dim())


def permute(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    x, *dims = args
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = list(dims[0])
    if kwargs or not is_edge(x) or not dims or dims[0] not in (0, -x.dim()):
        return None
    return Call(torch.permute, (x, tuple(dims)), {}, x.dim())


def expand(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """To more numbers per row, by repetition; not to more axes, or the edges' would move."""
    x, *sizes = args
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list, Tensor)):
        sizes = list(sizes[0].shape if isinstance(sizes[0], Tensor) else sizes[0])
    if kwargs or not is_edge(x) or len(sizes) != x.dim() or sizes[0] not in (-1, x.shape[0]):
        return None
    return Call(expand_rows, (x, tuple(sizes[1:])), {}, x.dim())


def expand_rows(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Rows repeated to this shape."""
    return x.expand(-1, *sizes)


def layer_norm(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    x, given = args[0], options(args, kwargs, normalized_shape=(), weight=None, bias=None, eps=1e-5)
    if given is None or not is_edge(x):
        return None
    shape, weight, bias, eps = given.values()
    if not 0 < len(shape) < x.dim() or is_edge(weight) or is_edge(bias):
        return None
    return Call(F.layer_norm, (x, tuple(shape), weight, bias, eps), {}, x.dim(), aligned=False)


def same(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Ops that leave a message as it is."""
    return args[0] if len(args) == 1 and not kwargs and is_edge(args[0]) else None


def dropout(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Transparent outside training, and where nothing is dropped; else random, drawn per edge on real values."""
    given = options(args, kwargs, p=0.5, training=True, inplace=False)
    if given is None or not is_edge(args[0]):
        return None
    return None if given["training"] and given["p"] else args[0]
