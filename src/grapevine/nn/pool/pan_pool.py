"""Path integral based pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.graph import to_edge_index
from grapevine.nn.pool.connect import FilterEdges
from grapevine.nn.pool.select import SelectTopK, kept_share
from grapevine.utils import scatter


class PANPooling(torch.nn.Module):
    r"""Keeps the nodes of each graph with the best features and the most paths through them.

    .. math::
        \mathbf{y} = \beta_1 \mathbf{X} \mathbf{p} + \beta_2 \mathbf{M}^{\top} \mathbf{1}

    Args:
        in_channels: F.
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        min_score: instead, keep the nodes above this score, and in any case the best ones of each graph.
        multiplier: scale of the kept features.
        nonlinearity: of the scores, by name or as a callable.

    Forward:
        x: features, (N, F).
        M: what `PANConv` returns beside the features, `torch.sparse` (N, N).
        batch: graph of each node, int64 (N,); None: one graph.

    Returns:
        features (K, F), edges, their weights, graph of each kept node, their numbers (K,), their scores (K,).

    Example:
        >>> from grapevine.nn.conv import PANConv
        >>> x, M = PANConv(4, 8, filter_size=2)(torch.randn(4, 4), torch.tensor([[0, 1, 2], [1, 2, 3]]))
        >>> PANPooling(8)(x, M)[0].shape
        torch.Size([2, 8])

    Source: "Path Integral Based Convolution and Pooling for Graph Neural Networks" (arXiv:2006.16811).
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float = 0.5,
        min_score: float | None = None,
        multiplier: float = 1.0,
        nonlinearity: str | Callable[..., Any] = "tanh",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.ratio = ratio
        self.min_score = min_score
        self.multiplier = multiplier
        self.p = Parameter(torch.empty(in_channels))
        self.beta = Parameter(torch.empty(2))
        self.select = SelectTopK(1, ratio, min_score, nonlinearity)
        self.connect = FilterEdges()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets p to ones and beta to a half, and draws the rest anew."""
        torch.nn.init.ones_(self.p)
        torch.nn.init.constant_(self.beta, 0.5)
        self.select.reset_parameters()

    def forward(
        self, x: Tensor, M: Tensor, batch: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor, Tensor]:
        batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device) if batch is None else batch
        pairs, weight = to_edge_index(M)
        paths = scatter(weight, pairs[1], 0, x.size(0), "sum")
        kept = self.select(self.beta[0] * (x * self.p).sum(dim=-1) + self.beta[1] * paths, batch)
        assert kept.weight is not None
        x = self.multiplier * x[kept.node_index] * kept.weight.view(-1, 1)
        coarse = self.connect(kept, pairs.flip(0), weight, batch)
        assert coarse.edge_attr is not None
        return x, coarse.edge_index, coarse.edge_attr, coarse.batch, kept.node_index, kept.weight

    def __repr__(self) -> str:
        share = kept_share(self.ratio, self.min_score)
        return f"{type(self).__name__}({self.in_channels}, {share}, multiplier={self.multiplier})"
