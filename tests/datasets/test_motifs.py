"""Graphs with a known explanation: the peer's on the same files and seeds, distances by scipy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from grapevine.datasets import BA2MotifDataset, BAMultiShapesDataset, BAShapes, InfectionDataset
from grapevine.datasets.graph_generator import ERGraph, GridGraph
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError
from tests.datasets.test_datasets import assert_same


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    for module in ("grapevine.io.download", "grapevine.datasets._published"):
        monkeypatch.setattr(f"{module}.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.datasets")


def drawn(sizes: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    halves = [np.triu(rng.integers(2, size=(size, size)), 1) for size in sizes]
    return [(half + half.T).astype(float) for half in halves]


def test_two_motifs(tmp_path: Path, peers: Any) -> None:
    (tmp_path / "raw").mkdir()
    x, y = np.full((6, 7, 10), 0.1), np.eye(2)[[0, 1, 1, 0, 1, 0]]
    content = pickle.dumps((np.stack(drawn([7] * 6)), x, y))
    (tmp_path / "raw" / "BA-2motif.pkl").write_bytes(content)
    ours, theirs = (kind(str(tmp_path)) for kind in (BA2MotifDataset, peers.BA2MotifDataset))
    assert len(ours) == len(theirs) == 6 and ours.num_classes == 2
    for mine, peer in zip(ours, theirs):
        assert_same(mine, peer)
    with pytest.raises(DownloadError, match=r"PGExplainer/raw/master/dataset/BA-2motif\.pkl"):
        BA2MotifDataset(str(tmp_path / "elsewhere"))


def test_many_shapes(tmp_path: Path, peers: Any) -> None:
    (tmp_path / "raw").mkdir()
    sizes = [5, 6, 4]
    content = pickle.dumps((drawn(sizes), [[[1.0, 2.0]] * size for size in sizes], [0, 1, 1]))
    (tmp_path / "raw" / "BAMultiShapes.pkl").write_bytes(content)
    ours, theirs = (kind(str(tmp_path)) for kind in (BAMultiShapesDataset, peers.BAMultiShapesDataset))
    for mine, peer in zip(ours, theirs, strict=True):
        assert_same(mine, peer)
    few = BAMultiShapesDataset(str(tmp_path), pre_filter=lambda graph: graph.y == 1, force_reload=True)
    assert [graph.num_nodes for graph in few] == [6, 4]


@pytest.mark.filterwarnings("ignore:.*BAShapes.* is deprecated")  # the peer's
@pytest.mark.parametrize("where", ["random", "uniform"])
def test_houses_on_a_random_graph(where: str, peers: Any) -> None:
    data, peer = BAShapes(where)[0], peers.BAShapes(where)[0]
    assert set(data.keys()) == set(peer.keys())
    assert torch.equal(data.y, peer.y) and torch.equal(data.expl_mask, peer.expl_mask)
    inside = data.edge_index[:, data.edge_label == 1]

    def sorted_pairs(pairs: torch.Tensor) -> list[tuple[int, ...]]:
        return sorted(map(tuple, pairs.t().tolist()))

    assert sorted_pairs(inside) == sorted_pairs(peer.edge_index[:, peer.edge_label == 1])
    doors = data.edge_index[0, (data.edge_index[0] < 300) & (data.edge_index[1] >= 300)]
    assert doors.unique().numel() == 80 and (where == "random" or doors.sort().values[-1] == 237)
    assert data.is_undirected()
    with pytest.raises(GraphValueError, match="got 'even'"):
        BAShapes("even")


def test_infections_spread_along_edges() -> None:
    dataset = InfectionDataset(ERGraph(120, 0.02), [4, 9], max_path_length=2)
    assert len(dataset) == 2
    for graph, infected in zip(dataset, (4, 9)):
        sources = graph.x[:, 1].nonzero().flatten()
        assert sources.numel() == infected and bool((graph.x.sum(1) == 1).all())
        src, dst = graph.edge_index.numpy()
        adjacency = scipy.sparse.csr_matrix((np.ones(src.size), (src, dst)), shape=(120, 120))
        far = scipy.sparse.csgraph.dijkstra(
            adjacency, indices=sources.numpy(), unweighted=True, min_only=True
        )
        np.testing.assert_array_equal(graph.y, np.minimum(far, 3))
        np.testing.assert_array_equal(graph.edge_mask, far[src] < 2)


def test_infections_like_the_peer(peers: Any) -> None:
    """On grids: there the only thing drawn is who is infected."""
    generators = pytest.importorskip("torch_geometric.datasets.graph_generator")
    found = []
    for kind, generator in ((InfectionDataset, GridGraph), (peers.InfectionDataset, generators.GridGraph)):
        torch.manual_seed(5)
        found.append(kind(generator(6, 9), 4, 3, num_graphs=2))
    assert len(found[0]) == 2
    for mine, peer in zip(*found):
        assert_same(mine, peer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([3, 4], 2, 3), "num_infected_nodes for 3 graphs, got 2"),
        ((3, [2], 4), "max_path_length for 4 graphs, got 1"),
        ((0, 2), "num_infected_nodes of at least 1, got 0"),
        ((1, [2, 0]), "max_path_length of at least 1, got 0"),
    ],
)
def test_infections_ask_for_numbers_that_fit(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(GraphValueError, match=message):
        InfectionDataset(ERGraph(10, 0.5), *arguments)
