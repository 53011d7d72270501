"""Neighbours against brute force, on the k-d tree and in chunks."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.geometry import (
    fps,
    knn,
    knn_graph,
    nearest,
    neighbours,
    periodic_radius_graph,
    radius,
    radius_graph,
)

BATCH = torch.tensor([0] * 30 + [1] * 2 + [3] * 28)


def points(n: int = 60, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(seed))


def pairs(found: Tensor) -> set[tuple[int, int]]:
    got = [tuple(p) for p in found.t().tolist()]
    assert len(set(got)) == len(got)
    return set(got)


@pytest.fixture(params=["tree", "chunks"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The device path runs on the CPU too, in chunks of a few rows."""
    if request.param == "chunks":
        monkeypatch.setattr(torch.Tensor, "is_cpu", False)
        monkeypatch.setattr(neighbours, "CHUNK", 200)
    return request.param


@pytest.mark.parametrize("batch", [None, BATCH])
def test_radius(path: str, batch: Tensor | None) -> None:
    x, y = points(), points(20, 1)
    of_y = None if batch is None else batch[::3]
    distance = torch.cdist(y.double(), x.double())
    near = distance <= 0.3
    if batch is not None:
        near &= of_y[:, None] == batch[None]
    found = radius(x, y, 0.3, batch, of_y)
    assert pairs(found) == pairs(near.nonzero().t())
    lengths = distance[found[0], found[1]]
    assert all(
        a <= b + 1e-6 or i != j for (i, a), (j, b) in itertools.pairwise(zip(found[0], lengths, strict=True))
    )
    graph = radius_graph(x, 0.3, batch)
    assert pairs(graph) == {(j, i) for i, j in pairs(radius(x, x, 0.3, batch, batch)) if i != j}
    assert graph.shape[1] + 60 == radius_graph(x, 0.3, batch, loop=True).shape[1]
    assert torch.equal(radius_graph(x, 0.3, batch, flow="target_to_source"), graph.flip(0))


def test_a_limit_warns_where_it_cuts(path: str) -> None:
    x = points()
    whole = radius_graph(x, 0.5)
    assert torch.bincount(whole[1]).max() > 12
    with pytest.warns(UserWarning, match="cuts the neighbours of"):
        some = radius_graph(x, 0.5, max_num_neighbors=12)
    assert torch.bincount(some[1]).max() == 12
    assert pairs(some) <= pairs(knn_graph(x, 12))
    assert torch.equal(
        radius_graph(x, 0.5, max_num_neighbors=60), whole
    )  # no warning, which would be an error


@pytest.mark.parametrize("batch", [None, BATCH])
def test_knn(path: str, batch: Tensor | None) -> None:
    x = points()
    distance = torch.cdist(x.double(), x.double())
    if batch is not None:
        distance = distance.masked_fill(batch[:, None] != batch[None], math.inf)
    values, index = distance.topk(6, largest=False)
    expected = {
        (i, int(j)) for i in range(60) for j, v in zip(index[i], values[i], strict=True) if v < math.inf
    }
    assert pairs(knn(x, x, 6, batch, batch)) == expected
    assert pairs(knn_graph(x, 5, batch)) == {(j, i) for i, j in expected if i != j}
    assert pairs(knn_graph(x, 6, batch, loop=True)) == {(j, i) for i, j in expected}
    turned = knn(x, 7 * x, 1, batch, batch, cosine=True)
    assert torch.equal(turned[0], turned[1])


def test_many_points_at_one_place() -> None:
    graph = knn_graph(torch.zeros(9, 2), 3)
    assert (torch.bincount(graph[1], minlength=9) == 3).all() and (graph[0] != graph[1]).all()


def test_nearest() -> None:
    x, y = points(), points(20, 1)
    assert torch.equal(nearest(x, y), torch.cdist(x, y).argmin(1))
    with pytest.raises(GraphValueError, match="without"):
        nearest(x, y, BATCH, torch.zeros(20, dtype=torch.int64))


def test_fps() -> None:
    """The first graph by the definition; every graph contributes its share."""
    x = points()
    chosen = fps(x, BATCH, ratio=0.3, random_start=False)
    assert torch.equal(torch.bincount(BATCH[chosen]), torch.tensor([9, 1, 0, 9]))
    left = torch.cdist(x[:30], x[:30])
    for step in range(1, 9):
        assert chosen[step] == left[chosen[:step]].amin(0).argmax()
    torch.manual_seed(0)
    starts = {int(fps(x, ratio=0.1)[0]) for _ in range(20)}
    assert len(starts) > 5


def test_what_fps_takes() -> None:
    x = points(20)
    assert torch.equal(fps(x, ratio=0.5, random_start=False), fps(x.double(), ratio=0.5, random_start=False))
    assert fps(torch.tensor([3, 0, 9, 1]), ratio=0.7, random_start=False).tolist() == [
        0,
        2,
        1,
    ]  # on a line
    assert fps(torch.zeros(10, 2), ratio=0.7, random_start=False).tolist() == [
        *range(7)
    ]  # 0.7 of 10 are 7, none twice
    assert fps(x[:0]).shape == (0,) and len(fps(x, ratio=1.0).unique()) == 20
    for ratio in (0.0, 1.5):
        with pytest.raises(GraphValueError, match=f"ratio above 0 and at most 1, got {ratio}"):
            fps(x, ratio=ratio)
    for batch in (torch.tensor([1, 0] * 10), torch.zeros(19, dtype=torch.int64)):
        with pytest.raises(GraphValueError, match=r"one graph id per point, \[20\], ascending"):
            fps(x, batch)


def test_neighbours_by_several_threads() -> None:
    """Where there are many; and pairs at equal distances come in the order of their points."""
    x = torch.rand(5000, 3)
    assert neighbours.SEARCHES < 5000
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            found.append((knn(x, x, 4), radius(x, x, 0.05)))
        finally:
            torch.set_num_threads(before)
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert torch.equal(found[0][0][1].view(-1, 4)[:, 0], torch.arange(5000))
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
    rows, columns = radius(grid, grid, 2.0)
    distance = (grid[rows] - grid[columns]).norm(dim=1)
    keys = list(zip(rows.tolist(), distance.tolist(), columns.tolist()))
    assert keys == sorted(keys) and len(keys) == int((torch.cdist(grid, grid) <= 2).sum())


def lattice(cell: Tensor, x: Tensor, r: float) -> list[tuple[int, int, tuple[int, ...]]]:
    """All neighbours within r by brute force over many images."""
    found = []
    for s in itertools.product(range(-6, 7), repeat=3):
        d = x[:, None] - (x[None] + torch.tensor(s, dtype=x.dtype) @ cell)
        for i, j in (d.norm(dim=-1) <= r).nonzero().tolist():
            if i != j or any(s):
                found.append((j, i, s))
    return sorted(found)


@pytest.mark.parametrize("r", [0.4, 1.3])
def test_periodic(r: float) -> None:
    """A skewed cell smaller than the radius, atoms outside of it too."""
    cell = torch.tensor([[1.0, 0.1, 0.0], [0.3, 0.9, 0.1], [0.0, 0.4, 1.1]], dtype=torch.float64)
    x = 3 * points(4).double() - 1
    edge_index, shift = periodic_radius_graph(x, r, cell)
    ours = sorted((j, i, tuple(s)) for (j, i), s in zip(edge_index.t().tolist(), shift.tolist(), strict=True))
    assert ours == lattice(cell, x, r)
    d = x[edge_index[1]] - x[edge_index[0]] - shift.double() @ cell
    assert d.norm(dim=1).max() <= r


def test_periodic_batches_and_open_directions() -> None:
    cells = torch.stack([torch.eye(3), 2 * torch.eye(3)])
    x, batch = torch.zeros(2, 3), torch.tensor([0, 1])
    edge_index, shift = periodic_radius_graph(x, 1.0, cells, batch=batch)
    assert edge_index.tolist() == [[0] * 6, [0] * 6] and shift.abs().sum() == 6
    assert periodic_radius_graph(x, 1.0, cells, (True, False, False), batch)[0].shape[1] == 2
    assert periodic_radius_graph(x[:1], 1.0, cells[0], loop=True)[0].shape[1] == 7
    with pytest.raises(GraphValueError, match="volume"):
        periodic_radius_graph(x, 1.0, torch.zeros(3, 3))


def test_refusals_and_empty_inputs() -> None:
    x = points(3)
    assert radius(x[:0], x, 1.0).shape == (2, 0) and knn(x, x[:0], 2).shape == (2, 0)
    for call in (
        lambda: radius(x, x[:, :2], 1.0),
        lambda: knn(x, x, 1, BATCH),
        lambda: radius_graph(x, 1.0, flow="up"),
    ):
        with pytest.raises(GraphValueError, match="expected"):
            call()
