"""Transforms of any graph: composition, features, masks, self-loops, undirected edges, sparse matrices."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.errors import GraphValueError
from tests.transforms.peer import assert_same, assert_same_as_peer, graph, hetero, theirs, to_peer

ON_ANY: list[tuple[str, dict[str, Any]]] = [
    ("ToDevice", {"device": "cpu"}),
    ("ToDevice", {"device": "cpu", "attrs": ["x"]}),
    ("NormalizeFeatures", {}),
    ("NormalizeFeatures", {"attrs": ["x", "edge_attr"]}),
    ("ToUndirected", {}),
    ("ToUndirected", {"reduce": "max"}),
    ("ToUndirected", {"reduce": "mean", "merge": False}),
    ("AddSelfLoops", {}),
    ("AddSelfLoops", {"attr": "edge_attr", "fill_value": "mean"}),
    ("AddRemainingSelfLoops", {}),
    ("AddRemainingSelfLoops", {"attr": "edge_attr", "fill_value": 2.0}),
    ("RemoveSelfLoops", {}),
    ("RemoveSelfLoops", {"attr": "edge_attr"}),
    ("RemoveIsolatedNodes", {}),
    ("RemoveDuplicatedEdges", {}),
    ("RemoveDuplicatedEdges", {"key": "edge_attr", "reduce": "mean"}),
    ("Constant", {}),
    ("Constant", {"value": 3.0, "cat": False}),
    ("IndexToMask", {}),
    ("MaskToIndex", {}),
    ("MaskToIndex", {"replace": True}),
    ("ToSparseTensor", {}),
    ("ToSparseTensor", {"attr": "edge_attr"}),
    ("ToSparseTensor", {"attr": None, "remove_edge_index": False}),
    ("ToSparseTensor", {"layout": torch.sparse_coo}),
]
ON_ONE_TYPE: list[tuple[str, dict[str, Any]]] = [
    ("OneHotDegree", {"max_degree": 4}),
    ("OneHotDegree", {"max_degree": 4, "in_degree": True, "cat": False}),
    ("LocalDegreeProfile", {}),
    ("TargetIndegree", {}),
    ("TargetIndegree", {"norm": False, "cat": False}),
    ("TargetIndegree", {"max_value": 2.0}),
    ("RemoveTrainingClasses", {"classes": [1]}),
    ("GCNNorm", {}),
    ("GCNNorm", {"add_self_loops": False}),
    ("ToDense", {}),
    ("ToDense", {"num_nodes": 9}),
    ("VirtualNode", {}),
    ("SIGN", {"K": 2}),
    ("LargestConnectedComponents", {}),
    ("LargestConnectedComponents", {"num_components": 2, "connection": "strong"}),
    ("AddRandomWalkPE", {"walk_length": 4}),
    ("AddRandomWalkPE", {"walk_length": 2, "attr_name": None}),
]


@pytest.mark.parametrize("kind", ["directed", "undirected", "isolated", "loops", "empty"])
@pytest.mark.parametrize(("name", "kwargs"), ON_ANY + ON_ONE_TYPE, ids=str)
def test_matches_peer(name: str, kwargs: dict[str, Any], kind: str) -> None:
    assert_same_as_peer(name, graph(kind), **kwargs)


@pytest.mark.parametrize(("name", "kwargs"), ON_ANY, ids=str)
def test_matches_peer_on_several_types(name: str, kwargs: dict[str, Any]) -> None:
    assert_same_as_peer(name, hetero(), **kwargs)


@pytest.mark.parametrize("name", ["TargetIndegree", "ToDense", "TwoHop", "SIGN", "Distance", "Cartesian"])
def test_no_edges(name: str) -> None:
    transform = T.SIGN(1) if name == "SIGN" else getattr(T, name)()
    out = transform(graph("empty"))
    assert out.num_nodes == 3


def test_compose_and_filters() -> None:
    steps = ("ToUndirected", "AddSelfLoops", "NormalizeFeatures")
    mine = T.Compose([getattr(T, name)() for name in steps])
    peer = theirs.Compose([getattr(theirs, name)() for name in steps])
    data = graph("directed")
    assert repr(mine) == repr(peer)
    assert_same(mine(data), peer(to_peer(data)))
    assert_same(mine([data, data])[1], mine(data))

    keep = T.ComposeFilters([lambda d: d.num_nodes > 2, lambda d: d.num_edges > 2])
    assert keep(data) and keep([data, data])
    assert not keep(graph("empty")) and not keep([data, graph("empty")])
    assert repr(T.ComposeFilters([1, 2])) == repr(theirs.ComposeFilters([1, 2]))


def test_transforms_of_a_split_reach_every_part() -> None:
    parts = T.Compose([T.RandomLinkSplit(num_val=1, num_test=1), T.AddSelfLoops()])(graph("directed"))
    assert [part.has_self_loops() for part in parts] == [True] * 3


def test_merging_makes_duplicates_one() -> None:
    data = Data(
        edge_index=torch.tensor([[1, 0, 1], [0, 1, 0]]),
        edge_weight=torch.tensor([1.0, 2.0, 4.0]),
        edge_attr=torch.tensor([[1.0], [2.0], [4.0]]),
        num_nodes=2,
    )
    for reduce in ("add", "mean", "min", "max", "mul"):
        assert_same_as_peer("RemoveDuplicatedEdges", data, reduce=reduce)


def test_isolated_nodes_where_only_the_count_is_known() -> None:
    data = Data(edge_index=torch.tensor([[0, 4], [4, 2]]), num_nodes=7)
    assert_same_as_peer("RemoveIsolatedNodes", data)
    several = hetero()
    several["venue"].num_nodes = 4
    out = T.RemoveIsolatedNodes()(several)
    assert out["venue"].num_nodes == 0
    assert out["author"].x.tolist() == several["author"].x[:4].tolist()
    assert out["paper"].num_nodes == 4  # 0, 2, 3, 4


@pytest.mark.parametrize(
    "kwargs", [{}, {"replace": True}, {"attrs": "train_index"}, {"sizes": 9}, {"sizes": [None, 7]}]
)
def test_index_to_mask(kwargs: dict[str, Any]) -> None:
    data = Data(x=torch.zeros(5, 1), edge_index=torch.tensor([[0], [1]]), train_index=torch.tensor([0, 3]))
    assert_same_as_peer("IndexToMask", data, **kwargs)
    with pytest.raises(GraphValueError, match="one size for each"):
        T.IndexToMask(sizes=[1])(data)


@pytest.mark.parametrize("add_self_loops", [True, False])
def test_gcn_norm_of_a_sparse_matrix(add_self_loops: bool) -> None:
    data = T.ToSparseTensor()(graph("loops"))
    got = T.GCNNorm(add_self_loops)(data)
    edge_index, weight = data.adj_t.to_sparse_coo().indices(), data.adj_t.values()
    expected = T.GCNNorm(add_self_loops)(Data(edge_index=edge_index.flip(0), edge_weight=weight, num_nodes=4))
    dense = torch.zeros(4, 4).index_put(
        (expected.edge_index[1], expected.edge_index[0]), expected.edge_weight
    )
    torch.testing.assert_close(got.adj_t.to_dense(), dense)
    assert got.adj_t.layout == torch.sparse_csr


def test_csc_is_csr_in_another_order() -> None:
    csr = T.ToSparseTensor()(graph("directed")).adj_t
    csc = T.ToSparseTensor(layout=torch.sparse_csc)(graph("directed")).adj_t
    assert csc.layout == torch.sparse_csc
    torch.testing.assert_close(csc.to_dense(), csr.to_dense())


@pytest.mark.parametrize("form", ["edge_index", "adj_t"])
def test_feature_propagation(form: str) -> None:
    data = graph("undirected")
    mask = torch.rand(data.x.shape) < 0.4
    if form == "adj_t":
        data = T.ToSparseTensor()(data)
    got = assert_same_as_peer("FeaturePropagation", data, missing_mask=mask, num_iterations=10)
    assert torch.equal(got.x[~mask], data.x[~mask])
    with pytest.raises(GraphValueError, match=r"shape of data\.x"):
        T.FeaturePropagation(mask[:2])(data)


def test_svd_keeps_the_best_approximation() -> None:
    x = torch.randn(8, 6, dtype=torch.double)
    assert_same_as_peer("SVDFeatureReduction", Data(x=x), out_channels=7)
    reduced = T.SVDFeatureReduction(3)(Data(x=x)).x
    peer = theirs.SVDFeatureReduction(3)(to_peer(Data(x=x))).x
    torch.testing.assert_close(
        reduced @ reduced.t(), peer @ peer.t(), rtol=1e-10, atol=1e-10
    )  # signs are free


def test_messages_teach() -> None:
    with pytest.raises(GraphValueError, match=r"'data.pos' for Distance, got one with \['edge_index'\]"):
        T.Distance()(Data(edge_index=torch.tensor([[0], [1]])))
    with pytest.raises(GraphValueError, match=r"got the degree 3; do this instead: OneHotDegree\(3\)"):
        T.OneHotDegree(2)(Data(edge_index=torch.tensor([[0, 0, 0], [1, 2, 3]]), num_nodes=4))
    with pytest.raises(GraphValueError, match="expected a layout"):
        T.ToSparseTensor(layout=torch.strided)
    with pytest.raises(GraphValueError, match="at most num_nodes=3 nodes, got 5"):
        T.ToDense(3)(graph("directed"))
    with pytest.raises(GraphValueError, match="connection"):
        T.LargestConnectedComponents(connection="none")
