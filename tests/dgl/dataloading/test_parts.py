"""What loaders are made of: collators, shares of seeds, caches, exclusion by degree, blocks that share neighbours."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from grapevine import dgl
from grapevine.dgl.utils import recursive_apply
from tests.dgl.dataloading.test_dataloading import assert_same_blocks, homogeneous, typed
from tests.dgl.peer import assert_same, peer

DL = dgl.dataloading


def test_node_collator() -> None:
    for make, seeds in (
        (homogeneous, torch.tensor([1, 3, 0])),
        (typed, {"u": torch.tensor([2, 0]), "i": torch.tensor([1])}),
    ):
        found = []
        for lib in (dgl, peer):
            given = seeds if lib is dgl else recursive_apply(seeds, torch.as_tensor)
            g = make(lib)
            collator = lib.dataloading.NodeCollator(
                g, given, lib.dataloading.MultiLayerFullNeighborSampler(2)
            )
            data = collator.dataset
            found.append(collator.collate([data[i] for i in range(len(data))]))
        assert_same_blocks(found[0][2], found[1][2])
        assert_same(found[0][1], found[1][1])
    with pytest.raises(dgl.DGLError, match="dict of node type"):
        DL.NodeCollator(typed(dgl), torch.tensor([0]), None)
    assert issubclass(DL.NodeCollator, DL.Collator)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("exclude", [None, "self"])
def test_edge_collator(negative: bool, exclude: Any) -> None:
    found = []
    for lib in (dgl, peer):
        draw = lib.dataloading.negative_sampler.Uniform(2) if negative else None
        sampler = lib.dataloading.MultiLayerFullNeighborSampler(1)
        collator = lib.dataloading.EdgeCollator(
            homogeneous(lib), torch.arange(11), sampler, exclude=exclude, negative_sampler=draw
        )
        found.append(collator.collate([collator.dataset[i] for i in (2, 5, 6)]))
    assert len(found[0]) == len(found[1]) == 3 + negative
    ours, theirs = (pair[1] for pair in found)
    for g in (ours, theirs):
        ends = [g.ndata["_ID"][side] for side in g.edges()]
        assert_same(torch.stack(ends), torch.stack(homogeneous(dgl).find_edges([2, 5, 6])))
        assert_same(g.edata["_ID"].sort().values, torch.tensor([2, 5, 6]))
    if not negative:
        assert_same_blocks(found[0][-1], found[1][-1])
    else:
        assert found[0][2].num_edges() == 6
    other = DL.EdgeCollator(
        homogeneous(dgl),
        torch.arange(11),
        DL.MultiLayerFullNeighborSampler(1),
        g_sampling=homogeneous(dgl).reverse(),
    )
    assert other.collate([other.dataset[0]])[2][0].num_edges() == 4  # from 0 and 1, the other way round
    with pytest.raises(dgl.DGLError, match="dict of etype"):
        DL.EdgeCollator(typed(dgl), torch.tensor([0]), None)


def batches(seeds: Any) -> list[Any]:
    return [{k: v.tolist() for k, v in b.items()} if isinstance(b, dict) else b.tolist() for b in seeds]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_seeds(drop_last: bool, shuffle: bool) -> None:
    for seeds in (torch.arange(10, 17), {"a": torch.arange(4), "b": torch.arange(7, 10)}):
        found = []
        for lib in (dgl, peer):
            data = lib.dataloading.TensorizedDataset(seeds, 3, drop_last, shuffle, False)
            np.random.seed(1)  # noqa: NPY002
            if shuffle:
                data.shuffle()
            assert len(data) == len(list(data))
            found.append(batches(data))
        assert found[0] == found[1]


def test_shares_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    for drop_last in (False, True):
        for rank in range(3):
            monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
            options = (torch.arange(10, 20), 2, drop_last, True, 0, False, False)
            found = [batches(lib.dataloading.create_tensorized_dataset(*options)) for lib in (dgl, peer)]
            assert found[0] == found[1]
    data = DL.create_tensorized_dataset(torch.arange(10, 20), 2, False, True, 0, True, False)
    data.shuffle()
    assert {i for batch in batches(data) for i in batch} == {18, 19} and len(data) == 2


def test_workers_share_the_batches() -> None:
    data = DL.create_tensorized_dataset(torch.arange(7), 2, False, False, 0, False, True)
    loader = torch.utils.data.DataLoader(
        data, batch_size=None, num_workers=2, worker_init_fn=DL.WorkerInitWrapper(one_thread)
    )
    assert sorted(batches(loader)) == [[0, 1], [2, 3], [4, 5], [6]]


def one_thread(worker: int) -> None:
    assert torch.get_num_threads() == 1


def test_seeds_to_samples() -> None:
    wrapper = DL.CollateWrapper(lambda g, seeds: (g, seeds), "graph", False, None)
    assert wrapper([1, 2]) == ("graph", [1, 2])


def test_target_edges_of_low_degree() -> None:
    src, dst = torch.randint(8, (30,)), torch.randint(8, (30,))
    found = []
    for lib in (dgl, peer):
        g = lib.add_reverse_edges(lib.graph((src, dst), num_nodes=8))
        back = torch.arange(g.num_edges()).flip(0)
        for exclude in ("self", "reverse_id"):
            spot = lib.dataloading.SpotTarget(g, exclude, degree_threshold=8, reverse_eids=back)
            found.append(spot(torch.arange(0, g.num_edges(), 3)))
    assert_same(found[:2], found[2:])
    assert 0 < len(found[0]) < len(src)
    sampler = DL.as_edge_prediction_sampler(
        DL.MultiLayerFullNeighborSampler(1), exclude=DL.SpotTarget(homogeneous(dgl), "self", 2)
    )
    *_, blocks = sampler.sample(homogeneous(dgl), torch.tensor([5, 0]))
    assert 5 not in blocks[0].edata["_ID"]  # its end has no other edge; that of edge 0 has four


def test_blocks_that_share_neighbours() -> None:
    g = homogeneous(dgl)
    ours = DL.LaborSampler([-1, -1]).sample(g, torch.tensor([1, 3]))
    theirs = peer.dataloading.LaborSampler([-1, -1]).sample(homogeneous(peer), torch.tensor([1, 3]))
    assert_same_blocks(ours[2], theirs[2])
    many = dgl.graph((torch.arange(20).repeat(8), torch.arange(8).repeat_interleave(20) + 20))
    sampler = DL.LaborSampler([4], importance_sampling=1, prefetch_node_feats=["h"])
    sampler.set_seed(3)
    first = sampler.sample_blocks(many, torch.arange(20, 28))[2][0]
    weight = first.edata["edge_weights"]
    mean = dgl.ops.copy_e_mean(first, weight)
    torch.testing.assert_close(mean[first.in_degrees() > 0], torch.ones(int((first.in_degrees() > 0).sum())))
    second = sampler.sample_blocks(many, torch.arange(20, 28))[2][0]
    assert first.edata["_ID"].tolist() != second.edata["_ID"].tolist()
    sampler.set_seed(3)
    again = sampler.sample_blocks(many, torch.arange(20, 28))[2][0]
    assert_same(first.edata["_ID"], again.edata["_ID"])
    slow = DL.LaborSampler([4], batch_dependency=50)
    drawn = [
        set(slow.sample_blocks(many, torch.arange(20, 28))[2][0].edata["_ID"].tolist()) for _ in range(10)
    ]
    kept = sum(len(a & b) / len(a | b) for a, b in pairwise(drawn)) / 9
    assert kept > 0.8


def test_rows_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DL.GPUCache(3, 2, device="cpu")
    table = torch.arange(20.0).view(10, 2)
    for keys in ([1, 2], [2, 3, 3], [9], [1, 2, 3, 9]):
        ids = torch.tensor(keys)
        values, missing, wanted = cache.query(ids)
        assert_same(wanted, ids[missing])
        cache.replace(wanted, table[wanted])
        values[missing] = table[wanted]
        assert_same(values, table[ids])
    assert cache.total_queries == 10 and cache.miss_rate == cache.total_miss / 10 < 1
    with pytest.raises(dgl.DGLError, match="int32"):
        dgl.cuda.GPUCache(1, 1, torch.float32)
    g = homogeneous(dgl)
    options: dict[str, Any] = {"batch_size": 2, "gpu_cache": {"node": {"h": 100}}}
    loader = DL.DataLoader(g, torch.arange(7), DL.NeighborSampler([-1], prefetch_node_feats=["h"]), **options)
    for _ in range(2):
        for inputs, _, blocks in loader:
            assert_same(blocks[0].srcdata["h"], g.ndata["h"][inputs])
    (cache,) = loader._caches.values()
    assert cache.total_miss == 7  # every row was fetched once


def test_batches_made_ahead() -> None:
    g = homogeneous(dgl)
    sampler = DL.NeighborSampler([-1], prefetch_node_feats=["h"], prefetch_labels=["y"])
    found = []
    for ahead in (False, True):
        loader = DL.DataLoader(g, torch.arange(7), sampler, batch_size=3, use_prefetch_thread=ahead)
        found.append(
            [(inputs, blocks[0].srcdata["h"], blocks[0].dstdata["y"]) for inputs, _, blocks in loader]
        )
    assert_same(*found)

    class Broken(DL.Sampler):
        def sample(self, g: Any, indices: Any) -> Any:
            raise dgl.DGLError("this batch cannot be sampled")

    with pytest.raises(dgl.DGLError, match="this batch"):
        list(DL.DataLoader(g, torch.arange(7), Broken(), use_prefetch_thread=True))


def test_storages() -> None:
    rows = torch.arange(6.0).view(3, 2)
    ids = torch.tensor([2, 0])
    for storage in (rows, rows.numpy(), DL.wrap_storage(rows)):
        assert_same(DL.wrap_storage(storage).fetch(ids, "cpu"), rows[ids])
    with pytest.raises(dgl.DGLError, match="fetch"):
        DL.wrap_storage([1, 2])


def test_helpers() -> None:
    assert DL.batch_graphs is dgl.batch and DL.DGLGraph is dgl.DGLGraph
    assert not DL.is_tensor_adaptor_enabled()
    threads = DL.get_num_threads()
    DL.set_num_threads(2)
    assert torch.get_num_threads() == 2
    DL.set_num_threads(threads)
    assert all(isinstance(core, tuple) for cores in DL.get_numa_nodes_cores().values() for core in cores)
    try:
        {}["x"]
    except KeyError:
        caught = DL.ExceptionWrapper(where="in a worker")
    with pytest.raises(KeyError, match="in a worker"):
        caught.reraise()
    with pytest.raises(AttributeError):
        DL.no_such_name
