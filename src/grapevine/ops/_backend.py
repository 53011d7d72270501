"""How an op chooses among its backends: the first that has no reason to refuse runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from grapevine.errors import GraphKeyError, GraphValueError

_forced: ContextVar[str | None] = ContextVar("grapevine_backend", default=None)


@dataclass(frozen=True)
class Backend:
    """One implementation of an op: `reasons(*inputs)` is empty where it may run."""

    name: str
    run: Callable[..., Any]
    reasons: Callable[..., list[str]]


class Op:
    """A kernel over tensors with one meaning and several backends, the best first; the reference, last, always runs."""

    __slots__ = ("backends", "name")

    def __init__(self, name: str, *backends: Backend) -> None:
        self.name = name
        self.backends = backends

    def __call__(self, *inputs: Any) -> Any:
        forced = _forced.get()
        if forced is None:
            for candidate in self.backends:
                if not candidate.reasons(*inputs):
                    return candidate.run(*inputs)
        for candidate in self.backends:
            if candidate.name == forced:
                reasons = candidate.reasons(*inputs)
                if reasons:
                    raise GraphValueError(
                        f"op {self.name!r} cannot run on the forced backend {forced!r}: {'; '.join(reasons)}; "
                        f"leave the backend() block or use one of {self.eligible(*inputs)}"
                    )
                return candidate.run(*inputs)
        known = [candidate.name for candidate in self.backends]
        raise GraphKeyError(f"op {self.name!r} has no backend {forced!r}; choose one of {known}")

    def eligible(self, *inputs: Any) -> list[str]:
        """Names of the backends that accept these inputs, best first."""
        return [b.name for b in self.backends if not b.reasons(*inputs)]

    def why(self, *inputs: Any) -> dict[str, list[str]]:
        """Every backend with its reasons to refuse these inputs (empty = eligible)."""
        return {b.name: b.reasons(*inputs) for b in self.backends}


def no_reasons(*inputs: Any) -> list[str]:
    """The reference never refuses."""
    return []


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Forces one backend for every op inside the block.

    Args:
        name: `"cpu"` (the compiled core), `"triton"` (CUDA, ROCm, XPU) or `"reference"` (plain ATen ops).

    Raises:
        GraphValueError: by the first op inside that the backend refuses, with its reasons.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> with gv.backend("reference"):
        ...     edges.sum(edges.src(torch.ones(2, 1))).tolist()
        [[1.0], [1.0]]
    """
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)
