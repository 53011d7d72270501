"""Neighbours in space: the k nearest points, and all points within a radius, by a k-d tree."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from grapevine.errors import GraphValueError


def knn(
    x: Tensor,
    y: Tensor,
    k: int,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    cosine: bool = False,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Finds for each point of `y` the `k` nearest points of `x`.

    Args:
        x: `(N, D)` or `(N,)` points; the search runs on the CPU, wherever they are.
        y: `(M, D)` or `(M,)` points.
        k: how many to find; fewer where the graph has fewer points.
        batch_x: `(N,)` non-decreasing graph of each point of `x`; only points of one graph are neighbours.
        batch_y: `(M,)` likewise for `y`.
        cosine: by angle instead of distance.
        num_workers: threads; -1 takes all processors.
        batch_size: number of graphs; not needed.

    Returns:
        `(2, P)`: a point of `y` above a point of `x`; grouped by the former, the nearest first.

    Raises:
        GraphValueError: for points of different dimensions, or graphs that are not in order.

    Example:
        >>> knn(torch.tensor([0.0, 1.0, 5.0]), torch.tensor([0.9]), k=2)
        tensor([[0, 0],
                [1, 0]])
    """
    return _search(x, y, k, None, batch_x, batch_y, cosine, num_workers, False)


def radius(
    x: Tensor,
    y: Tensor,
    r: float,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    max_num_neighbors: int = 32,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Finds for each point of `y` the points of `x` that are nearer than `r`.

    Args:
        x: `(N, D)` or `(N,)` points; the search runs on the CPU, wherever they are.
        y: `(M, D)` or `(M,)` points.
        r: distance that neighbours stay below.
        batch_x: `(N,)` non-decreasing graph of each point of `x`; only points of one graph are neighbours.
        batch_y: `(M,)` likewise for `y`.
        max_num_neighbors: how many to find at most; the nearest ones are kept.
        num_workers: threads; -1 takes all processors.
        batch_size: number of graphs; not needed.

    Returns:
        `(2, P)`: a point of `y` above a point of `x`; grouped by the former, the nearest first.

    Raises:
        GraphValueError: for points of different dimensions, or graphs that are not in order.

    Example:
        >>> radius(torch.tensor([0.0, 1.0, 5.0]), torch.tensor([0.9]), r=1.0)
        tensor([[0, 0],
                [1, 0]])
    """
    return _search(x, y, max_num_neighbors, r, batch_x, batch_y, False, num_workers, False)


def knn_graph(
    x: Tensor,
    k: int,
    batch: Tensor | None = None,
    loop: bool = False,
    flow: str = "source_to_target",
    cosine: bool = False,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Joins each point with its `k` nearest points.

    Args:
        x: `(N, D)` or `(N,)` points; the search runs on the CPU, wherever they are.
        k: how many neighbours; fewer where the graph has fewer points.
        batch: `(N,)` non-decreasing graph of each point.
        loop: whether a point is its own neighbour.
        flow: "source_to_target" (edges come from the neighbours) or "target_to_source" (edges go to them).
        cosine: by angle instead of distance.
        num_workers: threads; -1 takes all processors.
        batch_size: number of graphs; not needed.

    Returns:
        `edge_index` `(2, E)`, grouped by the point whose neighbours are named, the nearest first.

    Raises:
        GraphValueError: for another `flow`, or graphs that are not in order.

    Example:
        >>> knn_graph(torch.tensor([0.0, 1.0, 5.0]), k=1)
        tensor([[1, 0, 1],
                [0, 1, 2]])
    """
    return _directed(_search(x, x, k, None, batch, batch, cosine, num_workers, not loop), flow)


def radius_graph(
    x: Tensor,
    r: float,
    batch: Tensor | None = None,
    loop: bool = False,
    max_num_neighbors: int = 32,
    flow: str = "source_to_target",
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Joins each point with the points that are nearer than `r`.

    Args:
        x: `(N, D)` or `(N,)` points; the search runs on the CPU, wherever they are.
        r: distance that neighbours stay below.
        batch: `(N,)` non-decreasing graph of each point.
        loop: whether a point is its own neighbour.
        max_num_neighbors: how many to find at most; the nearest ones are kept.
        flow: "source_to_target" (edges come from the neighbours) or "target_to_source" (edges go to them).
        num_workers: threads; -1 takes all processors.
        batch_size: number of graphs; not needed.

    Returns:
        `edge_index` `(2, E)`, grouped by the point whose neighbours are named, the nearest first.

    Raises:
        GraphValueError: for another `flow`, or graphs that are not in order.

    Example:
        >>> radius_graph(torch.tensor([0.0, 1.0, 5.0]), r=2.0)
        tensor([[1, 0],
                [0, 1]])
    """
    return _directed(_search(x, x, max_num_neighbors, r, batch, batch, False, num_workers, not loop), flow)


def _directed(pairs: Tensor, flow: str) -> Tensor:
    if flow not in ("source_to_target", "target_to_source"):
        raise GraphValueError(f"expected flow 'source_to_target' or 'target_to_source', got {flow!r}")
    return pairs.flip(0) if flow == "source_to_target" else pairs


def _search(
    x: Tensor,
    y: Tensor,
    k: int,
    r: float | None,
    batch_x: Tensor | None,
    batch_y: Tensor | None,
    cosine: bool,
    num_workers: int,
    skip_self: bool,
) -> Tensor:
    """The nearest points of `x`, at most `k` and nearer than `r`, for each point of `y`."""
    points, queries = _coordinates(x, cosine), _coordinates(y, cosine)
    if points.shape[1] != queries.shape[1]:
        raise GraphValueError(
            f"expected points of one space, got {points.shape[1]} and {queries.shape[1]} coordinates"
        )
    count = max((int(b[-1]) + 1 for b in (batch_x, batch_y) if b is not None and b.numel()), default=1)
    starts_x, starts_y = _starts(batch_x, len(points), count), _starts(batch_y, len(queries), count)
    limit = np.inf if r is None else r
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for first, last, begin, end in zip(starts_x[:-1], starts_x[1:], starts_y[:-1], starts_y[1:]):
        wanted = min(k + skip_self, last - first)
        if wanted <= 0 or begin == end:
            continue
        distance, found = cKDTree(points[first:last]).query(
            queries[begin:end], k=np.arange(1, wanted + 1), distance_upper_bound=limit, workers=num_workers
        )
        target = np.broadcast_to(np.arange(begin, end)[:, None], found.shape)
        keep = (distance < limit) & (found < last - first)
        if skip_self:  # it may be missing, where other points lie at the same place
            keep &= found + first != target
            keep &= keep.cumsum(axis=1) <= k
        pairs.append(np.stack((target[keep], found[keep] + first)))
    return torch.from_numpy(np.concatenate(pairs, axis=1)).to(x.device)


def _coordinates(x: Tensor, cosine: bool) -> np.ndarray:
    x = x.detach().to("cpu", torch.float64)
    x = x.view(-1, 1) if x.dim() == 1 else x
    if cosine:  # on the unit sphere, near means at a small angle
        x = torch.nn.functional.normalize(x, dim=1)
    return x.numpy()


def _starts(batch: Tensor | None, num_points: int, count: int) -> list[int]:
    """Where each graph begins, and where the last one ends."""
    if batch is None:
        return [0, *[num_points] * count]
    if batch.shape[0] != num_points:
        raise GraphValueError(f"expected a graph for each of {num_points} points, got {batch.shape[0]}")
    if bool((batch.diff() < 0).any()):
        raise GraphValueError(
            "expected the points graph by graph, got a batch vector that falls; sort the points"
        )
    return torch.searchsorted(batch.cpu(), torch.arange(count + 1)).tolist()
