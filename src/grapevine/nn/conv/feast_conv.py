"""Feature-steered convolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import normal
from grapevine.nn.message_passing import MessagePassing


class FeaStConv(MessagePassing):
    r"""Averages the neighbours under several matrices, mixed by the difference to the node.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{1}{|\mathcal{N}(i)|} \sum_{j \in \mathcal{N}(i)} \sum_{h=1}^{H} q_h(\mathbf{x}_i,
        \mathbf{x}_j) \mathbf{W}_h \mathbf{x}_j + \mathbf{b}, \qquad
        q_h = \mathrm{softmax}_h \bigl( \mathbf{u}_h^{\top} (\mathbf{x}_j - \mathbf{x}_i) + c_h \bigr)

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        heads: number of matrices H.
        add_self_loops: replace self-loops by one at each node.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values do not matter.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = FeaStConv(16, 32, heads=2)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "FeaStNet: Feature-Steered Graph Convolutions for 3D Shape Analysis" (arXiv:1706.05206).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "mean", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.add_self_loops = add_self_loops
        self.lin = Linear(in_channels, heads * out_channels, bias=False, weight_initializer="uniform")
        self.u = Linear(in_channels, heads, bias=False, weight_initializer="uniform")
        self.c = Parameter(torch.empty(heads))
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin.reset_parameters()
        self.u.reset_parameters()
        normal(self.c, mean=0, std=0.1)
        normal(self.bias, mean=0, std=0.1)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor | Edges) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        if self.add_self_loops:
            edge_index, _ = replace_self_loops(edge_index, (source.size(0), target.size(0)))
        # Both maps are linear: once per node instead of once per edge.
        u_source = self.u(source)
        u_target = u_source if target is source else self.u(target)
        out = self.propagate(edge_index, h=self.lin(source), u=(u_source, u_target))
        return out if self.bias is None else out + self.bias

    def message(self, h_j: Tensor, u_i: Tensor, u_j: Tensor) -> Tensor:
        q = F.softmax(u_j - u_i + self.c, dim=1)
        return (h_j.view(-1, self.heads, self.out_channels) * q.unsqueeze(-1)).sum(dim=1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
