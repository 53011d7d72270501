"""Edge programs with derivatives of any order: the gradient of a program is a program over the same leaves.

A `Formula` is a set of expressions over leaves whose sides and shapes are known; `run` computes one of them on
tensors. The backward pass differentiates the expressions and runs the results in the same way: gradients of
destination leaves reduce by destination and those of edge leaves are written per edge, in one pass over the edges;
those of source leaves reduce by source, in another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grapevine import ops
from grapevine.engine import expr
from grapevine.engine.expr import Expr
from grapevine.engine.kernels import flat, inverse_degrees, run_all
from grapevine.engine.tree import Side
from grapevine.ops._core import is_transformed
from grapevine.ops.edge_program import Code, Instruction, LeafSpec, Output
from grapevine.topology import Topology

Shape = tuple[int, ...]
Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Slot:
    """A leaf of a formula: its side, and the trailing shape of its rows."""

    side: Side
    tail: Shape


@dataclass(frozen=True)
class Result:
    """What is made of an expression.

    Attributes:
        root: the expression.
        how: `"map"`, the message itself, or its reduction at the destinations: sum, mean, max or min.
        groups: for map, 0, or the number of groups that the features are summed in.
    """

    root: Expr
    how: str
    groups: int = 0


@dataclass(frozen=True)
class Formula:
    """Element-wise messages.

    Attributes:
        results: one, or several sums, means and maps.
        slots: the leaves of their expressions, by number.
        tail: trailing shape of the messages; every leaf's tail broadcasts to it.
    """

    results: tuple[Result, ...]
    slots: tuple[Slot, ...]
    tail: Shape

    @property
    def features(self) -> int:
        return math.prod(self.tail)

    def shape(self, result: Result, topology: Topology) -> Shape:
        """Of one result."""
        if result.how != "map":
            return topology.num_dst, *self.tail
        return topology.num_edges, *((result.groups,) if result.groups else self.tail)

    def code(self) -> tuple[Code, tuple[Output, ...], tuple[int, ...]]:
        """The instructions, the results as they are read from them, and the leaves in the order the code reads them."""
        known = _codes.get(self)
        if known is None:
            if len(_codes) > 1024:
                _codes.clear()
            known = _codes[self] = self._compile()
        return known

    def _compile(self) -> tuple[Code, tuple[Output, ...], tuple[int, ...]]:
        order = expr.ordered(*(result.root for result in self.results))
        leaves = sorted({e.args[0] for e in order if e.op == "slot"})
        constants = [e for e in order if e.op == "const"]
        at = {id(expr.slot(n)): i for i, n in enumerate(leaves)}
        at.update({id(e): len(leaves) + i for i, e in enumerate(constants)})
        steps = []
        for e in order:
            if e.op == "detach":  # a matter of derivatives alone
                at[id(e)] = at[id(e.args[0])]
            elif e.op not in ("slot", "const"):
                at[id(e)] = len(at)
                steps.append(Instruction(e.op, at[id(e)], tuple(at[id(c)] for c in expr.children(e))))
        specs = tuple(leaf_spec(self.slots[n], self.tail) for n in leaves)
        numbers = tuple(e.args[0] for e in constants)
        outputs = tuple(Output(at[id(r.root)], r.how, r.groups) for r in self.results)
        first = outputs[0]
        code = Code(specs, numbers, tuple(steps), len(at), first.root, self.features, first.groups)
        return code, outputs, tuple(leaves)


_codes: dict[Formula, tuple[Code, tuple[Output, ...], tuple[int, ...]]] = {}


_ON = {Side.DST: "row", Side.SRC: "other", Side.EDGE: "edge", Side.NONE: "shared"}


def leaf_spec(leaf: Slot, tail: Shape) -> LeafSpec:
    """How a leaf's rows are read, for the rows of destinations."""
    mode = spread_of(leaf.tail, tail)
    assert mode is not None
    return LeafSpec(_ON[leaf.side], *mode)


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


def run(
    topology: Topology, results: tuple[Result, ...], slots: tuple[Slot, ...], tail: Shape, tensors: Tensors
) -> Tensors:
    """Each result: the message reduced, `(num_dst, *tail)`, or written, `(E, *tail)` or `(E, groups)`."""
    outs: Tensors = run_all(Program, topology, Formula(results, slots, tail), *tensors)
    return outs


class Program(torch.autograd.Function):
    """All results of a formula."""

    @staticmethod
    def forward(ctx: Any, topology: Topology, formula: Formula, *tensors: Tensor) -> tuple[Tensor, ...]:
        outs, ties = _run(topology, formula, tensors)
        ctx.topology, ctx.formula = topology, formula
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *(() if ties is None else (outs[0], ties)))
        return outs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        topology, formula = ctx.topology, ctx.formula
        count = len(formula.slots)
        tensors = ctx.saved_tensors[:count]
        slots, extra = list(formula.slots), []
        seeds: list[tuple[Expr, Expr]] = []

        def leaf(side: Side, tensor: Tensor, tail: Shape) -> Expr:
            slots.append(Slot(side, tail))
            extra.append(tensor)
            return expr.slot(len(slots) - 1)

        for result, grad in zip(formula.results, grads, strict=True):
            if grad is None:
                continue
            if result.how in ("max", "min"):
                seed = _extreme_seed(ctx, grad, leaf)
            elif result.how == "map":
                # A group's gradient goes to each of its features.
                tail = group_tail(formula.tail, result.groups) if result.groups else formula.tail
                seed = leaf(Side.EDGE, grad.reshape(grad.shape[0], *tail), tail)
            else:
                if result.how == "mean":
                    grad = grad * inverse_degrees(topology, grad).view(-1, *[1] * len(formula.tail))
                seed = leaf(Side.DST, grad, formula.tail)
            seeds.append((result.root, seed))
        needed = ctx.needs_input_grad[2:]
        if not seeds:
            return (None,) * (2 + count)
        return (
            None,
            None,
            *_leaf_gradients(topology, formula, tuple(slots), (*tensors, *extra), seeds, needed),
        )


def _run(topology: Topology, formula: Formula, tensors: Tensors) -> tuple[tuple[Tensor, ...], Tensor | None]:
    code, outputs, numbers = formula.code()
    leaves = [
        tensors[n].reshape(1, -1)
        if not formula.slots[n].side
        else flat(tensors[n])
        if tensors[n].dim() > 1
        else tensors[n].unsqueeze(1)
        for n in numbers
    ]
    ties = None
    if len(outputs) == 1:
        out, ties = ops.edge_program(topology.by_dst, code, leaves, outputs[0].how)
        outs = (out,)
    else:
        outs = ops.edge_outputs(topology.by_dst, code, outputs, leaves)
    # Not views: what a custom function returns could then not be changed in place.
    shapes = (formula.shape(result, topology) for result in formula.results)
    return tuple(map(torch.ops.aten._unsafe_view, outs, shapes)), ties


def _extreme_seed(ctx: Any, grad: Tensor, leaf: Callable[[Side, Tensor, Shape], Expr]) -> Expr:
    """The gradient of max or min: in equal shares to the messages that attain it."""
    formula = ctx.formula
    count = len(formula.slots)
    out, ties = ctx.saved_tensors[count:]
    if is_transformed(
        grad
    ):  # the reference will run, so what attains the extreme is for the reference to say
        with ops.backend("reference"):
            (out,), ties = _run(ctx.topology, formula, ctx.saved_tensors[:count])
    share = leaf(Side.DST, grad / ties.view(grad.shape).clamp(min=1), formula.tail)
    extreme = leaf(Side.DST, out.detach(), formula.tail)
    attains = expr.make("eq", expr.make("round", formula.results[0].root), extreme)
    return expr.make("where", attains, share, expr.const(0.0))


def group_tail(tail: Shape, groups: int) -> Shape:
    """The shape of one number per group, with ones for the axes that were summed."""
    cut, size = 0, 1
    while size != groups:
        size *= tail[cut]
        cut += 1
    return (*tail[:cut], *[1] * (len(tail) - cut))


def _leaf_gradients(
    topology: Topology,
    formula: Formula,
    slots: tuple[Slot, ...],
    tensors: Tensors,
    seeds: list[tuple[Expr, Expr]],
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    """The gradient of every leaf that needs one: its formula per edge, summed over the edges and features it serves."""
    per_edge = expr.gradients(seeds)
    tail = formula.tail
    grads: list[Tensor | None] = [None] * len(needed)
    by_dst: dict[int, Result] = {}
    by_src: dict[int, Result] = {}
    for number, (leaf, need) in enumerate(zip(formula.slots, needed, strict=True)):
        root = per_edge.get(number)
        if not need:
            continue
        if root is None or expr.is_const(root, 0.0):
            grads[number] = torch.zeros_like(tensors[number])  # flat, but used: torch gives zeros too
        elif leaf.side is Side.SRC:
            by_src[number] = Result(root, "sum")
        elif leaf.side is Side.EDGE:
            mode = spread_of(leaf.tail, tail)
            summed = mode is not None and mode[0] in ("scalar", "groups")
            by_dst[number] = Result(root, "map", math.prod(leaf.tail) if summed else 0)
        else:
            by_dst[number] = Result(root, "sum")
    flipped = tuple(map(flip, slots))
    for graph, leaves, results in ((topology, slots, by_dst), (topology.reverse(), flipped, by_src)):
        outs = (
            run_all(Program, graph, Formula(tuple(results.values()), leaves, tail), *tensors)
            if results
            else ()
        )
        for number, out, result in zip(results, outs, results.values(), strict=True):
            leaf = formula.slots[number]
            grad = out if result.groups else fold(out, leaf.tail, tail)
            if leaf.side is Side.NONE:
                grad = fold(out.sum(0, keepdim=True), leaf.tail, tail)
            grads[number] = grad.view(tensors[number].shape)
    return grads


def flip(leaf: Slot) -> Slot:
    """The leaf as seen from the reversed edges."""
    swapped = {Side.SRC: Side.DST, Side.DST: Side.SRC}
    return Slot(swapped.get(leaf.side, leaf.side), leaf.tail)


def fold(grad: Tensor, mine: Shape, tail: Shape) -> Tensor:
    """Sums rows of shape `tail` over the axes along which `mine` was broadcast."""
    padded = (1,) * (len(tail) - len(mine)) + tuple(mine)
    axes = [i + 1 for i, (m, t) in enumerate(zip(padded, tail, strict=True)) if m == 1 and t != 1]
    return grad.sum(axes, keepdim=True) if axes else grad
