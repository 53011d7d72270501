"""LINKX, for graphs whose neighbours differ."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import BatchNorm1d, Parameter

from grapevine.edges import Edges
from grapevine.nn import inits
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.mlp import MLP


class SparseLinear(WeightedConv):
    r"""A linear map of the adjacency matrix itself, :math:`\mathbf{A} \mathbf{W} + \mathbf{b}`.

    Args:
        in_channels: number of nodes N.
        out_channels: size of the output F'.
        bias: learn the shift b.

    Forward:
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Example:
        >>> SparseLinear(4, 8)(torch.tensor([[0, 1], [2, 3]])).shape
        torch.Size([4, 8])
    """

    bias: Tensor | None

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(aggr="add")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.weight = Parameter(torch.empty(in_channels, out_channels))
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        inits.kaiming_uniform(self.weight, fan=self.in_channels, a=math.sqrt(5))
        inits.uniform(self.in_channels, self.bias)

    def forward(self, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_weight = sparse_values(edge_index) if edge_weight is None else edge_weight
        out = self.propagate(edge_index, x=self.weight, edge_weight=edge_weight)
        return out if self.bias is None else out + self.bias


class LINKX(torch.nn.Module):
    r"""Joins what an MLP makes of the features with what another makes of the adjacency matrix.

    .. math::
        \mathbf{H}_{\mathbf{A}} = \mathrm{MLP}_{\mathbf{A}}(\mathbf{A}), \quad
        \mathbf{H}_{\mathbf{X}} = \mathrm{MLP}_{\mathbf{X}}(\mathbf{X}), \quad
        \mathbf{Y} = \mathrm{MLP}_f \bigl( \sigma ( \mathbf{W} [\mathbf{H}_{\mathbf{A}}, \mathbf{H}_{\mathbf{X}}]
        + \mathbf{H}_{\mathbf{A}} + \mathbf{H}_{\mathbf{X}} ) \bigr)

    Args:
        num_nodes: N; the model fits this graph only.
        in_channels: size of the input F.
        hidden_channels: size of the hidden layers.
        out_channels: size of the output F'.
        num_layers: number of layers of the last MLP.
        num_edge_layers, num_node_layers: of the other two.
        dropout: probability of dropout in the last MLP.

    Forward:
        x: features, (N, F), or None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Example:
        >>> model = LINKX(4, 16, 32, 7, num_layers=2).eval()
        >>> model(torch.randn(4, 16), torch.tensor([[0, 1], [2, 3]])).shape
        torch.Size([4, 7])

    Source: "Large Scale Learning on Non-Homophilous Graphs: New Benchmarks and Strong Simple Methods"
    (arXiv:2110.14446).
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int,
        num_edge_layers: int = 1,
        num_node_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_edge_layers = num_edge_layers
        self.edge_lin = SparseLinear(num_nodes, hidden_channels)
        self.edge_norm: BatchNorm1d | None = None
        self.edge_mlp: MLP | None = None
        if num_edge_layers > 1:
            self.edge_norm = BatchNorm1d(hidden_channels)
            self.edge_mlp = MLP([hidden_channels] * num_edge_layers, dropout=0.0, act_first=True)
        self.node_mlp = MLP([in_channels, *[hidden_channels] * num_node_layers], dropout=0.0, act_first=True)
        self.cat_lin1 = torch.nn.Linear(hidden_channels, hidden_channels)
        self.cat_lin2 = torch.nn.Linear(hidden_channels, hidden_channels)
        self.final_mlp = MLP([*[hidden_channels] * num_layers, out_channels], dropout=dropout, act_first=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in self.children():
            inits.reset(module)

    def forward(
        self, x: Tensor | None, edge_index: Tensor | Edges, edge_weight: Tensor | None = None
    ) -> Tensor:
        out = self.edge_lin(edge_index, edge_weight)
        if self.edge_norm is not None and self.edge_mlp is not None:
            out = self.edge_mlp(self.edge_norm(out.relu()))
        # W [H_A, H_X] as a sum of two maps.
        out = out + self.cat_lin1(out)
        if x is not None:
            h = self.node_mlp(x)
            out = out + h + self.cat_lin2(h)
        return self.final_mlp(out.relu())

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_nodes={self.num_nodes}, in_channels={self.in_channels}, "
            f"out_channels={self.out_channels})"
        )
