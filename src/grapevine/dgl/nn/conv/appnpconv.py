"""Approximate personalised propagation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import degree_scale, normalised, sent

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class APPNPConv(nn.Module):
    r"""Spreads the features by a random walk that restarts from them with probability alpha. Nothing is learned.

    .. math::
        \mathbf{H}^{(t+1)} = (1 - \alpha) \, \mathbf{D}_{in}^{-1/2} \mathbf{A} \mathbf{D}_{out}^{-1/2} \mathbf{H}^{(t)}
        + \alpha \mathbf{H}^{(0)}

    Args:
        k: number of steps.
        alpha: weight of the start, in [0, 1].
        edge_drop: probability with which an edge is dropped in training, anew in each step.

    Forward:
        graph: a homogeneous graph.
        feat: (N, *).
        edge_weight: (E,), positive; normalised by `EdgeWeightNorm` in place of the degrees.

    Returns:
        (N, *).

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1], [1, 0]))
        >>> APPNPConv(k=1, alpha=0.5)(g, torch.tensor([[2.0], [4.0]])).tolist()
        [[3.0], [3.0]]

    Source: "Predict then Propagate: Graph Neural Networks meet Personalized PageRank" (arXiv:1810.05997).
    """

    def __init__(self, k: int, alpha: float, edge_drop: float = 0.0) -> None:
        super().__init__()
        self._k = k
        self._alpha = alpha
        self.edge_drop = nn.Dropout(edge_drop)

    def forward(self, graph: DGLGraph, feat: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        edges = graph._relation()
        leaving, arriving = degree_scale(edges.reverse(), -0.5, feat), degree_scale(edges, -0.5, feat)
        weight = None if edge_weight is None else normalised(edges, edge_weight)
        ones = feat.new_ones(edges.num_edges, 1) if self.training and self.edge_drop.p > 0 else None
        h = feat
        for _ in range(self._k):
            if weight is not None:
                out = edges.sum(sent(edges, h, self.edge_drop(weight)))
            else:
                kept = None if ones is None else self.edge_drop(ones)
                out = edges.sum(sent(edges, h * leaving, kept)) * arriving
            h = (1 - self._alpha) * out + self._alpha * feat
        return h
