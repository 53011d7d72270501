"""Graph attention that looks at the types of nodes and edges, and at edge features."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Embedding

from grapevine.nn.conv._attention import join_heads
from grapevine.nn.dense.linear import HeteroLinear, Linear
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class HEATConv(MessagePassing):
    r"""Sums the neighbours and the features of the edges to them, weighted by attention.

    With :math:`\mathbf{h}_i` the node's features mapped by a matrix for its type, :math:`\mathbf{t}_{ij}` the embedding
    of the edge's type and :math:`\mathbf{e}_{ij}` its mapped features:

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{h}_i + \sum_{j \in \mathcal{N}(i)} \alpha_{ij}
        \mathbf{W} [\mathbf{h}_j, \mathbf{e}_{ij}], \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \mathrm{LeakyReLU} \left(
        \mathbf{a}^{\top} [\mathbf{h}_i, \mathbf{h}_j, \mathbf{t}_{ij}, \mathbf{e}_{ij}] \right)

    Args:
        in_channels: features F of a node; -1: those of the first input.
        out_channels: features F' per head.
        num_node_types: number of node types.
        num_edge_types: number of edge types.
        edge_type_emb_dim: size of the embedding of an edge's type.
        edge_dim: features D of an edge.
        edge_attr_emb_dim: size to which they are mapped.
        heads: number of heads H.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLUs.
        dropout: probability with which an attention weight is dropped in training.
        root_weight: add the node's own mapped features.
        bias: learn shifts.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        node_type: type of each node, int64 (N,).
        edge_type: type of each edge, int64 (E,).
        edge_attr: edge features, (E, D).

    Returns:
        (N, H F'), or (N, F') without `concat`.

    Example:
        >>> conv = HEATConv(4, 8, 2, 2, edge_type_emb_dim=3, edge_dim=5, edge_attr_emb_dim=6)
        >>> types = torch.tensor([0, 1])
        >>> conv(torch.ones(2, 4), torch.tensor([[0, 1], [1, 0]]), types, types, torch.ones(2, 5)).shape
        torch.Size([2, 8])

    Source: "Heterogeneous Edge-Enhanced Graph Attention Network For Multi-Agent Trajectory Prediction"
    (arXiv:2106.07161).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_node_types: int,
        num_edge_types: int,
        edge_type_emb_dim: int,
        edge_dim: int,
        edge_attr_emb_dim: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        root_weight: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(node_dim=0, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.root_weight = root_weight
        self.hetero_lin = HeteroLinear(in_channels, out_channels, num_node_types, bias=bias)
        self.edge_type_emb = Embedding(num_edge_types, edge_type_emb_dim)
        self.edge_attr_emb = Linear(edge_dim, edge_attr_emb_dim, bias=False)
        self.att = Linear(2 * out_channels + edge_type_emb_dim + edge_attr_emb_dim, heads, bias=False)
        self.lin = Linear(out_channels + edge_attr_emb_dim, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for module in (self.hetero_lin, self.edge_type_emb, self.edge_attr_emb, self.att, self.lin):
            module.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        node_type: Tensor,
        edge_type: Tensor,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        x = self.hetero_lin(x, node_type)
        embedded = F.leaky_relu(self.edge_type_emb(edge_type), self.negative_slope)
        out = self.propagate(edge_index, x=x, edge_type_emb=embedded, edge_attr=edge_attr)
        if self.root_weight:
            out = out + x.unsqueeze(1)
        return join_heads(out, self.concat)

    def message(
        self,
        x_i: Tensor,
        x_j: Tensor,
        edge_type_emb: Tensor,
        edge_attr: Tensor,
        index: Tensor,
        ptr: Tensor | None,
        size_i: int | None,
    ) -> Tensor:
        edge_attr = F.leaky_relu(self.edge_attr_emb(edge_attr), self.negative_slope)
        alpha = self.att(torch.cat([x_i, x_j, edge_type_emb, edge_attr], dim=-1))
        alpha = softmax(F.leaky_relu(alpha, self.negative_slope), index, ptr, size_i)
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        return alpha.unsqueeze(-1) * self.lin(torch.cat([x_j, edge_attr], dim=-1)).unsqueeze(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
