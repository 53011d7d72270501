"""Calls that mean several ops of the table: said in those, so that the planner meets parts that it knows.

Each rule gets a call as the table's binders do, and answers with its result; None where it leaves the call to torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function

from grapevine.engine.binding import Call, axis_of, is_edge, options


def highest(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The values of `torch.max` along one axis; the first of several gets the gradient."""
    return torch.max(x, dim, keepdim).values


def highest_at(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return torch.max(x, dim, keepdim).indices


def lowest(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return torch.min(x, dim, keepdim).values


def lowest_at(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    return torch.min(x, dim, keepdim).indices


def extreme(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`m.max(-1)` and `m.min(-1)`, with the places; of two tensors: the larger or smaller numbers."""
    given = options(args, kwargs, dim=None, keepdim=False)
    if given is None or not isinstance(args[0], Tensor):
        return None
    x, dim, keepdim = args[0], given["dim"], given["keepdim"]
    is_max = func.__name__ == "max"
    if isinstance(dim, Tensor):
        return (torch.maximum if is_max else torch.minimum)(x, dim)
    axis = axis_of(dim, x.dim())
    if axis is None or not is_edge(x):
        return None
    best, place = (highest, highest_at) if is_max else (lowest, lowest_at)
    values = handle_torch_function(best, (x,), x, axis, keepdim)
    indices = handle_torch_function(place, (x,), x, axis, keepdim)
    return (torch.return_types.max if is_max else torch.return_types.min)((values, indices))


def chunk(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = options(args, kwargs, chunks=None, dim=0)
    axis = None if given is None or not is_edge(args[0]) else axis_of(given["dim"], args[0].dim())
    if given is None or axis is None or not isinstance(given["chunks"], int) or given["chunks"] < 1:
        return None
    width = args[0].shape[axis]
    size = max(math.ceil(width / given["chunks"]), 1)
    return _cut(args[0], [min(size, width - start) for start in range(0, width, size)], axis)


def split(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = {
        {"split_size_or_sections": "split_size", "split_sizes": "split_size"}.get(k, k): v
        for k, v in kwargs.items()
    }
    given = options(args, kwargs, split_size=None, dim=0)
    axis = None if given is None or not is_edge(args[0]) else axis_of(given["dim"], args[0].dim())
    if given is None or axis is None:
        return None
    sizes, width = given["split_size"], args[0].shape[axis]
    if isinstance(sizes, int) and sizes > 0:
        sizes = [min(sizes, width - start) for start in range(0, width, sizes)]
    if not isinstance(sizes, (list, tuple)) or sum(sizes) != width or any(s < 0 for s in sizes):
        return None
    return _cut(args[0], list(sizes), axis)


def _cut(x: Tensor, sizes: list[int], axis: int) -> tuple[Tensor, ...] | None:
    """Slices of these sizes along a trailing axis; None where there is nothing to cut."""
    ends = list(accumulate(sizes))
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return tuple(x[at(part, axis)] for part in parts) or None


def at(index: Any, axis: int) -> tuple[Any, ...]:
    """The index that takes all of the axes before `axis`."""
    return (slice(None),) * axis + (index,)


def unbind(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = options(args, kwargs, dim=0)
    axis = None if given is None or not is_edge(args[0]) else axis_of(given["dim"], args[0].dim())
    if axis is None:
        return None
    return tuple(args[0][at(i, axis)] for i in range(args[0].shape[axis]))


def normalize(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`F.normalize`: divided by the norm."""
    given = options(args, kwargs, p=2.0, dim=1, eps=1e-12, out=None)
    if given is None or given["out"] is not None or not is_edge(args[0]):
        return None
    return args[0] / args[0].norm(given["p"], given["dim"], keepdim=True).clamp_min(given["eps"])


def glu(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`F.glu`: one half, gated by the other."""
    given = options(args, kwargs, dim=-1)
    axis = None if given is None or not is_edge(args[0]) else axis_of(given["dim"], args[0].dim())
    if axis is None or args[0].shape[axis] % 2 or not args[0].shape[axis]:
        return None
    value, gate = args[0].chunk(2, axis)
    return value * gate.sigmoid()


# -- einsum ------------------------------------------------------------------------------------------------


def rows_einsum(equation: str, *operands: Tensor) -> Tensor:
    return torch.einsum(equation, *operands)


def einsum(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch.einsum` of rows: as a product and a sum or as a linear map where it is one, else as one op.

    "ehc,ehc->eh"   (q * k).sum(-1)          "ec,cd->ed"     x @ W
    "ehc,eh->ehc"   x * a.unsqueeze(-1)      "ehc,hcd->ehd"  as it is, a matrix for each head
    """
    read = _letters(args, kwargs)
    if read is None:
        return None
    inputs, output, operands = read
    if len(operands) == 2:
        for k in (0, 1):
            (wide, narrow), (x, y) = (inputs[k], inputs[1 - k]), (operands[k], operands[1 - k])
            if _within(narrow, wide) and _within(output, wide) and not _typed(x, narrow, output):
                wanted = wide[1:] if narrow[:1] != wide[:1] else wide
                factor = (
                    y if wanted == narrow else y[tuple(slice(None) if a in narrow else None for a in wanted)]
                )
                gone = [i for i, letter in enumerate(wide) if letter not in output]
                product = x * factor
                return product.sum(gone if len(gone) > 1 else gone[0]) if gone else product
            if is_edge(x) and not is_edge(y) and len(wide) > 1 and len(narrow) == 2 and wide[0] not in narrow:
                last, new = wide[-1], output[-1:]
                if output == wide[:-1] + new and new not in wide and set(narrow) == {last, new}:
                    weight = y if narrow[0] == last else y.t()
                    if weight.shape[0] == x.shape[-1]:  # einsum repeats axes of length one, products do not
                        return x @ weight
    return handle_torch_function(rows_einsum, tuple(operands), ",".join(inputs) + "->" + output, *operands)


def _typed(x: Tensor, narrow: str, output: str) -> bool:
    """True for a matrix per edge that is one of a few: its product is taken type by type, see `products`."""
    chosen = is_edge(x) and getattr(x.node, "name", "") == "take"  # type: ignore[attr-defined]
    return chosen and x.dim() == 3 and narrow != output


def _letters(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[str], str, list[Tensor]] | None:
    """The subscripts of an explicit equation whose first letter everywhere is the edges'."""
    if kwargs or len(args) < 2 or not isinstance(args[0], str):
        return None
    operands = list(args[1]) if isinstance(args[1], (list, tuple)) else list(args[1:])
    left, arrow, output = args[0].replace(" ", "").partition("->")
    inputs = left.split(",")
    if not arrow or len(inputs) != len(operands) or not (left + output).replace(",", "").isalpha():
        return None
    if any(len(set(i)) != len(i) or len(i) != x.dim() for i, x in zip(inputs, operands, strict=True)):
        return None
    edge, rows = next((i[0], x.shape[0]) for i, x in zip(inputs, operands, strict=True) if is_edge(x))
    for letters, x in zip(inputs, operands, strict=True):
        if (edge in letters and (letters[0] != edge or x.shape[0] != rows)) or (
            is_edge(x) and edge not in letters
        ):
            return None
    return (inputs, output, operands) if output[:1] == edge else None


def _within(some: str, letters: str) -> bool:
    """True where `some` are among the letters, in the same order."""
    rest = iter(letters)
    return all(letter in rest for letter in some)


def bind_einsum(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Operands that carry the edges' letter hold one row per edge."""
    inputs = args[0].partition("->")[0].split(",")
    edge = args[0].partition("->")[2][0]
    rows = tuple(x for letters, x in zip(inputs, args[1:], strict=True) if letters[0] == edge)
    return Call(func, args, {}, 0, aligned=rows)
