"""Poolings that merge nodes, against torch_geometric."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Data as PeerData
from torch_geometric.nn import pool as pyg
from torch_geometric.nn.pool.consecutive import consecutive_cluster as peer_consecutive_cluster
from torch_geometric.nn.pool.decimation import decimation_indices as peer_decimation_indices

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.nn import pool
from grapevine.nn.pool.consecutive import consecutive_cluster
from grapevine.nn.pool.decimation import decimation_indices
from tests.nn.peer import (
    SQUARE,
    Graph,
    assert_close,
    assert_same_as_peer,
    assert_same_start,
    integers,
    normal,
    uniform,
)

F, N = 4, 10
BATCH = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
EDGES = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 6, 3], [1, 2, 3, 0, 5, 4, 7, 8, 9, 6, 2, 8, 3]])
CLUSTER = torch.tensor([5, 5, 2, 2, 11, 11, 20, 21, 20, 20])


@pytest.mark.parametrize("method", [None, "softmax", "tanh", "sigmoid"])
@pytest.mark.parametrize("train", [False, True])
def test_edge_pooling(method: str | None, train: bool) -> None:
    def make(cls: Any) -> Any:
        score = None if method is None else getattr(cls, f"compute_edge_score_{method}")
        return cls(F, edge_score_method=score, dropout=0.3, add_to_edge_score=0.2)

    ours, theirs = make(pool.EdgePooling), make(pyg.EdgePooling)
    assert_same_as_peer(ours, theirs, normal(N, F), EDGES, BATCH, train=train)
    assert_same_start(lambda: make(pool.EdgePooling), lambda: make(pyg.EdgePooling))
    assert repr(ours) == repr(theirs)


def test_edge_unpooling() -> None:
    module = pool.EdgePooling(F)
    x = normal(N, F)
    pooled, _, _, info = module(x, EDGES, BATCH)
    out, edge_index, batch = module.unpool(pooled, info)
    assert edge_index.equal(EDGES) and batch.equal(BATCH)
    sums = torch.zeros(pooled.shape).index_add(0, info.cluster, x)
    assert_close(out.detach(), sums[info.cluster])


@pytest.mark.parametrize("method", ["tanh", "sigmoid", "log_softmax"])
@pytest.mark.parametrize("threshold", [None, 0.1, -3.0, 2.0])
@pytest.mark.parametrize("train", [False, True])
def test_cluster_pooling(method: str, threshold: float | None, train: bool) -> None:
    def make(cls: Any) -> Any:
        return cls(F, edge_score_method=method, threshold=threshold, dropout=0.3)

    ours, theirs = make(pool.ClusterPooling), make(pyg.ClusterPooling)
    assert_same_as_peer(ours, theirs, normal(N, F), EDGES, BATCH, train=train)
    assert_same_start(lambda: make(pool.ClusterPooling), lambda: make(pyg.ClusterPooling))
    assert ours.threshold == theirs.threshold and repr(ours) == repr(theirs)


@pytest.mark.parametrize("cls", ["EdgePooling", "ClusterPooling"])
@pytest.mark.parametrize("graph", SQUARE, ids=repr)
def test_graphs(cls: str, graph: Graph) -> None:
    batch = torch.zeros(graph.num_src, dtype=torch.long)
    ours, theirs = getattr(pool, cls)(F), getattr(pyg, cls)(F)
    if cls == "ClusterPooling" and graph.name == "empty":  # the peer's dense form has no size then
        x = graph.features(F)
        out, edge_index, _, _ = ours(x, graph.edge_index, batch)
        assert out.equal(x) and edge_index.shape == (2, 0)
        return
    assert_same_as_peer(ours, theirs, graph.features(F), graph.edge_index, batch)


def test_mem_pooling() -> None:
    ours, theirs = pool.MemPooling(F, 6, heads=3, num_clusters=2, tau=1.5), pyg.MemPooling(F, 6, 3, 2, 1.5)
    assert_same_as_peer(ours, theirs, normal(N, F))
    assert_same_as_peer(ours, theirs, normal(N, F), BATCH)
    assert_same_as_peer(ours, theirs, normal(N, F), BATCH, kwargs={"max_num_nodes": 5, "batch_size": 4})
    assert_same_as_peer(ours, theirs, normal(2, 5, F))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    assert_same_as_peer(ours, theirs, normal(2, 5, F), kwargs={"mask": mask})
    assert repr(ours) == repr(theirs)
    assert_same_start(lambda: pool.MemPooling(F, 6, 3, 2), lambda: pyg.MemPooling(F, 6, 3, 2))


def test_mem_pooling_loss() -> None:
    S = normal(3, 5, 4).softmax(dim=-1) * torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0]).view(1, 5, 1)
    assert_same_as_peer(pool.MemPooling.kl_loss, pyg.MemPooling.kl_loss, S)


def test_consecutive_cluster() -> None:
    for actual, expected in zip(consecutive_cluster(CLUSTER), peer_consecutive_cluster(CLUSTER), strict=True):
        assert actual.equal(expected)


@pytest.mark.parametrize("name", ["max_pool_x", "avg_pool_x"])
def test_pool_x(name: str) -> None:
    ours, theirs = getattr(pool, name), getattr(pyg, name)
    assert_same_as_peer(ours, theirs, CLUSTER, normal(N, F), BATCH)
    fixed = BATCH * 2 + integers(2, N)
    assert_same_as_peer(ours, theirs, fixed, normal(N, F), BATCH, kwargs={"size": 2})
    assert_same_as_peer(ours, theirs, fixed, normal(N, F), BATCH, kwargs={"size": 2, "batch_size": 5})


FULL = {
    "x": normal(N, F),
    "edge_index": EDGES,
    "edge_attr": uniform(13, 2),
    "pos": normal(N, 3),
    "batch": BATCH,
}


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("left_out", [[], ["batch"], ["x", "pos"], ["edge_attr", "batch"]], ids=str)
def test_pool_of_data(name: str, left_out: list[str]) -> None:
    given = {key: value for key, value in FULL.items() if key not in left_out}
    actual = getattr(pool, name)(CLUSTER, Data(**given))
    expected = getattr(pyg, name)(CLUSTER, PeerData(**given))
    assert type(actual).__name__ == type(expected).__name__
    for key in FULL:
        value, wanted = getattr(actual, key), getattr(expected, key)
        assert (value is None) == (wanted is None)
        if wanted is not None:
            assert_close(value, wanted, what=key)
    assert (
        getattr(pool, name)(CLUSTER, Data(**given), transform=lambda data: data.num_nodes)
        == expected.num_nodes
    )


@pytest.mark.parametrize("name", ["max_pool_neighbor_x", "avg_pool_neighbor_x"])
@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
def test_pool_of_neighbours(name: str, flow: str) -> None:
    data = Data(**FULL)
    assert getattr(pool, name)(data, flow=flow) is data
    assert_close(data.x, getattr(pyg, name)(PeerData(**FULL), flow=flow).x)


@pytest.mark.parametrize("factor", [1, 2, 100])
def test_decimation(factor: float) -> None:
    ptr = torch.tensor([0, 3, 4, 20])
    torch.manual_seed(0)
    actual = decimation_indices(ptr, factor)
    torch.manual_seed(0)
    expected = peer_decimation_indices(ptr, factor)
    for value, wanted in zip(actual, expected, strict=True):
        assert value.tolist() == wanted.tolist()


def test_decimation_by_a_fraction() -> None:
    rows, ptr = decimation_indices(torch.tensor([0, 3, 4, 20]), 3.5)
    assert ptr.tolist() == [0, 1, 2, 6] and rows[0] < 3 and rows[1] == 3 and rows[2:].unique().numel() == 4


def test_errors() -> None:
    with pytest.raises(
        GraphValueError, match=r"edge_score_method among tanh, sigmoid, log_softmax, got 'foo'"
    ):
        pool.ClusterPooling(F, edge_score_method="foo")
    with pytest.raises(GraphValueError, match=r"decimation_factor of at least 1, got 0.5"):
        decimation_indices(torch.tensor([0, 3]), 0.5)
