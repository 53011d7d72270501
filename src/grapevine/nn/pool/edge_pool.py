"""Poolings that merge the ends of edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.components import connected_components
from grapevine.utils import coalesce, remove_self_loops, scatter, softmax


class UnpoolInfo(NamedTuple):
    """What `EdgePooling.unpool` needs.

    Args:
        edge_index: edges of the graph before, (2, E).
        cluster: cluster of each of its nodes, int64 (N,).
        batch: graph of each of its nodes, int64 (N,).
        new_edge_score: factor of each cluster's features, (C,).
    """

    edge_index: Tensor
    cluster: Tensor
    batch: Tensor
    new_edge_score: Tensor


class ClusterUnpoolInfo(NamedTuple):
    """The graph before a `ClusterPooling`; as in `UnpoolInfo`, without the factors."""

    edge_index: Tensor
    cluster: Tensor
    batch: Tensor


def _scores(module: torch.nn.Linear, x: Tensor, edge_index: Tensor, dropout: float) -> Tensor:
    ends = torch.cat([x[edge_index[0]], x[edge_index[1]]], dim=-1)
    return F.dropout(module(ends).view(-1), p=dropout, training=module.training)


class EdgePooling(torch.nn.Module):
    r"""Merges the ends of edges, best edge first, as long as neither end is merged already.

    .. math::
        \mathbf{x}^{\prime}_{ij} = s_{ij} (\mathbf{x}_i + \mathbf{x}_j), \qquad
        s_{ij} = \mathrm{softmax}_j(\mathbf{w}^{\top} [\mathbf{x}_i \Vert \mathbf{x}_j] + b) + 0.5

    Args:
        in_channels: F.
        edge_score_method: from raw scores (E,), `edge_index` and the number of nodes to scores (E,), such as
            `EdgePooling.compute_edge_score_softmax` (also if None), `..._tanh` or `..._sigmoid`.
        dropout: probability of dropping a raw score in training.
        add_to_edge_score: added to each score; 0.5 keeps unpooling stable.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        batch: graph of each node, int64 (N,).

    Returns:
        features (C, F), edges (2, E'), graph of each cluster (C,), and an `UnpoolInfo`.

    Example:
        >>> x, edge_index, batch, info = EdgePooling(4)(
        ...     torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.zeros(3, dtype=torch.long)
        ... )
        >>> x.shape
        torch.Size([2, 4])

    Source: "Towards Graph Pooling by Edge Contraction" (ICML workshop 2019), "Edge Contraction Pooling for Graph
    Neural Networks" (arXiv:1905.10990).
    """

    def __init__(
        self,
        in_channels: int,
        edge_score_method: Callable[..., Tensor] | None = None,
        dropout: float = 0.0,
        add_to_edge_score: float = 0.5,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.compute_edge_score = edge_score_method or self.compute_edge_score_softmax
        self.add_to_edge_score = add_to_edge_score
        self.dropout = dropout
        self.lin = torch.nn.Linear(2 * in_channels, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()

    @staticmethod
    def compute_edge_score_softmax(raw_edge_score: Tensor, edge_index: Tensor, num_nodes: int) -> Tensor:
        """Softmax over the edges into each node."""
        return softmax(raw_edge_score, edge_index[1], num_nodes=num_nodes)

    @staticmethod
    def compute_edge_score_tanh(
        raw_edge_score: Tensor, edge_index: Tensor | None = None, num_nodes: int | None = None
    ) -> Tensor:
        """Hyperbolic tangent."""
        return raw_edge_score.tanh()

    @staticmethod
    def compute_edge_score_sigmoid(
        raw_edge_score: Tensor, edge_index: Tensor | None = None, num_nodes: int | None = None
    ) -> Tensor:
        """Logistic function."""
        return raw_edge_score.sigmoid()

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, UnpoolInfo]:
        raw = _scores(self.lin, x, edge_index, self.dropout)
        score = self.compute_edge_score(raw, edge_index, x.size(0)) + self.add_to_edge_score

        cluster, merged = self._match(edge_index, score, x.size(0))
        num_clusters = int(cluster.max()) + 1 if cluster.numel() > 0 else 0
        factor = torch.cat([score[merged], score.new_ones(num_clusters - merged.numel())])
        out = scatter(x, cluster, 0, num_clusters, reduce="sum") * factor.view(-1, 1)
        return (
            out,
            coalesce(cluster[edge_index], num_nodes=num_clusters),
            scatter(batch, cluster, 0, num_clusters, reduce="any"),
            UnpoolInfo(edge_index, cluster, batch, factor),
        )

    @staticmethod
    def _match(edge_index: Tensor, score: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        """The cluster of each node, and the edges that are the first clusters."""
        cluster = [-1] * num_nodes
        merged: list[int] = []
        src, dst = edge_index.tolist()
        for edge in score.argsort(descending=True, stable=True).tolist():
            if cluster[src[edge]] < 0 and cluster[dst[edge]] < 0:
                cluster[src[edge]] = cluster[dst[edge]] = len(merged)
                merged.append(edge)
        alone = iter(range(len(merged), num_nodes))
        cluster = [next(alone) if number < 0 else number for number in cluster]
        device = edge_index.device
        return torch.tensor(cluster, device=device).long(), torch.tensor(merged, device=device).long()

    def unpool(self, x: Tensor, unpool_info: UnpoolInfo) -> tuple[Tensor, Tensor, Tensor]:
        """Gives each node of the graph before the features of its cluster, with the factor taken out.

        Args:
            x: features of the clusters, (C, F').
            unpool_info: from the pooling.

        Returns:
            features (N, F'), edges (2, E), graph of each node (N,).
        """
        out = (x / unpool_info.new_edge_score.view(-1, 1))[unpool_info.cluster]
        return out, unpool_info.edge_index, unpool_info.batch

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels})"


_CLUSTER_SCORES: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "tanh": (torch.tanh, 0.0),
    "sigmoid": (torch.sigmoid, 0.5),
    "log_softmax": (lambda raw: raw.log_softmax(dim=0), 0.0),
}


class ClusterPooling(torch.nn.Module):
    r"""Merges all nodes that are connected by edges of high scores.

    .. math::
        \mathbf{x}^{\prime}_c = \sum_{(i, j) : j \in c} s_{ij} \mathbf{x}_i + \sum_{i \in c \text{ alone}} \mathbf{x}_i,
        \qquad s_{ij} = \sigma(\mathbf{w}^{\top} [\mathbf{x}_i \Vert \mathbf{x}_j] + b)

    Args:
        in_channels: F.
        edge_score_method: σ: `"tanh"`, `"sigmoid"` or `"log_softmax"`.
        dropout: probability of dropping a raw score in training.
        threshold: edges with a higher score merge their ends; None: 0.5 for `"sigmoid"`, else 0.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        batch: graph of each node, int64 (N,).

    Returns:
        features (C, F), edges (2, E') without self-loops, graph of each cluster (C,), and the graph before.

    Raises:
        GraphValueError: for another `edge_score_method`.

    Example:
        >>> x, *_ = ClusterPooling(4, threshold=-1.0)(
        ...     torch.randn(3, 4), torch.tensor([[0], [1]]), torch.zeros(3, dtype=torch.long)
        ... )
        >>> x.shape
        torch.Size([2, 4])

    Source: "Edge-Based Graph Component Pooling" (arXiv:2409.11856).
    """

    def __init__(
        self,
        in_channels: int,
        edge_score_method: str = "tanh",
        dropout: float = 0.0,
        threshold: float | None = None,
    ) -> None:
        super().__init__()
        if edge_score_method not in _CLUSTER_SCORES:
            raise GraphValueError(
                f"expected edge_score_method among {', '.join(_CLUSTER_SCORES)}, got {edge_score_method!r}"
            )
        self.in_channels = in_channels
        self.edge_score_method = edge_score_method
        self.dropout = dropout
        self.threshold = _CLUSTER_SCORES[edge_score_method][1] if threshold is None else threshold
        self.lin = torch.nn.Linear(2 * in_channels, 1)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, ClusterUnpoolInfo]:
        edge_index, _ = remove_self_loops(edge_index)
        raw = _scores(self.lin, x, edge_index, self.dropout)
        score = _CLUSTER_SCORES[self.edge_score_method][0](raw)

        merging = edge_index[:, score > self.threshold]
        num_clusters, cluster = connected_components(merging, x.size(0))
        alone = torch.ones(x.size(0), dtype=torch.bool, device=x.device)
        alone[merging.flatten()] = False

        from_edges = scatter(x[edge_index[0]] * score.view(-1, 1), cluster[edge_index[1]], 0, num_clusters)
        out = from_edges + scatter(x * alone.view(-1, 1), cluster, 0, num_clusters)
        coarse, _ = remove_self_loops(coalesce(cluster[edge_index], num_nodes=num_clusters))
        info = ClusterUnpoolInfo(edge_index, cluster, batch)
        return out, coarse, scatter(batch, cluster, 0, num_clusters, reduce="any"), info

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels})"
