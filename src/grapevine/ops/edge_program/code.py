"""`Code`: a message as a list of element-wise instructions over leaves, and the table of those instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

#: Instructions by name, each with its meaning in PyTorch.
#: Comparisons give 1 or 0 in the operands' dtype; `round` rounds to the storage dtype, which PyTorch's
#: values already have.
INSTRUCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "gt": lambda a, b: (a > b).to(a.dtype),
    "ge": lambda a, b: (a >= b).to(a.dtype),
    "eq": lambda a, b: (a == b).to(a.dtype),
    "pow": torch.pow,
    "where": lambda c, a, b: torch.where(c != 0, a, b),
    "neg": torch.neg,
    "abs": torch.abs,
    "relu": torch.relu,
    "sign": torch.sign,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "erf": torch.erf,
    "round": lambda a: a,
}


class Instruction(NamedTuple):
    """`slot[out] = name(slot[a], ...)`."""

    name: str
    out: int
    args: tuple[int, ...]


class LeafSpec(NamedTuple):
    """What a leaf's rows belong to, and how one row of it is spread over the message's features.

    Attributes:
        on: `"row"` (the order's own nodes), `"other"` (the opposite nodes), `"edge"` or `"shared"`.
        mode: `"full"` (one number per feature), `"scalar"`, `"groups"` (each number serves `period` features in
            a row) or `"periodic"` (the row of `period` numbers repeats).
    """

    on: str
    mode: str
    period: int = 1


@dataclass(frozen=True)
class Code:
    """An edge program: leaves fill slots 0 .. L - 1, instructions the slots after them, constants are leaves too.

    Attributes:
        leaves: one per tensor.
        constants: numbers, in the slots after the leaves.
        instructions: in order of execution; each writes a slot that is not read before.
        slots: how many there are.
        root: the slot that holds the message.
        features: F, the message's numbers per edge.
        groups: sums over F / groups features each, per edge; 0 for the message itself.
    """

    leaves: tuple[LeafSpec, ...]
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]
    slots: int
    root: int
    features: int
    groups: int = 0


class Output(NamedTuple):
    """One of several results of a program.

    Attributes:
        root: the slot that holds it.
        how: `"sum"`, `"mean"` or `"map"`.
        groups: for map, sums over F / groups features each, per edge; 0 for none.
    """

    root: int
    how: str
    groups: int = 0


def spread(row: Tensor, spec: LeafSpec, features: int) -> Tensor:
    """The rows of a leaf `(M, S)` over all features, `(M, F)`."""
    if spec.mode == "full":
        return row
    if spec.mode == "groups":
        return row.repeat_interleave(spec.period, dim=1)
    repeats = features if spec.mode == "scalar" else features // max(spec.period, 1)
    return row.repeat(1, repeats) if spec.mode == "periodic" else row.expand(-1, features)
