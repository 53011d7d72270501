from __future__ import annotations

import copy
import pickle
import warnings

import pytest
import torch

from grapevine.data import HeteroData
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from tests.data.peer import BOTH, hetero, ours, same

WRITES, CITES = ("author", "writes", "paper"), ("paper", "cites", "paper")

PROPERTIES = [
    "num_nodes",
    "num_edges",
    "num_node_features",
    "num_features",
    "num_edge_features",
    "node_types",
]
PROPERTIES += ["edge_types", "input_type", "node_offsets"]
METHODS = ["metadata", "is_sorted", "is_coalesced", "has_isolated_nodes", "has_self_loops", "is_undirected"]
METHODS += ["validate"]


def pairs(seed: int = 5):
    return [hetero(module, seed) for module in BOTH]


def test_forms_of_access() -> None:
    data, peer = pairs()
    for query in ("paper", "writes", WRITES, ("author", "paper"), ("paper", "venue"), "year", "code"):
        same(data[query], peer[query])
    for d in (data, peer):
        assert d["author", "paper"] is d[WRITES] is d["writes"]
        assert d.year is d["year"] and "year" in d and "nothing" not in d
        d["paper", "author"].edge_index = torch.zeros(2, 1, dtype=torch.long)
        assert ("paper", "to", "author") in d.edge_types
        del d["paper", "author"], d["venue"], d["year"], d.code
        assert "venue" not in d.node_types and "year" not in d
        d["paper"].year = 3
    assert data.get_node_store("paper") is data["paper"]


def test_queries_that_mean_nothing() -> None:
    data = hetero(ours, 0)
    with pytest.raises(GraphKeyError, match="expected one edge type from 'paper' to 'paper', got"):
        data["paper", "paper"]
    for query in (0, ("a",), None):
        with pytest.raises(GraphTypeError, match="expected a node type, a relation"):
            data[query]
    with pytest.raises(AttributeError, match="'paper' is already present as a node type"):
        data.paper = 1
    with pytest.raises(AttributeError, match="already present as an edge type"):
        data[WRITES] = 1
    with pytest.raises(AttributeError, match="has no attribute 'months'; its types are"):
        data.months
    with pytest.raises(KeyError, match="Tried to collect 'months'"):
        data.months_dict
    with pytest.warns(UserWarning, match="double underscores"):
        data["a__b"]


def test_ways_to_create() -> None:
    x, edge_index = torch.zeros(2, 1), torch.tensor([[0], [1]])
    for module in BOTH:
        a = module.HeteroData({"p": {"x": x}, ("p", "to", "p"): {"edge_index": edge_index}}, year=1)
        b = module.HeteroData(p={"x": x}, p__to__p={"edge_index": edge_index}, year=1)
        c = module.HeteroData.from_dict(a.to_dict())
        d = module.HeteroData().update(a) if module is ours else a
        e = module.HeteroData(year=1)
        e.set_value_dict("x", {"p": x}).set_value_dict("edge_index", {("p", "p"): edge_index})
        for other in (b, c, d, e):
            same(a, other)
            assert repr(a) == repr(other)


@pytest.mark.parametrize("seed", range(4))
def test_properties_are_those_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    assert repr(data) == repr(peer)
    assert repr(HeteroData()) == "HeteroData()"
    for name in PROPERTIES:
        assert getattr(data, name) == getattr(peer, name), name
    for name in METHODS:
        assert getattr(data, name)() == getattr(peer, name)(), name
    assert sorted(data.keys()) == sorted(peer.keys())
    assert sorted(data.node_attrs()) == sorted(peer.node_attrs())
    assert sorted(data.edge_attrs()) == sorted(peer.edge_attrs())
    for name in ["x", "edge_index", "num_nodes", "num_edges", "name", "is_bipartite"]:
        ours_, theirs_ = getattr(data, f"{name}_dict"), getattr(peer, f"{name}_dict")
        if name == "is_bipartite":
            ours_, theirs_ = ({k: v() for k, v in d.items()} for d in (ours_, theirs_))
        same(ours_, theirs_)
    for ours_, theirs_ in zip(data.edge_stores, peer.edge_stores):
        assert ours_.size() == theirs_.size() and ours_.num_features == theirs_.num_features
        assert ours_.has_isolated_nodes() == theirs_.has_isolated_nodes()
    same(tuple(data.to_namedtuple()), tuple(peer.to_namedtuple()))
    for d in (data, peer):
        d["writes"].input_id = torch.arange(1)
        assert d.input_type == WRITES
    same(data.sort(False).coalesce(), peer.sort(False).coalesce())
    data.generate_ids()
    peer.generate_ids()
    same(data, peer)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mask", [False, True])
def test_subgraphs_are_those_of_the_peer(seed: int, mask: bool) -> None:
    data, peer = pairs(seed)
    for d in (data, peer):
        del (
            d["author"].name,
            d["writes"].edge_label_index,
        )  # which the peer cannot cut, or cuts at the wrong side
        d["paper"].num_nodes = d["paper"].x.size(0)
    subset = {}
    for key, n in (("paper", data["paper"].num_nodes), ("venue", 2)):
        subset[key] = torch.rand(n) > 0.4 if mask else torch.randperm(n)[: n // 2 + 1]
    e = data["writes"].num_edges
    chosen = torch.rand(e) > 0.4 if mask else torch.randperm(e)[:3]
    same(data.subgraph(subset), peer.subgraph(subset))
    same(data.edge_subgraph({WRITES: chosen}), peer.edge_subgraph({WRITES: chosen}))
    same(data.node_type_subgraph(["paper", "author"]), peer.node_type_subgraph(["paper", "author"]))
    same(data.edge_type_subgraph(["writes", CITES]), peer.edge_type_subgraph(["writes", CITES]))


def test_subgraph_cuts_lists_and_adjacency_matrices() -> None:
    dense = torch.tensor([[1.0, 2, 0], [0, 3, 4]])
    data = HeteroData({"a": {"name": ["x", "y"], "num_nodes": 2}, "b": {"num_nodes": 3}})
    data["a", "b"].adj_t = dense.t().to_sparse()
    data["a", "b"].adj = dense.to_sparse()
    out = data.subgraph({"a": torch.tensor([1]), "b": torch.tensor([True, False, True])})
    assert out["a"].name == ["y"] and out["b"].num_nodes == 2
    assert out["a", "b"].adj.to_dense().tolist() == [[0, 4]] and out["a", "b"].adj_t.shape == (2, 1)


def test_time_is_that_of_the_peer() -> None:
    found = []
    for module in BOTH:
        data = module.HeteroData()
        data["a"].x, data["a"].time = torch.arange(5.0), torch.tensor([3, 1, 4, 1, 5])
        data["b"].num_nodes = 2
        data["b", "b"].edge_index = torch.tensor([[0, 1, 1], [1, 0, 1]])
        data["b", "b"].time = torch.tensor([9, 2, 4])
        found.append([data.sort_by_time(), data.snapshot(2, 4), data.up_to(3), data.is_sorted_by_time()])
    same(*found)


@pytest.mark.parametrize("seed", range(3))
def test_components_are_those_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    for d in (data, peer):
        del d["author"].name, d["writes"].edge_label_index, d["cites"], d["extends"]
        d["author", "knows", "author"].edge_index = torch.tensor([[0], [1]])
        d["loner"].x = torch.zeros(2, 1)
    same(data.connected_components(), peer.connected_components())


def test_concat_is_that_of_the_peer() -> None:
    data, peer = pairs()
    for d in (data, peer):
        d.year = torch.tensor([d.year])
    same(data.concat(data), peer.concat(peer))


def test_rename_is_that_of_the_peer() -> None:
    data, peer = (d.rename("paper", "article") for d in pairs())
    same(data, peer)
    assert data["article"]._key == "article" and data["writes"]._key == ("author", "writes", "article")
    assert repr(data) == repr(peer)


def test_validate() -> None:
    data = HeteroData(a={"x": torch.zeros(2, 1)})
    data["a", "b"].edge_index = torch.tensor([[0], [5]])
    with pytest.raises(
        GraphValueError, match=r"node types \['b'\] are referenced in edge types but do not exist"
    ):
        data.validate()
    data["b"].num_nodes = 5
    with pytest.raises(GraphValueError, match="larger destination indices than the number of nodes \\(5\\)"):
        data.validate()
    data["b"].num_nodes = 6
    assert data.validate()
    data["lonely"].x = torch.zeros(1)
    with pytest.warns(UserWarning, match=r"node types \['lonely'\] are isolated"):
        assert data.validate()
    data["a", "b"].edge_index = torch.zeros(3, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert data.validate(raise_on_error=False) is False
    assert any("needs to be of shape [2, num_edges], got [3, 1]" in str(w.message) for w in caught)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_stand_on_their_own(how) -> None:
    data = hetero(ours, 3)
    out = how(data)
    same(out, data)
    assert all(store._parent() is out for store in out.stores)
    assert all(store._parent() is data for store in data.stores)
    assert out["cites"].size() == data["cites"].size()
    out["paper"].x = None
    del out["author"]
    assert data["paper"].x is not None and "author" in data.node_types


def test_tensor_functions_reach_all_types() -> None:
    data = hetero(ours, 1)
    out = data.clone().apply(lambda x: x.double(), "x")
    assert {x.dtype for x in out.x_dict.values()} == {torch.float64}
    assert data["paper"].x.dtype == torch.float32
    assert data.to("meta").code.device.type == data["writes"].edge_index.device.type == "meta"


def test_a_storage_outlives_its_graph() -> None:
    store = HeteroData(a={"x": torch.zeros(2, 1)})["a"]
    assert store._parent() is None and store.num_nodes == 2
