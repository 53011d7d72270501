"""Graph attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.conv._attention import (
    arranged,
    attend,
    end_scores,
    head_scores,
    join_heads,
    with_weights,
)
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.conv._weighted import is_plain
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class GATConv(MessagePassing):
    r"""Sums the neighbours, each weighted by an attention that a linear score of both ends decides.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} \alpha_{ij} \mathbf{\Theta} \mathbf{x}_j,
        \qquad \alpha_{ij} = \mathrm{softmax}_j \, \mathrm{LeakyReLU} \left(
        \mathbf{a}^{\top}_s \mathbf{\Theta} \mathbf{x}_j + \mathbf{a}^{\top}_t \mathbf{\Theta} \mathbf{x}_i
        + \mathbf{a}^{\top}_e \mathbf{\Theta}_e \mathbf{e}_{ij} \right)

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations, which
            then have a matrix each.
        out_channels: features F' per head.
        heads: number of heads H.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLU.
        dropout: probability with which an attention weight is dropped in training.
        add_self_loops: replace self-loops by one at each node.
        edge_dim: features D of an edge, if there are any.
        fill_value: edge features of those self-loops: a number, a tensor, or the name of a reduction
            (`"mean"`, `"add"`, `"min"`, `"max"`, `"mul"`) over the edges that arrive at the node.
        bias: learn a shift.
        residual: add a linear map of the node's own features.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)), the second of which may be None.
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D) or (E,).
        size: (N_src, N_dst), where `x` does not tell.
        return_attention_weights: True: return the weights too.

    Returns:
        (N_dst, H F'), or (N_dst, F') without `concat`; with `return_attention_weights` beside it
        `(edge_index, alpha)`, the graph with its self-loops and the weights (E, H).

    Example:
        >>> conv = GATConv(4, 8, heads=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 16])

    Source: "Graph Attention Networks" (arXiv:1710.10903).
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
        residual: bool = False,
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
        self.add_self_loops = add_self_loops
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        self.residual = residual

        def linear(channels: int, out: int = heads * out_channels) -> Linear:
            return Linear(channels, out, bias=False, weight_initializer="glorot")

        self.lin = self.lin_src = self.lin_dst = self.lin_edge = None
        if isinstance(in_channels, int):
            self.lin = linear(in_channels)
        else:
            self.lin_src, self.lin_dst = linear(in_channels[0]), linear(in_channels[1])
        self.att_src = Parameter(torch.empty(1, heads, out_channels))
        self.att_dst = Parameter(torch.empty(1, heads, out_channels))
        if edge_dim is not None:
            self.lin_edge = linear(edge_dim)
            self.att_edge = Parameter(torch.empty(1, heads, out_channels))
        else:
            self.register_parameter("att_edge", None)
        width = heads * out_channels if concat else out_channels
        self.res = (
            linear(in_channels if isinstance(in_channels, int) else in_channels[1], width)
            if residual
            else None
        )
        self.register_parameter("bias", Parameter(torch.empty(width)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin, self.lin_src, self.lin_dst, self.lin_edge, self.res):
            if lin is not None:
                lin.reset_parameters()
        glorot(self.att_src)
        glorot(self.att_dst)
        glorot(self.att_edge)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        x_src, x_dst = (x, x) if isinstance(x, Tensor) else x
        if x_src.dim() != 2:
            raise GraphValueError(f"expected node features of shape [N, F], got {list(x_src.shape)}")
        res = self.res(x_dst) if self.res is not None and x_dst is not None else None
        if x_dst is not None or self.add_self_loops:
            size = size or (x_src.shape[0], (x_src if x_dst is None else x_dst).shape[0])
        x_src, x_dst, scores = self._per_head(x_src, x_dst)

        edges = edge_index
        if self.add_self_loops:
            assert size is not None
            edges, edge_attr = replace_self_loops(edge_index, size, edge_attr, self.fill_value)
        near = arranged(edges, size, self.dropout * self.training, self)
        edge_attr = near.rows(edge_attr)

        def attention() -> Tensor:
            return self.edge_updater(near.edges, alpha=scores, edge_attr=edge_attr, size=size)

        out, alpha = attend(
            self, near.edges, attention, return_attention_weights, x=(x_src, x_dst), size=size
        )
        out = join_heads(out, self.concat)
        if res is not None:
            out = out + res
        if self.bias is not None:
            out = out + self.bias
        return out if alpha is None else (out, with_weights(edge_index, edges, near.back(alpha)))

    def _per_head(
        self, x_src: Tensor, x_dst: Tensor | None
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor | None]]:
        """Both sides mapped to (N, H, F'), and their scores (N, H)."""
        shape = (-1, self.heads, self.out_channels)
        lin_src, lin_dst = (self.lin_src, self.lin_dst) if self.lin is None else (self.lin, self.lin)
        assert lin_src is not None and lin_dst is not None
        h_src = lin_src(x_src).view(shape)
        h_dst = h_src if x_dst is x_src and lin_dst is lin_src else None
        if x_dst is not None and h_dst is None:
            if is_plain(lin_dst) and type(self).message is GATConv.message:  # which reads the sources alone
                (score_src,) = head_scores(h_src, self.att_src)
                return h_src, None, (score_src, self._mapped_scores(lin_dst, self.att_dst, x_dst))
            h_dst = lin_dst(x_dst).view(shape)
        return h_src, h_dst, end_scores(h_src, h_dst, self.att_src, self.att_dst)

    def _mapped_scores(self, lin: Linear, att: Tensor, x: Tensor) -> Tensor:
        """`lin(x) · a` for each head, as one map `x (Wᵀ a)`: nothing of size (R, H, F') is stored."""
        weight = lin.weight.view(self.heads, self.out_channels, -1)
        return F.linear(x, (att.view(self.heads, -1, 1) * weight).sum(1))

    def edge_update(
        self,
        alpha_j: Tensor,
        alpha_i: Tensor | None,
        edge_attr: Tensor | None,
        index: Tensor,
        ptr: Tensor | None,
        dim_size: int | None,
    ) -> Tensor:
        alpha = alpha_j if alpha_i is None else alpha_j + alpha_i
        if edge_attr is not None and self.lin_edge is not None:
            edge_attr = edge_attr.view(-1, 1) if edge_attr.dim() == 1 else edge_attr
            if self.lin_edge.in_channels < 0:
                self.lin_edge.initialize_parameters(None, (edge_attr,))
            alpha = alpha + self._mapped_scores(self.lin_edge, self.att_edge, edge_attr)
        alpha = F.leaky_relu(alpha, self.negative_slope)
        alpha = softmax(alpha, index, ptr, dim_size)
        return F.dropout(alpha, p=self.dropout, training=self.training)

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha.unsqueeze(-1) * x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
