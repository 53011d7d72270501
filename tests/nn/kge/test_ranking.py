"""Filtered ranks, false triplets and thresholds, against counting one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.kge import (
    DistMult,
    KGEModel,
    KnownTriplets,
    RelationThresholds,
    TripletRanks,
    corrupt_triplets,
)

NODES, RELATIONS = 25, 3


def facts(count: int = 200, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    h, t = torch.randint(NODES, (2, count), generator=g)
    return h, torch.randint(RELATIONS, (count,), generator=g), t


def with_ties() -> DistMult:
    """Small whole numbers as embeddings: many scores are equal, and all are exact."""
    model = DistMult(NODES, RELATIONS, 4)
    for weight in (model.node_emb.weight, model.rel_emb.weight):
        weight.data = torch.randint(-1, 2, weight.shape, generator=torch.Generator().manual_seed(0)).float()
    return model


def counted(model: KGEModel, h: int, r: int, t: int, side: str, known: set[tuple[int, int, int]]) -> float:
    def score(h: int, t: int) -> float:
        with torch.no_grad():
            return float(model(torch.tensor([h]), torch.tensor([r]), torch.tensor([t])))

    above = equal = 0
    for e in range(NODES):
        other = (e, r, t) if side == "head" else (h, r, e)
        if other == (h, r, t) or other in known:
            continue
        above += score(other[0], other[2]) > score(h, t)
        equal += score(other[0], other[2]) == score(h, t)
    return 1 + above + equal / 2


@pytest.mark.parametrize("filtered", [False, True])
def test_ranks_are_counted(filtered: bool) -> None:
    model = with_ties()
    every = facts()
    h, r, t = (column[:9] for column in every)
    known = KnownTriplets(*every, NODES, RELATIONS)
    truths = set(zip(*(column.tolist() for column in every))) if filtered else set()
    ranks = model.rank(h, r, t, known=known if filtered else None)
    for side, found in zip(("head", "tail"), ranks):
        expected = [
            counted(model, *triplet, side, truths) for triplet in zip(*(c.tolist() for c in (h, r, t)))
        ]
        assert found.tolist() == expected
    for batch_size in (1, 7, 1000):
        assert torch.equal(
            model.rank(h, r, t, known if filtered else None, batch_size=batch_size).both, ranks.both
        )
    one_side = model.rank(h, r, t, known if filtered else None, sides=("tail",))
    assert one_side.head.numel() == 0 and torch.equal(one_side.tail, ranks.tail)


def test_figures_of_ranks() -> None:
    ranks = TripletRanks(torch.tensor([1.0, 2.5, 11.0]), torch.tensor([4.0, 1.0, 3.0]))
    mrr = (1 + 1 / 2.5 + 1 / 11 + 1 / 4 + 1 + 1 / 3) / 6
    expected = {"mr": 22.5 / 6, "mrr": mrr, "hits@1": 2 / 6, "hits@3": 4 / 6, "hits@10": 5 / 6}
    assert ranks.summary() == pytest.approx(expected)


def test_a_model_of_ones_own_needs_no_more_than_forward() -> None:
    class Nearest(KGEModel):
        def forward(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
            gap = self.node_emb(head_index) - self.node_emb(tail_index)
            return -(gap * self.rel_emb(rel_type)).square().sum(1)

    model = Nearest(NODES, RELATIONS, 8)
    h, r, t = (column[:5] for column in facts())
    ranks = model.rank(h, r, t)
    assert ranks.tail.tolist() == [
        counted(model, *x, "tail", set()) for x in zip(h.tolist(), r.tolist(), t.tolist())
    ]
    assert model.test(h, r, t, batch_size=11, log=False)[0] == pytest.approx(float(ranks.tail.mean()) - 1)
    assert model.loss(h, r, t).isfinite()


def test_known_triplets() -> None:
    h, r, t = facts()
    known = KnownTriplets(h, r, t, NODES, RELATIONS)
    truths = set(zip(h.tolist(), r.tolist(), t.tolist()))
    assert len(known) == len(truths) < h.numel()  # some were drawn twice
    everyone = torch.cartesian_prod(torch.arange(NODES), torch.arange(RELATIONS), torch.arange(NODES))
    assert known.contains(*everyone.t()).sum() == len(truths)
    assert known.contains(h, r, t).all()
    for side, given in (("tail", h), ("head", t)):
        row, entity = known.answers(given, r, side)
        for i in range(0, h.numel(), 17):
            asked = (int(given[i]), int(r[i]))
            expected = sorted(
                {
                    x[2] if side == "tail" else x[0]
                    for x in truths
                    if (x[0 if side == "tail" else 2], x[1]) == asked
                }
            )
            assert entity[row == i].tolist() == expected
    none = KnownTriplets(*torch.empty(3, 0, dtype=torch.int64), NODES, RELATIONS)
    assert not none.contains(h, r, t).any() and none.answers(h, r, "tail")[0].numel() == 0
    assert repr(none) == "KnownTriplets(0, num_nodes=25, num_relations=3)"


def test_corrupted_triplets_are_false() -> None:
    h, r, t = facts()
    known = KnownTriplets(h, r, t, NODES, RELATIONS)
    false = corrupt_triplets(h, r, t, NODES, known, torch.Generator().manual_seed(0))
    assert torch.equal(false[1], r) and not known.contains(*false).any()
    assert ((false[0] != h) ^ (false[2] != t)).all()
    assert 70 < int((false[0] != h).sum()) < 130  # both sides get their share
    assert (
        torch.bincount(false[0][false[0] != h], minlength=NODES).max() < 20
    )  # no entity is drawn again and again
    again = corrupt_triplets(h, r, t, NODES, known, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(false, again))
    all_true = KnownTriplets(*torch.cartesian_prod(*[torch.arange(2)] * 3).t(), 2, 2)
    assert all_true.contains(*corrupt_triplets(*torch.tensor([[0], [0], [1]]), 2, all_true)).all()  # gives up
    with pytest.raises(GraphValueError, match="expected at least 2 entities to choose from, got 1"):
        corrupt_triplets(h, r, t, 1)


def test_thresholds_are_the_best_there_are() -> None:
    g = torch.Generator().manual_seed(0)
    score = torch.randint(0, 12, (150,), generator=g).float()
    relation, label = torch.randint(0, 5, (150,), generator=g), torch.rand(150, generator=g) < 0.4
    rule = RelationThresholds(score, relation, label, num_relations=6)
    for r in range(5):
        s, y = score[relation == r], label[relation == r]
        best = max(int(((s >= cut) == y).sum()) for cut in torch.arange(-0.5, 13))
        assert int((rule(s, torch.full_like(s, r).long()) == y).sum()) == best
    best = max(int(((score >= cut) == label).sum()) for cut in torch.arange(-0.5, 13))
    assert int(((score >= rule.threshold[5]) == label).sum()) == best  # a relation never seen
    assert rule.accuracy(score, relation, label) == float((rule(score, relation) == label).double().mean())
    empty = RelationThresholds(score[:0], relation[:0], label[:0], 2)
    assert empty.threshold.tolist() == [0.0, 0.0]
