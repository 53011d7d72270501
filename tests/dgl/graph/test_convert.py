"""Graphs from and to scipy, networkx and `grapevine.data`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import bipartite, both, empty, square, typed
from tests.dgl.peer import assert_same, assert_same_graph


def directed() -> nx.DiGraph:
    found = nx.DiGraph()
    for i, (u, v) in enumerate([("b", "a"), ("a", "c"), ("c", "a")]):
        found.add_edge(u, v, w=float(i), id=[2, 0, 1][i])
    for i, node in enumerate("abc"):
        found.nodes[node].update(x=torch.tensor([float(i), 1.0]), y=i)
    return found


def sided() -> nx.DiGraph:
    found = nx.DiGraph()
    found.add_nodes_from([(0, {"x": 1.0}), (1, {"x": 2.0})], bipartite=0)
    found.add_nodes_from(["a", "b"], bipartite=1, z=3)
    found.add_edge(1, "a", w=0.5, id=1)
    found.add_edge(0, "b", w=1.5, id=0)
    return found


def matrix(form: str) -> Any:
    entries = (np.array([1.0, 2.0, 3.0, 4.0]), (np.array([2, 0, 0, 1]), np.array([1, 2, 0, 1])))
    return getattr(sp, f"{form}_matrix")(sp.coo_matrix(entries, shape=(3, 3)))


SOURCES: dict[str, Callable[[Any], Any]] = {
    "scipy coo": lambda lib: lib.from_scipy(matrix("coo"), "w"),
    "scipy csr": lambda lib: lib.from_scipy(matrix("csr"), "w", idtype=torch.int32),
    "scipy csc": lambda lib: lib.from_scipy(matrix("csc")),
    "scipy sides": lambda lib: lib.bipartite_from_scipy(
        sp.coo_matrix(([1], ([1], [3])), (2, 5)), "u", "e", "v", "w"
    ),
    "undirected": lambda lib: lib.from_networkx(nx.path_graph(4)),
    "karate": lambda lib: lib.from_networkx(nx.karate_club_graph()),
    "directed": lambda lib: lib.from_networkx(directed(), ["x", "y"], ["w"]),
    "directed ids": lambda lib: lib.from_networkx(directed(), edge_attrs=["w"], edge_id_attr_name="id"),
    "no edges": lambda lib: lib.from_networkx(nx.empty_graph(3)),
    "sides": lambda lib: lib.bipartite_from_networkx(
        sided(), "u", "e", "v", u_attrs=["x"], e_attrs=["w"], v_attrs=["z"]
    ),
    "sides with ids": lambda lib: lib.bipartite_from_networkx(
        sided(), "u", "e", "v", e_attrs=["w"], edge_id_attr_name="id"
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str) -> None:
    assert_same_graph(*both(SOURCES[name]))


def test_scipy_arrays() -> None:
    g = dgl.from_scipy(sp.csr_array(([1.0], ([0], [1])), shape=(2, 2)))
    assert_same(g.edges(), (torch.tensor([0]), torch.tensor([1])))


def test_to_networkx() -> None:
    ours, theirs = both(lambda lib: lib.to_networkx(square(lib), ["h"], ["w"]))
    assert list(ours.edges(keys=True)) == list(theirs.edges(keys=True))
    for (*_, mine), (*_, other) in zip(ours.edges(data=True), theirs.edges(data=True)):
        assert_same(mine["w"], other["w"])
        assert mine["id"] == other["id"]
    for i in range(7):
        assert_same(ours.nodes[i]["h"], theirs.nodes[i]["h"])
    assert list(square(dgl).to_networkx().edges) == list(ours.edges)


def test_refused() -> None:
    for call in (
        lambda: dgl.from_scipy(sp.coo_matrix((2, 3))),
        lambda: dgl.from_networkx(nx.path_graph(3), edge_attrs=["w"]),
        lambda: dgl.from_networkx(directed(), edge_attrs=["none"]),
        lambda: dgl.from_networkx(directed(), edge_id_attr_name="none"),
        lambda: dgl.from_networkx(directed(), edge_id_attr_name="w", edge_attrs=["none"]),
        lambda: dgl.bipartite_from_networkx(nx.path_graph(3), "u", "e", "v"),
        lambda: dgl.bipartite_from_networkx(directed(), "u", "e", "v"),
        lambda: dgl.to_networkx(typed(dgl)),
    ):
        with pytest.raises(DGLError):
            call()


@pytest.mark.parametrize("build", [square, empty, typed, bipartite])
def test_data_and_back(build: Callable[..., Any]) -> None:
    g = build(dgl)
    assert_same_graph(dgl.from_pyg(dgl.to_pyg(g)), g)


def test_data_of_the_other_library() -> None:
    pyg = pytest.importorskip("torch_geometric.data")
    data = pyg.Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), edge_attr=torch.ones(2))
    g = dgl.from_pyg(data)
    assert set(g.ndata) == {"x"} and set(g.edata) == {"edge_attr"}
    hetero = pyg.HeteroData()
    hetero["a"].x, hetero["b"].num_nodes = torch.ones(2, 1), 3
    hetero["a", "to", "b"].edge_index = torch.tensor([[0, 1], [2, 2]])
    g = dgl.from_pyg(hetero)
    assert g.num_nodes("b") == 3 and list(g.nodes["a"].data) == ["x"]
    clash = square(dgl)
    clash.edata["h"] = torch.ones(10)
    for refused in (clash, dgl.to_block(square(dgl))):
        with pytest.raises(DGLError):
            dgl.to_pyg(refused)


def test_adjacency_of_older_programs() -> None:
    g = square(dgl)
    assert g.adj(scipy_fmt="coo").shape == g.adjacency_matrix(transpose=True).shape == (7, 7)
    dense = g.adj_external().to_dense()
    assert_same(g.adj().to_dense(), dense)
    assert_same(g.adjacency_matrix(transpose=True).to_dense(), dense.t())
    assert_same(g.adj(eweight_name="w").to_dense().sum(), torch.tensor(55.0))
