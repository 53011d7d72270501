"""Convolution on point clouds that learns how to order the neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import ELU, BatchNorm1d, Conv1d, Linear, Sequential

from grapevine.errors import GraphValueError
from grapevine.geometry import knn
from grapevine.nn.inits import reset
from grapevine.nn.reshape import Reshape


class XConv(torch.nn.Module):
    r"""A convolution over each point's K nearest ones, weighted and permuted by a matrix that their places decide.

    .. math::
        \mathbf{x}^{\prime}_i = \mathrm{Conv} \left( \mathbf{K}, \gamma_{\mathbf{\Theta}}(\mathbf{P}_i - \mathbf{p}_i)
        \times \left( h_{\mathbf{\Theta}}(\mathbf{P}_i - \mathbf{p}_i) \, \Vert \, \mathbf{X}_i \right) \right)

    The rows of :math:`\mathbf{P}_i` and :math:`\mathbf{X}_i` are the neighbours' positions and features, h lifts each
    position, and γ makes a K x K matrix of all of them.

    Args:
        in_channels: features F of a point; 0: none.
        out_channels: features F' of the output.
        dim: coordinates D of a position.
        kernel_size: neighbours K, the point itself among them.
        hidden_channels: what h lifts a position to; None: a quarter of `in_channels`.
        dilation: take every so many of the `dilation * kernel_size` nearest.
        bias: add a learned bias.
        num_workers: accepted for compatibility.

    Forward:
        x: features, (N, F), or (N,) for F = 1; None for F = 0.
        pos: positions, (N, D), or (N,) for D = 1.
        batch: the graph of each point, int64 (N,), ascending; one graph if None.

    Returns:
        (N, F').

    Raises:
        GraphValueError: without hidden channels, or for a graph of fewer than `dilation * kernel_size` points.

    Example:
        >>> conv = XConv(8, 16, dim=3, kernel_size=4)
        >>> conv(torch.rand(10, 8), torch.rand(10, 3)).shape
        torch.Size([10, 16])

    Source: "PointCNN: Convolution On X-Transformed Points" (arXiv:1801.07791).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int,
        kernel_size: int,
        hidden_channels: int | None = None,
        dilation: int = 1,
        bias: bool = True,
        num_workers: int = 1,
    ) -> None:
        super().__init__()
        hidden = in_channels // 4 if hidden_channels is None else hidden_channels
        if hidden < 1:
            raise GraphValueError(
                f"expected hidden_channels of at least 1, got {hidden} for in_channels={in_channels}; pass "
                "hidden_channels"
            )
        self.in_channels = in_channels
        self.hidden_channels = hidden
        self.out_channels = out_channels
        self.dim = dim
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.num_workers = num_workers

        k, width = kernel_size, in_channels + hidden
        depth = math.ceil(out_channels / width)  # filters for each channel
        self.mlp1 = Sequential(
            Linear(dim, hidden),
            ELU(),
            BatchNorm1d(hidden),
            Linear(hidden, hidden),
            ELU(),
            BatchNorm1d(hidden),
            Reshape(-1, k, hidden),
        )
        self.mlp2 = Sequential(
            Linear(dim * k, k * k),
            ELU(),
            BatchNorm1d(k * k),
            Reshape(-1, k, k),
            Conv1d(k, k * k, k, groups=k),
            ELU(),
            BatchNorm1d(k * k),
            Reshape(-1, k, k),
            Conv1d(k, k * k, k, groups=k),
            BatchNorm1d(k * k),
            Reshape(-1, k, k),
        )
        self.conv = Sequential(
            Conv1d(width, width * depth, k, groups=width),
            Reshape(-1, width * depth),
            Linear(width * depth, out_channels, bias=bias),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for network in (self.mlp1, self.mlp2, self.conv):
            reset(network)

    def forward(self, x: Tensor | None, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        pos = pos.unsqueeze(-1) if pos.dim() == 1 else pos
        n, k = pos.shape[0], self.kernel_size
        found = knn(pos, pos, k * self.dilation, batch, batch)
        if found.shape[1] != n * k * self.dilation:
            raise GraphValueError(
                f"expected graphs of at least {k * self.dilation} points (dilation * kernel_size), got a smaller one; "
                "take a smaller kernel or larger graphs"
            )
        center, neighbor = found[:, :: self.dilation]
        gap = pos[neighbor] - pos[center]
        features = self.mlp1(gap)
        if x is not None:
            features = torch.cat([features, x[neighbor].view(n, k, self.in_channels)], dim=-1)
        return self.conv(features.transpose(1, 2) @ self.mlp2(gap.view(n, -1)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels})"
