"""Crystal graph convolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, Linear

from grapevine.nn.message_passing import MessagePassing


class CGConv(MessagePassing):
    r"""Adds to each node a gated sum over its neighbours.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \sigma (\mathbf{z}_{ij} \mathbf{W}_f +
        \mathbf{b}_f) \odot g (\mathbf{z}_{ij} \mathbf{W}_s + \mathbf{b}_s), \qquad
        \mathbf{z}_{ij} = [\mathbf{x}_i, \mathbf{x}_j, \mathbf{e}_{ij}]

    with the sigmoid σ and the softplus g.

    Args:
        channels: features F of a node; a pair for sources and destinations.
        dim: features D of an edge.
        aggr: aggregation.
        batch_norm: normalise the sum.
        bias: learn shifts.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)).
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D).

    Returns:
        (N_dst, F_dst).

    Example:
        >>> conv = CGConv(4, dim=3)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.ones(2, 3)).shape
        torch.Size([3, 4])

    Source: "Crystal Graph Convolutional Neural Networks for an Accurate and Interpretable Prediction of Material
    Properties" (arXiv:1710.10324).
    """

    def __init__(
        self,
        channels: int | tuple[int, int],
        dim: int = 0,
        aggr: str = "add",
        batch_norm: bool = False,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr=aggr, **kwargs)
        self.channels = channels
        self.dim = dim
        self.batch_norm = batch_norm
        source, target = (channels, channels) if isinstance(channels, int) else channels
        self.lin_f = Linear(source + target + dim, target, bias=bias)
        self.lin_s = Linear(source + target + dim, target, bias=bias)
        self.bn = BatchNorm1d(target) if batch_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for module in (self.lin_f, self.lin_s, self.bn):
            if module is not None:
                module.reset_parameters()

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Any, edge_attr: Tensor | None = None
    ) -> Tensor:
        x = (x, x) if isinstance(x, Tensor) else x
        out = self.propagate(edge_index, x=x, edge_attr=edge_attr)
        return x[1] + (out if self.bn is None else self.bn(out))

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor | None) -> Tensor:
        z = torch.cat([x_i, x_j] if edge_attr is None else [x_i, x_j, edge_attr], dim=-1)
        return self.lin_f(z).sigmoid() * F.softplus(self.lin_s(z))

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.channels}, dim={self.dim})"
