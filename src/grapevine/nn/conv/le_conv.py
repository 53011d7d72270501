"""Local extremum convolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing


class LEConv(MessagePassing):
    r"""Compares each node with its neighbours.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_3 \mathbf{x}_i + \mathbf{b}_3 + \sum_{j \in \mathcal{N}(i)} e_{ji}
        (\mathbf{W}_1 \mathbf{x}_j + \mathbf{b}_1 - \mathbf{W}_2 \mathbf{x}_i)

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        bias: learn the shifts.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N_dst, F').

    Example:
        >>> import torch
        >>> conv = LEConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "ASAP: Adaptive Structure Aware Pooling for Learning Hierarchical Graph Representations" (arXiv:1911.07979).
    """

    def __init__(
        self, in_channels: int | tuple[int, int], out_channels: int, bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        self.lin1 = Linear(source, out_channels, bias=bias)
        self.lin2 = Linear(target, out_channels, bias=False)
        self.lin3 = Linear(target, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin1, self.lin2, self.lin3):
            lin.reset_parameters()

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor | Edges, edge_weight: Tensor | None = None
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        weight = sparse_values(edge_index) if edge_weight is None else edge_weight
        out = self.propagate(edge_index, a=self.lin1(source), b=self.lin2(target), edge_weight=weight)
        return out + self.lin3(target)

    def message(self, a_j: Tensor, b_i: Tensor, edge_weight: Tensor | None) -> Tensor:
        if edge_weight is None:
            return a_j - b_i
        weight = edge_weight.view(-1, 1)
        return weight * a_j - weight * b_i
