"""Ranking metrics: the values of torch_geometric on random lists, batch by batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine import metrics
from grapevine.errors import GraphTypeError, GraphValueError

ITEMS = 40
CATEGORY = torch.randint(4, (ITEMS,), generator=torch.Generator().manual_seed(0))
POPULARITY = torch.rand(ITEMS, generator=torch.Generator().manual_seed(1))
METRICS: list[tuple[str, dict[str, Any]]] = [
    ("LinkPredPrecision", {}),
    ("LinkPredRecall", {}),
    ("LinkPredRecall", {"weighted": True}),
    ("LinkPredF1", {}),
    ("LinkPredMAP", {}),
    ("LinkPredNDCG", {}),
    ("LinkPredNDCG", {"weighted": True}),
    ("LinkPredMRR", {}),
    ("LinkPredHitRatio", {}),
    ("LinkPredCoverage", {"num_dst_nodes": ITEMS}),
    ("LinkPredDiversity", {"category": CATEGORY}),
    ("LinkPredPersonalization", {}),
    ("LinkPredPersonalization", {"max_src_nodes": 9, "batch_size": 5}),
    ("LinkPredPersonalization", {"max_src_nodes": None}),
    ("LinkPredAveragePopularity", {"popularity": POPULARITY}),
]
Batch = tuple[Tensor, Tensor, Tensor]


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.metrics")


def batch(rows: int, width: int, labels: int, seed: int) -> Batch:
    """Lists without repetition; labels without repetition, unsorted, some rows without any; weights of both signs."""
    g = torch.Generator().manual_seed(seed)
    lists = torch.rand(rows, ITEMS, generator=g).argsort(dim=1)[:, :width]
    pairs = torch.randperm(rows * ITEMS, generator=g)[:labels]
    pairs = pairs[pairs // ITEMS != 1]
    weight = torch.randint(-1, 4, pairs.shape, generator=g).float() + torch.rand(pairs.shape, generator=g)
    return lists, torch.stack([pairs // ITEMS, pairs % ITEMS]), weight


BATCHES = [batch(8, 12, 90, seed=0), batch(5, 12, 20, seed=1), batch(3, 12, 0, seed=2)]


def fed(metric: Any, batches: list[Batch]) -> Any:
    for lists, labels, weight in batches:
        metric.update(lists, labels, weight)
    return metric.compute()


@pytest.mark.parametrize(("name", "options"), METRICS)
@pytest.mark.parametrize("k", [2, 10, 15])
def test_as_the_peer(name: str, options: dict[str, Any], k: int, peers: Any) -> None:
    mine, peer = (getattr(package, name)(k=k, **options) for package in (metrics, peers))
    assert repr(mine) == repr(peer) and mine.higher_is_better == peer.higher_is_better
    assert set(mine.state_dict()) == set(peer.state_dict()) == set()
    assert {name for name, _ in mine.named_buffers()} <= {name for name, _ in peer.named_buffers()} | {
        "total"
    }
    if "Personalization" not in name:  # the peer divides by the number of no pairs
        torch.testing.assert_close(mine.compute(), peer.compute())
    for batches in (BATCHES, BATCHES[1:2]):
        torch.testing.assert_close(fed(mine, batches), fed(peer, batches), rtol=1e-5, atol=1e-7)
        mine.reset()
        peer.reset()
    pair = tuple(BATCHES[0][1])  # labels may be a pair of tensors
    mine.update(BATCHES[0][0], pair, BATCHES[0][2])
    peer.update(BATCHES[0][0], pair, BATCHES[0][2])
    torch.testing.assert_close(mine.compute(), peer.compute(), rtol=1e-5, atol=1e-7)


def test_collection_as_the_peer(peers: Any) -> None:
    both = []
    for package in (metrics, peers):
        chosen = [getattr(package, name)(k=k, **options) for name, options in METRICS for k in (3, 10)]
        both.append(package.LinkPredMetricCollection(chosen))
    mine, peer = both
    assert repr(mine) == repr(peer) and mine.max_k == 10 and mine.weighted
    for _ in range(2):
        expected = fed(peer, BATCHES[:2])
        found = fed(mine, BATCHES[:2])
        assert list(found) == list(expected)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7, msg=name)
        mine.reset()
        peer.reset()
    named = metrics.LinkPredMetricCollection({"hits": metrics.LinkPredHitRatio(k=2)})
    assert not named.weighted and set(fed(named, BATCHES)) == {"hits"}


def test_by_hand() -> None:
    """Two examples: labels {3, 7, 8} of which places 2 and 4 are hit, and {5}, hit at place 1."""
    lists = torch.tensor([[1, 3, 2, 7], [5, 6, 7, 8]])
    labels = torch.tensor([[0, 1, 0, 0], [8, 5, 3, 7]])
    log = torch.arange(2, 6).float().log2()
    expected = {
        "LinkPredPrecision": (2 / 4 + 1 / 4) / 2,
        "LinkPredRecall": (2 / 3 + 1) / 2,
        "LinkPredF1": (4 / 7 + 2 / 5) / 2,
        "LinkPredMAP": ((1 / 2 + 2 / 4) / 3 + 1) / 2,
        "LinkPredNDCG": float((1 / log[1] + 1 / log[3]) / (1 / log[:3]).sum() + 1) / 2,
        "LinkPredMRR": (1 / 2 + 1) / 2,
        "LinkPredHitRatio": 1.0,
        "LinkPredPersonalization": 1 - 1 / 4,
    }
    for name, value in expected.items():
        metric = getattr(metrics, name)(k=4)
        metric.update(lists, labels)
        assert float(metric.compute()) == pytest.approx(value), name


def test_personalization_counts_repeated_items_as_the_peer(peers: Any) -> None:
    lists = torch.randint(6, (12, 5), generator=torch.Generator().manual_seed(0))
    mine, peer = metrics.LinkPredPersonalization(k=5), peers.LinkPredPersonalization(k=5)
    labels = torch.empty(2, 0, dtype=torch.int64)
    mine.update(lists, labels)
    peer.update(lists, labels)
    torch.testing.assert_close(mine.compute(), peer.compute(), rtol=1e-5, atol=1e-7)


def test_a_call_tells_the_batch_and_adds_it() -> None:
    first, second = BATCHES[:2]
    metric, alone = metrics.LinkPredNDCG(k=5, weighted=True), metrics.LinkPredNDCG(k=5, weighted=True)
    metric.update(*first)
    torch.testing.assert_close(metric(*second), fed(alone, [second]))
    alone.reset()
    torch.testing.assert_close(metric.compute(), fed(alone, [first, second]))
    lists = metrics.LinkPredPersonalization(k=5)
    lists(*first)
    assert len(lists.preds) == 1 and int(lists.total) == 8


def test_a_metric_of_ones_own() -> None:
    class First(metrics.LinkPredMetric):
        def _compute(self, data: Any) -> Tensor:
            return data.pred_rel_mat[:, 0].float()

    lists, labels, _ = BATCHES[0]
    mine, known = First(k=1), metrics.LinkPredPrecision(k=1)
    assert fed(mine, BATCHES) == fed(known, BATCHES)
    assert lists.shape == (8, 12) and (labels[0] != 1).all()


def test_errors() -> None:
    with pytest.raises(GraphValueError, match="expected k >= 1 in LinkPredF1, got 0"):
        metrics.LinkPredF1(k=0)
    with pytest.raises(GraphTypeError, match="which the weighted LinkPredNDCG needs, got None"):
        metrics.LinkPredNDCG(k=2, weighted=True).update(*BATCHES[0][:2])
    collection = metrics.LinkPredMetricCollection([metrics.LinkPredRecall(k=2, weighted=True)])
    with pytest.raises(GraphTypeError, match="which a weighted metric needs, got None"):
        collection.update(*BATCHES[0][:2])
    with pytest.raises(GraphValueError, match="expected at least one metric, got none"):
        metrics.LinkPredMetricCollection([])
    with pytest.raises(GraphTypeError, match=r"expected metrics of grapevine.metrics, got Linear"):
        metrics.LinkPredMetricCollection({"a": torch.nn.Linear(1, 1)})
    with pytest.raises(TypeError, match="abstract"):
        metrics.LinkPredMetric(k=1)
