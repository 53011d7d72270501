"""Adding and removing nodes and edges, and batches, as the peer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import bipartite, both, square, typed
from tests.dgl.peer import assert_same, assert_same_graph

CHANGES: dict[str, Callable[[Any], Any]] = {
    "add_nodes": lambda g: g.add_nodes(2),
    "add_nodes with data": lambda g: g.add_nodes(2, {"h": torch.ones(2, 2), "n": torch.ones(2)}),
    "add_no_nodes": lambda g: g.add_nodes(0),
    "add_edges": lambda g: g.add_edges([0, 6], [1, 8]),
    "add_edges one to many": lambda g: g.add_edges(0, [1, 2, 3]),
    "add_edges with data": lambda g: g.add_edges([0], [1], {"w": torch.ones(1), "n": torch.ones(1, 2)}),
    "add_no_edges": lambda g: g.add_edges([], []),
    "remove_edges": lambda g: g.remove_edges([0, 4, 4]),
    "remove_edges with ids": lambda g: g.remove_edges([9, 1], store_ids=True),
    "remove_no_edges": lambda g: g.remove_edges([]),
    "remove_nodes": lambda g: g.remove_nodes([0, 3]),
    "remove_nodes with ids": lambda g: g.remove_nodes([5], store_ids=True),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("idtype", [torch.int64, torch.int32], ids=str)
def test_changes(name: str, idtype: torch.dtype) -> None:
    def build(lib: Any) -> Any:
        g = square(lib, idtype)
        g.in_degrees()
        assert CHANGES[name](g) is None
        return g

    ours, theirs = both(build)
    assert_same_graph(ours, theirs)
    assert_same(ours.in_degrees(), theirs.in_degrees())


def test_changes_by_type() -> None:
    def build(lib: Any) -> Any:
        g = typed(lib)
        g.add_nodes(1, ntype="bot")
        g.add_edges([0, 6], [1, 3], {"w": torch.ones(2, 2)}, etype="plays")
        g.remove_edges([0], etype=("dev", "makes", "game"))
        g.remove_nodes([0, 1], ntype="user")
        g.add_edges([0], [5], etype="follows")
        return g

    assert_same_graph(*both(build))

    def sides(lib: Any) -> Any:
        g = bipartite(lib)
        g.add_edges([4], [6])
        return g

    assert_same_graph(*both(sides))


def test_refused_changes() -> None:
    for call in (
        lambda g: g.add_nodes(-1),
        lambda g: g.add_edges([0, 1, 2], [0, 1]),
        lambda g: g.add_edges([-1], [0]),
        lambda g: g.remove_edges([10]),
        lambda g: g.remove_nodes([7]),
        lambda g: g.add_edges([0], [1], {"w": torch.ones(1, 3)}),
        lambda g: g.add_edges([0], [1], {"w": torch.ones(2)}),
    ):
        with pytest.raises(DGLError):
            call(square(dgl))


def test_changes_are_not_seen_elsewhere() -> None:
    g = square(dgl)
    others = [g.clone(), g.int(), g.local_var()]
    g.add_nodes(1)
    g.remove_edges([0])
    for other in others:
        assert_same_graph(other.long(), square(dgl))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "add_nodes": lambda lib: lib.add_nodes(square(lib), 1),
    "add_edges": lambda lib: lib.add_edges(square(lib), [0], [1]),
    "remove_nodes": lambda lib: lib.remove_nodes(square(lib), [1], store_ids=True),
    "remove_edges": lambda lib: lib.remove_edges(square(lib), torch.tensor([1])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    assert_same_graph(*both(FUNCTIONS[name]))


# -- batches -----------------------------------------------------------------------------------------


def members(lib: Any, build: Callable[..., Any] = square) -> list[Any]:
    first = build(lib)
    second = build(lib)
    second.add_nodes(1, ntype=second.ntypes[0])
    second.remove_edges([0], etype=second.canonical_etypes[-1])
    return [first, second]


def sizes(g: Any) -> Any:
    return (
        g.batch_size,
        {t: g.batch_num_nodes(t) for t in g.ntypes},
        {t: g.batch_num_edges(t) for t in g.canonical_etypes},
    )


@pytest.mark.parametrize("build", [square, typed, bipartite])
def test_batch(build: Callable[..., Any]) -> None:
    ours, theirs = both(lambda lib: lib.batch(members(lib, build)))
    assert_same_graph(ours, theirs)
    assert_same(sizes(ours), sizes(theirs))
    again, wanted = dgl.unbatch(ours), theirs
    for mine, other in zip(again, members(dgl, build)):
        assert_same_graph(mine, other)
    nested, wanted = both(lambda lib: lib.batch([lib.batch(members(lib, build)), build(lib)]))
    assert_same_graph(nested, wanted)
    assert_same(sizes(nested), sizes(wanted))
    for i in range(3):
        ours, theirs = (
            lib.slice_batch(g, i, store_ids=True) for lib, g in zip(_libraries(), (nested, wanted))
        )
        assert_same_graph(ours, theirs)


def _libraries() -> Any:
    return both(lambda lib: lib)


def test_batch_of_some_features() -> None:
    for options in ({"ndata": None}, {"edata": ["w"]}, {"ndata": [], "edata": None}):
        ours, theirs = both(lambda lib, o=options: lib.batch(members(lib), **o))
        assert_same_graph(ours, theirs)


def test_batch_with_empty_members() -> None:
    def build(lib: Any) -> Any:
        none = lib.graph(([], []), num_nodes=0)
        return lib.batch([none, square(lib), none])

    ours, theirs = both(build)
    assert_same_graph(ours, theirs)
    assert_same(sizes(ours), sizes(theirs))


def test_unbatch_by_given_sizes() -> None:
    def build(lib: Any) -> Any:
        ring = torch.arange(6)
        g = lib.graph((ring, ring // 2 * 2 + (ring + 1) % 2))
        g.ndata["x"] = ring
        return lib.unbatch(g, node_split=torch.tensor([2, 4]), edge_split=torch.tensor([2, 4]))

    assert_same(*both(build))
    with pytest.raises(DGLError):
        dgl.unbatch(square(dgl), node_split=torch.tensor([3, 4]))


def test_refused_batches() -> None:
    g = square(dgl)
    other = square(dgl)
    other.ndata["more"] = torch.ones(7)
    for graphs in ([], [dgl.to_block(g)], [g, other], [g, typed(dgl)], [g, g.int()]):
        with pytest.raises(DGLError):
            dgl.batch(graphs)


KEEPING: dict[str, Callable[[Any], Any]] = {
    "int": lambda g: g.int(),
    "clone": lambda g: g.clone(),
    "local_var": lambda g: g.local_var(),
    "formats": lambda g: g.formats("csr"),
    "remove_self_loop": lambda g: g.remove_self_loop(),
    "add_self_loop": lambda g: g.add_self_loop(),
    "reverse": lambda g: g.reverse(),
    "to_simple": lambda g: g.to_simple(),
    "subgraph": lambda g: g.subgraph([0, 1]),
    "line_graph": lambda g: g.line_graph(),
}


@pytest.mark.parametrize("name", [*KEEPING, *CHANGES])
def test_what_becomes_of_the_sizes(name: str) -> None:
    def build(lib: Any) -> Any:
        g = lib.batch([square(lib), square(lib)])
        return (KEEPING[name](g) if name in KEEPING else CHANGES[name](g)) or g

    ours, theirs = both(build)
    assert_same(sizes(ours), sizes(theirs))


def test_sizes_set_by_hand() -> None:
    for g in both(square):
        g.set_batch_num_nodes(torch.tensor([3, 4]))
        g.set_batch_num_edges(torch.tensor([5, 5]))
        assert g.batch_size == 2 and g.batch_num_edges().tolist() == [5, 5]
        assert not hasattr(g.batch_num_nodes, "shape")
    ours = typed(dgl)
    with pytest.raises(DGLError):
        ours.set_batch_num_nodes(torch.tensor([1]))


def test_merge() -> None:
    def build(lib: Any) -> Any:
        first = lib.graph(([0, 1], [1, 0]))
        second = lib.graph(([3, 0], [1, 0]))
        for i, g in enumerate((first, second)):
            g.ndata["x"] = torch.full((g.num_nodes(), 2), float(i + 1))
            g.edata["w"] = torch.arange(2.0) + i
        return lib.merge([first, second, first])

    assert_same_graph(*both(build))
    assert_same_graph(*both(lambda lib: lib.merge([typed(lib), typed(lib)])))
