"""Graph attention whose scores see both ends at once."""

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
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GATv2Conv(ChecksInDegrees):
    r"""Sums the neighbours, each weighted by an attention that a small network on both ends decides.

    .. math::
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \alpha_{ij} \mathbf{W}_l \mathbf{h}_j, \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \mathbf{a}^{\top} \mathrm{LeakyReLU} \left( \mathbf{W}_l \mathbf{h}_j
        + \mathbf{W}_r \mathbf{h}_i \right)

    Args:
        in_feats: F; a pair for sources and destinations.
        out_feats: D, features per head.
        num_heads: H.
        feat_drop: probability with which an input feature is dropped in training.
        attn_drop: probability with which an attention weight is dropped in training.
        negative_slope: of the leaky ReLU.
        residual: add the node's own features, under a linear map where F is not H D.
        activation: of the output.
        allow_zero_in_degree: accept nodes that no edge arrives at.
        bias: give all maps a shift.
        share_weights: use one matrix for both ends.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.
        get_attention: return the attention too.

    Returns:
        (N_dst, H, D); with `get_attention` beside it (E, H, 1).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GATv2Conv(4, 2, num_heads=3)(g, torch.ones(3, 4)).shape
        torch.Size([3, 3, 2])

    Source: "How Attentive are Graph Attention Networks?" (arXiv:2105.14491).
    """

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
        share_weights: bool = False,
    ) -> None:
        super().__init__()
        self._num_heads = num_heads
        self._in_src_feats, self._in_dst_feats = expand_as_pair(in_feats)
        self._out_feats = out_feats
        self._allow_zero_in_degree = allow_zero_in_degree
        width = out_feats * num_heads
        self.fc_src = nn.Linear(self._in_src_feats, width, bias=bias)
        shared = share_weights and not isinstance(in_feats, tuple)
        self.fc_dst = self.fc_src if shared else nn.Linear(self._in_dst_feats, width, bias=bias)
        self.attn = nn.Parameter(torch.empty(1, num_heads, out_feats))
        self.feat_drop = nn.Dropout(feat_drop)
        self.attn_drop = nn.Dropout(attn_drop)
        self.leaky_relu = nn.LeakyReLU(negative_slope)
        if not residual:
            self.register_buffer("res_fc", None)
        elif self._in_dst_feats != width:
            self.res_fc = nn.Linear(self._in_dst_feats, width, bias=bias)
        else:
            self.res_fc = Identity()
        self.activation = activation
        self.share_weights = share_weights
        self.bias = bias
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        gain = relu_gain()
        init_linear(self.fc_src, gain)
        if not self.share_weights:
            init_linear(self.fc_dst, gain)
        nn.init.xavier_normal_(self.attn, gain=gain)
        init_linear(self.res_fc, gain)

    def forward(self, graph: DGLGraph, feat: Feat, get_attention: bool = False) -> Any:
        check_in_degrees(graph, self._allow_zero_in_degree)
        edges = graph._relation()
        if isinstance(feat, tuple):
            h_src, h_dst = self.feat_drop(feat[0]), self.feat_drop(feat[1])
        else:
            h_src, h_dst = expand_as_pair(self.feat_drop(feat), graph)
        x_src = self._heads(self.fc_src(h_src))
        x_dst = x_src if self.fc_dst is self.fc_src and h_dst is h_src else self._heads(self.fc_dst(h_dst))
        hidden = F.leaky_relu(edges.src(x_src) + edges.dst(x_dst), self.leaky_relu.negative_slope)
        alpha = self.attn_drop(edges.softmax((hidden * self.attn).sum(-1))).unsqueeze(-1)
        out = edges.sum(edges.edge(alpha) * edges.src(x_src))
        if self.res_fc is not None:
            out = out + self._heads(self.res_fc(h_dst))
        if self.activation is not None:
            out = self.activation(out)
        return (out, materialise(alpha)) if get_attention else out

    def _heads(self, x: Tensor) -> Tensor:
        """(N, H D) -> (N, H, D)."""
        return x.view(-1, self._num_heads, self._out_feats)
