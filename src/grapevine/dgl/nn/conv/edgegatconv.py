"""Graph attention with features of the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import ChecksInDegrees, Feat, check_in_degrees, init_linear, relu_gain
from grapevine.dgl.nn.conv.gatconv import PerHead
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class EdgeGATConv(PerHead, ChecksInDegrees):
    r"""Sums neighbours and edges, weighted by an attention that a linear score of both ends and the edge decides.

    .. math::
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \alpha_{ij} \left( \mathbf{W} \mathbf{h}_j
        + \mathbf{W}_e \mathbf{e}_{ji} \right) + \mathbf{W}_r \mathbf{h}_i, \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \mathrm{LeakyReLU} \left( \mathbf{a}^{\top}_l \mathbf{W} \mathbf{h}_j
        + \mathbf{a}^{\top}_r \mathbf{W} \mathbf{h}_i + \mathbf{a}^{\top}_e \mathbf{W}_e \mathbf{e}_{ji} \right)

    Args:
        in_feats: F; a pair for sources and destinations, which then have a matrix each.
        edge_feats: features F_e of an edge.
        out_feats: D, features per head.
        num_heads: H.
        feat_drop: probability with which an input feature is dropped in training.
        attn_drop: probability with which an attention weight is dropped in training.
        negative_slope: of the leaky ReLU.
        residual: add the node's own features under a linear map.
        activation: of the output.
        allow_zero_in_degree: accept nodes that no edge arrives at.
        bias: learn a shift.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, *, F), or a pair for sources and destinations.
        edge_feat: (E, *, F_e).
        get_attention: return the attention too.

    Returns:
        (N_dst, *, H, D); with `get_attention` beside it (E, *, H, 1).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> EdgeGATConv(4, 5, 2, num_heads=3)(g, torch.ones(3, 4), torch.ones(3, 5)).shape
        torch.Size([3, 3, 2])

    Source: "Rossmann-Toolbox: a deep learning-based protocol for the prediction and design of cofactor specificity in
    Rossmann fold proteins" (Briefings in Bioinformatics 2022).
    """

    bias: Tensor | None
    res_fc: nn.Module | None

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        edge_feats: int,
        out_feats: int,
        num_heads: int,
        feat_drop: float = 0.0,
        attn_drop: float = 0.0,
        negative_slope: float = 0.2,
        residual: bool = True,
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
        if bias:
            self.bias = nn.Parameter(torch.empty(width))
        else:
            self.register_buffer("bias", None)
        if residual:
            self.res_fc = nn.Linear(self._in_dst_feats, width, bias=False)
        else:
            self.register_buffer("res_fc", None)
        self._edge_feats = edge_feats
        self.fc_edge = nn.Linear(edge_feats, width, bias=False)
        self.attn_edge = nn.Parameter(torch.empty(1, num_heads, out_feats))
        self.reset_parameters()
        self.activation = activation

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        gain = relu_gain()
        for linear in self._maps():
            init_linear(linear, gain)
        nn.init.xavier_normal_(self.attn_l, gain=gain)
        nn.init.xavier_normal_(self.attn_r, gain=gain)
        init_linear(self.fc_edge, gain)
        nn.init.xavier_normal_(self.attn_edge, gain=gain)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        init_linear(self.res_fc, gain)

    def forward(self, graph: DGLGraph, feat: Feat, edge_feat: Tensor, get_attention: bool = False) -> Any:
        check_in_degrees(graph, self._allow_zero_in_degree)
        edges = graph._relation()
        x_src, x_dst, h_dst = self._mapped(graph, feat, self.feat_drop)
        x_edge = self._heads(self.fc_edge(edge_feat))
        left = (x_src * self.attn_l).sum(-1, keepdim=True)
        right = (x_dst * self.attn_r).sum(-1, keepdim=True)
        own = (x_edge * self.attn_edge).sum(-1, keepdim=True)
        scores = edges.src(left) + edges.dst(right) + edges.edge(own)
        alpha = self.attn_drop(edges.softmax(F.leaky_relu(scores, self.leaky_relu.negative_slope)))
        out = edges.sum(edges.edge(alpha) * (edges.src(x_src) + edges.edge(x_edge)))
        if self.res_fc is not None:
            out = out + self._heads(self.res_fc(h_dst))
        if self.bias is not None:
            out = out + self.bias.view(self._num_heads, self._out_feats)
        if self.activation is not None:
            out = self.activation(out)
        return (out, materialise(alpha)) if get_attention else out
