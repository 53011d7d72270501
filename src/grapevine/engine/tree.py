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


#: The op in which all edges of a node take part, so that its result belongs to each of them, whatever it was made of.
MIXED = "edge_softmax"


class Node:
    """One value per edge; what it means never changes, the marks on it do.

    Attributes:
        side: what it depends on.
        tail: the shape of one row of its value; the whole shape for what is shared.
        dtype: of its value.
        depth: ops between it and its leaves.
        kept: the value with its version, once computed.
        hooked: somebody waits for its gradient (a hook, `retain_grad`), so autograd must go through it step by step.
        altered: such a hook may change the gradient.
        passed: a kernel took its gradient past it, so nobody can ask for it any more.
    """

    __slots__ = ("altered", "depth", "dtype", "hooked", "kept", "passed", "side", "tail")
    depth: int

    def __init__(self, side: Side, tail: tuple[int, ...], dtype: torch.dtype) -> None:
        self.side = side
        self.tail = tail
        self.dtype = dtype
        self.kept: tuple[Tensor, int] | None = None
        self.hooked = False
        self.altered = False
        self.passed = False


class Leaf(Node):
    """A tensor with its version at the time it was read.

    `lent` says that recorded ops read it: a message that changes in place must leave them a copy.
    """

    __slots__ = ("lent", "tensor", "version")

    def __init__(self, side: Side, tensor: Tensor) -> None:
        super().__init__(side, tensor.shape if side is Side.NONE else tensor.shape[1:], tensor.dtype)
        self.depth = 0
        self.tensor = tensor
        self.version = version(tensor)
        self.lent = False

    def read(self) -> Tensor:
        """The tensor, if it still is what the message saw.

        Raises:
            GrapevineError: if it was changed in place since.
        """
        tensor = self.tensor
        if version(tensor) != self.version:
            raise GrapevineError(
                f"a tensor of shape {list(tensor.shape)} was changed in place after the message "
                "had read it; expected it "
                "unchanged until the aggregation; "
                "do this instead: x = x + 1 in place of x += 1, or run inside gv.materialised()"
            )
        return tensor

    def leave_copy(self) -> None:
        """Before the tensor changes: whoever read it keeps what it saw."""
        self.tensor = self.read().clone()
        self.version = version(self.tensor)
        self.lent = False


def tail_of(node: Node) -> tuple[int, ...]:
    """The shape of one row of the node's value; the whole shape for what is shared."""
    return node.tail


def version(tensor: Tensor) -> int:
    """How often the tensor was changed in place; inference tensors do not count."""
    return 0 if tensor.is_inference() else tensor._version


class Apply(Node):
    """An op of the table applied to nodes and constants; `operands` are the nodes, those in lists included."""

    __slots__ = ("args", "func", "name", "operands", "params")

    def __init__(
        self,
        name: str,
        func: Callable[..., Tensor],
        args: tuple[Any, ...],
        params: dict[str, Any],
        tail: tuple[int, ...],
        dtype: torch.dtype,
    ) -> None:
        self.operands = tuple(children(args))
        side: Side | None = None
        depth = 0
        for node in self.operands:
            if node.side is not side:  # a union of flags costs as much as the rest
                side = node.side if side is None else side | node.side
            depth = max(depth, node.depth)
        if name == MIXED:
            side = Side.EDGE
        super().__init__(Side.NONE if side is None else side, tail, dtype)
        self.depth = depth + 1
        self.name = name
        self.func = func
        self.args = args
        self.params = params


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


def walk(node: Node) -> list[Node]:
    """Every node of the tree once, from the root down."""
    found, seen = [node], {node}
    for top in found:
        if isinstance(top, Apply):
            for child in top.operands:
                if child not in seen:
                    seen.add(child)
                    found.append(child)
    return found


def needs_autograd(node: Node) -> bool:
    """True where somebody waits for the gradient of a recorded value; else those values count as passed from now on."""
    nodes = walk(node)
    if any(n.hooked for n in nodes):
        return True
    for n in nodes:
        n.passed = True
    return False


def call(node: Apply, values: Callable[[Node], Tensor]) -> Tensor:
    """Applies the node's op to the values of its children, asked for in the order of the arguments."""

    args: list[Any] = []
    for arg in node.args:
        if isinstance(arg, Many):
            args.append([values(a) if isinstance(a, Node) else a for a in arg.nodes])
        else:
            args.append(values(arg) if isinstance(arg, Node) else arg)
    with torch._C.DisableTorchFunctionSubclass():
        if not torch._C._is_any_autocast_enabled():
            return node.func(*args, **node.params)
        # Ops that autocast changes are not recorded inside it, so this one was recorded before, and runs as
        # it was meant.
        first = args[0][0] if isinstance(args[0], list) else next(a for a in args if isinstance(a, Tensor))
        with torch.autocast(first.device.type, enabled=False):
            return node.func(*args, **node.params)
