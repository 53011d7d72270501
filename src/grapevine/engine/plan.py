"""`gv.plan`: what will run for a layer or function, step by step, like a database's EXPLAIN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from grapevine.engine.mode import recorded

_steps: ContextVar[list[Step] | None] = ContextVar("grapevine_plan", default=None)


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
    steps = _steps.get()
    if steps is None:
        return
    size = 0
    if like is not None:
        size = like.element_size()
        for s in shape:
            size *= s
    steps.append(Step(rule, where, tuple(shape), kernel, size, stored, why))


@dataclass(frozen=True)
class Plan:
    """The steps of one call, in the order they ran."""

    steps: list[Step] = field(default_factory=list)

    @property
    def edge_bytes(self) -> int:
        """Bytes of all results with one row per edge."""
        return sum(s.bytes_written for s in self.steps if s.where == "edges")

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain Python values."""
        return {"steps": [asdict(s) for s in self.steps], "edge_bytes": self.edge_bytes}

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
        return "\n".join([*lines, f"stored per edge: {_size(self.edge_bytes)}"])

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table(*self._HEADER, caption=f"stored per edge: {_size(self.edge_bytes)}")
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

    Args:
        function: any callable, such as a layer.
        *inputs: its arguments.
        **options: its keyword arguments.

    Returns:
        A plan: `print` it, show it with rich, or take `.to_dict()`.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> drawn = gv.plan(lambda x: edges.sum(edges.src(x).relu()), torch.ones(2, 4))
        >>> [step.rule for step in drawn.steps]
        ['lift', 'kernel']
    """
    steps: list[Step] = []
    token = _steps.set(steps)
    try:
        with recorded():
            function(*inputs, **options)
    finally:
        _steps.reset(token)
    return Plan(steps)
