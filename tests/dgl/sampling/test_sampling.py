"""Sampling: exact where the peer is exact, else by what a draw must satisfy."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, assert_same_graph, peer

SRC = [0, 1, 2, 3, 4, 0, 5, 5, 2, 3, 1]
DST = [1, 1, 1, 1, 1, 2, 0, 3, 3, 3, 5]


def homogeneous(lib: Any) -> Any:
    g = lib.graph((SRC, DST), num_nodes=7)
    g.ndata["h"] = torch.arange(7.0)
    g.edata["w"] = torch.tensor([3.0, 5, 1, 4, 2, 9, 7, 8, 6, 0, 11])
    return g


def typed(lib: Any) -> Any:
    edges = {
        ("u", "likes", "i"): ([0, 1, 2, 0], [0, 0, 1, 2]),
        ("i", "of", "u"): ([0, 1, 2, 2], [1, 1, 0, 2]),
    }
    g = lib.heterograph(edges, {"u": 4, "i": 3})
    g.edges["likes"].data["w"] = torch.tensor([1.0, 2, 3, 4])
    g.edges["of"].data["w"] = torch.tensor([4.0, 3, 2, 1])
    return g


@pytest.mark.parametrize("edge_dir", ["in", "out"])
@pytest.mark.parametrize("fanout", [-1, 9])
def test_all_neighbours(edge_dir: str, fanout: int) -> None:
    found = []
    for lib in (dgl, peer):
        part = lib.sampling.sample_neighbors(homogeneous(lib), [3, 1, 6, 5], -1, edge_dir=edge_dir)
        found.append(part)
    few = dgl.sampling.sample_neighbors(homogeneous(dgl), [3, 1, 6, 5], fanout, edge_dir=edge_dir)
    ids = sorted(few.edata[dgl.EID].tolist())
    assert ids == sorted(found[0].edata[dgl.EID].tolist()) == sorted(found[1].edata[dgl.EID].tolist())
    assert_same(few.ndata["h"], found[1].ndata["h"])
    assert_same(few.edata["w"], homogeneous(dgl).edata["w"][few.edata[dgl.EID]])
    assert_same(torch.stack(few.edges()), torch.stack(homogeneous(dgl).find_edges(few.edata[dgl.EID])))


def test_draws_are_of_the_right_edges_and_number() -> None:
    g = homogeneous(dgl)
    for _ in range(20):
        part = g.sample_neighbors([1, 3, 2], 2)
        assert part.in_degrees().tolist() == [0, 2, 1, 2, 0, 0, 0]
        assert len(part.edata[dgl.EID].unique()) == 5
        again = g.sample_neighbors([1, 3, 6], 4, replace=True)
        assert again.in_degrees().tolist() == [0, 4, 0, 4, 0, 0, 0]
        without = g.sample_neighbors([1], 2, exclude_edges=[0, 1, 2])
        assert set(without.edata[dgl.EID].tolist()) == {3, 4}
        weighted = g.sample_neighbors([3], 3, prob="w")  # edge 9 has weight 0
        assert set(weighted.edata[dgl.EID].tolist()) == {7, 8}
    bare = g.sample_neighbors([1], 2, copy_ndata=False, copy_edata=False)
    assert not bare.ndata and not bare.edata
    with pytest.raises(dgl.DGLError, match="'in' or 'out'"):
        g.sample_neighbors([1], 2, edge_dir="up")
    with pytest.raises(dgl.DGLError, match="no edge type has"):
        g.sample_neighbors([1], 2, prob="none")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("prob", [None, "w"])
def test_frequencies_of_draws(replace: bool, prob: str | None) -> None:
    """One of five edges: with and without replacement, the chance is the weight's share."""
    runs = 4000
    g = dgl.graph(([0, 1, 2, 3] * runs, torch.arange(runs).repeat_interleave(4).tolist()))
    g.edata["w"] = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat(runs)
    part = g.sample_neighbors(g.nodes(), 1, prob=prob, replace=replace)
    share = torch.bincount(part.edges()[0]).double() / runs
    expected = torch.tensor([0.1, 0.2, 0.3, 0.4] if prob else [0.25] * 4, dtype=torch.float64)
    torch.testing.assert_close(share, expected, rtol=0, atol=0.03)


def test_second_draw_without_replacement() -> None:
    runs = 4000
    g = dgl.graph(([0, 1, 2] * runs, torch.arange(runs).repeat_interleave(3).tolist()))
    g.edata["w"] = torch.tensor([1.0, 1.0, 2.0]).repeat(runs)
    part = g.sample_neighbors(g.nodes(), 2, prob="w")
    share = torch.bincount(part.edges()[0]).double() / runs
    # P(item 2 is among two) = 1/2 + 2 * 1/4 * 2/3
    torch.testing.assert_close(share[2].item(), 5 / 6, rtol=0, atol=0.03)


def test_types() -> None:
    g = typed(dgl)
    part = g.sample_neighbors({"u": [1, 0]}, {"likes": 1, "of": -1})
    assert part.num_edges("likes") == 0
    assert part.edges["of"].data[dgl.EID].tolist() == [0, 1, 2]
    with pytest.raises(dgl.DGLError, match="each edge type"):
        g.sample_neighbors({"u": [1]}, {"of": 1})


@pytest.mark.parametrize("options", [{}, {"ascending": True}, {"edge_dir": "out"}, {"nodes": [3, 1]}])
@pytest.mark.parametrize("k", [-1, 2])
def test_select_topk(options: dict[str, Any], k: int) -> None:
    ours, theirs = (lib.sampling.select_topk(homogeneous(lib), k, "w", **options) for lib in (dgl, peer))
    if k >= 0:
        assert_same_graph(ours, theirs)
    assert sorted(ours.edata["w"].tolist()) == sorted(theirs.edata["w"].tolist())
    if not options:
        assert_same_graph(
            *(lib.sampling.select_topk(typed(lib), {"likes": 1, "of": 2}, "w") for lib in (dgl, peer))
        )


def test_walks_where_there_is_no_choice() -> None:
    def path(lib: Any) -> Any:
        return lib.graph(([0, 1, 2, 3], [1, 2, 3, 1]), num_nodes=6)

    ones = torch.tensor([0.0, 0.0, 1.0, 0.0])
    for options in (
        {},
        {"return_eids": True},
        {"restart_prob": ones, "return_eids": True},
        {"restart_prob": 0.0},
    ):
        ours, theirs = (
            lib.sampling.random_walk(path(lib), [0, 3, 5], length=4, **options) for lib in (dgl, peer)
        )
        assert_same(ours, theirs)
        assert_same(
            dgl.sampling.pack_traces(ours[0], ours[-1]), peer.sampling.pack_traces(theirs[0], theirs[-1])
        )
    ours, theirs = (
        lib.sampling.node2vec_random_walk(path(lib), [0, 3, 5], 0.5, 2.0, 4, return_eids=True)
        for lib in (dgl, peer)
    )
    assert_same(ours, theirs)
    bipartite = [
        lib.heterograph({("u", "a", "i"): ([0, 1], [1, 0]), ("i", "b", "u"): ([0, 1], [1, 2])})
        for lib in (dgl, peer)
    ]
    ours, theirs = (
        lib.sampling.random_walk(g, [0, 1, 2], metapath=["a", "b", "a"], return_eids=True)
        for lib, g in zip((dgl, peer), bipartite)
    )
    assert_same(ours, theirs)
    with pytest.raises(dgl.DGLError, match="hang together"):
        dgl.sampling.random_walk(bipartite[0], [0], metapath=["a", "a"])


@pytest.mark.parametrize("prob", [None, "w"])
def test_walks_follow_edges(prob: str | None) -> None:
    g = homogeneous(dgl)
    traces, eids, types = dgl.sampling.random_walk(
        g, torch.arange(7).repeat(300), length=5, prob=prob, return_eids=True
    )
    went = eids >= 0
    src, dst = g.find_edges(eids[went])
    assert_same(src, traces[:, :-1][went])
    assert_same(dst, traces[:, 1:][went])
    assert types.tolist() == [0] * 6
    first = eids[traces[:, 0] == 0][:, 0]
    share = torch.bincount(first, minlength=11)[[0, 5]].double() / len(first)
    expected = torch.tensor([0.25, 0.75] if prob else [0.5, 0.5], dtype=torch.float64)
    torch.testing.assert_close(share, expected, rtol=0, atol=0.1)
    if prob:
        assert not (eids == 9).any()  # weight 0


def test_walk_neighbours() -> None:
    def ring(lib: Any) -> Any:
        return lib.graph(([0, 1, 2, 3], [1, 2, 3, 0]))

    for lib in (dgl, peer):
        found = lib.sampling.RandomWalkNeighborSampler(ring(lib), 3, 0.0, 4, 2)(torch.tensor([2, 0]))
        assert found.num_nodes() == 4
        assert sorted(found.edges()[1].tolist()) == [0, 0, 2, 2]
        assert found.edata["weights"].tolist() == [4] * 4
    edges = {("u", "a", "i"): ([0, 1], [1, 0]), ("i", "b", "u"): ([0, 1], [1, 2])}
    ours, theirs = (
        lib.sampling.PinSAGESampler(lib.heterograph(edges, {"u": 3, "i": 2}), "u", "i", 1, 0.0, 3, 2)(
            torch.tensor([0, 1])
        )
        for lib in (dgl, peer)
    )
    assert_same_graph(ours, theirs)
    with pytest.raises(dgl.DGLError, match="same node type"):
        dgl.sampling.RandomWalkNeighborSampler(dgl.heterograph(edges), 1, 0.0, 1, 1, ["a"])


def test_pairs_without_edge() -> None:
    g = homogeneous(dgl)
    for replace in (False, True):
        src, dst = g.global_uniform_negative_sampling(20, replace=replace)
        assert len(src) == 20
        assert not g.has_edges_between(src, dst).any()
        assert (src != dst).all()
        if not replace:
            assert len(set(zip(src.tolist(), dst.tolist()))) == 20
    h = typed(dgl)
    src, dst = dgl.sampling.global_uniform_negative_sampling(h, 100, etype="likes")
    assert set(zip(src.tolist(), dst.tolist())) == {(u, v) for u in range(4) for v in range(3)} - {
        (0, 0), (1, 0), (2, 1), (0, 2),
    }  # fmt: skip
