"""The expression tree that a lazy edge tensor carries: frozen nodes over leaf tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Flag
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GrapevineError


class Side(Flag):
    """What an expression depends on, besides shared weights."""

    NONE = 0
    SRC = 1
    DST = 2
    EDGE = 4


class Node:
    """One value per edge.

    `cell` marks what happened to the wrapper later on (a gradient hook, say); `kept` is the value with its version, once computed.
    """

    __slots__ = ("cell", "kept", "side")
    side: Side
    cell: Cell | None
    kept: tuple[Tensor, int] | None


class Cell:
    """The mutable corner of a recorded value: set where its gradient must be computed by autograd, step by step."""

    __slots__ = ("hooked",)

    def __init__(self) -> None:
        self.hooked = False


class Leaf(Node):
    """A tensor with its version at the time it was read."""

    __slots__ = ("tensor", "version")

    def __init__(self, side: Side, tensor: Tensor) -> None:
        self.side = side
        self.cell = None
        self.kept = None
        self.tensor = tensor
        self.version = 0 if tensor.is_inference() else tensor._version

    def read(self) -> Tensor:
        """The tensor, if it still is what the message saw.

        Raises:
            GrapevineError: if it was changed in place since.
        """
        tensor = self.tensor
        if not tensor.is_inference() and tensor._version != self.version:
            raise GrapevineError(
                f"a tensor of shape {list(tensor.shape)} was changed in place after the message had read it; expected it "
                "unchanged until the aggregation; do this instead: x = x + 1 in place of x += 1, or run inside gv.materialised()"
            )
        return tensor


class Apply(Node):
    """An op of the table applied to nodes and constants."""

    __slots__ = ("args", "func", "name", "params")

    def __init__(
        self,
        name: str,
        func: Callable[..., Tensor],
        args: tuple[Any, ...],
        params: dict[str, Any],
        cell: Cell | None = None,
    ) -> None:
        self.name = name
        self.func = func
        self.args = args
        self.params = params
        self.cell = cell
        self.kept = None
        side = Side.NONE
        for node in children(args):
            side |= node.side
        self.side = side


@dataclass(frozen=True, slots=True)
class Many:
    """A list among the arguments of an op (the tensors of a `cat`)."""

    nodes: tuple[Any, ...]


def children(args: tuple[Any, ...]) -> Iterator[Node]:
    """The nodes among an op's arguments, lists flattened."""
    for arg in args:
        if isinstance(arg, Node):
            yield arg
        elif isinstance(arg, Many):
            yield from (a for a in arg.nodes if isinstance(a, Node))


def walk(node: Node) -> Iterator[Node]:
    """Every node of the tree, parents first."""
    pending = [node]
    while pending:
        top = pending.pop()
        yield top
        if isinstance(top, Apply):
            pending.extend(children(top.args))


def needs_autograd(node: Node) -> bool:
    """True where some recorded value got a hook, so that its gradient must really be computed."""
    return any(n.cell is not None and n.cell.hooked for n in walk(node))


def call(node: Apply, values: Callable[[Node], Tensor]) -> Tensor:
    """Applies the node's op to the values of its children."""

    def resolve(arg: Any) -> Any:
        if isinstance(arg, Node):
            return values(arg)
        if isinstance(arg, Many):
            return [resolve(a) for a in arg.nodes]
        return arg

    with torch._C.DisableTorchFunctionSubclass():
        return node.func(*(resolve(a) for a in node.args), **node.params)
