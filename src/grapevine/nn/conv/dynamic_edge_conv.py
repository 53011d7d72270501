"""Edge convolution on a graph of nearest neighbours that it finds itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.geometry import knn
from grapevine.nn.conv.edge_conv import EdgeConv

Pair = tuple[Tensor, Tensor]


def nearest_neighbors(
    x: Pair, k: int, batch: Tensor | tuple[Tensor, Tensor] | None, num_workers: int = 1
) -> Tensor:
    """Edges (2, E) to each row of `x[1]` from the k nearest ones of `x[0]` in the same graph."""
    if x[0].dim() != 2:
        raise GraphValueError(f"expected features of shape (nodes, channels), got {list(x[0].shape)}")
    first, second = (batch, batch) if batch is None or isinstance(batch, Tensor) else batch
    return knn(x[0], x[1], k, first, second, num_workers=num_workers).flip(0)


class DynamicEdgeConv(EdgeConv):
    r"""`EdgeConv` with the k nearest neighbours in the space of the features.

    .. math::
        \mathbf{x}^{\prime}_i = \max_{j \in \operatorname{knn}(\mathbf{x}_i)} \mathrm{nn}
        ( \mathbf{x}_i \, \Vert \, \mathbf{x}_j - \mathbf{x}_i )

    Args:
        nn: maps (E, 2 F) to (E, F').
        k: how many neighbours; a node is its own first one.
        aggr: aggregation of the neighbours, "max", "add", "mean", ...
        num_workers: threads for the search.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F).
        batch: the graph of each node, int64 (N,), or a pair; one graph if None.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for features that are no matrix.

    Example:
        >>> import torch
        >>> conv = DynamicEdgeConv(torch.nn.Linear(2 * 3, 8), k=2)
        >>> conv(torch.randn(5, 3), torch.tensor([0, 0, 0, 1, 1])).shape
        torch.Size([5, 8])

    Source: "Dynamic Graph CNN for Learning on Point Clouds" (arXiv:1801.07829).
    """

    def __init__(
        self, nn: Callable[..., Tensor], k: int, aggr: str = "max", num_workers: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(nn, aggr, **kwargs)
        self.k = k
        self.num_workers = num_workers

    def forward(self, x: Tensor | Pair, batch: Tensor | tuple[Tensor, Tensor] | None = None) -> Tensor:
        pair = (x, x) if isinstance(x, Tensor) else x
        return super().forward(pair, nearest_neighbors(pair, self.k, batch, self.num_workers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nn={self.nn}, k={self.k})"
