"""Convolution whose matrix a network makes from the edge's features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset, zeros
from grapevine.nn.message_passing import MessagePassing


class NNConv(MessagePassing):
    r"""Multiplies each neighbour by a matrix that a network makes from the edge's features.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{\Theta} \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)}
        \mathbf{x}_j \cdot h_{\mathbf{\Theta}}(\mathbf{e}_{ij})

    Args:
        in_channels: features F of a node; a pair for sources and destinations; that of destinations may be -1.
        out_channels: features F' of the output.
        nn: the network h, from edge features (E, D) to (E, F F').
        aggr: aggregation.
        root_weight: add the linear map of the node's own features.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)), the second of which may be None.
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D).
        size: (N_src, N_dst), where `x` does not tell.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = NNConv(4, 8, torch.nn.Linear(3, 4 * 8))
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.ones(2, 3)).shape
        torch.Size([3, 8])

    Source: "Neural Message Passing for Quantum Chemistry" (arXiv:1704.01212); as edge-conditioned convolution in
    "Dynamic Edge-Conditioned Filters in Convolutional Neural Networks on Graphs" (arXiv:1704.02901).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        nn: Callable[[Tensor], Tensor],
        aggr: str = "add",
        root_weight: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr=aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.nn = nn
        self.root_weight = root_weight
        self.in_channels_l, target = (
            (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        )
        if root_weight:
            self.lin = Linear(target, out_channels, bias=False, weight_initializer="uniform")
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.nn)
        if self.root_weight:
            self.lin.reset_parameters()
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        x = (x, x) if isinstance(x, Tensor) else x
        out = self.propagate(edge_index, x=x, edge_attr=edge_attr, size=size)
        if self.root_weight and x[1] is not None:
            out = out + self.lin(x[1])
        if self.bias is not None:
            out = out + self.bias
        return out

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        weight = self.nn(edge_attr).view(-1, self.in_channels_l, self.out_channels)
        return (x_j.unsqueeze(1) @ weight).squeeze(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, aggr={self.aggr}, nn={self.nn})"
