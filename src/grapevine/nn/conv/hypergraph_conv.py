"""Convolution on hypergraphs, whose edges join any number of nodes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.conv._attention import join_heads
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import degree


class HypergraphConv(MessagePassing):
    r"""Averages the nodes of each hyperedge, then the hyperedges of each node.

    .. math::
        \mathbf{X}^{\prime} = \mathbf{D}^{-1} \mathbf{H} \mathbf{W} \mathbf{B}^{-1} \mathbf{H}^{\top} \mathbf{X}
        \mathbf{\Theta}

    with the incidence matrix H, the weights W of the hyperedges, and the degrees D of nodes and B of hyperedges. W
    enters by way of D alone, as in PyTorch Geometric.

    Args:
        in_channels: features F of a node; -1: those of the first input.
        out_channels: features F' per head.
        use_attention: weigh each entry of H by an attention between the node and the hyperedge's features.
        attention_mode: softmax over `"node"`: the nodes of a hyperedge; `"edge"`: the hyperedges of a node.
        heads: number of heads, with attention.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLU in the attention.
        dropout: probability with which an attention weight is dropped in training.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        hyperedge_index: nodes above the hyperedges in which they are, int64 (2, I).
        hyperedge_weight: (M,); ones by default.
        hyperedge_attr: features of the hyperedges, (M, F), for the attention.
        num_edges: number of hyperedges M; found where None.

    Returns:
        (N, H F'), or (N, F') without `concat`.

    Raises:
        GraphValueError: for an unknown `attention_mode`.
        GraphTypeError: for attention without `hyperedge_attr`.

    Example:
        >>> conv = HypergraphConv(4, 8)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1, 1, 2], [0, 0, 1, 1]])).shape
        torch.Size([3, 8])

    Source: "Hypergraph Convolution and Hypergraph Attention" (arXiv:1901.08150).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        use_attention: bool = False,
        attention_mode: str = "node",
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(flow="source_to_target", node_dim=0, **kwargs)
        if attention_mode not in ("node", "edge"):
            raise GraphValueError(f"expected attention_mode 'node' or 'edge', got {attention_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.use_attention = use_attention
        self.attention_mode = attention_mode
        self.heads = heads if use_attention else 1
        self.concat = concat or not use_attention
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.lin = Linear(in_channels, self.heads * out_channels, bias=False, weight_initializer="glorot")
        if use_attention:
            self.att = Parameter(torch.empty(1, heads, 2 * out_channels))
        width = self.heads * out_channels if self.concat else out_channels
        self.register_parameter("bias", Parameter(torch.empty(width)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin.reset_parameters()
        if self.use_attention:
            glorot(self.att)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        hyperedge_index: Any,
        hyperedge_weight: Tensor | None = None,
        hyperedge_attr: Tensor | None = None,
        num_edges: int | None = None,
    ) -> Tensor:
        into = Edges.of(hyperedge_index, (x.shape[0], num_edges))
        back = into.reverse()
        x = self.lin(x).view(-1, self.heads, self.out_channels)
        alpha = self._attention(x, hyperedge_attr, into) if self.use_attention else None

        ones = x.new_ones(into.num_dst) if hyperedge_weight is None else hyperedge_weight
        per_node = _inverse(back.sum(back.src(ones)))
        per_edge = _inverse(degree(into.dst_index, into.num_dst, x.dtype))
        out = self.propagate(into, x=x, norm=(None, per_edge), alpha=alpha, size=into.size)
        out = self.propagate(back, x=out, norm=(None, per_node), alpha=alpha, size=back.size)
        out = join_heads(out, self.concat)
        return out if self.bias is None else out + self.bias

    def _attention(self, x: Tensor, hyperedge_attr: Tensor | None, into: Edges) -> Tensor:
        """Attention of each incidence, (I, H)."""
        if hyperedge_attr is None:
            raise GraphTypeError(
                "expected hyperedge_attr with use_attention=True, got None; pass features (M, F)"
            )
        y = self.lin(hyperedge_attr).view(-1, self.heads, self.out_channels)
        of_node, of_edge = self.att.split(self.out_channels, dim=-1)
        alpha = into.src((x * of_node).sum(-1)) + into.dst((y * of_edge).sum(-1))
        alpha = F.leaky_relu(alpha, self.negative_slope)
        alpha = (into if self.attention_mode == "node" else into.reverse()).softmax(alpha)
        return F.dropout(alpha, p=self.dropout, training=self.training)

    def message(self, x_j: Tensor, norm_i: Tensor, alpha: Tensor | None) -> Tensor:
        out = norm_i.view(-1, 1, 1) * x_j
        return out if alpha is None else alpha.unsqueeze(-1) * out


def _inverse(degrees: Tensor) -> Tensor:
    """One over each, zero over zero."""
    return torch.where(degrees == 0, 0.0, 1.0 / degrees)
