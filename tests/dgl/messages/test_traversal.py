"""Traversals, and message passing along them, beside DGL's."""

from __future__ import annotations

import pytest
import torch

from grapevine.dgl.base import DGLError
from tests.dgl.messages.common import LIBRARIES
from tests.dgl.peer import assert_same


def random_graphs(seed: int, acyclic: bool = False, idtype: torch.dtype = torch.int64):
    generator = torch.Generator().manual_seed(seed)
    src, dst = torch.randint(0, 12, (2, 24), generator=generator)
    if acyclic:
        src, dst = torch.minimum(src, dst), torch.maximum(src, dst)
        src, dst = src[src != dst], dst[src != dst]
    return [library.graph((src.to(idtype), dst.to(idtype)), num_nodes=12) for library in LIBRARIES]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("source", [0, [3, 1], torch.tensor([5])])
def test_breadth_first(source, reverse, seed) -> None:
    ours, theirs = random_graphs(seed)
    for name in ("bfs_nodes_generator", "bfs_edges_generator"):
        mine, other = (
            getattr(library, name)(g, source, reverse) for library, g in zip(LIBRARIES, (ours, theirs))
        )
        assert_same(tuple(mine), tuple(other))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
def test_depth_first(flags, reverse, seed) -> None:
    results = []
    for library, g in zip(LIBRARIES, random_graphs(seed, idtype=torch.int32)):
        plain = library.dfs_edges_generator(g, [2], reverse)
        edges, labels = library.dfs_labeled_edges_generator(g, [2], reverse, *flags)
        alone = library.dfs_labeled_edges_generator(g, [2], reverse, *flags, return_labels=False)
        results.append((tuple(plain), tuple(edges), tuple(labels), tuple(alone)))
    assert_same(*results)


def test_searches_from_several_nodes_advance_side_by_side() -> None:
    results = []
    for library in LIBRARIES:
        g = library.graph(([0, 1, 0, 4, 5], [1, 2, 3, 5, 6]))
        results.append(tuple(library.dfs_edges_generator(g, [0, 4])))
    assert_same(*results)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reverse", [False, True])
def test_topological_order(reverse, seed) -> None:
    mine, other = (
        tuple(library.topological_nodes_generator(g, reverse))
        for library, g in zip(LIBRARIES, random_graphs(seed, acyclic=True, idtype=torch.int32))
    )
    assert_same(mine, other)


def test_cycles_have_no_topological_order() -> None:
    for library in LIBRARIES:
        g = library.graph(([0, 1], [1, 0]))
        with pytest.raises(library.DGLError, match="loop"):
            library.topological_nodes_generator(g)


def test_one_edge_type_is_expected() -> None:
    g = LIBRARIES[0].heterograph({("u", "a", "v"): ([0], [0]), ("v", "b", "u"): ([0], [0])})
    with pytest.raises(DGLError, match="one edge type"):
        LIBRARIES[0].bfs_nodes_generator(g, 0)


@pytest.mark.parametrize("what", ["nodes", "edges", "bfs", "topo", "dfs"])
def test_message_passing_along_a_traversal(what) -> None:
    results = []
    for library, g in zip(LIBRARIES, random_graphs(1, acyclic=True)):
        fn = library.function
        g.ndata["h"] = torch.arange(1.0, 13.0).unsqueeze(1)
        functions = (fn.copy_u("h", "m"), fn.sum("m", "h"))
        update = lambda nodes: {"h": nodes.data["h"] * 0.5 + 1}  # noqa: E731
        if what == "nodes":
            library.prop_nodes(g, [[1, 2], [5]], *functions, update)
            g.prop_nodes([[3]], *functions)
        elif what == "edges":
            library.prop_edges(g, [[0, 2], [1]], *functions, update)
            g.prop_edges([torch.tensor([3])], *functions)
        elif what == "bfs":
            library.prop_nodes_bfs(g, 0, *functions, apply_node_func=update)
        elif what == "topo":
            library.prop_nodes_topo(g, *functions, reverse=True, apply_node_func=update)
        else:
            library.prop_edges_dfs(g, [0], *functions, has_nontree_edge=True, apply_node_func=update)
        results.append(g.ndata["h"])
    assert_same(*results)
