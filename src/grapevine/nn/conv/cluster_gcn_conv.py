"""The convolution of Cluster-GCN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv._derived import kept
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear
from grapevine.utils import degree


class ClusterGCNConv(WeightedConv):
    r"""The mean of the neighbours and the node itself, with the diagonal enhanced, beside the node's own features.

    .. math::
        \mathbf{X}^{\prime} = \bigl( \hat{\mathbf{A}} + \lambda \, \mathrm{diag}(\hat{\mathbf{A}}) \bigr) \mathbf{X}
        \mathbf{W}_1^{\top} + \mathbf{b} + \mathbf{X} \mathbf{W}_2^{\top}, \qquad
        \hat{\mathbf{A}} = (\mathbf{D} + \mathbf{I})^{-1} (\mathbf{A} + \mathbf{I})

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        diag_lambda: lambda.
        add_self_loops: replace self-loops by one at each node.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values do not matter.

    Returns:
        (N, F').

    Example:
        >>> conv = ClusterGCNConv(16, 32, diag_lambda=1.0)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Cluster-GCN: An Efficient Algorithm for Training Deep and Large Graph Convolutional Networks"
    (arXiv:1905.07953).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        diag_lambda: float = 0.0,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.diag_lambda = diag_lambda
        self.add_self_loops = add_self_loops
        self.lin_out = Linear(in_channels, out_channels, bias=bias, weight_initializer="glorot")
        self.lin_root = Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin_out.reset_parameters()
        self.lin_root.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor | Edges) -> Tensor:
        size = (x.size(self.node_dim), x.size(self.node_dim))
        edges = replace_self_loops(edge_index, size)[0] if self.add_self_loops else Edges.of(edge_index, size)
        key = ("cluster_gcn", self.diag_lambda, x.dtype)
        weight = kept(edges, key, lambda: self._weight(edges, x.dtype))
        out = self.transformed(self.lin_out, x, lambda x: self.propagate(edges, x=x, edge_weight=weight))
        return out + self.lin_root(x)

    def _weight(self, edges: Edges, dtype: torch.dtype) -> Tensor:
        arriving = 1.0 / degree(edges.dst_index, edges.num_dst, dtype).clamp(min=1.0)
        weight = arriving.index_select(0, edges.dst_index)
        return torch.where(edges.src_index == edges.dst_index, (1.0 + self.diag_lambda) * weight, weight)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, diag_lambda={self.diag_lambda})"
        )
