"""`Order`: edges grouped by one endpoint, the form in which every kernel reads a graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Edges sorted (stably) by one endpoint, as compressed rows.

    Row `r` owns the positions `ptr[r] .. ptr[r + 1] - 1`; position `k` is the edge `perm[k]`, whose other endpoint is
    `other[k]`. All are int32 below 2^31 nodes and edges, else int64.

    Args:
        ptr: `(R + 1,)`, non-decreasing, from 0 to E.
        perm: `(E,)` edge ids; None means the identity (the edges came sorted).
        other: `(E,)` opposite endpoints; None where there is no other side (a plain grouping).
        num_rows: R.
        num_other: the number of opposite nodes.
        num_edges: E.
    """

    ptr: Tensor
    perm: Tensor | None
    other: Tensor | None
    num_rows: int
    num_other: int
    num_edges: int

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
