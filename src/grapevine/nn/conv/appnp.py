"""Personalised propagation of neural predictions."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import NormalizedConv


class APPNP(NormalizedConv):
    r"""Propagates features by personalised PageRank, a step at a time.

    .. math::
        \mathbf{X}^{(k)} = (1 - \alpha) \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}
        \mathbf{X}^{(k-1)} + \alpha \mathbf{X}^{(0)}, \qquad \mathbf{X}^{\prime} = \mathbf{X}^{(K)}

    Args:
        K: number of steps.
        alpha: probability of teleporting back, in [0, 1].
        dropout: probability of dropping an edge, anew and from what is left in every step of training.
        cached: keep the normalised graph of the first call, whatever graph comes later.
        add_self_loops: give a self-loop to every node that has none.
        normalize: weight the edges by degree.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F).

    Example:
        >>> import torch
        >>> APPNP(K=10, alpha=0.1)(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "Predict then Propagate: Graph Neural Networks meet Personalized PageRank" (arXiv:1810.05997).
    """

    def __init__(
        self,
        K: int,
        alpha: float,
        dropout: float = 0.0,
        cached: bool = False,
        add_self_loops: bool = True,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.K = K
        self.alpha = alpha
        self.dropout = dropout
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.normalize = normalize

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        start = self.alpha * x
        for _ in range(self.K):
            if self.dropout > 0 and self.training:
                if edge_weight is None:
                    edge_weight = x.new_ones(Edges.of(edge_index).num_edges)
                edge_weight = F.dropout(edge_weight, p=self.dropout)
            x = (1 - self.alpha) * self.propagate(edge_index, x=x, edge_weight=edge_weight) + start
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}(K={self.K}, alpha={self.alpha})"
