"""Graph attention whose ranking of the neighbours depends on the node."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.conv._attention import arranged, attend, join_heads, with_weights
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class GATv2Conv(MessagePassing):
    r"""Sums the neighbours, each weighted by an attention that a one-layer network of both ends decides.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} \alpha_{ij} \mathbf{\Theta}_l \mathbf{x}_j,
        \qquad \alpha_{ij} = \mathrm{softmax}_j \, \mathbf{a}^{\top} \mathrm{LeakyReLU} \left(
        \mathbf{\Theta}_l \mathbf{x}_j + \mathbf{\Theta}_r \mathbf{x}_i + \mathbf{\Theta}_e \mathbf{e}_{ij} \right)

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations.
        out_channels: features F' per head.
        heads: number of heads H.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLU.
        dropout: probability with which an attention weight is dropped in training.
        add_self_loops: replace self-loops by one at each node.
        edge_dim: features D of an edge, if there are any.
        fill_value: edge features of those self-loops: a number, a tensor, or the name of a reduction
            (`"mean"`, `"add"`, `"min"`, `"max"`, `"mul"`) over the edges that arrive at the node.
        bias: learn shifts.
        share_weights: use one matrix for both ends.
        residual: add a linear map of the node's own features.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)).
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D) or (E,).
        return_attention_weights: True: return the weights too.

    Returns:
        (N_dst, H F'), or (N_dst, F') without `concat`; with `return_attention_weights` beside it
        `(edge_index, alpha)`, the graph with its self-loops and the weights (E, H).

    Example:
        >>> conv = GATv2Conv(4, 8, heads=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 16])

    Source: "How Attentive are Graph Attention Networks?" (arXiv:2105.14491).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        edge_dim: int | None = None,
        fill_value: float | Tensor | str = "mean",
        bias: bool = True,
        share_weights: bool = False,
        residual: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(node_dim=0, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.add_self_loops = add_self_loops
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        self.residual = residual
        self.share_weights = share_weights

        left, right = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        inner, width = heads * out_channels, heads * out_channels if concat else out_channels
        self.lin_l = Linear(left, inner, bias=bias, weight_initializer="glorot")
        self.lin_r = (
            self.lin_l if share_weights else Linear(right, inner, bias=bias, weight_initializer="glorot")
        )
        self.att = Parameter(torch.empty(1, heads, out_channels))
        self.lin_edge = (
            None if edge_dim is None else Linear(edge_dim, inner, bias=False, weight_initializer="glorot")
        )
        self.res = Linear(right, width, bias=False, weight_initializer="glorot") if residual else None
        self.register_parameter("bias", Parameter(torch.empty(width)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin_l, self.lin_r, self.lin_edge, self.res):
            if lin is not None:
                lin.reset_parameters()
        glorot(self.att)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        x_l, x_r = (x, x) if isinstance(x, Tensor) else x
        if x_l.dim() != 2:
            raise GraphValueError(f"expected node features of shape [N, F], got {list(x_l.shape)}")
        res = None if self.res is None else self.res(x_r)
        same = self.share_weights and x_l is x_r
        x_l = self.lin_l(x_l).view(-1, self.heads, self.out_channels)
        x_r = x_l if same else self.lin_r(x_r).view(-1, self.heads, self.out_channels)

        edges = edge_index
        if self.add_self_loops:
            size = (x_l.shape[0], x_r.shape[0])
            edges, edge_attr = replace_self_loops(edge_index, size, edge_attr, self.fill_value)
        near = arranged(edges, (x_l.shape[0], x_r.shape[0]), self.dropout * self.training, self)
        edge_attr = near.rows(edge_attr)

        def attention() -> Tensor:
            return self.edge_updater(near.edges, x=(x_l, x_r), edge_attr=edge_attr)

        out, alpha = attend(self, near.edges, attention, return_attention_weights, x=(x_l, x_r))
        out = join_heads(out, self.concat)

        if res is not None:
            out = out + res
        if self.bias is not None:
            out = out + self.bias
        return out if alpha is None else (out, with_weights(edge_index, edges, near.back(alpha)))

    def edge_update(
        self,
        x_j: Tensor,
        x_i: Tensor,
        edge_attr: Tensor | None,
        index: Tensor,
        ptr: Tensor | None,
        dim_size: int | None,
    ) -> Tensor:
        x = x_i + x_j
        if edge_attr is not None:
            edge_attr = edge_attr.view(-1, 1) if edge_attr.dim() == 1 else edge_attr
            assert self.lin_edge is not None
            x = x + self.lin_edge(edge_attr).view(-1, self.heads, self.out_channels)
        alpha = (F.leaky_relu(x, self.negative_slope) * self.att).sum(-1)
        alpha = softmax(alpha, index, ptr, dim_size)
        return F.dropout(alpha, p=self.dropout, training=self.training)

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha.unsqueeze(-1) * x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
