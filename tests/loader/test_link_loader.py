"""LinkNeighborLoader: links lie where the batch says, negatives are drawn as asked, times are respected."""

from __future__ import annotations

import pytest
import torch

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader import LinkNeighborLoader, NeighborLoader, ZipLoader
from grapevine.sampler import NegativeSampling
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous, same


@pytest.mark.parametrize("disjoint", [False, True])
@pytest.mark.parametrize("amount", [1, 2, 0.5])
def test_binary(disjoint: bool, amount: float) -> None:
    data = homogeneous()
    loader = LinkNeighborLoader(
        data, [3, 2], batch_size=11, neg_sampling=("binary", amount), disjoint=disjoint, shuffle=True
    )
    positives = []
    for batch in loader:
        links, label = batch.n_id[batch.edge_label_index], batch.edge_label
        count = batch.input_id.numel()
        assert label.tolist() == [1.0] * count + [0.0] * -int(-count * amount // 1)
        assert torch.equal(links[:, :count], data.edge_index[:, batch.input_id])
        assert torch.equal(batch.x, data.x[batch.n_id])
        if disjoint:
            pair = torch.arange(label.numel()) % count
            assert torch.equal(batch.batch[batch.edge_label_index], torch.stack([pair, pair]))
        positives.append(batch.input_id)
    assert torch.equal(torch.cat(positives).sort()[0], torch.arange(500))


def test_labels_move_up_where_negatives_are_drawn() -> None:
    data = homogeneous()
    label = torch.randint(3, (500,))
    batch = next(iter(LinkNeighborLoader(data, [2], edge_label=label, batch_size=500, neg_sampling="binary")))
    assert torch.equal(batch.edge_label, torch.cat([label + 1, torch.zeros(500, dtype=torch.int64)]))
    batch = next(iter(LinkNeighborLoader(data, [2], data.edge_index[:, :7], label[:7], batch_size=7)))
    assert torch.equal(batch.edge_label, label[:7])


@pytest.mark.parametrize("disjoint", [False, True])
@pytest.mark.parametrize("amount", [1, 3])
@pytest.mark.parametrize("kind", ["homogeneous", "between types", "within a type"])
def test_triplets(disjoint: bool, amount: int, kind: str) -> None:
    data = homogeneous() if kind == "homogeneous" else heterogeneous()
    edge_type = {
        "homogeneous": None,
        "between types": ("author", "writes", "paper"),
        "within a type": ("paper", "cites", "paper"),
    }[kind]
    negatives = NegativeSampling("triplet", amount)
    loader = LinkNeighborLoader(
        data, [2, 2], edge_type, batch_size=8, neg_sampling=negatives, disjoint=disjoint
    )
    for batch in loader:
        if edge_type is None:
            store, source, target, links = batch, batch, batch, data.edge_index
        else:
            store, source, target = batch[edge_type], batch[edge_type[0]], batch[edge_type[2]]
            links = data[edge_type].edge_index
        src, dst = links[:, store.input_id]
        assert torch.equal(source.n_id[source.src_index], src)
        assert torch.equal(target.n_id[target.dst_pos_index], dst)
        other = target.dst_neg_index
        assert other.shape == ((src.numel(),) if amount == 1 else (src.numel(), amount))
        if disjoint:
            pair = torch.arange(src.numel())
            assert torch.equal(source.batch[source.src_index], pair)
            assert torch.equal(
                target.batch[other], pair if amount == 1 else pair.unsqueeze(1).expand(-1, amount)
            )


def test_binary_between_types() -> None:
    data, kind = heterogeneous(), ("author", "writes", "paper")
    loader = LinkNeighborLoader(data, [2, 2], (kind, None), batch_size=20, neg_sampling_ratio=1.5)
    for batch in loader:
        src, dst = batch[kind].edge_label_index
        ends = data[kind].edge_index[:, batch[kind].input_id]
        count = ends.shape[1]
        assert torch.equal(batch["author"].n_id[src[:count]], ends[0])
        assert torch.equal(batch["paper"].n_id[dst[:count]], ends[1])
        assert batch[kind].edge_label.sum() == count


def test_negatives_are_as_old_as_their_link() -> None:
    data = homogeneous()
    time = torch.randint(5, 100, (500,))
    weight = torch.rand(80) + 0.1
    for negatives in (NegativeSampling("triplet", 4), NegativeSampling("triplet", 4, dst_weight=weight)):
        loader = LinkNeighborLoader(
            data, [4, 4], edge_label_time=time, time_attr="time", neg_sampling=negatives, batch_size=50
        )
        for batch in loader:
            limit = time[batch.input_id]
            assert torch.equal(batch.seed_time, limit)
            assert (batch.time[batch.dst_neg_index] <= limit.unsqueeze(1)).all()
            seeds = batch.num_sampled_nodes[0]
            assert (batch.time[seeds:] <= limit[batch.batch[seeds:]]).all()


def test_weighted_negatives() -> None:
    weight = torch.tensor([0.0, 1.0, 3.0, 0.0])
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=4)
    negatives = NegativeSampling("triplet", 4000, dst_weight=weight)
    batch = next(iter(LinkNeighborLoader(data, [0], batch_size=2, neg_sampling=negatives)))
    share = torch.bincount(batch.n_id[batch.dst_neg_index].reshape(-1), minlength=4) / 8000
    torch.testing.assert_close(share, weight / 4, rtol=0, atol=0.03)


def test_threads_and_fresh_draws() -> None:
    data = homogeneous()
    runs = []
    for threads in (0, 2):
        torch.manual_seed(0)
        loader = LinkNeighborLoader(
            data, [3], batch_size=50, neg_sampling="binary", shuffle=True, prefetch_threads=threads
        )
        runs.append([*loader, *loader])
    for a, b in zip(*runs):
        same(a, b)
    assert not torch.equal(runs[0][0].n_id, runs[0][10].n_id)
    assert loader([0, 1]).edge_label_index.shape == (2, 4)


def test_zip() -> None:
    data = homogeneous()
    nodes = NeighborLoader(data, [2], torch.arange(30), transform=lambda b: (b, "seen"))
    links = LinkNeighborLoader(data, [2], data.edge_index[:, :40])
    for threads in (0, 1):
        torch.manual_seed(0)
        loader = ZipLoader([nodes, links], batch_size=10, shuffle=True, prefetch_threads=threads)
        batches = list(loader)
        assert len(batches) == len(loader) == 3
        (first, seen), second = batches[0]
        assert seen == "seen" and torch.equal(first.input_id, second.input_id)
    with pytest.raises(GraphTypeError, match="expected node or link loaders, got list"):
        ZipLoader([[1]])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"edge_label": torch.ones(3)}, "one entry for each of 500 links, got 3"),
        ({"edge_label": torch.ones(500), "neg_sampling": "triplet"}, "expected no edge_label with triplets"),
        ({"edge_label_time": torch.ones(500)}, "got edge_label_time without time_attr"),
        ({"time_attr": "time"}, "got time_attr without edge_label_time"),
        ({"neg_sampling": ("triplet", 0.5)}, "expected a whole number above 0"),
        ({"neg_sampling_ratio": -1.0}, "expected a number above 0"),
        ({"edge_label_index": torch.ones(3, 4).long()}, r"integers of shape \(2, S\)"),
        ({"neg_sampling": NegativeSampling("binary", 1, torch.ones(3))}, "each of 80 nodes, got 3"),
    ],
)
def test_bad_input_is_taught(options: dict, message: str) -> None:
    with pytest.raises(GraphValueError, match=message):
        list(LinkNeighborLoader(homogeneous(), [2], **options))


def test_an_edge_type_is_asked_for() -> None:
    with pytest.raises(GraphTypeError, match="expected edge_label_index as an edge type"):
        LinkNeighborLoader(heterogeneous(), [2])
    empty = HeteroData()
    empty["a"].num_nodes = empty["b"].num_nodes = 2
    empty["a", "to", "b"].edge_index = torch.empty(2, 0, dtype=torch.int64)
    (batch,) = NeighborLoader(empty, [2], "b", batch_size=2)
    assert batch["a", "to", "b"].edge_index.shape == (2, 0)
