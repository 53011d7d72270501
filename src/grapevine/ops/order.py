"""`Order`: edges grouped by one endpoint, the form in which every kernel reads a graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Order:
    """Edges sorted (stably) by one endpoint, as compressed rows.

    Row `r` owns the positions `ptr[r] .. ptr[r + 1] - 1`; position `k` is the edge `perm[k]`, whose other endpoint is
    `other[k]`. All are int32 below 2^31 nodes and edges, else int64.

    Args:
        ptr: `(R + 1,)`, non-decreasing, from 0 to E.
        perm: `(E,)` edge ids; None means the identity (the edges came sorted).
        other: `(E,)` opposite endpoints, or what builds them when a kernel first asks (those that reduce rows of edges
            never do); None where there is no other side (a plain grouping).
        num_rows: R.
        num_other: the number of opposite nodes.
        num_edges: E.
    """

    __slots__ = ("_other", "num_edges", "num_other", "num_rows", "perm", "ptr")

    def __init__(
        self,
        ptr: Tensor,
        perm: Tensor | None,
        other: Tensor | Callable[[], Tensor] | None,
        num_rows: int,
        num_other: int,
        num_edges: int,
    ) -> None:
        self.ptr = ptr
        self.perm = perm
        self._other = other
        self.num_rows = num_rows
        self.num_other = num_other
        self.num_edges = num_edges

    @property
    def other(self) -> Tensor | None:
        """`(E,)` opposite endpoints."""
        if callable(self._other):
            self._other = self._other()
        return self._other

    def rows(self) -> Tensor:
        """The row of every position, `(E,)` int64."""
        counts = self.ptr.diff()
        return torch.repeat_interleave(counts, output_size=self.num_edges).to(torch.int64)

    def edges(self) -> Tensor:
        """The edge id at every position, `(E,)` int64."""
        if self.perm is None:
            return torch.arange(self.num_edges, device=self.ptr.device)
        return self.perm.to(torch.int64)

    def index_of(self, on: str) -> Tensor:
        """The row, edge or other endpoint (`on`) of every position."""
        if on == "other":
            assert self.other is not None
            return self.other
        return self.rows() if on == "row" else self.edges()
