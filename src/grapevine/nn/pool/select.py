"""Which nodes of a graph a pooling keeps, and in which clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.inits import uniform
from grapevine.nn.resolver import activation_resolver
from grapevine.utils import cumsum, degree, scatter, softmax


@dataclass
class SelectOutput:
    """Nodes and the clusters that they go to.

    Args:
        node_index: the nodes, int64 (K,) in [0, num_nodes).
        num_nodes: number of nodes N of the graph.
        cluster_index: the cluster of each of them, int64 (K,) in [0, num_clusters).
        num_clusters: number of clusters C.
        weight: strength of each assignment, (K,), or None.

    Raises:
        GraphValueError: where the sizes do not fit.

    Example:
        >>> SelectOutput(torch.tensor([3, 0]), 4, torch.tensor([0, 1]), 2).num_clusters
        2

    Source: "Understanding Pooling in Graph Neural Networks" (arXiv:2110.05292).
    """

    node_index: Tensor
    num_nodes: int
    cluster_index: Tensor
    num_clusters: int
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        for name in ("node_index", "cluster_index", "weight"):
            value = getattr(self, name)
            if value is not None and value.shape != (self.node_index.numel(),):
                raise GraphValueError(
                    f"expected '{name}' to be one-dimensional, with one value for each of "
                    f"{self.node_index.numel()} nodes, got shape {tuple(value.shape)}"
                )


class Select(torch.nn.Module):
    """Base of the selections: from features (and `batch`) to a `SelectOutput`."""

    def reset_parameters(self) -> None:
        """Draws new numbers, where there are any."""

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


def topk(
    x: Tensor,
    ratio: float | int | None,
    batch: Tensor,
    min_score: float | None = None,
    tol: float = 1e-7,
) -> Tensor:
    r"""The nodes of each graph with the highest scores.

    Args:
        x: score of each node, (N,).
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        batch: graph of each node, int64 (N,).
        min_score: instead, keep the nodes above this score, and in any case the best ones of each graph.
        tol: how far below the best score of its graph a node counts as the best.

    Returns:
        their numbers, int64 (K,): graph by graph, best first; with `min_score` in their own order.

    Raises:
        GraphValueError: where neither `ratio` nor `min_score` is given.

    Example:
        >>> topk(torch.tensor([2.0, 5.0, 9.0, 3.0]), 0.5, torch.tensor([0, 0, 0, 1])).tolist()
        [2, 1, 3]
    """
    if min_score is not None:
        best = scatter(x, batch, reduce="max")[batch] - tol
        return (x > best.clamp(max=min_score)).nonzero().view(-1)
    if ratio is None:
        raise GraphValueError("expected how many nodes to keep, got neither; pass 'ratio' or 'min_score'")

    num_nodes = degree(batch, dtype=torch.long)
    k = (ratio * num_nodes.to(x.dtype)).ceil().long() if ratio < 1 else torch.full_like(num_nodes, int(ratio))

    # Sort by score, then stably by graph: each graph is a run that begins with its best nodes.
    order = x.view(-1).argsort(descending=True, stable=True)
    order = order[batch[order].argsort(stable=True)]
    graph = batch[order]
    rank = torch.arange(order.numel(), device=x.device) - cumsum(num_nodes)[graph]
    return order[rank < k[graph]]


class SelectTopK(Select):
    r"""Keeps the nodes of each graph whose features point most in a learned direction.

    .. math::
        \mathbf{y} = \sigma \left( \frac{\mathbf{X} \mathbf{p}}{\|\mathbf{p}\|} \right), \quad
        \mathbf{i} = \mathrm{top}_k(\mathbf{y}) \qquad \text{or} \qquad
        \mathbf{y} = \mathrm{softmax}(\mathbf{X} \mathbf{p}), \quad \mathbf{i} = \{ i : y_i > \tilde{\alpha} \}

    Args:
        in_channels: F.
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        min_score: instead, the second form, with this :math:`\tilde{\alpha}`.
        act: σ, by name or as a callable.

    Forward:
        x: features, (N, F), or (N,).
        batch: graph of each node, int64 (N,); None: one graph.

    Returns:
        a `SelectOutput` with a cluster for each kept node, and its score as the weight.

    Raises:
        GraphValueError: where neither `ratio` nor `min_score` is given.

    Example:
        >>> SelectTopK(4, ratio=0.5)(torch.randn(6, 4)).num_clusters
        3

    Source: "Graph U-Nets" (arXiv:1905.05178), "Understanding Attention and Generalization in Graph Neural
    Networks" (arXiv:1905.02850).
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int | None = 0.5,
        min_score: float | None = None,
        act: str | Callable[..., Any] = "tanh",
    ) -> None:
        super().__init__()
        if ratio is None and min_score is None:
            raise GraphValueError("expected how many nodes to keep, got neither; pass 'ratio' or 'min_score'")
        self.in_channels = in_channels
        self.ratio = ratio
        self.min_score = min_score
        self.act = activation_resolver(act)
        self.weight = torch.nn.Parameter(torch.empty(1, in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        uniform(self.in_channels, self.weight)

    def forward(self, x: Tensor, batch: Tensor | None = None) -> SelectOutput:
        if batch is None:
            batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
        score = (x.view(x.size(0), -1) * self.weight).sum(dim=-1)
        if self.min_score is None:
            score = self.act(score / self.weight.norm(dim=-1))
        else:
            score = softmax(score, batch)
        kept = topk(score, self.ratio, batch, self.min_score)
        clusters = torch.arange(kept.numel(), device=x.device)
        return SelectOutput(kept, x.size(0), clusters, kept.numel(), score[kept])

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {kept_share(self.ratio, self.min_score)})"


def kept_share(ratio: float | int | None, min_score: float | None) -> str:
    """For the text form of a module."""
    return f"ratio={ratio}" if min_score is None else f"min_score={min_score}"
