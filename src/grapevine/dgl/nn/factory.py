"""Graphs of points, made inside a network."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.transforms.functional import knn_graph, radius_graph, segmented_knn_graph
from grapevine.dgl.transforms.points import pairwise_squared_distance

__all__ = [
    "KNNGraph",
    "RadiusGraph",
    "SegmentedKNNGraph",
    "knn_graph",
    "pairwise_squared_distance",
    "radius_graph",
    "segmented_knn_graph",
]


class KNNGraph(nn.Module):
    """`dgl.knn_graph` with a fixed k: edges from the k nearest points to each.

    Args:
        k: number of neighbours.

    Forward:
        x: points (N, D), or several sets of as many (B, N, D).
        algorithm, dist, exclude_self: as of `dgl.knn_graph`.

    Returns:
        a graph, of B members for several sets.

    Example:
        >>> import torch
        >>> KNNGraph(2)(torch.tensor([[0.0], [1.0], [5.0]])).num_edges()
        6
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(
        self,
        x: Tensor,
        algorithm: str = "bruteforce-blas",
        dist: str = "euclidean",
        exclude_self: bool = False,
    ) -> DGLGraph:
        return knn_graph(x, self.k, algorithm=algorithm, dist=dist, exclude_self=exclude_self)


class SegmentedKNNGraph(nn.Module):
    """`dgl.segmented_knn_graph` with a fixed k: edges from the k nearest points of the same set to each.

    Args:
        k: number of neighbours.

    Forward:
        x: points of all sets, (N, D).
        segs: number of points of each set.
        algorithm, dist, exclude_self: as of `dgl.segmented_knn_graph`.

    Returns:
        a graph with a member for each set.

    Example:
        >>> import torch
        >>> SegmentedKNNGraph(1)(torch.tensor([[0.0], [1.0], [5.0]]), [2, 1]).num_edges()
        3
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(
        self,
        x: Tensor,
        segs: list[int],
        algorithm: str = "bruteforce-blas",
        dist: str = "euclidean",
        exclude_self: bool = False,
    ) -> DGLGraph:
        return segmented_knn_graph(x, self.k, segs, algorithm=algorithm, dist=dist, exclude_self=exclude_self)


class RadiusGraph(nn.Module):
    """`dgl.radius_graph` with a fixed radius: edges between all points that are close to one another.

    Args:
        r: the radius.
        p: of the norm.
        self_loop: give each point an edge to itself.
        compute_mode: of `torch.cdist`.

    Forward:
        x: points (N, D).
        get_distances: return the distances too.

    Returns:
        a graph; with `get_distances` beside it (E, 1).

    Example:
        >>> import torch
        >>> RadiusGraph(1.5)(torch.tensor([[0.0], [1.0], [5.0]])).num_edges()
        2
    """

    def __init__(
        self,
        r: float,
        p: float = 2,
        self_loop: bool = False,
        compute_mode: str = "donot_use_mm_for_euclid_dist",
    ) -> None:
        super().__init__()
        self.r = r
        self.p = p
        self.self_loop = self_loop
        self.compute_mode = compute_mode

    def forward(self, x: Tensor, get_distances: bool = False) -> Any:
        return radius_graph(x, self.r, self.p, self.self_loop, self.compute_mode, get_distances)
