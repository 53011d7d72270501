"""From a message's tree to an edge program: the expression to run, and the leaves that it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from grapevine.engine import evaluate, expr
from grapevine.engine.expr import Expr
from grapevine.engine.fused import Slot, spread_of
from grapevine.engine.lowering import lower, runs
from grapevine.engine.tree import Apply, Leaf, Node, Side


class Planning(Protocol):
    """What a program needs of the planner: values of what it cannot run itself."""

    dtype: torch.dtype
    lifted: dict[Node, Tensor]

    def lifts(self, node: Node) -> bool: ...
    def lift(self, node: Node) -> Tensor: ...
    def values(self, node: Node) -> Tensor: ...
    def op_by_op(self, node: Node) -> Tensor: ...


@dataclass(slots=True)
class Build:
    """Gathers the leaves of a program while its tree is turned into an expression."""

    planner: Planning
    slots: list[Slot] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    known: dict[object, Expr] = field(default_factory=dict)

    def expression(self, node: Node) -> Expr | None:
        """The node's value in terms of slots; None where no slot can hold it."""
        found = self.known.get(node)
        if found is None:
            found = self._expression(node)
            if found is not None:
                self.known[node] = found
        return found

    def _expression(self, node: Node) -> Expr | None:
        planner = self.planner
        if isinstance(node, Leaf):
            return self.leaf(node.side, node.read())
        assert isinstance(node, Apply)
        if node.side is Side.NONE:
            return self.leaf(Side.NONE, evaluate.on_nodes(node, planner.lifted))
        if node.side in (Side.SRC, Side.DST) and planner.lifts(node):
            return self.leaf(node.side, planner.lift(node))
        if node.name == "expand":  # every slot is broadcast to the message anyway
            return self.expression(node.args[0])
        if node.name == "cast" and node.dtype is planner.dtype and not node.args[0].dtype.is_floating_point:
            return self.expression(node.args[0])  # integers are read as the message's numbers
        lowers = runs(node, planner.dtype)
        args: list[Expr] = []
        for arg in node.args if lowers else ():
            part: Expr | None
            if isinstance(arg, Node):
                part = self.expression(arg)
            elif isinstance(arg, (int, float)):
                part = expr.const(float(arg))
            else:
                part = None
            if part is None:
                break
            args.append(part)
        if len(args) == len(node.args):
            lowered = lower(node.name, node.func, tuple(args), node.params, planner.dtype)
            if lowered is not None:
                return lowered
        return self.leaf(Side.EDGE, planner.op_by_op(node) if lowers else planner.values(node))

    def leaf(self, side: Side, tensor: Tensor) -> Expr | None:
        """A slot for rows of one side."""
        if tensor.dtype is not self.planner.dtype:
            if tensor.is_floating_point() or tensor.is_complex():
                return None
            tensor = tensor.to(self.planner.dtype)
        key = (side, id(tensor))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = expr.slot(len(self.slots))
            self.slots.append(Slot(side, tuple(tensor.shape[1:] if side else tensor.shape)))
            self.tensors.append(tensor)
        return found

    def spread_over(
        self, roots: tuple[Expr, ...], tail: tuple[int, ...]
    ) -> tuple[tuple[Slot, ...], tuple[Tensor, ...]]:
        """The leaves, those that cover the message in no simple way spread out first."""
        slots, tensors = list(self.slots), list(self.tensors)
        used = {number for root in roots for number in expr.slots(root)}
        for i, (slot, tensor) in enumerate(zip(self.slots, self.tensors, strict=True)):
            if i not in used:  # gathered for a part that then could not be lowered
                slots[i], tensors[i] = Slot(Side.NONE, ()), tensor.new_zeros(())
                continue
            if len(slot.tail) > len(tail):  # shared, with a one in place of the edges
                slots[i] = slot = Slot(slot.side, slot.tail[-len(tail) :] if tail else ())
            if spread_of(slot.tail, tail) is None:
                rows = tensor.shape[:1] if slot.side else ()
                slots[i], tensors[i] = Slot(slot.side, tail), tensor.expand(*rows, *tail)
        return tuple(slots), tuple(tensors)
