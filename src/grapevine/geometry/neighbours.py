"""Neighbours in space: scipy's k-d tree on the CPU, distances in chunks on other devices."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.ops import sort_rows

#: Distances held at a time on devices without a k-d tree.
CHUNK = 1 << 24
#: Searches in a k-d tree that are worth starting threads for.
SEARCHES = 1 << 12


def radius(
    x: Tensor,
    y: Tensor,
    r: float,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    max_num_neighbors: int | None = None,
    num_workers: int = 1,
    batch_size: int | None = None,
    ignore_same_index: bool = False,
) -> Tensor:
    """For each point of y, all points of x at most r away.

    Args:
        x: (N, D).
        y: (M, D).
        r: the radius, inclusive.
        batch_x: (N,), the graph of each point; only points of the same graph are neighbours.
        batch_y: (M,).
        max_num_neighbors: keep the nearest so many for each y, with a warning where that cuts; None keeps all.
        num_workers, batch_size: accepted for compatibility; they change nothing.
        ignore_same_index: leave out pairs of equal indices.

    Returns:
        (2, pairs): indices into y above indices into x, ordered by y, then by distance.

    Departures from torch_cluster: all neighbours by default, not 32; a limit keeps the nearest, and says so.

    Example:
        >>> import torch
        >>> radius(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.4]]), r=1.0)
        tensor([[0, 0],
                [0, 1]])
    """
    x, y = _points(x, y, batch_x, batch_y)
    if x.shape[0] == 0 or y.shape[0] == 0:
        return x.new_empty((2, 0), dtype=torch.int64)
    if x.is_cpu:
        left, right = _separated(x, y, batch_x, batch_y)
        pairs = cKDTree(right).sparse_distance_matrix(cKDTree(left), r, output_type="ndarray")
        rows, columns, distance = (torch.from_numpy(pairs[k]) for k in "ijv")
        order = _stable(rows, y.shape[0], distance, _stable(columns, x.shape[0]))
        rows, columns = rows.index_select(0, order), columns.index_select(0, order)
    else:
        rows, columns = _radius_in_chunks(x, y, r, batch_x, batch_y)
    if ignore_same_index:
        other = rows != columns
        rows, columns = rows[other], columns[other]
    if max_num_neighbors is not None:
        rows, columns = _limited(rows, columns, y.shape[0], max_num_neighbors)
    return torch.stack([rows, columns])


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
    """For each point of y, the k nearest points of x; fewer where its graph has fewer.

    Args:
        x: (N, D).
        y: (M, D).
        k: number of neighbours.
        batch_x: (N,), the graph of each point; only points of the same graph are neighbours.
        batch_y: (M,).
        cosine: compare directions, not places.
        num_workers, batch_size: accepted for compatibility; they change nothing.

    Returns:
        (2, pairs): indices into y above indices into x, ordered by y, then by distance.

    Example:
        >>> import torch
        >>> knn(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[4.0]]), k=2)
        tensor([[0, 0],
                [2, 1]])
    """
    x, y = _points(x, y, batch_x, batch_y)
    if cosine:
        x, y = torch.nn.functional.normalize(x, dim=1), torch.nn.functional.normalize(y, dim=1)
    if x.shape[0] == 0 or y.shape[0] == 0 or k < 1:
        return x.new_empty((2, 0), dtype=torch.int64)
    k = min(k, x.shape[0])
    if x.is_cpu:
        left, right = _separated(x, y, batch_x, batch_y)
        workers = torch.get_num_threads() if y.shape[0] > SEARCHES else 1
        found = cKDTree(left).query(right, k=k, workers=workers)[1]
        columns = torch.from_numpy(np.asarray(found, dtype=np.int64)).view(-1, k)
    else:
        columns = _knn_in_chunks(x, y, k, batch_x, batch_y)
    rows = torch.arange(y.shape[0], device=y.device).unsqueeze(1).expand_as(columns)
    pairs = torch.stack([rows.flatten(), columns.flatten()])
    if batch_x is not None or batch_y is not None:
        of_x, of_y = _batch(batch_x, x), _batch(batch_y, y)
        pairs = pairs[:, of_y[pairs[0]] == of_x[pairs[1]]]
    return pairs


def nearest(x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None) -> Tensor:
    """For each point of x, the nearest point of y in the same graph.

    Args:
        x: (N, D).
        y: (M, D).
        batch_x: (N,), the graph of each point.
        batch_y: (M,).

    Returns:
        (N,), indices into y.

    Raises:
        GraphValueError: where a point's graph has no point of y.

    Example:
        >>> import torch
        >>> nearest(torch.tensor([[0.0], [3.9]]), torch.tensor([[4.0], [1.0]]))
        tensor([1, 0])
    """
    pairs = knn(y, x, 1, batch_y, batch_x)
    if pairs.shape[1] != x.shape[0]:
        raise GraphValueError("expected at least one point of y in each graph of x, got graphs without")
    return pairs[1]


def radius_graph(
    x: Tensor,
    r: float,
    batch: Tensor | None = None,
    loop: bool = False,
    max_num_neighbors: int | None = None,
    flow: str = "source_to_target",
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """An edge from every point to all points at most r away.

    Args:
        x: (N, D).
        r: the radius, inclusive.
        batch: (N,), the graph of each point.
        loop: join each point to itself too.
        max_num_neighbors: at most so many edges arrive at a point, from the nearest, with a warning; None for all.
        flow: "source_to_target" puts the centre below, "target_to_source" above.
        num_workers, batch_size: accepted for compatibility; they change nothing.

    Returns:
        edge_index, (2, E).

    Departures from torch_cluster: all neighbours by default, not 32.

    Example:
        >>> import torch
        >>> radius_graph(torch.tensor([[0.0], [1.0], [5.0]]), r=1.5)
        tensor([[1, 0],
                [0, 1]])
    """
    pairs = radius(x, x, r, batch, batch, max_num_neighbors, ignore_same_index=not loop)
    return _directed(pairs, flow)


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
    """An edge to every point from its k nearest ones.

    Args:
        x: (N, D).
        k: number of neighbours.
        batch: (N,), the graph of each point.
        loop: count each point as its own neighbour.
        flow: "source_to_target" puts the centre below, "target_to_source" above.
        cosine: compare directions, not places.
        num_workers, batch_size: accepted for compatibility; they change nothing.

    Returns:
        edge_index, (2, E).

    Example:
        >>> import torch
        >>> knn_graph(torch.tensor([[0.0], [1.0], [5.0]]), k=1)
        tensor([[1, 0, 1],
                [0, 1, 2]])
    """
    pairs = knn(x, x, k if loop else k + 1, batch, batch, cosine)
    if not loop:  # a point may miss itself among more than k others at the very same place
        pairs = pairs[:, pairs[0] != pairs[1]]
        rank = _rank(pairs[0], x.shape[0])
        pairs = pairs[:, rank < k]
    return _directed(pairs, flow)


def _directed(pairs: Tensor, flow: str) -> Tensor:
    if flow not in ("source_to_target", "target_to_source"):
        raise GraphValueError(f"expected flow 'source_to_target' or 'target_to_source', got {flow!r}")
    return pairs.flip(0) if flow == "source_to_target" else pairs


def _points(x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None) -> tuple[Tensor, Tensor]:
    """Positions without gradients, as matrices."""
    x, y = (t.detach().view(-1, 1) if t.dim() == 1 else t.detach() for t in (x, y))
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1]:
        raise GraphValueError(f"expected points (N, D) and (M, D), got {list(x.shape)} and {list(y.shape)}")
    for points, batch in ((x, batch_x), (y, batch_y)):
        if batch is not None and batch.shape != points.shape[:1]:
            raise GraphValueError(
                f"expected one graph id per point, {list(points.shape[:1])}; got {list(batch.shape)}"
            )
    return x, y


def _batch(batch: Tensor | None, points: Tensor) -> Tensor:
    return points.new_zeros(points.shape[0], dtype=torch.int64) if batch is None else batch


def _separated(
    x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None
) -> tuple[np.ndarray, np.ndarray]:
    """Points in float64; graphs lie apart along one axis more, farther than any two points of one graph."""
    left, right = x.double().numpy(), y.double().numpy()
    if batch_x is None and batch_y is None:
        return left, right
    both = np.concatenate([left, right])
    step = 2.0 ** np.ceil(np.log2(2 * np.linalg.norm(np.ptp(both, axis=0)) + 1e4))
    return tuple(  # type: ignore[return-value]
        np.concatenate([p, step * _batch(b, t).double().numpy()[:, None]], axis=1)
        for p, b, t in ((left, batch_x, x), (right, batch_y, y))
    )


def _stable(index: Tensor, size: int, value: Tensor | None = None, order: Tensor | None = None) -> Tensor:
    """Positions by index, then by value, then in the given order, int64; counting is faster than comparing."""
    order = torch.arange(len(index)) if order is None else order
    if value is not None:
        order = order.index_select(0, value.index_select(0, order).argsort(stable=True))
    permutation = sort_rows(index.index_select(0, order), size)[1]
    return order if permutation is None else order.index_select(0, permutation)


def _radius_in_chunks(
    x: Tensor, y: Tensor, r: float, batch_x: Tensor | None, batch_y: Tensor | None
) -> tuple[Tensor, Tensor]:
    rows, columns = [], []
    size = max(1, CHUNK // x.shape[0])
    for start in range(0, y.shape[0], size):
        distance = _distances(x, y, batch_x, batch_y, slice(start, start + size))
        i, j = torch.nonzero(distance <= r, as_tuple=True)
        order = distance[i, j].argsort(stable=True)
        order = order[i[order].argsort(stable=True)]
        rows.append(i[order] + start)
        columns.append(j[order])
    return torch.cat(rows), torch.cat(columns)


def _knn_in_chunks(x: Tensor, y: Tensor, k: int, batch_x: Tensor | None, batch_y: Tensor | None) -> Tensor:
    size = max(1, CHUNK // x.shape[0])
    starts = range(0, y.shape[0], size)
    parts = [_distances(x, y, batch_x, batch_y, slice(s, s + size)) for s in starts]
    return torch.cat([p.topk(k, largest=False).indices for p in parts])


def _distances(x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None, rows: slice) -> Tensor:
    """(rows, N), infinite between graphs; by differences, as products would lose close pairs."""
    distance = torch.cdist(y[rows], x, compute_mode="donot_use_mm_for_euclid_dist")
    if batch_x is not None or batch_y is not None:
        other = _batch(batch_y, y)[rows, None] != _batch(batch_x, x)[None]
        distance = distance.masked_fill(other, torch.inf)
    return distance


def _rank(rows: Tensor, num_rows: int) -> Tensor:
    """The place of each entry among those of its row; rows ascend."""
    counts = torch.bincount(rows, minlength=num_rows)
    return torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]


def _limited(rows: Tensor, columns: Tensor, num_rows: int, limit: int) -> tuple[Tensor, Tensor]:
    kept = _rank(rows, num_rows) < limit
    if not bool(kept.all()):  # the message is the same each time, so that a training says it once
        warnings.warn(
            f"max_num_neighbors={limit} cuts the neighbours of some points to the nearest {limit}; pass "
            "max_num_neighbors=None to keep all",
            stacklevel=3,
        )
    return rows[kept], columns[kept]
