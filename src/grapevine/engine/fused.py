"""Edge programs with derivatives of any order: the gradient of a program is a program over the same leaves.

A `Formula` is an expression over leaves whose sides and shapes are known; `reduced` and `mapped` run it on tensors.
Their backward passes differentiate the expression and run the results in the same way: gradients of destination leaves
reduce by destination, those of source leaves by source, those of edge leaves are written per edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from grapevine import ops
from grapevine.engine import expr
from grapevine.engine.expr import Expr
from grapevine.engine.kernels import flat, inverse_degrees, run
from grapevine.engine.tree import Side
from grapevine.ops._core import is_transformed
from grapevine.ops.edge_program import Code, Instruction, LeafSpec
from grapevine.topology import Topology

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """A leaf of a formula: its side, and the trailing shape of its rows."""

    side: Side
    tail: Shape


@dataclass(frozen=True)
class Formula:
    """An element-wise message.

    Attributes:
        root: the expression.
        slots: its leaves, by number.
        tail: trailing shape of the message; every leaf's tail broadcasts to it.
        groups: 0, or the number of groups that the features are summed in.
    """

    root: Expr
    slots: tuple[Slot, ...]
    tail: Shape
    groups: int = 0

    @property
    def features(self) -> int:
        return math.prod(self.tail)

    @cached_property
    def used(self) -> frozenset[int]:
        """Numbers of the leaves that the expression reads."""
        return frozenset(expr.slots(self.root))

    def gradient(self, seeds: tuple[Slot, ...], seed: Expr) -> dict[int, Formula]:
        """For each leaf, the formula of its gradient per edge, from the message's, `seed`; `seeds` are more slots."""
        slots = (*self.slots, *seeds)
        return {
            number: Formula(e, slots, self.tail)
            for number, e in expr.gradients(self.root, seed).items()
            if number < len(self.slots)
        }

    def code(self, row_side: Side) -> tuple[Code, tuple[int, ...]]:
        """Instructions for rows of `row_side` nodes, and the numbers of the leaves in the order the code reads them."""
        key = (self.root, self.slots, self.tail, self.groups, row_side)
        found = _codes.get(key)
        if found is None:
            if len(_codes) > 1024:
                _codes.clear()
            found = _codes[key] = self._compile(row_side)
        return found

    def _compile(self, row_side: Side) -> tuple[Code, tuple[int, ...]]:
        order = expr.ordered(self.root)
        leaves = sorted({e.args[0] for e in order if e.op == "slot"})
        constants = [e for e in order if e.op == "const"]
        at = {id(expr.slot(n)): i for i, n in enumerate(leaves)}
        at.update({id(e): len(leaves) + i for i, e in enumerate(constants)})
        steps = []
        for e in order:
            if e.op not in ("slot", "const"):
                at[id(e)] = len(at)
                steps.append(Instruction(e.op, at[id(e)], tuple(at[id(c)] for c in expr.children(e))))
        specs = tuple(leaf_spec(self.slots[n], self.tail, row_side) for n in leaves)
        numbers = tuple(e.args[0] for e in constants)
        code = Code(specs, numbers, tuple(steps), len(at), at[id(self.root)], self.features, self.groups)
        return code, tuple(leaves)


_codes: dict[Any, tuple[Code, tuple[int, ...]]] = {}


def leaf_spec(leaf: Slot, tail: Shape, row_side: Side) -> LeafSpec:
    """How a leaf's rows are read, for rows of `row_side` nodes."""
    on = "shared"
    if leaf.side is Side.EDGE:
        on = "edge"
    elif leaf.side:
        on = "row" if leaf.side is row_side else "other"
    mode = spread_of(leaf.tail, tail)
    assert mode is not None
    return LeafSpec(on, *mode)


def spread_of(mine: Shape, tail: Shape) -> tuple[str, int] | None:
    """How a row of shape `mine` covers `tail`: full, scalar, groups or periodic; None for anything mixed."""
    mine = (1,) * (len(tail) - len(mine)) + tuple(mine)
    if mine == tuple(tail):
        return "full", 1
    size = math.prod(mine)
    if size == 1:
        return "scalar", 1
    cut = next((i for i, m in enumerate(mine) if m != tail[i]), len(tail))
    if all(m == 1 for m in mine[cut:]):
        return "groups", math.prod(tail[cut:])
    start = next((i for i in range(len(tail)) if mine[i:] == tuple(tail[i:])), len(tail))
    if all(m == 1 for m in mine[:start]):
        return "periodic", size
    return None


def _leaves(numbers: tuple[int, ...], tensors: tuple[Tensor, ...], slots: tuple[Slot, ...]) -> list[Tensor]:
    return [
        tensors[n].reshape(1, -1)
        if not slots[n].side
        else flat(tensors[n])
        if tensors[n].dim() > 1
        else tensors[n].unsqueeze(1)
        for n in numbers
    ]


def _run(
    topology: Topology, formula: Formula, tensors: tuple[Tensor, ...], how: str
) -> tuple[Tensor, Tensor | None]:
    code, numbers = formula.code(Side.DST)
    out, ties = ops.edge_program(topology.by_dst, code, _leaves(numbers, tensors, formula.slots), how)
    rows = topology.num_edges if how == "map" else topology.num_dst
    # Not a view: what a custom function returns could then not be changed in place.
    return torch.ops.aten._unsafe_view(
        out, (rows, *((formula.groups,) if formula.groups else formula.tail))
    ), ties


def reduced(topology: Topology, formula: Formula, tensors: tuple[Tensor, ...], how: str) -> Tensor:
    """The message reduced at the destinations, `(num_dst, *tail)`."""
    return run(Reduced, topology, formula, how, *tensors)


def mapped(topology: Topology, formula: Formula, tensors: tuple[Tensor, ...]) -> Tensor:
    """The message itself, `(E, *tail)`, or its sums per group, `(E, groups)`."""
    return run(Mapped, topology, formula, *tensors)


class Reduced(torch.autograd.Function):
    """A program reduced by destination."""

    @staticmethod
    def forward(ctx: Any, topology: Topology, formula: Formula, how: str, *tensors: Tensor) -> Tensor:
        out, ties = _run(topology, formula, tensors, how)
        ctx.topology, ctx.formula, ctx.how = topology, formula, how
        ctx.save_for_backward(*tensors, *((out, ties) if how in ("max", "min") else ()))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        topology, formula = ctx.topology, ctx.formula
        count = len(formula.slots)
        tensors = ctx.saved_tensors[:count]
        first = Slot(Side.DST, formula.tail)
        seeds: tuple[Slot, ...]
        extra: tuple[Tensor, ...]
        if ctx.how in ("max", "min"):
            out, ties = ctx.saved_tensors[count:]
            if is_transformed(
                grad
            ):  # the reference will run, so what attains the extreme is for the reference to say
                with ops.backend("reference"):
                    out, ties = _run(topology, formula, tensors, ctx.how)
            share = grad / ties.view(grad.shape).clamp(min=1)
            attains = expr.make("eq", expr.make("round", formula.root), expr.slot(count + 1))
            seeds, extra = (first, first), (share, out.detach())
            seed = expr.make("where", attains, expr.slot(count), expr.const(0.0))
        else:
            if ctx.how == "mean":
                grad = grad * inverse_degrees(topology, grad).view(-1, *[1] * len(formula.tail))
            seeds, extra, seed = (first,), (grad,), expr.slot(count)
        grads = _operand_gradients(
            topology, formula, (*tensors, *extra), seeds, seed, ctx.needs_input_grad[3:]
        )
        return None, None, None, *grads


class Mapped(torch.autograd.Function):
    """A program written per edge."""

    @staticmethod
    def forward(ctx: Any, topology: Topology, formula: Formula, *tensors: Tensor) -> Tensor:
        ctx.topology, ctx.formula = topology, formula
        ctx.save_for_backward(*tensors)
        return _run(topology, formula, tensors, "map")[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        formula = ctx.formula
        tail = formula.tail
        if formula.groups:  # a group's gradient goes to each of its features
            shape = group_tail(tail, formula.groups)
            grad = grad.reshape(grad.shape[0], *shape)
            tail = shape
        count = len(formula.slots)
        seeds = (Slot(Side.EDGE, tail),)
        grads = _operand_gradients(
            ctx.topology,
            formula,
            (*ctx.saved_tensors, grad),
            seeds,
            expr.slot(count),
            ctx.needs_input_grad[2:],
        )
        return None, None, *grads


def group_tail(tail: Shape, groups: int) -> Shape:
    """The shape of one number per group, with ones for the axes that were summed."""
    cut, size = 0, 1
    while size != groups:
        size *= tail[cut]
        cut += 1
    return (*tail[:cut], *[1] * (len(tail) - cut))


def _operand_gradients(
    topology: Topology,
    formula: Formula,
    tensors: tuple[Tensor, ...],
    seeds: tuple[Slot, ...],
    seed: Expr,
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    per_edge = formula.gradient(seeds, seed)
    grads: list[Tensor | None] = []
    for number, (leaf, need) in enumerate(zip(formula.slots, needed, strict=True)):
        if not need:
            grads.append(None)
        elif number not in per_edge or expr.is_const(per_edge[number].root, 0.0):
            grads.append(torch.zeros_like(tensors[number]))  # flat, but used: torch gives zeros too
        else:
            grads.append(
                _leaf_gradient(topology, per_edge[number], leaf, tensors).view(tensors[number].shape)
            )
    return grads


def _leaf_gradient(topology: Topology, formula: Formula, leaf: Slot, tensors: tuple[Tensor, ...]) -> Tensor:
    """The gradient of one leaf: its per-edge formula summed over the edges, and over the features it was spread on."""
    if leaf.side is Side.EDGE:
        mode = spread_of(leaf.tail, formula.tail)
        assert mode is not None
        if mode[0] in ("scalar", "groups"):
            sums = Formula(formula.root, formula.slots, formula.tail, math.prod(leaf.tail))
            return mapped(topology, sums, tensors)
        return fold(mapped(topology, formula, tensors), leaf.tail, formula.tail)
    if leaf.side is Side.SRC:
        flipped = Formula(formula.root, tuple(map(flip, formula.slots)), formula.tail)
        return fold(reduced(topology.reverse(), flipped, tensors, "sum"), leaf.tail, formula.tail)
    per_node = reduced(topology, formula, tensors, "sum")
    if leaf.side is Side.DST:
        return fold(per_node, leaf.tail, formula.tail)
    return fold(per_node.sum(0, keepdim=True), leaf.tail, formula.tail)


def flip(leaf: Slot) -> Slot:
    """The leaf as seen from the reversed edges."""
    swapped = {Side.SRC: Side.DST, Side.DST: Side.SRC}
    return Slot(swapped.get(leaf.side, leaf.side), leaf.tail)


def fold(grad: Tensor, mine: Shape, tail: Shape) -> Tensor:
    """Sums rows of shape `tail` over the axes along which `mine` was broadcast."""
    padded = (1,) * (len(tail) - len(mine)) + tuple(mine)
    axes = [i + 1 for i, (m, t) in enumerate(zip(padded, tail, strict=True)) if m == 1 and t != 1]
    return grad.sum(axes, keepdim=True) if axes else grad
