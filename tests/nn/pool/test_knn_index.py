"""Nearest-neighbour indexes: against sorted products and distances, and against torch_geometric with faiss."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from grapevine.errors import GrapevineError, GraphValueError, MissingDependencyError
from grapevine.nn import pool
from grapevine.nn.pool import L2KNNIndex, MIPSKNNIndex, knn_index

EXACT = [MIPSKNNIndex, L2KNNIndex]


def scores(kind: Any, queries: torch.Tensor, points: torch.Tensor) -> np.ndarray:
    q, p = queries.double().numpy(), points.double().numpy()
    return q @ p.T if kind is MIPSKNNIndex else -((q[:, None] - p[None]) ** 2).sum(-1)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("at_once", [1 << 24, 100])
def test_exact(kind: Any, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one block and in many, with vectors added in two parts."""
    monkeypatch.setattr(knn_index, "_SCORES", at_once)
    points, queries = torch.randn(50, 8), torch.randn(23, 8)
    index = kind(points[:30])
    index.add(points[30:])
    score, found = index.search(queries, k=7)
    expected = scores(kind, queries, points)
    np.testing.assert_array_equal(found, np.argsort(-expected, axis=1)[:, :7])
    sign = 1 if kind is MIPSKNNIndex else -1
    np.testing.assert_allclose(score, sign * np.take_along_axis(expected, found.numpy(), 1), rtol=1e-4)
    assert index.numel == 50 and torch.equal(index.get_emb(), points)


@pytest.mark.parametrize("kind", EXACT)
def test_excluded_links_are_not_found(kind: Any) -> None:
    points, queries = torch.randn(12, 4), torch.randn(5, 4)
    links = torch.tensor([[4, 0, 4, *[2] * 10], [3, 7, 0, *range(10)]])
    score, found = kind(points).search(queries, 3, exclude_links=links)
    allowed = scores(kind, queries, points)
    allowed[links[0], links[1]] = -np.inf
    expected = np.argsort(-allowed, axis=1)[:, :3]
    expected[2, 2] = -1  # only two are left
    np.testing.assert_array_equal(found, expected)
    assert score[2].isinf().tolist() == [False, False, True] and score[2, 2] < 0


@pytest.mark.parametrize("kind", EXACT)
def test_edges_of_the_domain(kind: Any) -> None:
    with pytest.raises(GrapevineError, match="got none"):
        kind().search(torch.zeros(1, 2), 1)
    with pytest.raises(RuntimeError, match="got none"):
        kind().get_emb()
    with pytest.raises(GraphValueError, match=r"matrix \(N, F\)"):
        kind(torch.zeros(3))
    index = kind(torch.eye(3))
    with pytest.raises(ValueError, match="matrix"):
        index.search(torch.zeros(3), 1)
    assert index.search(torch.zeros(0, 3), 2).index.shape == (0, 2)
    assert index.search(torch.zeros(4, 3), 5).index.shape == (4, 3)  # no more than there are


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("KNNIndex", ("Flat",)),
        ("ApproxL2KNNIndex", (4, 4, 8)),
        ("ApproxMIPSKNNIndex", (4, 4, 8)),
        ("L2KNNIndex", ()),
        ("MIPSKNNIndex", ()),
    ],
)
@pytest.mark.filterwarnings("ignore")  # the peer's and faiss' own
def test_like_the_peer(name: str, arguments: tuple[Any, ...]) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("faiss.contrib.torch_utils")
    peer = pytest.importorskip("torch_geometric.nn.pool.knn")
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.standard_normal((400, 16), dtype=np.float32))
    queries = torch.from_numpy(rng.standard_normal((9, 16), dtype=np.float32))
    links = torch.stack([torch.arange(9), torch.arange(9) * 40])
    ours, theirs = (getattr(module, name)(*arguments, emb=points) for module in (pool, peer))
    assert ours.numel == theirs.numel == 400
    for excluded in (None, links):
        mine, expected = (index.search(queries, 6, exclude_links=excluded) for index in (ours, theirs))
        assert torch.equal(mine.index, expected.index)
        torch.testing.assert_close(mine.score, expected.score, rtol=1e-4, atol=1e-5)


def test_without_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match="pip install faiss-cpu"):
        pool.ApproxMIPSKNNIndex(4, 4, 8)
    assert MIPSKNNIndex(torch.eye(2)).search(torch.eye(2), 1).index.tolist() == [[0], [1]]


def test_faiss_has_a_limit() -> None:
    pytest.importorskip("faiss")
    index = pool.KNNIndex("Flat", emb=torch.zeros(3000, 2))
    with pytest.raises(GraphValueError, match=r"2049 \+ 0"):
        index.search(torch.zeros(1, 2), 2049)
    with pytest.raises(GraphValueError, match="index_factory"):
        pool.KNNIndex(emb=torch.zeros(3, 2))
