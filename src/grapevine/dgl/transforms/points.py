"""Graphs from points in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from scipy.spatial import KDTree
from torch import Tensor

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.construct import graph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.rewire import remove_edges, remove_self_loop

__all__ = ["knn_graph", "pairwise_squared_distance", "radius_graph", "segmented_knn_graph"]

ALGORITHMS = ("bruteforce-blas", "bruteforce", "bruteforce-sharemem", "kd-tree", "nn-descent")


def pairwise_squared_distance(x: Tensor) -> Tensor:
    """`(..., N, D)` -> `(..., N, N)`: squared Euclidean distances.

    Example:
        >>> pairwise_squared_distance(torch.tensor([[0.0], [2.0]])).tolist()
        [[0.0, 4.0], [4.0, 0.0]]
    """
    squares = (x * x).sum(-1, keepdim=True)
    return squares + squares.transpose(-1, -2) - 2 * x @ x.transpose(-1, -2)


def knn_graph(
    x: Tensor,
    k: int,
    algorithm: str = "bruteforce-blas",
    dist: str = "euclidean",
    exclude_self: bool = False,
) -> DGLGraph:
    """An edge to every point from each of its k nearest points, the nearest first.

    Args:
        x: `(N, D)` points, or `(B, N, D)` for B sets of points.
        k: the number of neighbours; a point counts as its own neighbour.
        algorithm: "kd-tree" searches a tree on the CPU, all others compute all distances.
        dist: "euclidean" or "cosine".
        exclude_self: True leaves the point itself out and finds k others.

    Raises:
        DGLError: for k < 1, no points, or unknown names.

    Departure: "nn-descent" finds the exact neighbours too.

    Example:
        >>> knn_graph(torch.tensor([[0.0], [1.0], [5.0]]), 1, exclude_self=True).edges()
        (tensor([1, 0, 1]), tensor([0, 1, 2]))
    """
    if x.dim() == 3:
        sizes = [x.shape[1]] * x.shape[0]
        return _knn_graph(x.flatten(0, 1), k, sizes, algorithm, dist, exclude_self, True)
    return _knn_graph(x, k, [x.shape[0]], algorithm, dist, exclude_self, False)


def segmented_knn_graph(
    x: Tensor,
    k: int,
    segs: Sequence[int],
    algorithm: str = "bruteforce-blas",
    dist: str = "euclidean",
    exclude_self: bool = False,
) -> DGLGraph:
    """As `knn_graph`, for sets of points of different sizes, one after the other.

    Args:
        x: `(N, D)` points.
        k: the number of neighbours; at most the size of the smallest set.
        segs: the sizes of the sets.
        algorithm, dist, exclude_self: as of `knn_graph`.

    Example:
        >>> segmented_knn_graph(torch.tensor([[0.0], [1.0], [5.0], [5.0]]), 1, [2, 2], exclude_self=True).edges()
        (tensor([1, 0, 3, 2]), tensor([0, 1, 2, 3]))
    """
    return _knn_graph(x, k, [int(n) for n in segs], algorithm, dist, exclude_self, True)


def _knn_graph(
    x: Tensor, k: int, sizes: list[int], algorithm: str, dist: str, exclude_self: bool, batched: bool
) -> DGLGraph:
    k += int(exclude_self)
    if k <= 0:
        raise DGLError(f"Invalid k value. expect k > 0, got k = {k}")
    if x.shape[0] == 0:
        raise DGLError("Find empty point set")
    if algorithm not in ALGORITHMS or dist.lower() not in ("euclidean", "cosine"):
        raise DGLError(
            f"expected an algorithm of {ALGORITHMS} and a distance 'euclidean' or 'cosine', got {algorithm!r}, {dist!r}"
        )
    if k > min(sizes):
        dgl_warning(
            "'k' should be less than or equal to the number of points in 'x', "
            f"expect k <= {min(sizes)}, got k = {k}, use k = {min(sizes)}",
            stacklevel=3,
        )
        k = min(sizes)
    if dist.lower() == "cosine":
        x = x / (x.norm(dim=-1, keepdim=True) + 1e-5)
    search: Callable[[Tensor, int], Tensor] = _tree if algorithm == "kd-tree" else _all_pairs
    found, start = [], 0
    for points in x.detach().split(sizes):
        found.append(search(points, k) + start)
        start += len(points)
    src = torch.cat(found).reshape(-1)
    dst = torch.arange(len(x), device=x.device).repeat_interleave(k)
    result = graph((src, dst), num_nodes=len(x))
    if batched:
        members = torch.tensor(sizes, device=x.device)
        result.set_batch_num_nodes(members)
        result.set_batch_num_edges(k * members)
    if exclude_self:
        result = remove_self_loop(result)
        result = _drop_surplus(result, k - 1)
    return result


def _all_pairs(points: Tensor, k: int) -> Tensor:
    return pairwise_squared_distance(points).topk(k, largest=False).indices


def _tree(points: Tensor, k: int) -> Tensor:
    array = points.cpu().numpy()
    _, index = KDTree(array).query(array, k)
    return torch.as_tensor(index.reshape(len(array), k), device=points.device, dtype=torch.int64)


def _drop_surplus(g: DGLGraph, k: int) -> DGLGraph:
    """Of points that coincide, one may not be among its own nearest: then its farthest neighbour goes."""
    if g.num_edges() == k * g.num_nodes():
        return g
    crowded = (g.in_degrees() > k).nonzero().reshape(-1)
    last = g._relation().by_dst.ptr[crowded + 1].to(torch.int64) - 1
    return remove_edges(g, g._relation().by_dst.edges()[last])


def radius_graph(
    x: Tensor,
    r: float,
    p: float = 2,
    self_loop: bool = False,
    compute_mode: str = "donot_use_mm_for_euclid_dist",
    get_distances: bool = False,
) -> Any:
    """An edge between all points that are not farther apart than r.

    Args:
        x: `(N, D)` points.
        r: the radius, inclusive.
        p: which norm measures distances.
        self_loop: whether points are joined to themselves.
        compute_mode: as of `torch.cdist`.
        get_distances: whether to return the distances, `(E, 1)`, too.

    Raises:
        DGLError: for r <= 0 or no points.

    Example:
        >>> radius_graph(torch.tensor([[0.0], [1.0], [5.0]]), 1.5).edges()
        (tensor([0, 1]), tensor([1, 0]))
    """
    if r <= 0:
        raise DGLError(f"Invalid r value. expect r > 0, got r = {r}")
    if x.shape[0] == 0:
        raise DGLError("Find empty point set")
    distances = torch.cdist(x, x, p=p, compute_mode=compute_mode)
    near = distances <= r
    if not self_loop:
        near.fill_diagonal_(False)
    src, dst = near.nonzero(as_tuple=True)
    g = graph((src, dst), num_nodes=x.shape[0])
    return (g, distances[src, dst].unsqueeze(-1)) if get_distances else g
