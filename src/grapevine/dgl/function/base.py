"""What built-in message and reduce functions have in common."""

from __future__ import annotations

__all__ = ["BuiltinFunction", "TargetCode"]


class TargetCode:
    """Where an operand lives: source nodes, destination nodes or edges."""

    SRC = 0
    DST = 1
    EDGE = 2
    CODE2STR = {0: "u", 1: "v", 2: "e"}


class BuiltinFunction:
    """A message or reduce function known by name.

    It is called as a user-defined function is, with a batch of edges or nodes, and gives the same kind of answer.

    Attributes:
        name: such as `u_mul_e` or `sum`.
    """

    name: str
