"""MixHop: several powers of the adjacency side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Identity, ModuleList, Parameter

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset, zeros


class MixHopConv(NormalizedConv):
    r"""What comes from each number of hops, transformed apart and put side by side.

    .. math::
        \mathbf{X}^{\prime} = \Bigl\Vert_{p \in P}
        \bigl( \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2} \bigr)^p \mathbf{X}
        \mathbf{W}_p^{\top} + \mathbf{b}

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of each part of the output F'.
        powers: numbers of hops P; 0, 1 and 2 by default.
        add_self_loops: give a self-loop to every node that has none.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, |P| F').

    Example:
        >>> conv = MixHopConv(16, 32, powers=[0, 1])
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 64])

    Source: "MixHop: Higher-Order Graph Convolutional Architectures via Sparsified Neighborhood Mixing"
    (arXiv:1905.00067).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        powers: list[int] | None = None,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        powers = [0, 1, 2] if powers is None else powers
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.powers = powers
        self.add_self_loops = add_self_loops
        self.lins = ModuleList(
            Linear(in_channels, out_channels, bias=False) if p in powers else Identity()
            for p in range(max(powers) + 1)
        )
        self.register_parameter("bias", Parameter(torch.empty(len(powers) * out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.lins)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        outs = [self.lins[0](x)]
        for lin in self.lins[1:]:
            x = self.propagate(edge_index, x=x, edge_weight=edge_weight)
            outs.append(lin(x))
        out = torch.cat([outs[p] for p in self.powers], dim=-1)
        return out if self.bias is None else out + self.bias

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, powers={self.powers})"
