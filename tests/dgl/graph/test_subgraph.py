"""Subgraphs: nodes, edges and ids in the peer's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl import DGLError
from tests.dgl.graph.samples import both, empty, square, typed
from tests.dgl.peer import assert_same, assert_same_graph, peer

SUBGRAPHS: dict[str, Callable[[Any, Any], Any]] = {
    "nodes": lambda lib, g: lib.node_subgraph(g, [5, 0, 1, 2]),
    "node mask": lambda lib, g: lib.node_subgraph(g, torch.tensor([1, 1, 0, 0, 1, 1, 0]).bool()),
    "nodes without ids": lambda lib, g: g.subgraph([1, 0], store_ids=False),
    "nodes kept": lambda lib, g: lib.node_subgraph(g, [5, 0, 1], relabel_nodes=False),
    "no nodes": lambda lib, g: lib.node_subgraph(g, []),
    "edges": lambda lib, g: lib.edge_subgraph(g, [6, 2, 0, 9]),
    "edge mask": lambda lib, g: lib.edge_subgraph(g, torch.arange(10) % 3 == 0),
    "edges kept": lambda lib, g: g.edge_subgraph([6, 2, 0], relabel_nodes=False),
    "edges without ids": lambda lib, g: g.edge_subgraph([6, 2], store_ids=False),
    "no edges": lambda lib, g: lib.edge_subgraph(g, []),
    "in": lambda lib, g: lib.in_subgraph(g, [1, 5, 6]),
    "in relabelled": lambda lib, g: lib.in_subgraph(g, [1, 5], relabel_nodes=True),
    "out": lambda lib, g: g.out_subgraph([0, 6, 5]),
    "out relabelled": lambda lib, g: g.out_subgraph([0, 5], relabel_nodes=True),
    "khop in": lambda lib, g: lib.khop_in_subgraph(g, [1, 5], 2),
    "khop in of one": lambda lib, g: g.khop_in_subgraph(5, 1),
    "khop in kept": lambda lib, g: lib.khop_in_subgraph(g, [1], 1, relabel_nodes=False),
    "khop out": lambda lib, g: lib.khop_out_subgraph(g, [2, 2], 1),
    "khop of nothing": lambda lib, g: g.khop_out_subgraph([6], 3),
}


@pytest.mark.parametrize("name", SUBGRAPHS)
@pytest.mark.parametrize("idtype", [torch.int64, torch.int32], ids=str)
def test_subgraphs(name: str, idtype: torch.dtype) -> None:
    ours, theirs = both(lambda lib: SUBGRAPHS[name](lib, square(lib, idtype)))
    assert_same(ours, theirs)


TYPED: dict[str, Callable[[Any, Any], Any]] = {
    "nodes": lambda lib, g: lib.node_subgraph(g, {"user": [3, 0, 1], "game": [0, 2]}),
    "edges": lambda lib, g: lib.edge_subgraph(g, {"plays": [3, 0], "follows": [3, 1], "makes": [0]}),
    "edges kept": lambda lib, g: lib.edge_subgraph(g, {"plays": [3, 0]}, relabel_nodes=False),
    "in": lambda lib, g: lib.in_subgraph(g, {"game": [0, 1], "user": [1]}),
    "in relabelled": lambda lib, g: lib.in_subgraph(g, {"game": [0, 1], "user": [1]}, relabel_nodes=True),
    "out": lambda lib, g: lib.out_subgraph(g, {"user": [0], "dev": [0]}),
    "khop in": lambda lib, g: lib.khop_in_subgraph(g, {"game": torch.tensor([1])}, 2),
    "khop out": lambda lib, g: lib.khop_out_subgraph(g, {"user": torch.tensor([0, 3])}, 1),
    "edge types": lambda lib, g: lib.edge_type_subgraph(g, ["plays", "makes"]),
    "one edge type": lambda lib, g: g.edge_type_subgraph([("user", "follows", "user")]),
    "node types": lambda lib, g: lib.node_type_subgraph(g, ["user", "game"]),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_subgraphs(name: str) -> None:
    ours, theirs = both(lambda lib: TYPED[name](lib, typed(lib, isolated=False)))
    assert_same(ours, theirs)


def test_type_subgraphs_share_features() -> None:
    g = typed(dgl)
    dgl.edge_type_subgraph(g, ["plays"]).nodes["user"].data["new"] = torch.ones(5)
    assert "new" in g.nodes["user"].data


def test_refused() -> None:
    for g, error, lib in zip(both(square), (DGLError, peer.DGLError), (dgl, peer)):
        block = lib.to_block(g)
        for call in (
            lambda b=block: b.subgraph([0]),
            lambda b=block: b.edge_subgraph([0]),
            lambda b=block: b.in_subgraph([0]),
            lambda b=block, l=lib: l.khop_in_subgraph(b, [0], 1),
            lambda l=lib: l.node_type_subgraph(typed(l), ["dev", "bot"]),
        ):
            with pytest.raises(error):
                call()
    for call in (
        lambda: square(dgl).subgraph([7]),
        lambda: square(dgl).edge_subgraph([-1]),
        lambda: typed(dgl).subgraph([0]),
        lambda: typed(dgl).edge_subgraph([0]),
    ):
        with pytest.raises(DGLError):
            call()


BLOCKS: dict[str, Callable[[Any, Any], Any]] = {
    "all": lambda lib, g: lib.to_block(g),
    "given order": lambda lib, g: lib.to_block(g, torch.tensor([5, 4, 2, 1, 0, 6])),
    "without": lambda lib, g: lib.to_block(g, include_dst_in_src=False),
    "frontier": lambda lib, g: lib.to_block(lib.in_subgraph(g, [5, 1]), torch.tensor([5, 1])),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_to_block(name: str) -> None:
    ours, theirs = both(lambda lib: BLOCKS[name](lib, square(lib)))
    assert_same_graph(ours, theirs)
    assert repr(ours) == repr(theirs)


def test_to_block_of_types() -> None:
    for dst in (None, {"game": torch.tensor([2, 1, 0]), "user": torch.tensor([0, 2, 1])}):
        ours, theirs = both(lambda lib, d=dst: lib.to_block(typed(lib, isolated=False), d))
        assert_same_graph(ours, theirs)
        assert repr(ours) == repr(theirs)
    assert_same_graph(dgl.block_to_graph(ours), peer.block_to_graph(theirs))
    with pytest.raises(DGLError, match="Invalid vertex"):
        dgl.to_block(square(dgl), torch.tensor([0]))
    known = dgl.to_block(square(dgl), src_nodes=torch.tensor([5, 4, 2, 1, 0]))
    assert known.edges()[0].tolist() == [2, 4, 4, 3, 3, 4, 0, 1, 2, 0]


@pytest.mark.parametrize("kept", [None, [6, 2]], ids=["", "preserved"])
def test_compact(kept: Any) -> None:
    def build(lib: Any) -> Any:
        g = square(lib)
        graphs = [lib.edge_subgraph(g, [7, 2], relabel_nodes=False), lib.in_subgraph(g, [1])]
        return lib.compact_graphs(graphs, None if kept is None else torch.tensor(kept))

    assert_same(*both(build))
    assert_same(*both(lambda lib: lib.compact_graphs(square(lib), copy_edata=False)))
    assert_same(
        *both(lambda lib: lib.compact_graphs(typed(lib, isolated=False), {"user": torch.tensor([4])}))
    )


def test_partition_with_halo() -> None:
    for hops in (0, 1, 2):
        part = torch.tensor([0, 1, 0, 1, 1, 0, 2])
        ours, theirs = (
            lib.transforms.partition_graph_with_halo(square(lib), part, hops)[0] for lib in (dgl, peer)
        )
        assert set(ours) == set(theirs)
        for i, mine in ours.items():
            other = theirs[i]
            inner = int(mine.ndata["inner_node"].sum())
            assert_same(mine.ndata[dgl.NID][:inner], other.ndata[dgl.NID][:inner])
            assert set(mine.ndata[dgl.NID].tolist()) == set(other.ndata[dgl.NID].tolist())
            assert _global(mine) == _global(other)


def test_reshuffled_partition() -> None:
    part = torch.tensor([0, 1, 0, 1, 1, 0, 0])
    (ours, nodes, edges), (theirs, want_nodes, want_edges) = (
        lib.transforms.partition_graph_with_halo(square(lib), part, 1, reshuffle=True) for lib in (dgl, peer)
    )
    assert_same((nodes, edges), (want_nodes, want_edges))
    for i, mine in ours.items():
        assert _global(mine, "orig_id") == _global(theirs[i], "orig_id")
        assert _global(mine) == _global(theirs[i])


def _global(g: Any, key: str = "_ID") -> set[tuple[int, ...]]:
    src, dst = g.edges()
    names = g.ndata[key]
    rows = (names[src], names[dst], g.edata[key], g.edata["inner_edge"].long())
    return set(zip(*(row.tolist() for row in rows)))


def test_metis() -> None:
    pytest.importorskip("pymetis")
    ring = torch.arange(40)
    g = dgl.graph((ring, (ring + 1) % 40))
    part = dgl.metis_partition_assignment(g, 2)
    assert sorted(torch.bincount(part).tolist()) in ([20, 20], [19, 21])
    assert int((part != part.roll(1)).sum()) == 2
    assert len(dgl.metis_partition_assignment(g, 4, balance_edges=True, objtype="vol").unique()) == 4
    assert len(dgl.metis_partition_assignment(g, 4, mode="recursive").unique()) == 4
    parts = dgl.metis_partition(g, 2, extra_cached_hops=1)
    assert sum(int(p.ndata["inner_node"].sum()) for p in parts.values()) == 40
    moved = dgl.reorder_graph(g, "metis", permute_config={"k": 2})
    assert_same(moved.ndata[dgl.NID], part.argsort(stable=True))
    with pytest.raises(DGLError):
        dgl.metis_partition_assignment(g, 2, mode="x")


def test_empty_graphs() -> None:
    for call in (
        lambda lib: lib.to_block(empty(lib)),
        lambda lib: lib.node_subgraph(empty(lib), [1]),
        lambda lib: lib.khop_in_subgraph(empty(lib), [1], 2),
        lambda lib: lib.line_graph(empty(lib)),
        lambda lib: lib.to_simple(empty(lib)),
        lambda lib: lib.add_reverse_edges(empty(lib)),
        lambda lib: lib.add_self_loop(empty(lib)),
    ):
        assert_same(*both(call))
