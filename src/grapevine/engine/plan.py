"""`gv.plan`: what will run for a layer or function, step by step, like a database's EXPLAIN."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from grapevine.engine.mode import recorded

_drawn: ContextVar[Plan | None] = ContextVar("grapevine_plan", default=None)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan.

    Attributes:
        rule: the planner's rule that made it.
        where: `"nodes"`, `"edges"` or `"-"` for a rewrite that computes nothing itself.
        shape: rows x features of the result.
        kernel: what runs.
        bytes_written: size of the result in bytes.
        stored: True where a message of one row per edge is stored.
        why: why nothing better was found.
    """

    rule: str
    where: str
    shape: tuple[int, ...]
    kernel: str
    bytes_written: int
    stored: bool = False
    why: str = ""


def note(
    rule: str,
    where: str,
    shape: Sequence[int],
    kernel: str,
    like: Tensor | None = None,
    stored: bool = False,
    why: str = "",
) -> None:
    """Adds a step, where a plan is being drawn."""
    plan = _drawn.get()
    if plan is None:
        return
    size = 0 if like is None else like.element_size() * math.prod(shape)
    plan.steps.append(Step(rule, where, tuple(shape), kernel, size, stored, why))


def is_drawn() -> bool:
    """True while a plan is being drawn."""
    return _drawn.get() is not None


def stored_plainly(num_edges: int, tail: Sequence[int], dtype: torch.dtype) -> None:
    """Counts a result with one row per edge that the plain way would store, where a plan is being drawn."""
    plan = _drawn.get()
    if plan is not None:
        plan.plain_edge_bytes += num_edges * math.prod(tail) * dtype.itemsize


@dataclass
class Plan:
    """The steps of one call, in the order they ran.

    Attributes:
        steps: what ran.
        plain_edge_bytes: what the messages and their intermediate results would take the plain way, one row per edge
            each, as training keeps them for the backward pass.
    """

    steps: list[Step] = field(default_factory=list)
    plain_edge_bytes: int = 0

    @property
    def edge_bytes(self) -> int:
        """Bytes of all results with one row per edge: what the messages take at most."""
        return sum(s.bytes_written for s in self.steps if s.where == "edges")

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain Python values."""
        return {
            "steps": [asdict(s) for s in self.steps],
            "edge_bytes": self.edge_bytes,
            "plain_edge_bytes": self.plain_edge_bytes,
        }

    def show(self) -> None:
        """Prints the plan: as a rich table in a terminal, if rich is installed, else as plain text."""
        if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
            from rich import get_console

            get_console().print(self)
        else:
            sys.stdout.write(f"{self}\n")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (s.rule, s.where, " x ".join(map(str, s.shape)), s.kernel, _size(s.bytes_written), s.why)
            for s in self.steps
        ]

    _HEADER = ("rule", "where", "rows x features", "kernel", "written", "why not fused")

    def __str__(self) -> str:
        rows = [self._HEADER, *self._rows()]
        widths = [max(len(row[c]) for row in rows) for c in range(len(self._HEADER))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([*lines, self._summary()])

    __repr__ = __str__

    def _summary(self) -> str:
        plain = f"the plain way {_size(self.plain_edge_bytes)}"
        return f"edge memory at its peak: {_size(self.edge_bytes)}, {plain}"

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table(*self._HEADER, caption=self._summary())
        for row in self._rows():
            table.add_row(*row)
        return table


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def plan(function: Callable[..., Any], *inputs: Any, **options: Any) -> Plan:
    """Runs a layer or function once and returns what the planner did with its messages.

    One row per step: the planner's rule (see `grapevine.engine.planner`), whether it ran on nodes or on edges, rows x
    features of its result, the kernel, the bytes written, and for messages that were stored edge by edge, why nothing
    better was found. Below the table, the memory that the messages take against the plain way. All messages are
    recorded, also those that are usually too small to be worth it; the backward pass is not shown.

    Args:
        function: any callable, such as a layer.
        *inputs: its arguments.
        **options: its keyword arguments.

    Returns:
        A plan: `print` it, `.show()` it with rich, or take `.to_dict()`.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> drawn = gv.plan(lambda x: edges.sum(edges.src(x).relu()), torch.ones(2, 4))
        >>> [step.rule for step in drawn.steps]
        ['lift', 'kernel']
        >>> drawn.edge_bytes, drawn.plain_edge_bytes  # two messages of four numbers, before and after the relu
        (0, 64)
    """
    drawn = Plan()
    token = _drawn.set(drawn)
    try:
        with recorded():
            function(*inputs, **options)
    finally:
        _drawn.reset(token)
    return drawn
