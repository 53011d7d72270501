"""Graphs from points."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import both
from tests.dgl.peer import assert_same, assert_same_graph, peer

ALGORITHMS = ("bruteforce-blas", "bruteforce", "kd-tree")


def points(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def pairs(g: Any) -> list[tuple[int, int]]:
    return sorted(zip(*(end.tolist() for end in g.edges())))


@pytest.mark.parametrize("dist", ["euclidean", "cosine"])
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nearest(algorithm: str, exclude_self: bool, dist: str) -> None:
    for x in (points(9, 3), points(2, 6, 3)):
        ours, theirs = both(
            lambda lib, x=x: lib.knn_graph(x, 3, algorithm, dist=dist, exclude_self=exclude_self)
        )
        assert pairs(ours) == pairs(theirs)
        if algorithm == "bruteforce-blas":
            assert_same_graph(ours, theirs)
        assert_same(ours.batch_num_nodes(), theirs.batch_num_nodes())
        assert_same(ours.batch_num_edges(), theirs.batch_num_edges())
    ours, theirs = both(
        lambda lib: lib.segmented_knn_graph(points(9, 3), 2, [5, 4], algorithm, dist, exclude_self)
    )
    assert pairs(ours) == pairs(theirs)
    assert_same(ours.batch_num_edges(), theirs.batch_num_edges())


def test_few_points_and_equal_points() -> None:
    for lib in (dgl, peer):
        with pytest.warns(UserWarning, match="'k' should be less"):
            assert lib.knn_graph(points(2, 3), 5).num_edges() == 4
    g = dgl.knn_graph(torch.zeros(6, 2), 2, exclude_self=True)
    assert g.in_degrees().tolist() == [2] * 6 and not bool((g.edges()[0] == g.edges()[1]).any())
    for call in (
        lambda: dgl.knn_graph(points(3, 2), 0),
        lambda: dgl.knn_graph(points(0, 2), 1),
        lambda: dgl.knn_graph(points(3, 2), 1, "x"),
        lambda: dgl.knn_graph(points(3, 2), 1, dist="x"),
        lambda: dgl.radius_graph(points(3, 2), 0),
        lambda: dgl.radius_graph(points(0, 2), 1),
    ):
        with pytest.raises(DGLError):
            call()


@pytest.mark.parametrize("options", [{}, {"p": 1, "self_loop": True}, {"get_distances": True}], ids=str)
def test_radius(options: dict[str, Any]) -> None:
    assert_same(*both(lambda lib: lib.radius_graph(points(8, 2), 1.0, **options)))
