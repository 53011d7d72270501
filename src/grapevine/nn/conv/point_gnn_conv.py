"""Point-GNN, for detecting objects among points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


class PointGNNConv(MessagePassing):
    r"""Features of the neighbours and where they lie, seen from a place that each node aligns itself to.

    .. math::
        \Delta \mathbf{p}_i = h(\mathbf{x}_i), \qquad
        \mathbf{x}_i^{\prime} = \mathbf{x}_i + g \left( \max_j f(\mathbf{p}_j - \mathbf{p}_i + \Delta \mathbf{p}_i \,
        \Vert \, \mathbf{x}_j) \right)

    Args:
        mlp_h: from (N, F) to shifts, (N, 3).
        mlp_f: from (E, 3 + F) to (E, F').
        mlp_g: from (N, F') to (N, F).
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        pos: positions, (N, 3).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).

    Returns:
        (N, F).

    Example:
        >>> from torch.nn import Linear
        >>> conv = PointGNNConv(Linear(4, 3), Linear(7, 8), Linear(8, 4))
        >>> conv(torch.randn(3, 4), torch.randn(3, 3), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 4])

    Source: "Point-GNN: Graph Neural Network for 3D Object Detection in a Point Cloud" (arXiv:2003.01251).
    """

    def __init__(
        self,
        mlp_h: Callable[..., Tensor],
        mlp_f: Callable[..., Tensor],
        mlp_g: Callable[..., Tensor],
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "max", **kwargs})
        self.mlp_h = mlp_h
        self.mlp_f = mlp_f
        self.mlp_g = mlp_g
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for mlp in (self.mlp_h, self.mlp_f, self.mlp_g):
            reset(mlp)

    def forward(self, x: Tensor, pos: Tensor, edge_index: Tensor | Edges) -> Tensor:
        seen_from = pos - self.mlp_h(x)
        return x + self.mlp_g(self.propagate(edge_index, x=x, pos=pos, seen_from=seen_from))

    def message(self, x_j: Tensor, pos_j: Tensor, seen_from_i: Tensor) -> Tensor:
        return self.mlp_f(torch.cat([pos_j - seen_from_i, x_j], dim=-1))

    def __repr__(self) -> str:
        parts = "".join(f"  {name}={getattr(self, name)},\n" for name in ("mlp_h", "mlp_f", "mlp_g"))
        return f"{type(self).__name__}(\n{parts})"
