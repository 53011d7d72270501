"""Poolings that keep the best nodes, against torch_geometric."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg_nn
from torch_geometric.nn import pool as pyg
from torch_geometric.nn.pool.connect import FilterEdges as PeerFilterEdges
from torch_geometric.nn.pool.connect.filter_edges import filter_adj as peer_filter_adj
from torch_geometric.nn.pool.select import SelectOutput as PeerSelectOutput
from torch_geometric.nn.pool.select import SelectTopK as PeerSelectTopK
from torch_geometric.nn.pool.select.topk import topk as peer_topk

from grapevine.errors import GraphValueError
from grapevine.nn import conv, pool
from grapevine.nn._products import sparse_product
from grapevine.nn.pool.connect import ConnectOutput, FilterEdges, filter_adj
from grapevine.nn.pool.select import SelectOutput, SelectTopK, topk
from grapevine.utils import coalesce
from tests.nn.peer import SQUARE, Graph, assert_close, assert_same_as_peer, assert_same_start, normal, uniform

F = 4
N = 10
BATCH = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
EDGES = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 6], [1, 2, 3, 0, 5, 4, 7, 8, 9, 6, 2, 8]])
WEIGHT = uniform(12)


@pytest.mark.parametrize(
    "how", [{"ratio": 0.5}, {"ratio": 0.3}, {"ratio": 2}, {"ratio": None, "min_score": 0.4}], ids=str
)
@pytest.mark.parametrize("batch", [BATCH, BATCH.flip(0), torch.zeros(N, dtype=torch.long)], ids=str)
def test_topk(how: dict[str, Any], batch: torch.Tensor) -> None:
    score = normal(N)
    how = {"ratio": None, **how}
    assert topk(score, batch=batch, **how).equal(peer_topk(score, batch=batch, **how))


HOW = [{"ratio": 0.5}, {"ratio": 2}, {"min_score": 0.2}, {"ratio": 0.7, "act": "sigmoid"}]


@pytest.mark.parametrize("kwargs", HOW, ids=str)
def test_select(kwargs: dict[str, Any]) -> None:
    ours, theirs = SelectTopK(F, **kwargs), PeerSelectTopK(F, **kwargs)
    assert repr(ours) == repr(theirs)
    assert_same_start(lambda: SelectTopK(F, **kwargs), lambda: PeerSelectTopK(F, **kwargs))
    fields = ["node_index", "num_nodes", "cluster_index", "num_clusters", "weight"]
    ours.load_state_dict(theirs.state_dict())
    for batch in (None, BATCH):
        actual, expected = ours(normal(N, F), batch), theirs(normal(N, F), batch)
        for field in fields:
            value, wanted = getattr(actual, field), getattr(expected, field)
            if isinstance(wanted, torch.Tensor):
                assert_close(value.detach(), wanted.detach(), what=field)
            else:
                assert value == wanted


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_filter_edges(weight: torch.Tensor | None) -> None:
    kept, clusters = torch.tensor([7, 1, 0, 4, 2]), torch.tensor([4, 3, 2, 1, 0])
    assert_same_as_peer(filter_adj, peer_filter_adj, EDGES, weight, kept)
    assert_same_as_peer(filter_adj, peer_filter_adj, EDGES, weight, kept, clusters, 12)
    actual = FilterEdges()(SelectOutput(kept, N, clusters, 5), EDGES, weight, BATCH)
    expected = PeerFilterEdges()(PeerSelectOutput(kept, N, clusters, 5), EDGES, weight, BATCH)
    assert actual.edge_index.equal(expected.edge_index) and actual.batch.equal(expected.batch)
    assert actual.edge_attr is expected.edge_attr is None or actual.edge_attr.equal(expected.edge_attr)


class Sorted(torch.nn.Module):
    """A pooling whose edges come out sorted: the peer's sparse products have no order of their own."""

    def __init__(self, pooling: torch.nn.Module) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        x, edge_index, edge_weight, *rest = self.pooling(*args, **kwargs)
        edge_index, edge_weight = coalesce(edge_index, edge_weight)
        return x, edge_index, edge_weight, *rest


def module(cls: str, namespace: Any, **kwargs: Any) -> Any:
    kwargs = {key: getattr(namespace, value) if key == "GNN" else value for key, value in kwargs.items()}
    return getattr(pool if namespace is conv else pyg, cls)(F, **kwargs)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("TopKPooling", {}),
    ("TopKPooling", {"ratio": 3, "multiplier": 2.0, "nonlinearity": "sigmoid"}),
    ("TopKPooling", {"min_score": 0.2}),
    ("SAGPooling", {}),
    ("SAGPooling", {"GNN": "GCNConv", "ratio": 0.8, "multiplier": 0.5}),
    ("SAGPooling", {"GNN": "GATConv", "min_score": 0.2, "heads": 1}),
    ("SAGPooling", {"GNN": "SAGEConv", "nonlinearity": torch.sigmoid}),
]
ASAP: list[tuple[str, dict[str, Any]]] = [
    ("ASAPooling", {}),
    ("ASAPooling", {"GNN": "GCNConv", "ratio": 0.8, "add_self_loops": True}),
    ("ASAPooling", {"GNN": "GraphConv", "ratio": 2, "negative_slope": 0.1, "aggr": "mean"}),
]
# What torch says about its own sparse tensors, which the peer's ASAPooling multiplies.
SPARSE = pytest.mark.filterwarnings("ignore:Sparse ")


def case_id(case: tuple[str, dict[str, Any]]) -> str:
    return "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items() if not callable(value))])


@pytest.mark.parametrize("case", CASES, ids=case_id)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("batch", [None, BATCH], ids=["one", "batch"])
def test_pooling(
    case: tuple[str, dict[str, Any]], weight: torch.Tensor | None, batch: torch.Tensor | None
) -> None:
    cls, kwargs = case
    ours, theirs = module(cls, conv, **kwargs), module(cls, pyg_nn, **kwargs)
    assert_same_as_peer(ours, theirs, normal(N, F), EDGES, weight, batch)


@SPARSE
@pytest.mark.parametrize("case", ASAP, ids=case_id)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("batch", [None, BATCH], ids=["one", "batch"])
def test_asap(
    case: tuple[str, dict[str, Any]], weight: torch.Tensor | None, batch: torch.Tensor | None
) -> None:
    cls, kwargs = case
    ours, theirs = Sorted(module(cls, conv, **kwargs)), Sorted(module(cls, pyg_nn, **kwargs))
    # Torch has no gradient for the peer's sparse products; `test_sparse_product` checks that of ours.
    assert_same_as_peer(ours, theirs, normal(N, F), EDGES, weight, batch, grad=weight is None)


@SPARSE
@pytest.mark.parametrize("train", [False, True])
def test_asap_dropout(train: bool) -> None:
    ours, theirs = (Sorted(module("ASAPooling", space, dropout=0.5)) for space in (conv, pyg_nn))
    assert_same_as_peer(ours, theirs, normal(N, F), EDGES, None, BATCH, train=train)


@pytest.mark.parametrize("case", CASES + ASAP, ids=case_id)
def test_start_and_repr(case: tuple[str, dict[str, Any]]) -> None:
    cls, kwargs = case
    assert_same_start(lambda: module(cls, conv, **kwargs), lambda: module(cls, pyg_nn, **kwargs))
    assert repr(module(cls, conv, **kwargs)) == repr(module(cls, pyg_nn, **kwargs))


@pytest.mark.parametrize("cls", ["TopKPooling", "SAGPooling"])
def test_other_features_can_be_scored(cls: str) -> None:
    ours, theirs = module(cls, conv), module(cls, pyg_nn)
    attn = normal(N, F, seed=5)
    assert_same_as_peer(ours, theirs, normal(N, 3), EDGES, kwargs={"attn": attn, "batch": BATCH})


@SPARSE
@pytest.mark.parametrize("cls", ["TopKPooling", "SAGPooling", "ASAPooling"])
@pytest.mark.parametrize("graph", SQUARE, ids=repr)
def test_graphs(cls: str, graph: Graph) -> None:
    ours, theirs = Sorted(module(cls, conv)), Sorted(module(cls, pyg_nn))
    assert_same_as_peer(ours, theirs, graph.features(F), graph.edge_index)


def test_sparse_product() -> None:
    a, b = normal(6, 7) * (uniform(6, 7) > 0.7), normal(7, 5) * (uniform(7, 5, seed=1) > 0.6)
    entries = [(m.nonzero().t(), m[m != 0]) for m in (a, b)]
    index, value = sparse_product(*entries, 7)
    dense = torch.zeros(6, 5).index_put((index[0], index[1]), value)
    torch.testing.assert_close(dense, a @ b)
    assert index.equal(dense.nonzero().t())

    def values(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return sparse_product((entries[0][0], left), (entries[1][0], right), 7)[1]

    leaves = [value.double().requires_grad_() for _, value in entries]
    assert torch.autograd.gradcheck(values, leaves)


def test_errors() -> None:
    one, two = torch.tensor([0]), torch.tensor([0, 1])
    for cls in (SelectTopK, pool.TopKPooling):
        with pytest.raises(GraphValueError, match=r"pass 'ratio' or 'min_score'"):
            cls(F, ratio=None)
    with pytest.raises(GraphValueError, match=r"pass 'ratio' or 'min_score'"):
        topk(normal(2), None, two)
    with pytest.raises(
        GraphValueError, match=r"'cluster_index' to be one-dimensional.* 1 nodes, got shape \(2,\)"
    ):
        SelectOutput(one, 3, two, 2)
    with pytest.raises(GraphValueError, match=r"'weight' to be one-dimensional.*got shape \(1, 1\)"):
        SelectOutput(one, 3, one, 2, torch.ones(1, 1))
    with pytest.raises(GraphValueError, match=r"'edge_index' of shape \(2, E\), got \(3, 2\)"):
        ConnectOutput(torch.ones(3, 2))
    with pytest.raises(GraphValueError, match=r"'edge_attr' of 12 edges, got 3"):
        ConnectOutput(EDGES, torch.ones(3))
    with pytest.raises(GraphValueError, match=r"only one node, got 1 clusters of 2 nodes"):
        FilterEdges()(SelectOutput(two, 3, torch.tensor([0, 0]), 1), EDGES)
