"""Statistics of the rows of each graph."""

from __future__ import annotations

from torch import Tensor

from grapevine.utils import degree, scatter


class GraphRows:
    """Which row belongs to which graph.

    Args:
        batch: graph of each row, int64 (N,) in [0, B); None: all rows are of one graph.
        batch_size: B; None: as many as `batch` names.
    """

    def __init__(self, batch: Tensor | None, batch_size: int | None = None) -> None:
        if batch is None:
            batch_size = 1
        elif batch_size is None:
            batch_size = int(batch.max()) + 1 if batch.numel() > 0 else 0
        self.batch = batch
        self.batch_size = batch_size

    def mean(self, x: Tensor) -> Tensor:
        """Mean of the rows of each graph: (N, F) to (B, F)."""
        if self.batch is None:
            return x.mean(dim=0, keepdim=True)
        return scatter(x, self.batch, 0, self.batch_size, reduce="mean")

    def spread(self, value: Tensor) -> Tensor:
        """For each row the value of its graph: (B, F) to (N, F), or (1, F) where there is one graph."""
        return value if self.batch is None else value.index_select(0, self.batch)

    def count(self, x: Tensor) -> Tensor:
        """Number of rows of each graph, but at least one: (B, 1), of the dtype of `x`."""
        if self.batch is None:
            return x.new_full((1, 1), max(x.size(0), 1))
        return degree(self.batch, self.batch_size, x.dtype).clamp(min=1).unsqueeze(-1)
