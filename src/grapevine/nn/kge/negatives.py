"""False triplets, and a classifier that tells them from true ones."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.kge.known import KnownTriplets

_TRIES = 20


def corrupt_triplets(
    head_index: Tensor,
    rel_type: Tensor,
    tail_index: Tensor,
    num_nodes: int,
    known: KnownTriplets | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One false triplet for each true one: its head or its tail, with even chance, exchanged for another entity.

    Args:
        head_index: heads, int64 (E,).
        rel_type: relations, int64 (E,).
        tail_index: tails, int64 (E,).
        num_nodes: number of entities, at least 2.
        known: triplets that must not be drawn. Where twenty draws in a row are known, the last one stays.
        generator: draws the sides and the entities.

    Returns:
        Heads, relations and tails, int64 (E,) each.

    Raises:
        GraphValueError: for fewer than 2 entities.

    Example:
        >>> h, r, t = torch.tensor([[0, 1], [0, 0], [1, 2]])
        >>> h_false, _, t_false = corrupt_triplets(h, r, t, num_nodes=3)
        >>> ((h_false != h) != (t_false != t)).tolist()
        [True, True]

    Source: Socher et al., "Reasoning With Neural Tensor Networks for Knowledge Base Completion", NeurIPS 2013.
    """
    if num_nodes < 2:
        raise GraphValueError(f"expected at least 2 entities to choose from, got {num_nodes}")
    device = head_index.device
    head, tail = head_index.clone(), tail_index.clone()
    at_head = torch.rand(head.shape, generator=generator, device=device) < 0.5
    left = torch.arange(head.numel(), device=device)
    for _ in range(_TRIES):
        side = at_head[left]
        old = torch.where(side, head_index[left], tail_index[left])
        step = torch.randint(1, num_nodes, left.shape, generator=generator, device=device)
        new = (old + step) % num_nodes  # any but the old one
        head[left] = torch.where(side, new, head[left])
        tail[left] = torch.where(side, tail[left], new)
        if known is None:
            break
        left = left[known.contains(head[left], rel_type[left], tail[left])]
        if left.numel() == 0:
            break
    return head, rel_type, tail


class RelationThresholds:
    """Calls a triplet true if its score reaches the threshold of its relation.

    The thresholds are those with the highest accuracy on given triplets, halfway between two scores; a relation without
    triplets takes the threshold that is best for all.

    Args:
        score: scores of triplets, (E,).
        rel_type: relations, int64 (E,) in [0, R).
        label: whether they are true, boolean (E,).
        num_relations: number of relations R.

    Attributes:
        threshold: (R,), of the dtype of the scores.

    Example:
        >>> rule = RelationThresholds(torch.tensor([3., 1., 8., 6.]), torch.tensor([0, 0, 1, 1]),
        ...                           torch.tensor([True, False, True, False]), num_relations=2)
        >>> rule.threshold, rule(torch.tensor([2.5, 2.5]), torch.tensor([0, 1]))
        (tensor([2., 7.]), tensor([ True, False]))

    Source: Socher et al., "Reasoning With Neural Tensor Networks for Knowledge Base Completion", NeurIPS 2013.
    """

    def __init__(self, score: Tensor, rel_type: Tensor, label: Tensor, num_relations: int) -> None:
        score = score.detach()
        self.threshold = _best_threshold(score, label).repeat(num_relations)
        for relation in rel_type.unique().tolist():
            chosen = rel_type == relation
            self.threshold[relation] = _best_threshold(score[chosen], label[chosen])

    def __call__(self, score: Tensor, rel_type: Tensor) -> Tensor:
        """Which triplets are called true, boolean (E,)."""
        return score >= self.threshold[rel_type]

    def accuracy(self, score: Tensor, rel_type: Tensor, label: Tensor) -> float:
        """The share of triplets that are called what they are."""
        return float((self(score, rel_type) == label).double().mean())


def _best_threshold(score: Tensor, label: Tensor) -> Tensor:
    """The threshold with the highest accuracy; the lowest of equally good ones."""
    if score.numel() == 0:
        return score.new_zeros(())
    value, order = score.sort()
    # right[k]: how many are right if the k lowest are called false
    true = label[order].long()
    none = torch.zeros(1, dtype=torch.int64, device=score.device)
    right = torch.cat([none, (1 - true).cumsum(0)]) + torch.cat([true.sum() - true.cumsum(0) + true, none])
    cut = torch.cat([none.bool() | True, value[1:] > value[:-1], none.bool() | True])  # not between equals
    k = int(torch.where(cut, right, -1).argmax())
    if k == 0:
        return value[0]
    if k == value.numel():
        return torch.nextafter(value[-1], value.new_tensor(torch.inf))
    return (value[k - 1] + value[k]) / 2
