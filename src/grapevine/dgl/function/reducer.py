"""Built-in reduce functions: messages of a node to one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from grapevine.dgl.function.base import BuiltinFunction

if TYPE_CHECKING:
    from grapevine.dgl.udf import NodeBatch

__all__ = ["SimpleReduceFunction", "max", "mean", "min", "sum"]


class SimpleReduceFunction(BuiltinFunction):
    """A reduction of one message to one feature.

    Args:
        name: sum, mean, max or min.
        msg_field: the name of the message.
        out_field: the name of the feature.
    """

    def __init__(self, name: str, msg_field: str, out_field: str) -> None:
        self.name = name
        self.msg_field = msg_field
        self.out_field = out_field

    def __call__(self, nodes: NodeBatch) -> dict[str, Tensor]:
        mail = nodes.mailbox[self.msg_field]
        name = {"max": "amax", "min": "amin"}.get(self.name, self.name)
        return {self.out_field: getattr(mail, name)(1)}

    def __repr__(self) -> str:
        return f"{self.name}({self.msg_field!r}, {self.out_field!r})"


def sum(msg: str, out: str) -> SimpleReduceFunction:
    """Adds the messages up: `lambda nodes: {out: nodes.mailbox[msg].sum(1)}`; zero where none arrives.

    Args:
        msg: the name of the message.
        out: the name of the feature.

    Example:
        >>> sum("m", "h")
        sum('m', 'h')
    """
    return SimpleReduceFunction("sum", msg, out)


def mean(msg: str, out: str) -> SimpleReduceFunction:
    """Averages the messages; zero where none arrives. Arguments as those of `sum`."""
    return SimpleReduceFunction("mean", msg, out)


def max(msg: str, out: str) -> SimpleReduceFunction:
    """The largest message, feature by feature; zero where none arrives. Arguments as those of `sum`."""
    return SimpleReduceFunction("max", msg, out)


def min(msg: str, out: str) -> SimpleReduceFunction:
    """The smallest message, feature by feature; zero where none arrives. Arguments as those of `sum`."""
    return SimpleReduceFunction("min", msg, out)
