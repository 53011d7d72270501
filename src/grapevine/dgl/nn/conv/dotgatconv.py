"""Graph attention by dot products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grapevine.dgl.nn._graphs import Feat, check_in_degrees
from grapevine.dgl.nn.conv.gatconv import PerHead
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class DotGatConv(PerHead):
    r"""Sums the neighbours, each weighted by the softmax of its scaled dot product with the node.

    .. math::
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \mathrm{softmax}_j \left(
        \frac{(\mathbf{W} \mathbf{h}_i)^{\top} \mathbf{W} \mathbf{h}_j}{\sqrt{D}} \right) \mathbf{W} \mathbf{h}_j

    Args:
        in_feats: F; a pair for sources and destinations, which then have a matrix each.
        out_feats: D, features per head.
        num_heads: H.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.
        get_attention: return the attention too.

    Returns:
        (N_dst, H, D); with `get_attention` beside it (E, H, 1).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> DotGatConv(4, 2, num_heads=3)(g, torch.ones(3, 4)).shape
        torch.Size([3, 3, 2])

    Source: "Graph Attention Networks" (arXiv:1710.10903), with the scores of "Attention Is All You Need"
    (arXiv:1706.03762).
    """

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        out_feats: int,
        num_heads: int,
        allow_zero_in_degree: bool = False,
    ) -> None:
        super().__init__()
        self._allow_zero_in_degree = allow_zero_in_degree
        self._make_maps(in_feats, out_feats, num_heads)

    def forward(self, graph: DGLGraph, feat: Feat, get_attention: bool = False) -> Any:
        check_in_degrees(graph, self._allow_zero_in_degree)
        edges = graph._relation()
        x_src, x_dst, _ = self._mapped(graph, feat)
        scores = (edges.src(x_src) * edges.dst(x_dst)).sum(-1)
        alpha = edges.softmax(scores / self._out_feats**0.5).unsqueeze(-1)
        out = edges.sum(edges.edge(alpha) * edges.src(x_src))
        return (out, materialise(alpha)) if get_attention else out
