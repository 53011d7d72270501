"""Topology adaptive graph convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList, Parameter

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset, zeros


class TAGConv(NormalizedConv):
    r"""Adds up what comes from each number of hops, with a linear map for each.

    .. math::
        \mathbf{X}^{\prime} = \sum_{k=0}^{K} \bigl( \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \bigr)^k \mathbf{X}
        \mathbf{W}_k^{\top} + \mathbf{b}

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        K: number of hops.
        bias: learn the shift b.
        normalize: weight the edges by degree; no self-loops are added.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Example:
        >>> conv = TAGConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Topology Adaptive Graph Convolutional Networks" (arXiv:1710.10370).
    """

    add_self_loops = False

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 3,
        bias: bool = True,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.normalize = normalize
        self.lins = ModuleList(Linear(in_channels, out_channels, bias=False) for _ in range(K + 1))
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.lins)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        out = self.lins[0](x)
        for lin in self.lins[1:]:
            x = self.propagate(edge_index, x=x, edge_weight=edge_weight)
            out = out + lin(x)
        return out if self.bias is None else out + self.bias

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, K={self.K})"
