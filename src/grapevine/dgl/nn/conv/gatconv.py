"""Graph attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import (
    ChecksInDegrees,
    Feat,
    check_in_degrees,
    expand_as_pair,
    init_linear,
    relu_gain,
)
from grapevine.dgl.nn.utils import Identity
from grapevine.nn.conv._attention import arranged, end_scores

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class PerHead(nn.Module):
    """Base of the attention layers with one matrix for both ends (`fc`), or one each (`fc_src`, `fc_dst`)."""

    _num_heads: int
    _out_feats: int

    def _make_maps(self, in_feats: int | tuple[int, int], out_feats: int, num_heads: int) -> None:
        self._num_heads = num_heads
        self._in_src_feats, self._in_dst_feats = expand_as_pair(in_feats)
        self._out_feats = out_feats
        width = out_feats * num_heads
        if isinstance(in_feats, tuple):
            self.fc_src = nn.Linear(in_feats[0], width, bias=False)
            self.fc_dst = nn.Linear(in_feats[1], width, bias=False)
        else:
            self.fc = nn.Linear(in_feats, width, bias=False)

    def _maps(self) -> list[nn.Linear]:
        return [self.fc] if hasattr(self, "fc") else [self.fc_src, self.fc_dst]

    def _heads(self, x: Tensor) -> Tensor:
        """(..., H D) -> (..., H, D)."""
        return x.view(*x.shape[:-1], self._num_heads, self._out_feats)

    def _mapped(
        self, graph: DGLGraph, feat: Feat, drop: Callable[[Tensor], Tensor] = lambda x: x
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sources and destinations per head, `(N, ..., H, D)`, and the destinations' own features."""
        maps = self._maps()
        if isinstance(feat, tuple):
            h_src, h_dst = drop(feat[0]), drop(feat[1])
            return self._heads(maps[0](h_src)), self._heads(maps[-1](h_dst)), h_dst
        h = drop(feat)
        x_src = self._heads(maps[0](h))
        x_dst = expand_as_pair(x_src, graph)[1]
        return x_src, x_dst, h[: x_dst.shape[0]]


class GATConv(PerHead, ChecksInDegrees):
    r"""Sums the neighbours, each weighted by an attention that a linear score of both ends decides.

    .. math::
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \alpha_{ij} \mathbf{W} \mathbf{h}_j, \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \mathrm{LeakyReLU} \left( \mathbf{a}^{\top}_l \mathbf{W} \mathbf{h}_j
        + \mathbf{a}^{\top}_r \mathbf{W} \mathbf{h}_i \right)

    Args:
        in_feats: F; a pair for sources and destinations, which then have a matrix each.
        out_feats: D, features per head.
        num_heads: H.
        feat_drop: probability with which an input feature is dropped in training.
        attn_drop: probability with which an attention weight is dropped in training.
        negative_slope: of the leaky ReLU.
        residual: add the node's own features, under a linear map where F is not H D. That map then holds the bias.
        activation: of the output.
        allow_zero_in_degree: accept nodes that no edge arrives at.
        bias: learn a shift.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, *, F), or a pair for sources and destinations.
        edge_weight: (E,), multiplies the attention.
        get_attention: return it too.

    Returns:
        (N_dst, *, H, D), heads not joined; with `get_attention` beside it (E, *, H, 1).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GATConv(4, 2, num_heads=3)(g, torch.ones(3, 4)).shape
        torch.Size([3, 3, 2])

    Source: "Graph Attention Networks" (arXiv:1710.10903).
    """

    bias: Tensor | None
    res_fc: nn.Module | None

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        out_feats: int,
        num_heads: int,
        feat_drop: float = 0.0,
        attn_drop: float = 0.0,
        negative_slope: float = 0.2,
        residual: bool = False,
        activation: Callable[[Tensor], Tensor] | None = None,
        allow_zero_in_degree: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._allow_zero_in_degree = allow_zero_in_degree
        self._make_maps(in_feats, out_feats, num_heads)
        width = num_heads * out_feats
        self.attn_l = nn.Parameter(torch.empty(1, num_heads, out_feats))
        self.attn_r = nn.Parameter(torch.empty(1, num_heads, out_feats))
        self.feat_drop = nn.Dropout(feat_drop)
        self.attn_drop = nn.Dropout(attn_drop)
        self.leaky_relu = nn.LeakyReLU(negative_slope)
        self.has_linear_res = residual and self._in_dst_feats != width
        self.has_explicit_bias = bias and not self.has_linear_res
        if self.has_linear_res:
            self.res_fc = nn.Linear(self._in_dst_feats, width, bias=bias)
        elif residual:
            self.res_fc = Identity()
        else:
            self.register_buffer("res_fc", None)
        if self.has_explicit_bias:
            self.bias = nn.Parameter(torch.empty(width))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()
        self.activation = activation

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        gain = relu_gain()
        for linear in self._maps():
            init_linear(linear, gain)
        nn.init.xavier_normal_(self.attn_l, gain=gain)
        nn.init.xavier_normal_(self.attn_r, gain=gain)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        init_linear(self.res_fc, gain)

    def forward(
        self, graph: DGLGraph, feat: Feat, edge_weight: Tensor | None = None, get_attention: bool = False
    ) -> Any:
        check_in_degrees(graph, self._allow_zero_in_degree)
        near = arranged(graph._relation(), None, self.attn_drop.p * self.training)
        edges = near.edges
        x_src, x_dst, h_dst = self._mapped(graph, feat, self.feat_drop)
        left, right = end_scores(x_src, x_dst, self.attn_l, self.attn_r)
        assert right is not None
        scores = edges.src(left.unsqueeze(-1)) + edges.dst(right.unsqueeze(-1))
        scores = F.leaky_relu(scores, self.leaky_relu.negative_slope)
        alpha = self.attn_drop(edges.softmax(scores))
        weight = near.rows(edge_weight)
        if weight is not None:
            alpha = alpha * weight.view(-1, *[1] * (alpha.dim() - 1))
        out = edges.sum(edges.edge(alpha) * edges.src(x_src))
        if self.res_fc is not None:
            out = out + self._heads(self.res_fc(h_dst))
        if self.bias is not None:
            out = out + self.bias.view(self._num_heads, self._out_feats)
        if self.activation is not None:
            out = self.activation(out)
        return (out, near.back(alpha)) if get_attention else out
