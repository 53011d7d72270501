"""TripletRanks of true triplets among all that differ in one end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.kge.known import KnownTriplets, Side

#: Scores of B given entities and relations against all N entities on a side: `(index, rel_type, side) -> (B, N)`.
Scorer = Callable[[Tensor, Tensor, Side], Tensor]
SIDES: tuple[Side, Side] = ("head", "tail")
_SCORES_AT_ONCE = 1 << 22  # 16 MB of float32; larger blocks leave the caches, smaller ones lose speed


class TripletRanks(NamedTuple):
    """TripletRanks of triplets, from 1, for the best; halves are ties.

    Attributes:
        head: rank among the triplets with another head, float64 (E,); empty where heads were not asked for.
        tail: likewise for tails.

    Example:
        >>> ranks = TripletRanks(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 1.0]))
        >>> ranks.mean_rank, ranks.mrr, ranks.hits(1), ranks.hits(3)
        (2.0, 0.6875, 0.5, 0.75)
    """

    head: Tensor
    tail: Tensor

    @property
    def both(self) -> Tensor:
        """TripletRanks of both directions, one after the other."""
        return torch.cat([self.head, self.tail])

    @property
    def mean_rank(self) -> float:
        """MR: the mean of the ranks."""
        return float(self.both.mean())

    @property
    def mrr(self) -> float:
        """MRR: the mean of one over the rank."""
        return float((1 / self.both).mean())

    def hits(self, k: int) -> float:
        """Hits@k: the share of ranks up to `k`."""
        return float((self.both <= k).double().mean())

    def summary(self) -> dict[str, float]:
        """MR, MRR, Hits@1, Hits@3 and Hits@10 by name."""
        hits = {f"hits@{k}": self.hits(k) for k in (1, 3, 10)}
        return {"mr": self.mean_rank, "mrr": self.mrr, **hits}


def rank_triplets(
    scorer: Scorer,
    head_index: Tensor,
    rel_type: Tensor,
    tail_index: Tensor,
    num_nodes: int,
    known: KnownTriplets | None = None,
    sides: tuple[Side, ...] = SIDES,
    batch_size: int | None = None,
    log: bool = False,
) -> TripletRanks:
    r"""TripletRanks each triplet among those that differ from it in one end.

    .. math::
        \mathrm{rank} = 1 + |\{e : s_e > s\}| + \tfrac{1}{2} |\{e : s_e = s\}|

    over the other entities e; with a filter, over those that would not make another known triplet. Blocks of
    scores are counted as they come; known answers are read from lists and taken off the counts.

    Args:
        scorer: scores of given entities and relations against all entities.
        head_index: heads, int64 (E,).
        rel_type: relations, int64 (E,).
        tail_index: tails, int64 (E,).
        num_nodes: number of entities N.
        known: triplets that must not count as wrong answers: the filter.
        sides: which ends to ask for.
        batch_size: questions answered at once; by default as many as make four million scores.
        log: show a progress bar.

    Returns:
        The ranks.

    Raises:
        GraphValueError: if a score is not a number.

    Source: Bordes et al., "Translating Embeddings for Modeling Multi-relational Data", 2013 (the filtered setting);
    ties by mean rank: Sun et al., arXiv:1911.03903; Berrendorf et al., arXiv:2002.06914.
    """
    rows = batch_size or max(1, _SCORES_AT_ONCE // max(num_nodes, 1))
    blocks = torch.arange(head_index.numel(), device=head_index.device).split(rows)
    found: dict[Side, list[Tensor]] = {"head": [], "tail": []}
    work = [(side, block) for side in sides for block in blocks]
    for side, block in track(work, "ranking", console=Console(stderr=True), transient=True) if log else work:
        given, target = head_index[block], tail_index[block]
        if side == "head":
            given, target = target, given
        scores = scorer(given, rel_type[block], side)
        found[side].append(_ranks(scores, target, _others(known, given, rel_type[block], target, side)))
    empty = torch.empty(0, dtype=torch.float64, device=head_index.device)
    return TripletRanks(*(torch.cat([empty, *found[side]]) for side in SIDES))


def _others(
    known: KnownTriplets | None, given: Tensor, rel_type: Tensor, target: Tensor, side: Side
) -> tuple[Tensor, Tensor] | None:
    """Rows and entities of known answers other than the target."""
    if known is None:
        return None
    row, entity = known.answers(given, rel_type, side)
    other = entity != target[row]
    return row[other], entity[other]


def _ranks(scores: Tensor, target: Tensor, others: tuple[Tensor, Tensor] | None) -> Tensor:
    score = scores.gather(1, target.unsqueeze(1))
    if bool(score.isnan().any()):
        raise GraphValueError(
            "expected scores that are numbers, got nan; the training diverged: lower the learning rate"
        )
    better = (scores > score).sum(1, dtype=torch.int32).double()
    at_least = (scores >= score).sum(1, dtype=torch.int32).double()  # the target included
    if others is not None:
        row, entity = others
        value, reference = scores[row, entity], score.squeeze(1)[row]
        better.index_add_(0, row, (value > reference).double(), alpha=-1)
        at_least.index_add_(0, row, (value >= reference).double(), alpha=-1)
    return (better + 1 + at_least) / 2
