"""Edge convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


class EdgeConv(MessagePassing):
    r"""A network on each node and its difference to each neighbour.

    .. math::
        \mathbf{x}^{\prime}_i = \max_{j \in \mathcal{N}(i)} \mathrm{nn}
        ( \mathbf{x}_i \, \Vert \, \mathbf{x}_j - \mathbf{x}_i )

    Args:
        nn: maps (E, 2 F) to (E, F').
        aggr: aggregation of the neighbours, "max", "add", "mean", ...
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src).

    Returns:
        (N_dst, F').

    Example:
        >>> conv = EdgeConv(torch.nn.Linear(2 * 16, 32))
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Dynamic Graph CNN for Learning on Point Clouds" (arXiv:1801.07829).
    """

    def __init__(self, nn: Callable[..., Tensor], aggr: str = "max", **kwargs: Any) -> None:
        super().__init__(aggr, **kwargs)
        self.nn = nn
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.nn)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor | Edges) -> Tensor:
        return self.propagate(edge_index, x=(x, x) if isinstance(x, Tensor) else x)

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        return self.nn(torch.cat([x_i, x_j - x_i], dim=-1))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nn={self.nn})"
