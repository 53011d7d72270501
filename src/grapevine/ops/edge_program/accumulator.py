"""Edge programs for the core's machine: one accumulator, and slots in memory.

An instruction of a `Code` names all that it reads; one of the machine's reads the accumulator, in which the
result before it still is, and at most two slots. A result is stored only if somebody reads it later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from grapevine.ops.edge_program.code import Code

#: The machine's instructions, in the order of csrc/kernels.h.
NAMES = (
    "load", "add", "sub", "sub_of", "mul", "div", "div_of", "maximum", "minimum", "pow", "pow_of",
    "gt", "ge", "lt", "le", "eq", "truth", "where", "number",
    "neg", "abs", "relu", "sign", "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh", "sigmoid",
    "erf", "round", "emit",
)  # fmt: skip
NUMBERS = {name: number for number, name in enumerate(NAMES)}
#: What to do when the accumulator holds the second operand instead of the first.
REVERSED = {
    **{name: name for name in ("add", "mul", "maximum", "minimum", "eq")},
    "sub": "sub_of", "div": "div_of", "pow": "pow_of", "gt": "lt", "ge": "le",
}  # fmt: skip
COMPARISONS = ("gt", "ge", "lt", "le", "eq")


class Step(NamedTuple):
    """One instruction of the machine.

    Attributes:
        name: see `NUMBERS`.
        reads: slots of the code, beside the accumulator.
        holds: the slot of the code whose value the accumulator then has; None for values of no slot.
        output: for emit, the number of the result.
    """

    name: str
    reads: tuple[int, ...] = ()
    holds: int | None = None
    output: int = 0


class Machine(NamedTuple):
    """A program as the core reads it.

    Attributes:
        steps: rows of number, a, b and the slot that is written afterwards, or -1.
        slots: how many there are; leaves and constants fill the first.
        roots: the slot of every result.
    """

    steps: np.ndarray
    slots: int
    roots: tuple[int, ...]


@lru_cache(maxsize=1024)
def assembled(code: Code, roots: tuple[int, ...]) -> Machine:
    """The machine's program for the results `roots`."""
    return _placed(_steps(code, roots), len(code.leaves) + len(code.constants), len(roots))


def _steps(code: Code, roots: tuple[int, ...]) -> list[Step]:
    steps: list[Step] = []
    masks = _masks(code, roots)

    def put(name: str, args: tuple[int, ...], holds: int | None = None) -> None:
        """The instruction, after its first operand is in the accumulator."""
        first, *others = args
        held = steps[-1].holds if steps else None
        if name in REVERSED and held == others[0] != first:
            name, others = REVERSED[name], [first]
        elif held != first:
            steps.append(Step("load", (first,)))
        steps.append(Step(name, tuple(others), holds))

    def emit(slot: int) -> None:
        steps.extend(Step("emit", (), slot, number) for number, root in enumerate(roots) if root == slot)

    for slot in range(len(code.leaves) + len(code.constants)):
        if slot in roots:
            steps.append(Step("load", (slot,), slot))
            emit(slot)
    for name, out, args in code.instructions:
        if out in masks:
            continue
        if name == "where":
            put(*masks.get(args[0], ("truth", args[:1])))
            steps.append(Step(name, args[1:], out))
        elif name in COMPARISONS:
            put(name, args)
            steps.append(Step("number", (), out))
        else:
            put(name, args, out)
        emit(out)
    return steps


def _masks(code: Code, roots: tuple[int, ...]) -> dict[int, tuple[str, tuple[int, ...]]]:
    """Comparisons of which only choices are made: these compare anew each time, which costs less than a mask kept."""
    compared = {out: (name, args) for name, out, args in code.instructions if name in COMPARISONS}
    read = {slot for name, _, args in code.instructions for slot in (args[1:] if name == "where" else args)}
    return {slot: instruction for slot, instruction in compared.items() if slot not in read.union(roots)}


def _placed(steps: list[Step], first: int, results: int) -> Machine:
    """Slots for what is read later: those of values that are not read any more, so that all stay in the cache."""
    last = {slot: number for number, step in enumerate(steps) for slot in step.reads}
    at = {slot: slot for slot in range(first)}
    slots = first + results
    free: list[int] = []
    table = np.full((len(steps), 4), -1, dtype=np.int32)
    for number, (name, reads, holds, output) in enumerate(steps):
        a, b = (*(at[slot] for slot in reads), 0, 0)[:2] if name != "emit" else (first + output, output)
        table[number, :3] = NUMBERS[name], a, b
        if holds in last and holds not in at:
            if not free:
                free.append(slots)
                slots += 1
            table[number, 3] = at[holds] = free.pop()
        free += [at[slot] for slot in set(reads) if slot >= first and last[slot] == number]
    return Machine(table, slots, tuple(range(first, first + results)))
