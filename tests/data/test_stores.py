"""Feature and graph stores: one small store in memory, written once for us and once for the peer."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from grapevine.data import EdgeAttr, FeatureStore, GraphStore, TensorAttr
from grapevine.data.feature_store import UNSET, AttrView
from grapevine.data.graph_store import EdgeLayout
from grapevine.errors import GraphKeyError, GraphValueError

peer = pytest.importorskip("torch_geometric.data")
peer_graph_store = pytest.importorskip("torch_geometric.data.graph_store")


class InMemory:
    """The five methods that a feature store defines."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__["table"] = {}

    def _put_tensor(self, tensor, attr) -> bool:
        key = (attr.group_name, attr.attr_name)
        if attr.index is None:
            self.table[key] = tensor
        elif key in self.table:
            self.table[key][attr.index] = tensor
        return key in self.table

    def _get_tensor(self, attr):
        found = self.table.get((attr.group_name, attr.attr_name))
        return found if found is None or attr.index is None else found[attr.index]

    def _remove_tensor(self, attr) -> bool:
        return self.table.pop((attr.group_name, attr.attr_name), None) is not None

    def _get_tensor_size(self, attr):
        found = self._get_tensor(attr)
        return None if found is None else tuple(found.shape)

    def get_all_tensor_attrs(self):
        return [self._tensor_attr_cls(*key) for key in self.table]


class Ours(InMemory, FeatureStore):
    pass


class Theirs(InMemory, peer.FeatureStore):
    pass


X = torch.arange(8.0).view(4, 2)
INDEX = torch.tensor([2, 0])


@pytest.mark.parametrize("store", [Ours, Theirs])
def test_features(store) -> None:
    """What holds for the peer's class holds for ours."""
    store = store()
    assert store.put_tensor(X.clone(), group_name="paper", attr_name="x", index=None)
    store["author", "y", None] = torch.ones(3)
    assert torch.equal(store.get_tensor("paper", "x", None), X)
    assert torch.equal(store.get_tensor("paper", "x", index=INDEX), X[INDEX])
    assert torch.equal(store["paper", "x", INDEX], X[INDEX])
    assert torch.equal(store["paper", "x"][INDEX], X[INDEX])
    assert torch.equal(store["paper"].x[INDEX], X[INDEX])
    assert torch.equal(store["paper"]["x"][1:3], X[1:3])
    assert torch.equal(store["paper", "x"](), X)
    view = store.view(group_name="paper")
    view.attr_name, view["index"] = "x", INDEX
    assert torch.equal(view(), X[INDEX])
    assert store.view("paper") == store.view("paper") != store.view("author")
    first, second = store.multi_get_tensor([("paper", "x", INDEX), ("author", "y", None)])
    assert torch.equal(first, X[INDEX]) and second.tolist() == [1, 1, 1]
    assert store.get_tensor_size("paper", "x") == (4, 2)
    assert store.get_tensor_size("paper", "x", INDEX) == (2, 2)
    assert store.get_tensor_size("paper", "z") is None
    assert store.put_tensor(torch.zeros(2, 2), "paper", "x", INDEX)
    assert store["paper", "x"]().sum() == X[[1, 3]].sum()
    assert not store.put_tensor(torch.zeros(1), "paper", "z", INDEX)
    assert store.update_tensor(torch.ones(1), "author", "y", None) and store["author", "y"]().tolist() == [1]
    attrs = store.get_all_tensor_attrs()
    assert [(a.group_name, a.attr_name, a.is_set("index")) for a in attrs] == [
        ("paper", "x", False),
        ("author", "y", False),
    ]
    del store["author", "y"]
    assert not store.remove_tensor("author", "y", None) and len(store.get_all_tensor_attrs()) == 1
    for incomplete in ({"group_name": "paper"}, {"group_name": "paper", "attr_name": "x"}):
        for method in (store.get_tensor, store.remove_tensor, lambda **kw: store.put_tensor(X, **kw)):
            with pytest.raises(ValueError, match="index"):
                method(**incomplete)
    with pytest.raises(ValueError, match="color"):
        view.color = 1


@pytest.mark.parametrize("store", [Ours, Theirs])
def test_conversion_to_the_kind_of_the_index(store) -> None:
    store = store()
    store["a", "x", None] = X.clone()
    store["b", "x", None] = X.numpy().copy()
    assert isinstance(store.get_tensor("a", "x", np.array([1]), convert_type=True), np.ndarray)
    assert isinstance(store.get_tensor("b", "x", np.array([1]), convert_type=True), np.ndarray)
    got = store.get_tensor("b", "x", INDEX, convert_type=True)
    assert isinstance(got, torch.Tensor) and torch.equal(got, X[INDEX])
    assert isinstance(store.multi_get_tensor([("b", "x", INDEX)])[0], np.ndarray)


def test_features_that_are_not_there() -> None:
    store = Ours()
    store["a", "x", None] = X
    with pytest.raises(
        GraphKeyError, match=r"no features for TensorAttr\(group_name='b'.*stored are \[TensorAttr"
    ):
        store.get_tensor("b", "x", None)
    with pytest.raises(GraphValueError, match="do this instead: pass index=None for all rows"):
        store.get_tensor("a", "x")
    with pytest.raises(AttributeError, match="expected a view with a field to fill by 'more'"):
        _ = AttrView(store, TensorAttr("a", "x", None)).more
    with pytest.raises(AttributeError, match="no attribute '__wrapped__'"):
        _ = store.view("a").__wrapped__


def test_descriptions_of_ones_own() -> None:
    @dataclass(eq=False)
    class Timed(TensorAttr):
        time: Any = UNSET

    store = Ours(Timed)
    store["a", "x", None, 3] = X
    assert isinstance(store["a", "x", None], AttrView) and torch.equal(store["a", "x", None][3], X)
    assert not Timed("a", "x", None).is_fully_specified()
    merged = Timed("a").update(Timed(attr_name="y", time=2))
    assert merged == Timed("a", "y", UNSET, 2) and merged != TensorAttr("a", "y")
    assert (
        TensorAttr("a", "x", INDEX) == TensorAttr("a", "x", INDEX.clone()) != TensorAttr("a", "x", INDEX[:1])
    )
    assert copy.copy(store.view("a")) == store.view("a")


class EdgesInMemory:
    """The four methods that a graph store defines."""

    def __init__(self) -> None:
        super().__init__()
        self.table = {}

    def _put_edge_index(self, edge_index, attr) -> bool:
        self.table[attr.edge_type, attr.layout.value] = (attr, edge_index)
        return True

    def _get_edge_index(self, attr):
        return self.table.get((attr.edge_type, attr.layout.value), (None, None))[1]

    def _remove_edge_index(self, attr) -> bool:
        return self.table.pop((attr.edge_type, attr.layout.value), None) is not None

    def get_all_edge_attrs(self):
        return [attr for attr, _ in self.table.values()]


class OurEdges(EdgesInMemory, GraphStore):
    pass


class TheirEdges(EdgesInMemory, peer.GraphStore):
    pass


COO = (torch.tensor([3, 0, 2, 0, 1]), torch.tensor([1, 2, 0, 0, 2]))
CSR = (torch.tensor([0, 2, 3, 4, 5]), torch.tensor([2, 0, 2, 0, 1]))
CSC = (torch.tensor([2, 0, 3, 0, 1]), torch.tensor([0, 2, 3, 5]))
STORED = {"coo": COO, "csr": CSR, "csc": CSC}
TYPES = [("a", "to", "b"), ("b", "to", "a")]


def same(mine: Any, other: Any) -> bool:
    if isinstance(mine, dict):
        return mine.keys() == other.keys() and all(same(mine[key], other[key]) for key in mine)
    if isinstance(mine, tuple | list):
        return len(mine) == len(other) and all(map(same, mine, other))
    return mine is other if mine is None or other is None else torch.equal(mine, other)


@pytest.mark.parametrize("size", [(4, 3), None])
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("wanted", ["coo", "csr", "csc"])
def test_layouts(wanted: str, stored: str, size: tuple[int, int] | None) -> None:
    """As the peer's; and the same edges, whatever was stored."""
    ours, theirs = OurEdges(), TheirEdges()
    for store in (ours, theirs):
        assert store.put_edge_index(STORED[stored], TYPES[0], stored, size=size)
        assert store.put_edge_index(COO, edge_type=TYPES[1], layout="coo", size=size)
    got = getattr(ours, wanted)()
    assert same(got, getattr(theirs, wanted)())
    edges = [dict(zip(("row", "col", "perm"), (part[kind] for part in got), strict=True)) for kind in TYPES]
    for edge in edges:
        if wanted == "csr":
            edge["row"] = torch.repeat_interleave(torch.arange(4), edge["row"].diff())
        if wanted == "csc":
            edge["col"] = torch.repeat_interleave(torch.arange(3), edge["col"].diff())
        assert sorted(zip(edge["row"].tolist(), edge["col"].tolist(), strict=True)) == sorted(
            zip(COO[0].tolist(), COO[1].tolist(), strict=True)
        )
    assert same(getattr(ours, wanted)([TYPES[1]]), getattr(theirs, wanted)([TYPES[1]]))


@pytest.mark.parametrize("wanted", ["coo", "csr", "csc"])
def test_edges_of_one_type(wanted: str) -> None:
    ours, theirs = OurEdges(), TheirEdges()
    for store in (ours, theirs):
        store[None, "coo", False, (4, 3)] = COO
    assert same(getattr(ours, wanted)(), getattr(theirs, wanted)())
    in_order = (CSC[0], torch.tensor([0, 0, 1, 2, 2]))
    for store in (ours, theirs):
        store[None, "coo", True, (4, 3)] = in_order
    assert same(getattr(ours, wanted)(), getattr(theirs, wanted)())


def test_conversions_are_stored_on_request() -> None:
    store = OurEdges()
    store[TYPES[0], "coo", False, (4, 3)] = COO
    rows, pointers, _ = store.csc(store=True)
    assert [attr.layout for attr in store.get_all_edge_attrs()] == [EdgeLayout.COO, EdgeLayout.CSC]
    assert same(store[TYPES[0], "csc"], (rows[TYPES[0]], pointers[TYPES[0]]))
    assert store.csc()[2] == {TYPES[0]: None}  # nothing left to convert
    assert store.remove_edge_index(TYPES[0], "coo")
    back = store.coo()
    assert sorted(torch.stack((back[0][TYPES[0]], back[1][TYPES[0]])).t().tolist()) == sorted(
        torch.stack(COO).t().tolist()
    )
    del store[TYPES[0], "csc"]
    assert not store.get_all_edge_attrs() and not store.remove_edge_index(TYPES[0], "csc")


def test_what_graph_stores_refuse() -> None:
    store = OurEdges()
    store[TYPES[0], "coo"] = COO
    with pytest.raises(GraphKeyError, match=r"no edges for EdgeAttr\(edge_type=\('b', 'to', 'a'\)"):
        store.get_edge_index(TYPES[1], "coo")
    with pytest.raises(GraphKeyError, match=r"no edges of the types \[\('b', 'to', 'a'\)\]"):
        store.csr([TYPES[1]])
    with pytest.raises(GraphValueError, match="expected is_sorted=False for CSR edges"):
        EdgeAttr(None, "csr", is_sorted=True)
    with pytest.raises(GraphValueError, match=r"expected a layout of \['coo', 'csc', 'csr'\], got 'ell'"):
        EdgeAttr(None, "ell")
    assert EdgeAttr(None, "csc").is_sorted and repr(store) == "OurEdges()"
    with pytest.raises(TypeError, match="abstract"):
        GraphStore()
