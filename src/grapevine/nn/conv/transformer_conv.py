"""Dot-product attention along edges."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.conv._attention import arranged, join_heads, with_weights
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class TransformerConv(MessagePassing):
    r"""Sums the neighbours' values, each weighted by the dot product of its key with the node's query.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_1 \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \alpha_{ij}
        (\mathbf{W}_2 \mathbf{x}_j + \mathbf{W}_6 \mathbf{e}_{ij}), \qquad
        \alpha_{ij} = \mathrm{softmax}_j \frac{(\mathbf{W}_3 \mathbf{x}_i)^{\top}
        (\mathbf{W}_4 \mathbf{x}_j + \mathbf{W}_6 \mathbf{e}_{ij})}{\sqrt{F^{\prime}}}

    With `beta`, the sum :math:`\mathbf{m}_i` and the skip connection :math:`\mathbf{r}_i = \mathbf{W}_1 \mathbf{x}_i`
    are mixed as :math:`\beta_i \mathbf{r}_i + (1 - \beta_i) \mathbf{m}_i`, where
    :math:`\beta_i = \mathrm{sigmoid}(\mathbf{w}_5^{\top} [\mathbf{m}_i, \mathbf{r}_i, \mathbf{m}_i - \mathbf{r}_i])`.

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations.
        out_channels: features F' per head.
        heads: number of heads H.
        concat: concatenate the heads, instead of averaging them.
        beta: mix with a gate, as above; needs `root_weight`.
        dropout: probability with which an attention weight is dropped in training.
        edge_dim: features D of an edge, if there are any.
        bias: learn shifts.
        root_weight: add the skip connection.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)).
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, D), where the layer has an `edge_dim`.
        return_attention_weights: True or False, rather than None: return the weights too.

    Returns:
        (N_dst, H F'), or (N_dst, F') without `concat`; with `return_attention_weights` beside it
        `(edge_index, alpha)` with the weights (E, H).

    Example:
        >>> conv = TransformerConv(4, 8, heads=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 16])

    Source: "Masked Label Prediction: Unified Message Passing Model for Semi-Supervised Classification"
    (arXiv:2009.03509).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        beta: bool = False,
        dropout: float = 0.0,
        edge_dim: int | None = None,
        bias: bool = True,
        root_weight: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(node_dim=0, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.beta = beta and root_weight
        self.root_weight = root_weight
        self.concat = concat
        self.dropout = dropout
        self.edge_dim = edge_dim
        self._alpha: Tensor | None = None

        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        inner, width = heads * out_channels, heads * out_channels if concat else out_channels
        self.lin_key = Linear(source, inner, bias=bias)
        self.lin_query = Linear(target, inner, bias=bias)
        self.lin_value = Linear(source, inner, bias=bias)
        self.lin_edge = None if edge_dim is None else Linear(edge_dim, inner, bias=False)
        self.lin_skip = Linear(target, width, bias=bias)
        self.lin_beta = Linear(3 * width, 1, bias=False) if self.beta else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (
            self.lin_key,
            self.lin_query,
            self.lin_value,
            self.lin_edge,
            self.lin_skip,
            self.lin_beta,
        ):
            if lin is not None:
                lin.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        source, target = (x, x) if isinstance(x, Tensor) else x
        shape = (-1, self.heads, self.out_channels)
        query = self.lin_query(target).view(shape)
        key = self.lin_key(source).view(shape)
        value = self.lin_value(source).view(shape)
        near = arranged(edge_index, (source.shape[0], target.shape[0]), self.dropout * self.training, self)
        edge_attr = near.rows(edge_attr)
        keeps = return_attention_weights is not None or bool(self._hooks)
        out = self.propagate(near.edges, query=query, key=key, value=value, edge_attr=edge_attr, keeps=keeps)
        alpha, self._alpha = self._alpha, None

        out = join_heads(out, self.concat)
        if self.root_weight:
            root = self.lin_skip(target)
            if self.lin_beta is None:
                out = out + root
            else:
                beta = self.lin_beta(torch.cat([out, root, out - root], dim=-1)).sigmoid()
                out = beta * root + (1 - beta) * out
        if return_attention_weights is None:
            return out
        assert alpha is not None
        return out, with_weights(edge_index, edge_index, near.back(alpha))

    def message(
        self,
        query_i: Tensor,
        key_j: Tensor,
        value_j: Tensor,
        edge_attr: Tensor | None,
        index: Tensor,
        ptr: Tensor | None,
        size_i: int | None,
        keeps: bool = False,
    ) -> Tensor:
        if self.lin_edge is not None and edge_attr is not None:
            edge_attr = self.lin_edge(edge_attr).view(-1, self.heads, self.out_channels)
            key_j = key_j + edge_attr
            value_j = value_j + edge_attr
        alpha = (query_i * key_j).sum(-1) / math.sqrt(self.out_channels)
        alpha = softmax(alpha, index, ptr, size_i)
        if keeps:
            self._alpha = alpha
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        return alpha.unsqueeze(-1) * value_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
