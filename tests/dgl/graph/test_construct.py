"""Graphs from all forms of data, as the peer makes them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import both, square, typed
from tests.dgl.peer import assert_same, assert_same_graph, peer

DATA: dict[str, Callable[[Any], Any]] = {
    "tensors": lambda lib: lib.graph((torch.tensor([0, 2]), torch.tensor([1, 0]))),
    "lists": lambda lib: lib.graph(([0, 2], [1, 0]), num_nodes=5),
    "arrays": lambda lib: lib.graph((np.array([0, 2]), np.array([1, 0]))),
    "pairs": lambda lib: lib.graph([(0, 1), (2, 0)]),
    "nothing": lambda lib: lib.graph(([], [])),
    "no pairs": lambda lib: lib.graph([]),
    "int32": lambda lib: lib.graph((torch.tensor([0, 2]), torch.tensor([1, 0])), idtype=torch.int32),
    "int32 tensors": lambda lib: lib.graph((torch.tensor([3]).int(), torch.tensor([1]).int())),
    "coo": lambda lib: lib.graph(("coo", ([0, 2], [1, 0]))),
    "csr": lambda lib: lib.graph(("csr", ([0, 1, 1, 3], [1, 0, 2], []))),
    "csr with ids": lambda lib: lib.graph(("csr", ([0, 1, 1, 3], [1, 0, 2], [2, 0, 1]))),
    "csc": lambda lib: lib.graph(("csc", ([0, 1, 1, 3], [1, 0, 2], [2, 0, 1]))),
    "heterograph": lambda lib: lib.heterograph({("b", "r", "a"): ([0], [3]), ("c", "s", "b"): ([1], [1])}),
    "heterograph int32": lambda lib: lib.heterograph({("b", "r", "a"): ([0], [3])}, idtype=torch.int32),
    "one type of two relations": lambda lib: lib.heterograph(
        {("a", "r", "a"): ([0], [3]), ("a", "q", "a"): ([1], [1])}
    ),
    "block": lambda lib: lib.create_block(([0, 1, 2], [1, 0, 0])),
    "block with sizes": lambda lib: lib.create_block(([0, 1], [1, 0]), num_src_nodes=4, num_dst_nodes=2),
    "typed block": lambda lib: lib.create_block(
        {("a", "r", "b"): ([0, 1], [1, 0]), ("b", "s", "b"): ([2], [0])},
        num_src_nodes={"a": 3, "b": 4},
        num_dst_nodes={"b": 2, "a": 1},
    ),
    "block_to_graph": lambda lib: lib.block_to_graph(lib.create_block(([0, 1, 2], [1, 0, 0]))),
}


@pytest.mark.parametrize("name", DATA)
def test_construction(name: str) -> None:
    ours, theirs = both(DATA[name])
    assert_same_graph(ours, theirs)
    assert repr(ours) == repr(theirs)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "too few nodes": lambda lib: lib.graph(([0, 5], [1, 1]), num_nodes=5),
    "idtype": lambda lib: lib.graph(([0], [1]), idtype=torch.float32),
    "string": lambda lib: lib.graph("01"),
    "too few nodes of a type": lambda lib: lib.heterograph({("a", "r", "b"): ([5], [0])}, {"a": 1, "b": 1}),
    "too few sources": lambda lib: lib.create_block(([5], [0]), num_src_nodes=1, num_dst_nodes=1),
    "graph of a graph": lambda lib: lib.DGLGraph(lib.graph(([0], [1]))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(peer.DGLError):
        REFUSED[name](peer)
    with pytest.raises(DGLError):
        REFUSED[name](dgl)


def test_negative_ids_and_floats_are_refused() -> None:
    for ids in ([-1, 0], [0.5, 1.0]):
        with pytest.raises(DGLError):
            dgl.graph((ids, [0, 1]))
    for relation in (("user", "game"), "plays"):
        with pytest.raises(DGLError, match=r"expected relations named \(source type, edge type"):
            dgl.heterograph({relation: ([0], [1])})
    with pytest.raises(DGLError, match="from_networkx"):
        dgl.graph(pytest.importorskip("networkx").path_graph(2))


def test_numbers_of_any_kind() -> None:
    g = dgl.graph(([0], [1]), num_nodes=np.int64(4))
    h = dgl.heterograph({("a", "r", "b"): ([0], [1])}, {"a": np.int64(2), "b": torch.tensor(3)})
    b = dgl.create_block(([0], [1]), num_src_nodes=np.int64(2), num_dst_nodes=torch.tensor(2))
    g.add_nodes(torch.tensor(1))
    for count in (g.num_nodes(), h.num_nodes("a"), h.num_nodes("b"), b.num_dst_nodes()):
        assert type(count) is int
    for sizes in ({"num_src_nodes": 2}, {"num_dst_nodes": 2}):
        with pytest.raises(DGLError):
            dgl.create_block(([0], [1]), **sizes)


def test_old_constructor() -> None:
    with pytest.warns(UserWarning, match="Recommend"):
        ours = dgl.DGLGraph((np.array([0, 2]), np.array([1, 0])))
    with pytest.warns(UserWarning, match="Recommend"):
        theirs = peer.DGLGraph((np.array([0, 2]), np.array([1, 0])))
    assert_same_graph(ours, theirs)


@pytest.mark.parametrize(
    "data", [nx.path_graph(3), nx.DiGraph([(2, 0)]), scipy.sparse.eye(3).tocsr(), []], ids=str
)
def test_old_constructor_from_other_packages(data: Any) -> None:
    found = []
    for lib in (dgl, peer):
        with pytest.warns(UserWarning, match="Recommend"):
            found.append(lib.DGLGraph(data))
    for g in found:
        g.add_nodes(2)
        g.add_edges(1, 0)
    assert_same_graph(*found)


@pytest.mark.parametrize("build", [square, typed])
@pytest.mark.parametrize(
    "copied", [lambda g: pickle.loads(pickle.dumps(g)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_copies(build: Callable[..., Any], copied: Callable[[Any], Any]) -> None:
    ours = build(dgl)
    ours.in_degrees(etype=ours.canonical_etypes[0])
    again = copied(ours)
    assert_same_graph(again, build(peer))
    again.add_nodes(1, ntype=again.ntypes[0])
    assert ours.num_nodes() == again.num_nodes() - 1


def test_placement() -> None:
    ours, theirs = both(square)
    assert ours.to("cpu") is ours and ours.to(None) is ours and ours.long() is ours
    narrow = ours.int()
    assert_same_graph(narrow, theirs.int())
    assert_same_graph(narrow.long(), theirs)
    narrow.ndata["new"] = torch.ones(7)
    assert ("new" in ours.ndata) == ("new" in ours.int().ndata)
    assert ours.create_formats_().formats() == {"created": ["coo", "csr", "csc"], "not created": []}
    meta = square(dgl).to("meta")
    assert meta.device.type == "meta" and meta.ndata["h"].device.type == "meta"


def test_formats() -> None:
    ours, theirs = both(square)
    assert ours.formats() == theirs.formats()
    for g in (ours, theirs):
        g.in_degrees()
    assert ours.formats() == theirs.formats()
    assert ours.formats(["coo", "csr"]).formats() == theirs.formats(["coo", "csr"]).formats()
    with pytest.raises(DGLError):
        ours.formats("dense")


@pytest.mark.parametrize("name", ["to_half", "to_double", "to_float", "to_bfloat16"])
def test_casts(name: str) -> None:
    ours, theirs = both(lambda lib: getattr(lib, name)(square(lib)))
    assert_same_graph(ours, theirs)
    assert ours.ndata["h"].dtype == theirs.ndata["h"].dtype


def test_generators() -> None:
    for count in (3, 60):
        g = dgl.rand_graph(10, count, idtype=torch.int32)
        assert g.num_nodes() == 10 and g.num_edges() == count and g.idtype == torch.int32
        assert not g.is_multigraph
    g = dgl.rand_bipartite("u", "e", "v", 3, 4, 12)
    assert (g.num_nodes("u"), g.num_nodes("v"), g.num_edges(), g.is_multigraph) == (3, 4, 12, False)
    with pytest.raises(DGLError):
        dgl.rand_graph(2, 5)
    dgl.seed(3)
    first = dgl.rand_graph(50, 100).edges()
    dgl.seed(3)
    assert_same(dgl.rand_graph(50, 100).edges(), first)


def test_weights_and_shapes_of_choice() -> None:
    chosen = dgl.random.choice(torch.tensor([5, 7, 9]), (2, 4), prob=torch.tensor([0.0, 1.0, 0.0]))
    assert chosen.tolist() == [[7] * 4] * 2
