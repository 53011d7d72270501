"""Gaussian mixture convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.nn._waiting import Waiting
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import zeros
from grapevine.nn.message_passing import MessagePassing


class GMMConv(Waiting, MessagePassing):
    r"""Averages the neighbours, mapped by matrices that Gaussians of the edge's pseudo-coordinates weigh.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{1}{|\mathcal{N}(i)|} \sum_{j \in \mathcal{N}(i)} \sum_{k = 1}^K
        w_k(\mathbf{e}_{ij}) \mathbf{\Theta}_k \mathbf{x}_j, \qquad
        w_k(\mathbf{e}) = \exp \left( -\frac{1}{2} (\mathbf{e} - \mathbf{\mu}_k)^{\top} \mathbf{\Sigma}_k^{-1}
        (\mathbf{e} - \mathbf{\mu}_k) \right)

    with diagonal :math:`\mathbf{\Sigma}_k`.

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations.
        out_channels: features F' of the output.
        dim: number of pseudo-coordinates D.
        kernel_size: number of Gaussians K.
        separate_gaussians: learn K Gaussians for each pair of an input and an output feature.
        aggr: aggregation.
        root_weight: add a linear map of the node's own features.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)), the second of which may be None.
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: pseudo-coordinates, (E, D).
        size: (N_src, N_dst), where `x` does not tell.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = GMMConv(4, 8, dim=3, kernel_size=5)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.ones(2, 3)).shape
        torch.Size([3, 8])

    Source: "Geometric Deep Learning on Graphs and Manifolds using Mixture Model CNNs" (arXiv:1611.08402).
    """

    _channel_axis = 0

    g: Tensor
    mu: Tensor
    sigma: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        dim: int,
        kernel_size: int,
        separate_gaussians: bool = False,
        aggr: str = "mean",
        root_weight: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr=aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dim = dim
        self.kernel_size = kernel_size
        self.separate_gaussians = separate_gaussians
        self.root_weight = root_weight
        self.rel_in_channels, target = (
            (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        )
        self._wait(self.rel_in_channels)
        self.root = (
            Linear(target, out_channels, bias=False, weight_initializer="glorot") if root_weight else None
        )
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        gaussians: tuple[int, ...] = (self.kernel_size, self.dim)
        if self.separate_gaussians:
            gaussians = (channels, self.out_channels, *gaussians)
        return {"g": (channels, self.out_channels * self.kernel_size), "mu": gaussians, "sigma": gaussians}

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        if not self._waits():
            self._draw()
        if self.root is not None:
            self.root.reset_parameters()
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        if not self.separate_gaussians:
            source = (source @ self.g).view(-1, self.kernel_size * self.out_channels)
        if size is None and target is not None:
            size = (source.shape[0], target.shape[0])
        out = self.propagate(edge_index, x=(source, None), edge_attr=edge_attr, size=size)
        if self.root is not None and target is not None:
            out = out + self.root(target)
        return out if self.bias is None else out + self.bias

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        kernel_size, out_channels = self.kernel_size, self.out_channels
        edge_attr = edge_attr.view(-1, *[1] * (self.mu.dim() - 1), self.dim)
        weight = (-0.5 * (edge_attr - self.mu).square() / (1e-15 + self.sigma.square())).sum(-1).exp()
        if not self.separate_gaussians:  # (E, K)
            return (weight.unsqueeze(-1) * x_j.view(-1, kernel_size, out_channels)).sum(1)
        matrix = (weight * self.g.view(-1, out_channels, kernel_size)).sum(-1)  # (E, F, F')
        return (x_j.unsqueeze(-1) * matrix).sum(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, dim={self.dim})"
