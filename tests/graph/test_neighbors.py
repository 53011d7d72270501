"""Neighbours in space, against all distances."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine import graph as G
from grapevine.errors import GraphValueError

SIZES_X, SIZES_Y = [5, 0, 40, 1], [3, 2, 0, 4]
BATCH_X, BATCH_Y = (torch.repeat_interleave(torch.arange(4), torch.tensor(n)) for n in (SIZES_X, SIZES_Y))


def points(count: int, dim: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def brute_force(
    x: Tensor,
    y: Tensor,
    k: int,
    r: float | None,
    batches: tuple[Tensor, Tensor],
    cosine: bool,
    loop: bool = True,
) -> list[list[int]]:
    """For each point of `y`, its neighbours in `x`, the nearest first."""
    x, y = x.double(), y.double()
    if cosine:
        distance = 1 - torch.nn.functional.cosine_similarity(y.unsqueeze(1), x.unsqueeze(0), dim=-1)
    else:
        distance = (y.unsqueeze(1) - x.unsqueeze(0)).norm(dim=-1)
    found = []
    for i in range(len(y)):
        mine = [
            j
            for j in distance[i].argsort().tolist()
            if batches[0][j] == batches[1][i] and (r is None or distance[i, j] < r) and (loop or i != j)
        ]
        found.append(mine[:k])
    return found


def grouped(pairs: Tensor, count: int) -> list[list[int]]:
    assert bool((pairs[0].diff() >= 0).all()) and pairs.dtype is torch.int64
    return [pairs[1, pairs[0] == i].tolist() for i in range(count)]


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_knn(k: int, cosine: bool) -> None:
    x, y = points(46), points(9, seed=1)
    got = G.knn(x, y, k, BATCH_X, BATCH_Y, cosine)
    assert grouped(got, 9) == brute_force(x, y, k, None, (BATCH_X, BATCH_Y), cosine)
    got = G.knn(x, y, k, cosine=cosine, num_workers=2)
    whole = (torch.zeros(46), torch.zeros(9))
    assert grouped(got, 9) == brute_force(x, y, k, None, whole, cosine)


@pytest.mark.parametrize("limit", [2, 32])
@pytest.mark.parametrize("r", [0.5, 1.5, 100.0])
def test_radius(r: float, limit: int) -> None:
    x, y = points(46, 2), points(9, 2, seed=1)
    got = G.radius(x, y, r, BATCH_X, BATCH_Y, limit)
    assert grouped(got, 9) == brute_force(x, y, limit, r, (BATCH_X, BATCH_Y), False)


@pytest.mark.parametrize("loop", [False, True])
def test_graphs(loop: bool) -> None:
    x = points(46)
    both = (BATCH_X, BATCH_X)
    near = G.knn_graph(x, 3, BATCH_X, loop)
    assert grouped(near.flip(0), 46) == brute_force(x, x, 3, None, both, False, loop)
    assert torch.equal(G.knn_graph(x, 3, BATCH_X, loop, flow="target_to_source"), near.flip(0))
    within = G.radius_graph(x, 1.2, BATCH_X, loop, 4)
    assert grouped(within.flip(0), 46) == brute_force(x, x, 4, 1.2, both, False, loop)
    assert torch.equal(G.radius_graph(x, 1.2, BATCH_X, loop, 4, "target_to_source"), within.flip(0))


def test_points_at_one_place() -> None:
    """A point is never its own neighbour, and always has as many as there are."""
    x = torch.zeros(6, 2)
    for graph in (G.knn_graph(x, 3), G.radius_graph(x, 0.1, max_num_neighbors=3)):
        assert graph.shape == (2, 18) and bool((graph[0] != graph[1]).all())
        assert torch.bincount(graph[1]).tolist() == [3] * 6


def test_the_radius_itself_is_too_far() -> None:
    line = torch.arange(4.0)
    assert G.radius_graph(line, 1.0).numel() == 0
    assert G.radius_graph(line, 1.001).shape == (2, 6)


def test_nothing_and_devices() -> None:
    assert G.knn_graph(torch.empty(0, 3), 2).shape == G.radius_graph(torch.empty(0, 3), 1.0).shape == (2, 0)
    assert G.knn(points(3), torch.empty(0, 3), 2).shape == (2, 0)
    assert G.knn_graph(points(3, 2).requires_grad_(), 1).shape == (2, 3)


def test_what_is_refused() -> None:
    with pytest.raises(GraphValueError, match="expected points of one space, got 3 and 2 coordinates"):
        G.knn(points(3), points(3, 2), 1)
    with pytest.raises(
        GraphValueError, match="graph by graph, got a batch vector that falls; sort the points"
    ):
        G.knn_graph(points(3), 1, torch.tensor([0, 1, 0]))
    with pytest.raises(GraphValueError, match="expected a graph for each of 3 points, got 2"):
        G.knn_graph(points(3), 1, torch.tensor([0, 1]))
    with pytest.raises(
        GraphValueError, match="expected flow 'source_to_target' or 'target_to_source', got 'up'"
    ):
        G.radius_graph(points(3), 1.0, flow="up")
