"""Graph convolution whose edge weights a network makes from edge features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, Parameter, ReLU, Sequential, Sigmoid

from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.inits import glorot, zeros


class PDNConv(NormalizedConv):
    r"""Sums the neighbours, each weighted by what a network makes of the edge's features.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} f_{\mathbf{\Theta}}(\mathbf{e}_{ij})
        f_{\mathbf{\Omega}}(\mathbf{x}_j)

    with a linear map :math:`f_{\mathbf{\Omega}}` and an MLP :math:`f_{\mathbf{\Theta}}` that ends in a sigmoid.

    Args:
        in_channels: features F of a node.
        out_channels: features F' of the output.
        edge_dim: features D of an edge.
        hidden_channels: hidden features of the MLP.
        add_self_loops: give a self-loop to every node that has none, where `normalize` is set.
        normalize: weigh the edges by degree too, see `gcn_norm`.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D).

    Returns:
        (N, F').

    Example:
        >>> conv = PDNConv(4, 8, edge_dim=3, hidden_channels=16)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.ones(2, 3)).shape
        torch.Size([3, 8])

    Source: "Pathfinder Discovery Networks for Neural Message Passing" (arXiv:2010.12878).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        edge_dim: int,
        hidden_channels: int,
        add_self_loops: bool = True,
        normalize: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.hidden_channels = hidden_channels
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self.lin = Linear(in_channels, out_channels, bias=False)
        self.mlp = Sequential(
            Linear(edge_dim, hidden_channels), ReLU(), Linear(hidden_channels, 1), Sigmoid()
        )
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin, self.mlp[0], self.mlp[2]):
            glorot(lin.weight)
            zeros(lin.bias)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None = None) -> Tensor:
        weight = None if edge_attr is None else self.mlp(edge_attr).squeeze(-1)
        edge_index, weight = self.weighted(edge_index, weight, x)
        out = self.propagate(edge_index, x=self.lin(x), edge_weight=weight)
        return out if self.bias is None else out + self.bias

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"
