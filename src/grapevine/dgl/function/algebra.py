"""What built-in functions compute: two operands, each read from its end of the edges, joined by one operation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from grapevine import engine
from grapevine.dgl.base import DGLError
from grapevine.edges import Edges


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """The product summed over the last axis, which stays as an axis of one; without axes there is nothing to sum."""
    return (x * y).sum(-1, keepdim=True) if x.dim() > 1 else x * y


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "dot": _dot,
}
READ: dict[str, Callable[[Edges, Tensor], Tensor]] = {"u": Edges.src, "v": Edges.dst, "e": Edges.edge}


def aligned(x: Tensor, y: Tensor, op: str = "mul") -> tuple[Tensor, Tensor]:
    """Two features with axes of one put in after axis 0, so that their rows have equally many dims.

    `(E,)` beside `(N, D)` becomes `(E, 1)`; `(N, 3, 1)` beside `(E, 5, 3, 4)` becomes `(N, 1, 3, 1)`.

    Raises:
        DGLError: if the rows cannot be broadcast, or are of different dtypes.
    """
    if x.dtype is not y.dtype:
        raise DGLError(
            f"expected both operands in one dtype, got {x.dtype} and {y.dtype}; convert one with y.to(x.dtype)"
        )
    missing = x.dim() - y.dim()
    if missing > 0:
        y = y.reshape(y.shape[0], *[1] * missing, *y.shape[1:])
    elif missing < 0:
        x = x.reshape(x.shape[0], *[1] * -missing, *x.shape[1:])
    mine, theirs = x.shape[1:], y.shape[1:]
    if mine != theirs:
        fits = all(a == b or a == 1 or b == 1 for a, b in zip(mine, theirs))
        if not fits or (op == "dot" and mine[-1] != theirs[-1]):
            raise DGLError(
                f"Feature shapes {tuple(mine)} and {tuple(theirs)} are not valid for broadcasting in {op!r}."
            )
    return x, y


@contextmanager
def _exactly() -> Iterator[None]:
    with torch.autocast("cuda", enabled=False):
        yield


def lowered(x: Tensor) -> Tensor:
    """Under CUDA autocast, floating features in the autocast dtype."""
    if x.is_cuda and torch.is_autocast_enabled("cuda") and x.is_floating_point():
        return x.to(torch.get_autocast_dtype("cuda"))
    return x


def message(
    relation: Edges, op: str, x: Tensor, y: Tensor, x_target: str = "u", y_target: str = "v"
) -> Tensor:
    """One message per edge from two features, lazily.

    Args:
        relation: who sends to whom.
        op: add, sub, mul, div or dot.
        x: one row per source (`u`), destination (`v`) or edge (`e`), as `x_target` says.
        y: likewise, by `y_target`.
        x_target: where `x` lives.
        y_target: where `y` lives.

    Returns:
        `(E, ...)`; for dot, the last axis is one.

    Raises:
        DGLError: if the rows cannot be broadcast, or are of different dtypes.

    Example:
        >>> relation = Edges(torch.tensor([[0, 1], [1, 0]]))
        >>> message(relation, "mul", torch.ones(2, 3), torch.tensor([2.0, 3.0]), "u", "e").tolist()
        [[2.0, 2.0, 2.0], [3.0, 3.0, 3.0]]
    """
    if x.is_cuda and torch.is_autocast_enabled("cuda"):
        with _exactly():
            return _message(relation, op, lowered(x), lowered(y), x_target, y_target)
    return _message(relation, op, x, y, x_target, y_target)


def _message(relation: Edges, op: str, x: Tensor, y: Tensor, x_target: str, y_target: str) -> Tensor:
    x, y = aligned(x, y, op)
    return OPERATIONS[op](READ[x_target](relation, x), READ[y_target](relation, y))


def stored(relation: Edges, m: Tensor) -> Tensor:
    """The real rows of a lazy message, one per edge."""
    rows: Tensor = engine.edge_values(m)
    return rows
