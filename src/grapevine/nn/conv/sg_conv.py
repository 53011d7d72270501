"""Simple graph convolution: GCN without what lies between its layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.dense.linear import Linear


class SGConv(NormalizedConv):
    r"""The simple graph convolution: several hops of propagation, then one linear map.

    .. math::
        \mathbf{X}^{\prime} = \bigl( \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2} \bigr)^K
        \mathbf{X} \mathbf{W}^{\top} + \mathbf{b}, \qquad \hat{\mathbf{A}} = \mathbf{A} + \mathbf{I}

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        K: number of hops.
        cached: keep the propagated features of the first call, whatever comes later.
        add_self_loops: give a self-loop to every node that has none.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Example:
        >>> import torch
        >>> conv = SGConv(16, 32, K=2)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Simplifying Graph Convolutional Networks" (arXiv:1902.07153).
    """

    _cached_x: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 1,
        cached: bool = False,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.lin = Linear(in_channels, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached features."""
        super().reset_parameters()
        self.lin.reset_parameters()
        self._cached_x = None

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        if self.cached:
            if self._cached_x is None:
                self._cached_x = self._hops(x, edge_index, edge_weight)
                return self.lin(self._cached_x)
            return self.lin(self._cached_x.detach())
        return self.transformed(self.lin, x, lambda x: self._hops(x, edge_index, edge_weight))

    def _hops(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None) -> Tensor:
        edge_index, edge_weight = self._normalized(edge_index, edge_weight, x.size(self.node_dim), x.dtype)
        for _ in range(self.K):
            x = self.propagate(edge_index, x=x, edge_weight=edge_weight)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, K={self.K})"
