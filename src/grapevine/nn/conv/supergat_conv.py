"""Graph attention that learns from the edges themselves."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._attention import join_heads
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import (
    batched_negative_sampling,
    dropout_edge,
    is_undirected,
    negative_sampling,
    softmax,
    to_undirected,
)


class SuperGATConv(MessagePassing):
    r"""Graph attention whose scores are also trained to tell edges from pairs of nodes without one.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} \alpha_{ij} \mathbf{\Theta} \mathbf{x}_j,
        \qquad \alpha_{ij} = \mathrm{softmax}_j \, \mathrm{LeakyReLU}(e_{ij})

    with, for :math:`\mathbf{h} = \mathbf{\Theta} \mathbf{x}`:

    .. math::
        e^{\mathrm{MX}}_{ij} = (\mathbf{a}_l^{\top} \mathbf{h}_j + \mathbf{a}_r^{\top} \mathbf{h}_i) \cdot
        \sigma(\mathbf{h}_i^{\top} \mathbf{h}_j), \qquad
        e^{\mathrm{SD}}_{ij} = \frac{\mathbf{h}_i^{\top} \mathbf{h}_j}{\sqrt{F^{\prime}}}

    In training, `get_attention_loss()` is to be added to the loss, with a weight.

    Args:
        in_channels: features F of a node; -1: those of the first input.
        out_channels: features F' per head.
        heads: number of heads H.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLU.
        dropout: probability with which an attention weight is dropped in training.
        add_self_loops: replace self-loops by one at each node.
        bias: learn a shift.
        attention_type: `"MX"` or `"SD"`.
        neg_sample_ratio: pairs without an edge per edge, above 0.
        edge_sample_ratio: share of the edges to train the scores with, in (0, 1].
        is_undirected: promise that graphs are undirected.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        neg_edge_index: pairs without an edge, int64 (2, P); drawn where None.
        batch: graph of each node, int64 (N,), to draw pairs within a graph.

    Returns:
        (N, H F'), or (N, F') without `concat`.

    Raises:
        GraphValueError: for an unknown `attention_type`, or a ratio outside its range.

    Example:
        >>> conv = SuperGATConv(4, 8, heads=2)
        >>> conv(torch.rand(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0], [2]])).shape
        torch.Size([3, 16])
        >>> conv.get_attention_loss().shape
        torch.Size([])

    Source: "How to Find Your Friendly Neighborhood: Graph Attention Design with Self-Supervision"
    (arXiv:2204.04879).
    """

    att_l: Tensor
    att_r: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        bias: bool = True,
        attention_type: str = "MX",
        neg_sample_ratio: float = 0.5,
        edge_sample_ratio: float = 1.0,
        is_undirected: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(node_dim=0, **kwargs)
        if attention_type not in ("MX", "SD"):
            raise GraphValueError(f"expected attention_type 'MX' or 'SD', got {attention_type!r}")
        if neg_sample_ratio <= 0.0 or not 0.0 < edge_sample_ratio <= 1.0:
            raise GraphValueError(
                "expected neg_sample_ratio above 0 and edge_sample_ratio in (0, 1], got "
                f"{neg_sample_ratio} and {edge_sample_ratio}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.add_self_loops = add_self_loops
        self.attention_type = attention_type
        self.neg_sample_ratio = neg_sample_ratio
        self.edge_sample_ratio = edge_sample_ratio
        self.is_undirected = is_undirected

        self.lin = Linear(in_channels, heads * out_channels, bias=False, weight_initializer="glorot")
        for name in ("att_l", "att_r"):
            weight = Parameter(torch.empty(1, heads, out_channels)) if attention_type == "MX" else None
            self.register_parameter(name, weight)
        self.att_x: Tensor | None = None  # scores of pairs of the last call in training,
        self.att_y: Tensor | None = None  # and which of them are edges
        width = heads * out_channels if concat else out_channels
        self.register_parameter("bias", Parameter(torch.empty(width)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin.reset_parameters()
        glorot(self.att_l)
        glorot(self.att_r)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        neg_edge_index: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        num_nodes = x.shape[0]
        if self.add_self_loops:
            edge_index, _ = replace_self_loops(edge_index, (num_nodes, num_nodes))
        x = self.lin(x).view(-1, self.heads, self.out_channels)
        out = join_heads(self.propagate(edge_index, x=x), self.concat)
        if self.training:
            pairs = Edges.of(edge_index, (num_nodes, num_nodes)).edge_index
            positive = self.positive_sampling(pairs)
            negative = (
                self.negative_sampling(pairs, num_nodes, batch) if neg_edge_index is None else neg_edge_index
            )
            scores = [self._logits(x[target], x[source]) for source, target in (positive, negative)]
            self.att_x = torch.cat(scores)
            self.att_y = torch.zeros_like(self.att_x[:, 0])
            self.att_y[: positive.shape[1]] = 1.0
        return out if self.bias is None else out + self.bias

    def message(self, x_i: Tensor, x_j: Tensor, index: Tensor, size_i: int | None) -> Tensor:
        alpha = self.get_attention(index, x_i, x_j, num_nodes=size_i)
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        return alpha.unsqueeze(-1) * x_j

    def get_attention(
        self,
        edge_index_i: Tensor,
        x_i: Tensor,
        x_j: Tensor,
        num_nodes: int | None,
        return_logits: bool = False,
    ) -> Tensor:
        """Attention of edges, (E, H), from the mapped features of both ends, (E, H, F'); or its score.

        Args:
            edge_index_i: destination of each edge, int64 (E,).
            x_i, x_j: features of the destinations and sources.
            num_nodes: N.
            return_logits: return the score that tells edges from other pairs.
        """
        logits = self._logits(x_i, x_j)
        if return_logits:
            return logits
        if self.attention_type == "MX":
            logits = ((x_j * self.att_l).sum(-1) + (x_i * self.att_r).sum(-1)) * logits.sigmoid()
        return softmax(F.leaky_relu(logits, self.negative_slope), edge_index_i, num_nodes=num_nodes)

    def _logits(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        logits = (x_i * x_j).sum(-1)
        return logits if self.attention_type == "MX" else logits / math.sqrt(self.out_channels)

    def negative_sampling(self, edge_index: Tensor, num_nodes: int, batch: Tensor | None = None) -> Tensor:
        """Draws pairs of nodes without an edge, int64 (2, P)."""
        count = int(self.neg_sample_ratio * self.edge_sample_ratio * edge_index.shape[1])
        if not self.is_undirected and not is_undirected(edge_index, num_nodes=num_nodes):
            edge_index = to_undirected(edge_index, num_nodes=num_nodes)
        if batch is None:
            return negative_sampling(edge_index, num_nodes, num_neg_samples=count)
        return batched_negative_sampling(edge_index, batch, num_neg_samples=count)

    def positive_sampling(self, edge_index: Tensor) -> Tensor:
        """Draws the edges to train the scores with, int64 (2, P)."""
        return dropout_edge(edge_index, p=1.0 - self.edge_sample_ratio, training=self.training)[0]

    def get_attention_loss(self) -> Tensor:
        """Cross entropy of the scores of the last call in training; zero otherwise."""
        if not self.training or self.att_x is None or self.att_y is None:
            return torch.tensor([0], device=self.lin.weight.device)
        return F.binary_cross_entropy_with_logits(self.att_x.mean(-1), self.att_y)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads}, "
            f"type={self.attention_type})"
        )
