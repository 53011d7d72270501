"""Graph attention that updates the edges too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import (
    Feat,
    check_in_degrees,
    expand_as_pair,
    init_linear,
    relu_gain,
)
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class EGATConv(nn.Module):
    r"""Computes new edge features from both ends and the edge, and from these the attention to the neighbours.

    .. math::
        \mathbf{f}'_{ji} = \mathrm{LeakyReLU} \left( \mathbf{A} \mathbf{h}_j + \mathbf{B} \mathbf{h}_i
        + \mathbf{C} \mathbf{f}_{ji} + \mathbf{b} \right), \qquad
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \mathrm{softmax}_j ( \mathbf{a}^{\top} \mathbf{f}'_{ji} )
        \mathbf{W} \mathbf{h}_j

    Args:
        in_node_feats: F; a pair for sources and destinations.
        in_edge_feats: F_e.
        out_node_feats: D, per head.
        out_edge_feats: D_e, per head.
        num_heads: H.
        bias: learn a shift of the edge features.

    Forward:
        graph: a graph of one relation, or a block.
        nfeats: (N, F), or a pair for sources and destinations.
        efeats: (E, F_e).
        edge_weight: (E,), multiplies the attention.
        get_attention: return the attention too.

    Returns:
        nodes (N_dst, H, D) and edges (E, H, D_e); with `get_attention` also (E, H, 1).

    Raises:
        DGLError: for nodes without in-edges; there is no switch for that.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> nodes, edges = EGATConv(4, 5, 2, 6, num_heads=3)(g, torch.ones(3, 4), torch.ones(3, 5))
        >>> nodes.shape, edges.shape
        (torch.Size([3, 3, 2]), torch.Size([3, 3, 6]))

    Source: "Rossmann-Toolbox: a deep learning-based protocol for the prediction and design of cofactor specificity in
    Rossmann fold proteins" (Briefings in Bioinformatics 2022).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_node_feats: int | tuple[int, int],
        in_edge_feats: int,
        out_node_feats: int,
        out_edge_feats: int,
        num_heads: int,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._num_heads = num_heads
        self._in_src_node_feats, self._in_dst_node_feats = expand_as_pair(in_node_feats)
        self._out_node_feats = out_node_feats
        self._out_edge_feats = out_edge_feats
        source, target = self._in_src_node_feats, self._in_dst_node_feats
        self.fc_node_src = nn.Linear(source, out_node_feats * num_heads, bias=False)
        self.fc_ni = nn.Linear(source, out_edge_feats * num_heads, bias=False)
        self.fc_nj = nn.Linear(target, out_edge_feats * num_heads, bias=False)
        self.fc_fij = nn.Linear(in_edge_feats, out_edge_feats * num_heads, bias=False)
        self.attn = nn.Parameter(torch.empty(1, num_heads, out_edge_feats))
        if bias:
            self.bias = nn.Parameter(torch.empty(num_heads * out_edge_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        gain = relu_gain()
        for linear in (self.fc_node_src, self.fc_ni, self.fc_fij, self.fc_nj):
            init_linear(linear, gain)
        nn.init.xavier_normal_(self.attn, gain=gain)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(
        self,
        graph: DGLGraph,
        nfeats: Feat,
        efeats: Tensor,
        edge_weight: Tensor | None = None,
        get_attention: bool = False,
    ) -> Any:
        check_in_degrees(graph, allow_zero=False)
        edges = graph._relation()
        source, target = expand_as_pair(nfeats, graph)
        own = self.fc_fij(efeats) if self.bias is None else self.fc_fij(efeats) + self.bias
        hidden = F.leaky_relu(edges.src(self.fc_ni(source)) + edges.dst(self.fc_nj(target)) + edges.edge(own))
        f_out = materialise(hidden).view(-1, self._num_heads, self._out_edge_feats)
        alpha = edges.softmax((f_out * self.attn).sum(-1, keepdim=True))
        if edge_weight is not None:
            alpha = alpha * edge_weight.view(-1, 1, 1)
        values = self.fc_node_src(source).view(-1, self._num_heads, self._out_node_feats)
        h_out = edges.sum(edges.edge(alpha) * edges.src(values))
        return (h_out, f_out, materialise(alpha)) if get_attention else (h_out, f_out)
