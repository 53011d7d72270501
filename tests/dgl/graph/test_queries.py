"""Queries give the peer's answers, in the peer's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import GRAPHS, bipartite, both, empty, square, typed
from tests.dgl.peer import assert_same, assert_same_graph, peer

IDTYPES = (torch.int64, torch.int32)

QUERIES: dict[str, Callable[[Any], Any]] = {
    "edges all": lambda g: g.edges(form="all"),
    "edges sorted": lambda g: g.edges(form="all", order="srcdst"),
    "edge ids": lambda g: g.edges(form="eid"),
    "nodes": lambda g: g.nodes(),
    "in_degrees": lambda g: g.in_degrees(),
    "out_degrees of some": lambda g: g.out_degrees([1, 0, 1]),
    "in_degree of one": lambda g: g.in_degrees(1),
    "in_edges": lambda g: g.in_edges([1, 0, 2], form="all"),
    "in_edges of one": lambda g: g.in_edges(1),
    "out_edges": lambda g: g.out_edges([2, 0], form="all"),
    "out_edges eid": lambda g: g.out_edges([2, 0], form="eid"),
    "successors": lambda g: g.successors(0),
    "predecessors": lambda g: g.predecessors(1),
    "has_nodes": lambda g: g.has_nodes([0, 6, 7]),
    "has_node": lambda g: g.has_nodes(3),
    "has_edges": lambda g: g.has_edges_between([0, 1, 2], [2, 2, 1]),
    "has_edge": lambda g: g.has_edges_between(0, 1),
    "edge_ids": lambda g: g.edge_ids([0, 5], [1, 0]),
    "edge_id": lambda g: g.edge_ids(4, 5),
    "edge_ids with ends": lambda g: g.edge_ids([0, 5], [2, 0], return_uv=True),
    "find_edges": lambda g: g.find_edges([3, 0]),
    "is_multigraph": lambda g: g.is_multigraph,
    "adj_tensors coo": lambda g: g.adj_tensors("coo"),
    "adj_tensors csr": lambda g: g.adj_tensors("csr"),
    "adj_tensors csc": lambda g: g.adj_tensors("csc"),
    "adj_external": lambda g: g.adj_external().to_dense(),
    "adj_external transposed": lambda g: g.adj_external(transpose=True).to_dense(),
    "adj_external csr": lambda g: g.adj_external(scipy_fmt="csr").toarray().tolist(),
    "inc in": lambda g: g.inc("in").to_dense(),
    "inc out": lambda g: g.inc("out").to_dense(),
    "inc both": lambda g: g.inc("both").to_dense(),
    "batch": lambda g: (g.batch_size, g.batch_num_nodes(), g.batch_num_edges()),
    "repr": repr,
    "idtype": lambda g: g.idtype,
}


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("idtype", IDTYPES, ids=str)
def test_queries(name: str, idtype: torch.dtype) -> None:
    ours, theirs = both(lambda lib: square(lib, idtype))
    assert_same(QUERIES[name](ours), QUERIES[name](theirs))


@pytest.mark.parametrize("build", GRAPHS)
def test_types_and_sizes(build: Callable[..., Any]) -> None:
    ours, theirs = both(build)
    assert_same_graph(ours, theirs)
    for name in ("num_nodes", "num_edges", "num_src_nodes", "num_dst_nodes", "number_of_nodes"):
        assert getattr(ours, name)() == getattr(theirs, name)()
    for name in ("is_unibipartite", "is_homogeneous", "etypes", "is_block", "is_multigraph"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert list(ours.metagraph().edges(keys=True)) == list(theirs.metagraph().edges(keys=True))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("etype", ["follows", ("user", "plays", "game")], ids=str)
def test_queries_by_type(etype: Any) -> None:
    ours, theirs = both(typed)
    for query in (
        lambda g: g.edges(form="all", etype=etype),
        lambda g: g.in_degrees(etype=etype),
        lambda g: g.out_degrees(0, etype=etype),
        lambda g: g.in_edges([1, 0], etype=etype),
        lambda g: g.has_edges_between([0, 1], [1, 1], etype=etype),
        lambda g: g.to_canonical_etype(etype),
        lambda g: g.get_etype_id(etype),
        lambda g: [g.get_ntype_id(t) for t in g.ntypes],
    ):
        assert_same(query(ours), query(theirs))


def test_queries_without_edges() -> None:
    ours, theirs = both(empty)
    for query in (
        lambda g: g.in_degrees(),
        lambda g: g.edges(form="all", order="srcdst"),
        lambda g: g.in_edges([0, 1], form="all"),
        lambda g: g.successors(0),
        lambda g: g.has_edges_between(0, 1),
        lambda g: g.adj_tensors("csr"),
        lambda g: g.find_edges([]),
    ):
        assert_same(query(ours), query(theirs))


ERRORS: dict[str, Callable[[Any], Any]] = {
    "dtype of ids": lambda g: g.in_degrees(torch.tensor([1], dtype=torch.int32)),
    "float ids": lambda g: g.in_degrees([0.5]),
    "matrix of ids": lambda g: g.in_degrees([[0]]),
    "no such edge": lambda g: g.edge_ids([0], [6]),
    "no such node": lambda g: g.successors(7),
    "negative node": lambda g: g.has_nodes(-1),
    "edge id": lambda g: g.find_edges([10]),
    "no such source": lambda g: g.out_edges([9]),
    "form": lambda g: g.edges(form="x"),
    "no such type": lambda g: g.in_degrees(etype="x"),
    "node type": lambda g: g.nodes("x"),
    "slice": lambda g: g["x"],
    "length": lambda g: g.ndata.update(h=torch.ones(3)),
    "length of edges": lambda g: g.edata.update(h=torch.ones(3)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    ours, theirs = both(square)
    with pytest.raises(peer.DGLError):
        ERRORS[name](theirs)
    with pytest.raises(DGLError):
        ERRORS[name](ours)


def test_type_errors() -> None:
    for g, error in zip(both(typed), (DGLError, peer.DGLError)):
        for call in (
            lambda g=g: g.in_degrees(),
            lambda g=g: g.nodes(),
            lambda g=g: g.edges(),
            lambda g=g: g.batch_num_nodes(),
            lambda g=g: g.add_nodes(1),
        ):
            with pytest.raises(error):
                call()
    ours = dgl.heterograph({("a", "r", "b"): ([0], [0]), ("b", "r", "a"): ([0], [0])})
    with pytest.raises(DGLError, match="ambiguous"):
        ours.in_degrees(etype="r")


def test_bipartite_names() -> None:
    ours, theirs = both(bipartite)
    for name in ("SRC/u", "DST/v", "u"):
        assert ours.get_ntype_id(name) == theirs.get_ntype_id(name)
    assert ours.srctypes == theirs.srctypes
    assert_same(dict(ours.srcdata), dict(theirs.srcdata))


def test_filters() -> None:
    def ask(g: Any) -> Any:
        plenty = lambda nodes: nodes.data["h"][:, 0] > 4  # noqa: E731
        heavy = lambda edges: (edges.data["w"] > 3) & (edges.src["h"][:, 0] < 6)  # noqa: E731
        return (
            g.filter_nodes(plenty),
            g.filter_nodes(plenty, [6, 0, 3]),
            g.filter_edges(heavy),
            g.filter_edges(heavy, [5, 9, 3]),
            g.filter_edges(heavy, ([4, 0], [5, 2])),
        )

    for idtype in IDTYPES:
        ours, theirs = both(lambda lib, t=idtype: square(lib, t))
        found, wanted = ask(ours), ask(theirs)
        assert [x.tolist() for x in found] == [x.tolist() for x in wanted]
        assert all(x.dtype == idtype for x in found)
        assert list(ours.ndata) == ["h"] and list(ours.edata) == ["w"]
    ours, theirs = both(typed)
    for g in (ours, theirs):
        assert g.filter_nodes(lambda nodes: nodes.data["h"] > 1, ntype="user").tolist() == [2, 3, 4]
        assert g.filter_edges(lambda edges: edges.data["w"][:, 0] > 2, etype="plays").tolist() == [2, 3]
    with pytest.raises(DGLError):
        square(dgl).filter_edges(lambda edges: edges.data["w"] > 0, [10])


def test_degrees_are_the_callers_own() -> None:
    g = square(dgl)
    g.in_degrees().zero_()
    assert int(g.in_degrees().sum()) == 10
