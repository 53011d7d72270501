"""Draws that share neighbours, and draws by type and tag: against the peer, or the probabilities of their papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import dgl
from grapevine.dgl.sampling.utils import EidExcluder
from tests.dgl.peer import assert_same, peer

SRC = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
DST = [6, 6, 6, 6, 6, 6, 5, 5, 5, 5]


def crowd(lib: Any = dgl) -> Any:
    g = lib.graph((torch.tensor(SRC), torch.tensor(DST)))
    g.ndata["h"] = torch.arange(7.0)
    g.edata["w"] = torch.arange(1.0, 11.0)
    return g


def frequencies(times: int, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    g, count, weight = crowd(), torch.zeros(10), torch.zeros(10)
    for _ in range(times):
        frontier, weights = g.sample_labors(torch.tensor([6, 5]), 3, **options)
        ids = frontier.edata["_ID"]
        count[ids] += 1
        if len(weights[0]):
            weight[ids] += weights[0]
    return count / times, weight / times


def test_labor_takes_neighbours_as_often_as_it_says() -> None:
    often, _ = frequencies(600)  # k / degree without importance sampling
    torch.testing.assert_close(often, torch.tensor([0.5] * 6 + [0.75] * 4), atol=0.07, rtol=0)
    # With one round of it, by the paper's equations: pi = 3/4 for nodes 0 to 3, 1/2 for 4 and 5, and c = 7/9 at node 6.
    often, weight = frequencies(600, importance_sampling=1)
    wanted = torch.tensor([7 / 12] * 4 + [7 / 18] * 2 + [3 / 4] * 4)
    torch.testing.assert_close(often, wanted, atol=0.07, rtol=0)
    assert weight[:6].sum() == pytest.approx(float(often[:6].sum()), rel=1e-4)  # 1 on average
    g, nodes = crowd(), torch.tensor([6])
    ids, weights = (lambda f: (f[0].edata["_ID"], f[1][0]))(g.sample_labors(nodes, 3, importance_sampling=1))
    assert torch.unique(weights).numel() == 1  # node 6 alone: all neighbours are alike
    assert len(ids) == len(weights)


def test_labor_begins_as_the_peers() -> None:
    for fanout in (-1, 6):
        found = [lib.sampling.sample_labors(crowd(lib), torch.tensor([6, 5]), fanout) for lib in (dgl, peer)]
        ids = [sorted(frontier.edata["_ID"].tolist()) for frontier, _ in found]
        assert ids[0] == ids[1] == list(range(10))
        assert [len(weights[0]) for _, weights in found] == [0, 0]


def test_labor_draws_by_weight() -> None:
    often, weight = frequencies(600, prob="w")
    torch.testing.assert_close(often[:6], torch.arange(1.0, 7) / 7, atol=0.07, rtol=0)  # 3 w / 21
    assert often[6:].sum() == pytest.approx(3, abs=0.15)
    assert weight.sum() == pytest.approx(float(often.sum()), rel=1e-4)  # 1 on average


def test_labor_shares_neighbours() -> None:
    g = dgl.graph((torch.arange(20).repeat(8), torch.arange(8).repeat_interleave(20) + 20))
    drawn = [g.sample_labors(torch.arange(20, 28), 5)[0].edges()[0].unique() for _ in range(30)]
    alone = [g.sample_neighbors(torch.arange(20, 28), 5).edges()[0].unique() for _ in range(30)]
    assert sum(map(len, drawn)) < 0.5 * sum(map(len, alone))
    first, second = (g.sample_labors(torch.arange(20, 28), 5, random_seed=7)[0] for _ in range(2))
    assert_same(first.edata[dgl.EID], second.edata[dgl.EID])
    seeds = torch.tensor([7, 8])
    ends = [g.sample_labors([20], 5, random_seed=seeds, seed2_contribution=c)[0] for c in (0.0, 1.0)]
    assert_same(ends[0].edata[dgl.EID], g.sample_labors([20], 5, random_seed=7)[0].edata[dgl.EID])
    assert_same(ends[1].edata[dgl.EID], g.sample_labors([20], 5, random_seed=8)[0].edata[dgl.EID])


def test_labor_keeps_what_it_must() -> None:
    g = crowd()
    frontier, weights = g.sample_labors([6, 5], -1, exclude_edges=[0, 7])
    assert sorted(frontier.edata[dgl.EID].tolist()) == [1, 2, 3, 4, 5, 6, 8, 9]
    assert frontier.ndata["h"].shape == (7,) and not len(weights[0])
    few, weights = g.sample_labors([5], 4, importance_sampling=2)
    assert few.num_edges() == 4 and weights[0].tolist() == [1.0] * 4
    typed = dgl.heterograph({("u", "a", "v"): ([0, 1], [0, 0]), ("v", "b", "u"): ([0], [1])})
    frontier, _ = typed.sample_labors({"v": [0], "u": [1]}, {"a": -1, "b": 0})
    assert (frontier.num_edges("a"), frontier.num_edges("b")) == (2, 0)
    with pytest.raises(dgl.DGLError, match="'in' or 'out'"):
        g.sample_labors([5], 4, edge_dir="up")


@pytest.mark.parametrize("edge_dir", ["in", "out"])
def test_a_number_for_every_type(edge_dir: str) -> None:
    for offset in ([0, 4], [0, 4, 10]):
        for fanout in ([1, 2], [-1, 0], [9, 1]):
            found = []
            for lib in (dgl, peer):
                g = crowd(lib) if edge_dir == "in" else crowd(lib).reverse(copy_edata=True)
                part = lib.sampling.sample_etype_neighbors(
                    g, torch.tensor([6, 5]), offset, torch.tensor(fanout), edge_dir=edge_dir
                )
                ids, seed = part.edata["_ID"], part.edges()[edge_dir == "in"]
                assert len(ids.unique()) == len(ids)
                assert_same(part.edata["w"], crowd().edata["w"][ids.long()])
                found.append(torch.bincount((seed == 6).long() * 2 + (ids >= 4).long(), minlength=4))
            assert_same(*found)
    again = crowd().sample_etype_neighbors([6, 5], [0, 4], [3, 2], replace=True)
    assert torch.bincount((again.edges()[1] == 6).long()).tolist() == [2, 5]


@pytest.mark.parametrize("edge_dir", ["in", "out"])
@pytest.mark.parametrize("replace", [False, True])
def test_weights_by_tag(edge_dir: str, replace: bool) -> None:
    tags = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    found = []
    for lib in (dgl, peer):
        g = crowd(lib) if edge_dir == "in" else crowd(lib).reverse(copy_edata=True)
        g = (lib.sort_csc_by_tag if edge_dir == "in" else lib.sort_csr_by_tag)(g, tags)
        often = torch.zeros(7)
        for _ in range(400):
            part = lib.sampling.sample_neighbors_biased(
                g, torch.tensor([6]), 2, torch.tensor([1.0, 0.0, 3.0]), edge_dir, replace=replace
            )
            other = part.edges()[edge_dir == "out"]
            assert part.num_edges() == 2
            often += torch.bincount(other, minlength=7)
        found.append(often / 400)
    assert found[0][[1, 4]].sum() == 0
    torch.testing.assert_close(found[0], found[1], atol=0.15, rtol=0)
    with pytest.raises(dgl.DGLError, match="sort_csc_by_tag"):
        crowd().sample_neighbors_biased([6], 2, [1.0])
    with pytest.raises(dgl.DGLError, match="3 tags"):
        dgl.sort_csc_by_tag(crowd(), tags).sample_neighbors_biased([6], 2, [1.0])


def test_blocks_at_once() -> None:
    ours, theirs = (
        lib.sampling.sample_neighbors_fused(crowd(lib), torch.tensor([6, 5]), -1) for lib in (dgl, peer)
    )
    for block in (ours, theirs):
        assert block.is_block
        assert_same(block.dstdata["_ID"], torch.tensor([6, 5]))
        assert_same(block.srcdata["_ID"][:2], torch.tensor([6, 5]))
        src, dst = (block.srcdata["_ID"][block.edges()[0]], block.dstdata["_ID"][block.edges()[1]])
        assert_same(src, torch.tensor(SRC)[block.edata["_ID"]])
        assert_same(dst, torch.tensor(DST)[block.edata["_ID"]])
        assert_same(block.edata["w"], crowd().edata["w"][block.edata["_ID"]])
    assert_same(ours.srcdata["h"], ours.srcdata["_ID"].float())
    some = crowd().sample_neighbors_fused(torch.tensor([6]), 2, copy_edata=False, exclude_edges=[0])
    assert some.num_edges() == 2 and not some.edata


def test_edges_taken_out_of_a_sample() -> None:
    for lib, excluder in ((dgl, EidExcluder), (peer, peer.sampling.utils.EidExcluder)):
        frontier = crowd(lib).sample_neighbors([6, 5], -1)
        rest = excluder(torch.tensor([1, 6, 9]))(frontier)
        assert sorted(rest.edata["_ID"].tolist()) == [0, 2, 3, 4, 5, 7, 8]
        assert frontier.num_edges() == 10
    frontier = crowd().sample_neighbors([6, 5], -1)
    rest, left = EidExcluder({"_E": torch.tensor([1, 6])})(frontier, [frontier.edata["_ID"].float()])
    assert (
        left[0].tolist()
        == rest.edata["_ID"].tolist()
        == [i for i in frontier.edata["_ID"].tolist() if i not in (1, 6)]
    )
