"""Poolings that keep the best nodes of each graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.nn.conv import GraphConv
from grapevine.nn.pool.connect import FilterEdges
from grapevine.nn.pool.select import SelectTopK, kept_share

Pooled = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor, Tensor]


class _ScorePooling(torch.nn.Module):
    """Keeps the nodes that a `SelectTopK` of the scored features chooses, scaled by their scores."""

    def __init__(
        self,
        in_channels: int,
        ratio: float | int,
        min_score: float | None,
        multiplier: float,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.ratio = ratio
        self.min_score = min_score
        self.multiplier = multiplier

    select: SelectTopK
    connect: FilterEdges

    def scored(self, attn: Tensor, edge_index: Tensor) -> Tensor:
        """What the selection looks at."""
        return attn

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        attn: Tensor | None = None,
    ) -> Pooled:
        if batch is None:
            batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
        kept = self.select(self.scored(x if attn is None else attn, edge_index), batch)
        assert kept.weight is not None
        x = self.multiplier * x[kept.node_index] * kept.weight.view(-1, 1)
        coarse = self.connect(kept, edge_index, edge_attr, batch)
        return x, coarse.edge_index, coarse.edge_attr, coarse.batch, kept.node_index, kept.weight


class TopKPooling(_ScorePooling):
    r"""Keeps the nodes of each graph whose features point most in a learned direction, scaled by how much.

    .. math::
        \mathbf{y} = \sigma \left( \frac{\mathbf{X} \mathbf{p}}{\|\mathbf{p}\|} \right), \quad
        \mathbf{i} = \mathrm{top}_k(\mathbf{y}), \quad
        \mathbf{X}^{\prime} = (\mathbf{X} \odot \mathbf{y})_{\mathbf{i}}, \quad
        \mathbf{A}^{\prime} = \mathbf{A}_{\mathbf{i}, \mathbf{i}}

    or, with `min_score` :math:`\tilde{\alpha}`, the nodes whose
    :math:`\mathbf{y} = \mathrm{softmax}(\mathbf{X} \mathbf{p})` is above it.

    Args:
        in_channels: F.
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        min_score: instead, keep the nodes above this score, and in any case the best ones of each graph.
        multiplier: scale of the kept features.
        nonlinearity: σ, by name or as a callable.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        edge_attr: (E, ...), or None.
        batch: graph of each node, int64 (N,); None: one graph.
        attn: what to score instead of `x`, (N, F).

    Returns:
        features (K, F), edges, their attributes, graph of each kept node, their numbers (K,), their scores (K,).

    Example:
        >>> x, edge_index, *_ = TopKPooling(4)(torch.randn(6, 4), torch.tensor([[0, 1], [1, 2]]))
        >>> x.shape
        torch.Size([3, 4])

    Source: "Graph U-Nets" (arXiv:1905.05178), "Towards Sparse Hierarchical Graph Classifiers"
    (arXiv:1811.01287), "Understanding Attention and Generalization in Graph Neural Networks" (arXiv:1905.02850).
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int = 0.5,
        min_score: float | None = None,
        multiplier: float = 1.0,
        nonlinearity: str | Callable[..., Any] = "tanh",
    ) -> None:
        super().__init__(in_channels, ratio, min_score, multiplier)
        self.select = SelectTopK(in_channels, ratio, min_score, nonlinearity)
        self.connect = FilterEdges()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.select.reset_parameters()

    def __repr__(self) -> str:
        share = kept_share(self.ratio, self.min_score)
        return f"{self.__class__.__name__}({self.in_channels}, {share}, multiplier={self.multiplier})"


class SAGPooling(_ScorePooling):
    r"""Keeps the nodes of each graph that a graph convolution scores highest, scaled by their scores.

    .. math::
        \mathbf{y} = \sigma(\mathrm{GNN}(\mathbf{X}, \mathbf{A})), \quad
        \mathbf{i} = \mathrm{top}_k(\mathbf{y}), \quad
        \mathbf{X}^{\prime} = (\mathbf{X} \odot \mathbf{y})_{\mathbf{i}}, \quad
        \mathbf{A}^{\prime} = \mathbf{A}_{\mathbf{i}, \mathbf{i}}

    or, with `min_score` :math:`\tilde{\alpha}`, the nodes whose
    :math:`\mathbf{y} = \mathrm{softmax}(\mathrm{GNN}(\mathbf{X}, \mathbf{A}))` is above it.

    Args:
        in_channels: F.
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        GNN: class of the convolution, made with sizes F and 1.
        min_score: instead, keep the nodes above this score, and in any case the best ones of each graph.
        multiplier: scale of the kept features.
        nonlinearity: σ, by name or as a callable.
        kwargs: further arguments of the convolution.

    Forward, returns: see `TopKPooling`.

    Departures from the paper: the score is multiplied by a learned number's sign.

    Example:
        >>> x, edge_index, *_ = SAGPooling(4)(torch.randn(6, 4), torch.tensor([[0, 1], [1, 2]]))
        >>> x.shape
        torch.Size([3, 4])

    Source: "Self-Attention Graph Pooling" (arXiv:1904.08082), "Understanding Attention and Generalization in Graph
    Neural Networks" (arXiv:1905.02850).
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int = 0.5,
        GNN: Callable[..., torch.nn.Module] = GraphConv,
        min_score: float | None = None,
        multiplier: float = 1.0,
        nonlinearity: str | Callable[..., Any] = "tanh",
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, ratio, min_score, multiplier)
        self.gnn: Any = GNN(in_channels, 1, **kwargs)
        self.select = SelectTopK(1, ratio, min_score, nonlinearity)
        self.connect = FilterEdges()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.gnn.reset_parameters()
        self.select.reset_parameters()

    def scored(self, attn: Tensor, edge_index: Tensor) -> Tensor:
        return self.gnn(attn.view(attn.size(0), -1), edge_index)

    def __repr__(self) -> str:
        share = kept_share(self.ratio, self.min_score)
        gnn = self.gnn.__class__.__name__
        return f"{self.__class__.__name__}({gnn}, {self.in_channels}, {share}, multiplier={self.multiplier})"
