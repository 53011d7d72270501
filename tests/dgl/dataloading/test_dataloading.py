"""Loaders and samplers: the peer's batches where nothing is drawn, else what a batch must satisfy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, assert_same_graph, peer

pytestmark = pytest.mark.filterwarnings("ignore:Dataloader CPU affinity")  # the peer's advice

SRC = [0, 1, 2, 3, 4, 0, 5, 5, 2, 3, 1]
DST = [1, 1, 1, 1, 1, 2, 0, 3, 3, 3, 5]


def homogeneous(lib: Any) -> Any:
    g = lib.graph((SRC, DST), num_nodes=7)
    g.ndata["h"] = torch.arange(14.0).view(7, 2)
    g.ndata["y"] = torch.arange(7)
    g.edata["w"] = torch.arange(11.0)
    return g


def typed(lib: Any) -> Any:
    edges = {
        ("u", "likes", "i"): ([0, 1, 2, 0], [0, 0, 1, 2]),
        ("i", "liked", "u"): ([0, 0, 1, 2], [0, 1, 2, 0]),
    }
    g = lib.heterograph(edges, {"u": 4, "i": 3})
    g.nodes["u"].data["h"] = torch.arange(4.0)
    g.nodes["i"].data["h"] = torch.arange(3.0)
    return g


def assert_same_blocks(ours: Any, theirs: Any) -> None:
    """The same nodes and edges; only the order of the edges of a node, and of new sources, is not the peer's."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs):
        assert mine.is_block
        for etype in mine.canonical_etypes:
            found = []
            for block in (mine, other):
                src, dst = block.edges(etype=etype)
                src, dst = (
                    block.srcnodes[etype[0]].data["_ID"][src],
                    block.dstnodes[etype[2]].data["_ID"][dst],
                )
                found.append(sorted(zip(block.edges[etype].data["_ID"].tolist(), src.tolist(), dst.tolist())))
            assert found[0] == found[1]
        for ntype in mine.dsttypes:
            ids = [block.dstnodes[ntype].data["_ID"].tolist() for block in (mine, other)]
            assert sorted(ids[0]) == sorted(ids[1])
            count = mine.num_dst_nodes(ntype)
            assert_same(mine.srcnodes[ntype].data["_ID"][:count], mine.dstnodes[ntype].data["_ID"])
        for ntype in mine.srctypes:
            ids = [block.srcnodes[ntype].data["_ID"].tolist() for block in (mine, other)]
            assert sorted(ids[0]) == sorted(ids[1])


def test_full_neighbours_by_node() -> None:
    batches = []
    for lib in (dgl, peer):
        options = {"prefetch_node_feats": ["h"], "prefetch_labels": ["y"], "prefetch_edge_feats": ["w"]}
        sampler = lib.dataloading.MultiLayerFullNeighborSampler(2, **options)
        loader = lib.dataloading.DataLoader(homogeneous(lib), torch.tensor([1, 3, 6]), sampler, batch_size=2)
        assert len(loader) == 2
        batches.append(list(loader))
    for (inputs, outputs, blocks), (_, their_outputs, their_blocks) in zip(*batches):
        assert_same(outputs, their_outputs)
        assert_same_blocks(blocks, their_blocks)
        g = homogeneous(dgl)
        assert_same(inputs, blocks[0].srcdata[dgl.NID])
        assert_same(blocks[0].srcdata["h"], g.ndata["h"][inputs])
        assert_same(blocks[-1].dstdata["y"], outputs)
        for block in blocks:
            assert_same(block.edata["w"], block.edata[dgl.EID].float())


def test_types_by_node() -> None:
    batches = []
    for lib in (dgl, peer):
        sampler = lib.dataloading.MultiLayerFullNeighborSampler(2, prefetch_node_feats={"u": ["h"]})
        seeds = {"i": torch.tensor([1, 0]), "u": torch.tensor([3])}
        batches.append(list(lib.dataloading.DataLoader(typed(lib), seeds, sampler, batch_size=2)))
    for (inputs, outputs, blocks), (_, their_outputs, their_blocks) in zip(*batches):
        assert_same(outputs, dict(their_outputs))
        assert_same_blocks(blocks, their_blocks)
        assert_same(blocks[0].srcnodes["u"].data["h"], inputs["u"].float())


def test_fanouts_shuffle_and_workers() -> None:
    g = homogeneous(dgl)
    sampler = dgl.dataloading.NeighborSampler([1, 2], prefetch_node_feats=["h"])
    for workers in (0, 1):
        seen = []
        loader = dgl.dataloading.DataLoader(
            g, torch.arange(7), sampler, batch_size=3, shuffle=True, drop_last=True, num_workers=workers
        )
        for inputs, outputs, blocks in loader:
            seen += outputs.tolist()
            assert int(blocks[1].in_degrees().max()) <= 2
            assert int(blocks[0].in_degrees().max()) <= 1
            assert_same(blocks[0].srcdata["h"], g.ndata["h"][inputs])
        assert len(seen) == len(set(seen)) == 6
    loader.attach_ndata("h", torch.zeros(7, 1))
    assert not next(iter(loader))[2][0].srcdata["h"].any()
    with pytest.raises(dgl.DGLError, match="mutually exclusive"):
        dgl.dataloading.NeighborSampler([1], prob="a", mask="b")


@pytest.mark.parametrize("exclude", [None, "self", "reverse_id"])
def test_edges(exclude: str | None) -> None:
    src, dst = [0, 1, 2, 3], [1, 2, 3, 4]
    batches = []
    for lib in (dgl, peer):
        g = lib.graph((src + dst, dst + src))
        g.edata["y"] = torch.arange(8)
        sampler = lib.dataloading.as_edge_prediction_sampler(
            lib.dataloading.NeighborSampler([-1], fused=False),
            exclude=exclude,
            reverse_eids=torch.arange(8).roll(4),
            prefetch_labels=["y"],
        )
        batches.append(list(lib.dataloading.DataLoader(g, torch.arange(4), sampler, batch_size=2)))
    for (_, pairs, blocks), (_, their_pairs, their_blocks) in zip(*batches):
        assert_same_graph(pairs, their_pairs)
        assert_same_blocks(blocks, their_blocks)
        assert_same(pairs.edata["y"], pairs.edata[dgl.EID])


def test_edges_of_types() -> None:
    batches = []
    for lib in (dgl, peer):
        sampler = lib.dataloading.as_edge_prediction_sampler(
            lib.dataloading.NeighborSampler([-1, -1], fused=False),
            exclude="reverse_types",
            reverse_etypes={"likes": "liked", "liked": "likes"},
        )
        loader = lib.dataloading.DataLoader(
            typed(lib), {"likes": torch.tensor([1, 2])}, sampler, batch_size=2
        )
        batches.append(next(iter(loader)))
    assert_same_graph(batches[0][1], batches[1][1])
    assert_same_blocks(batches[0][2], batches[1][2])


@pytest.mark.parametrize("name", ["Uniform", "GlobalUniform"])
def test_negative_pairs(name: str) -> None:
    g = homogeneous(dgl)
    sampler = dgl.dataloading.as_edge_prediction_sampler(
        dgl.dataloading.MultiLayerFullNeighborSampler(1),
        negative_sampler=getattr(dgl.dataloading.negative_sampler, name)(3),
    )
    for inputs, pairs, negative, blocks in dgl.dataloading.DataLoader(
        g, torch.arange(4), sampler, batch_size=4
    ):
        assert negative.num_edges() == 12
        assert_same(pairs.ndata[dgl.NID], negative.ndata[dgl.NID])
        assert_same(blocks[-1].dstdata[dgl.NID], pairs.ndata[dgl.NID])
        assert_same(inputs, blocks[0].srcdata[dgl.NID])
        src, dst = (negative.ndata[dgl.NID][ends] for ends in negative.edges())
        if name == "Uniform":
            assert_same(src, g.find_edges(torch.arange(4))[0].repeat_interleave(3))
        else:
            assert not g.has_edges_between(src, dst).any()
    old = dgl.dataloading.EdgeDataLoader(
        g, torch.arange(4), dgl.dataloading.MultiLayerFullNeighborSampler(1), exclude="self", batch_size=2
    )
    for _, pairs, blocks in old:
        assert not torch.isin(blocks[0].edata[dgl.EID], pairs.edata[dgl.EID]).any()
    with pytest.raises(dgl.DGLError, match="does not support"):
        dgl.dataloading.as_edge_prediction_sampler(dgl.dataloading.SAINTSampler("node", 3))


def test_shadow() -> None:
    parts = [
        lib.dataloading.ShaDowKHopSampler([-1, -1], prefetch_node_feats=["h"]).sample(
            homogeneous(lib), torch.tensor([3, 6])
        )
        for lib in (dgl, peer)
    ]
    (nodes, seeds, part), (their_nodes, _, their_part) = parts
    assert_same(nodes[:2], seeds)
    assert sorted(nodes.tolist()) == sorted(their_nodes.tolist())
    assert sorted(part.edata[dgl.EID].tolist()) == sorted(their_part.edata[dgl.EID].tolist())
    loader = dgl.dataloading.DataLoader(
        homogeneous(dgl), torch.arange(7), dgl.dataloading.ShaDowKHopSampler([2], prefetch_node_feats=["h"])
    )
    for nodes, _, part in loader:
        assert_same(part.ndata["h"], homogeneous(dgl).ndata["h"][nodes])
    left_out = torch.tensor([7, 9])
    _, _, part = dgl.dataloading.ShaDowKHopSampler([-1]).sample(homogeneous(dgl), torch.tensor([3]), left_out)
    assert not torch.isin(part.edata[dgl.EID], left_out).any()


def test_clusters(tmp_path: Path) -> None:
    g = dgl.rand_graph(60, 240)
    g.ndata["x"] = torch.arange(60.0)
    file = str(tmp_path / "c.bin")
    sampler = dgl.dataloading.ClusterGCNSampler(g, 4, cache_path=file, prefetch_ndata=["x"])
    seen = []
    for part in dgl.dataloading.DataLoader(g, torch.arange(4), sampler, batch_size=2, shuffle=True):
        seen += part.ndata[dgl.NID].tolist()
        assert_same_graph(part, g.subgraph(part.ndata[dgl.NID]))
    assert sorted(seen) == list(range(60))
    again = dgl.dataloading.ClusterGCNSampler(g, 4, cache_path=file)
    assert_same(again.partition_node_ids, sampler.partition_node_ids)
    with pytest.raises(dgl.DGLError, match="expected 5 clusters"):
        dgl.dataloading.ClusterGCNSampler(g, 5, cache_path=file)


@pytest.mark.parametrize(("mode", "budget"), [("node", 10), ("edge", 8), ("walk", (3, 4))])
def test_saint(mode: str, budget: Any) -> None:
    g = dgl.rand_graph(60, 240)
    g.ndata["x"] = torch.arange(60.0)
    sampler = dgl.dataloading.SAINTSampler(mode, budget, prefetch_ndata=["x"])
    for part in dgl.dataloading.DataLoader(g, torch.arange(3), sampler):
        limit = budget if mode == "node" else 2 * budget if mode == "edge" else 15
        assert 0 < part.num_nodes() <= limit
        assert_same_graph(part, g.subgraph(part.ndata[dgl.NID]))
    with pytest.raises(dgl.DGLError, match="Expect mode"):
        dgl.dataloading.SAINTSampler("other", 3)


def test_graphs() -> None:
    def items(lib: Any) -> list[Any]:
        return [
            (
                lib.graph(([0], [i])),
                {"y": i, "z": 0.5 * i},
                torch.ones(2) * i,
                np.arange(2) + i,
                "name",
                np.float32(i),
            )
            for i in range(5)
        ]

    for ours, theirs in zip(
        dgl.dataloading.GraphDataLoader(items(dgl), batch_size=2),
        peer.dataloading.GraphDataLoader(items(peer), batch_size=2),
    ):
        assert_same(ours, theirs)
        assert_same(ours[0].batch_num_nodes(), theirs[0].batch_num_nodes())
    single = next(iter(dgl.dataloading.GraphDataLoader(items(dgl), batch_size=None)))
    assert single[0].num_nodes() == 1
    with pytest.raises(dgl.DGLError, match="use_ddp"):
        dgl.dataloading.GraphDataLoader(items(dgl)).set_epoch(1)


def test_shares_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    g = homogeneous(dgl)
    seen = []
    for rank in range(2):
        monkeypatch.setattr("torch.distributed.is_available", lambda: True)
        monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
        monkeypatch.setattr("torch.distributed.get_rank", lambda rank=rank: rank)
        loader = dgl.dataloading.DataLoader(
            g, torch.arange(6), dgl.dataloading.NeighborSampler([1]), batch_size=2, shuffle=True, use_ddp=True
        )
        loader.set_epoch(3)
        seen += [node for _, outputs, _ in loader for node in outputs.tolist()]
    assert sorted(seen) == list(range(6))
