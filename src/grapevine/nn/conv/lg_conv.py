"""Light graph convolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import NormalizedConv


class LGConv(NormalizedConv):
    r"""Sums the neighbours, weighted by degree, and nothing else.

    .. math:: \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i)} \frac{e_{ji}}{\sqrt{d_i d_j}} \mathbf{x}_j

    Args:
        normalize: weight the edges by degree; no self-loops are added.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F).

    Example:
        >>> import torch
        >>> LGConv()(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation" (arXiv:2002.02126).
    """

    add_self_loops = False

    def __init__(self, normalize: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.normalize = normalize

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        return self.propagate(edge_index, x=x, edge_weight=edge_weight)
