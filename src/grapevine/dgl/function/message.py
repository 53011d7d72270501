"""Built-in message functions: one feature copied, or two joined by an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from grapevine.dgl.function.algebra import message
from grapevine.dgl.function.base import BuiltinFunction

if TYPE_CHECKING:
    from grapevine.dgl.udf import EdgeBatch

_NAMES = [
    f"{x}_{op}_{y}" for x in "uve" for y in "uve" if x != y for op in ("add", "sub", "mul", "div", "dot")
]
__all__ = [
    "BinaryMessageFunction",
    "CopyMessageFunction",
    "copy_e",
    "copy_edge",
    "copy_src",
    "copy_u",
    "src_mul_edge",
    *_NAMES,
]


class MessageFunction(BuiltinFunction):
    """A function from a batch of edges to messages.

    Attributes:
        out_field: the name of the message.
    """

    out_field: str


class BinaryMessageFunction(MessageFunction):
    """The message `lhs op rhs`.

    Args:
        binary_op: add, sub, mul, div or dot.
        lhs: where the left operand lives: `u` (source), `v` (destination) or `e` (edge).
        rhs: likewise for the right one.
        lhs_field: the name of the left feature.
        rhs_field: the name of the right feature.
        out_field: the name of the message.
    """

    def __init__(
        self, binary_op: str, lhs: str, rhs: str, lhs_field: str, rhs_field: str, out_field: str
    ) -> None:
        self.binary_op = binary_op
        self.lhs = lhs
        self.rhs = rhs
        self.lhs_field = lhs_field
        self.rhs_field = rhs_field
        self.out_field = out_field
        self.name = f"{lhs}_{binary_op}_{rhs}"

    def __call__(self, edges: EdgeBatch) -> dict[str, Tensor]:
        x = edges.feature(self.lhs, self.lhs_field)
        y = edges.feature(self.rhs, self.rhs_field)
        return {self.out_field: message(edges.relation, self.binary_op, x, y, self.lhs, self.rhs)}

    def __repr__(self) -> str:
        return f"{self.name}({self.lhs_field!r}, {self.rhs_field!r}, {self.out_field!r})"


class CopyMessageFunction(MessageFunction):
    """A feature as the message.

    Args:
        target: where it lives: `u` (source) or `e` (edge).
        in_field: the name of the feature.
        out_field: the name of the message.
    """

    def __init__(self, target: str, in_field: str, out_field: str) -> None:
        self.target = target
        self.in_field = in_field
        self.out_field = out_field
        self.name = f"copy_{target}"

    def __call__(self, edges: EdgeBatch) -> dict[str, Tensor]:
        if self.target == "u":
            return {self.out_field: edges.src[self.in_field]}
        return {self.out_field: edges.feature("e", self.in_field)}  # stored as it is: nothing to record

    def __repr__(self) -> str:
        return f"{self.name}({self.in_field!r}, {self.out_field!r})"


def copy_u(u: str, out: str) -> CopyMessageFunction:
    """The source's feature as the message: `lambda edges: {out: edges.src[u]}`.

    Args:
        u: the name of the source feature.
        out: the name of the message.

    Example:
        >>> copy_u("h", "m")
        copy_u('h', 'm')
    """
    return CopyMessageFunction("u", u, out)


def copy_e(e: str, out: str) -> CopyMessageFunction:
    """The edge's feature as the message: `lambda edges: {out: edges.data[e]}`.

    Args:
        e: the name of the edge feature.
        out: the name of the message.

    Example:
        >>> copy_e("w", "m")
        copy_e('w', 'm')
    """
    return CopyMessageFunction("e", e, out)


def copy_src(src: str, out: str) -> CopyMessageFunction:
    """`copy_u`, as older programs call it."""
    return copy_u(src, out)


def copy_edge(edge: str, out: str) -> CopyMessageFunction:
    """`copy_e`, as older programs call it."""
    return copy_e(edge, out)


def src_mul_edge(src: str, edge: str, out: str) -> BinaryMessageFunction:
    """`u_mul_e`, as older programs call it."""
    return u_mul_e(src, edge, out)


class _Binary(Protocol):
    def __call__(self, lhs_field: str, rhs_field: str, out: str) -> BinaryMessageFunction: ...


_ENDS = {"u": "the source's", "v": "the destination's", "e": "the edge's"}


def _binary(lhs: str, op: str, rhs: str) -> _Binary:
    def function(lhs_field: str, rhs_field: str, out: str) -> BinaryMessageFunction:
        return BinaryMessageFunction(op, lhs, rhs, lhs_field, rhs_field, out)

    function.__name__ = function.__qualname__ = f"{lhs}_{op}_{rhs}"
    function.__doc__ = f"""The message `{op}` of {_ENDS[lhs]} and {_ENDS[rhs]} feature, rows broadcast.

    Args:
        lhs_field: the name of {_ENDS[lhs]} feature.
        rhs_field: the name of {_ENDS[rhs]} feature.
        out: the name of the message.
    """
    return function


u_add_v, u_sub_v, u_mul_v = _binary("u", "add", "v"), _binary("u", "sub", "v"), _binary("u", "mul", "v")
u_div_v, u_dot_v = _binary("u", "div", "v"), _binary("u", "dot", "v")
u_add_e, u_sub_e, u_mul_e = _binary("u", "add", "e"), _binary("u", "sub", "e"), _binary("u", "mul", "e")
u_div_e, u_dot_e = _binary("u", "div", "e"), _binary("u", "dot", "e")
v_add_u, v_sub_u, v_mul_u = _binary("v", "add", "u"), _binary("v", "sub", "u"), _binary("v", "mul", "u")
v_div_u, v_dot_u = _binary("v", "div", "u"), _binary("v", "dot", "u")
v_add_e, v_sub_e, v_mul_e = _binary("v", "add", "e"), _binary("v", "sub", "e"), _binary("v", "mul", "e")
v_div_e, v_dot_e = _binary("v", "div", "e"), _binary("v", "dot", "e")
e_add_u, e_sub_u, e_mul_u = _binary("e", "add", "u"), _binary("e", "sub", "u"), _binary("e", "mul", "u")
e_div_u, e_dot_u = _binary("e", "div", "u"), _binary("e", "dot", "u")
e_add_v, e_sub_v, e_mul_v = _binary("e", "add", "v"), _binary("e", "sub", "v"), _binary("e", "mul", "v")
e_div_v, e_dot_v = _binary("e", "div", "v"), _binary("e", "dot", "v")
