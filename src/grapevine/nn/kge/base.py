"""What knowledge graph embeddings have in common: losses, batches, ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Embedding, Module

from grapevine.errors import GraphValueError
from grapevine.nn.kge.known import KnownTriplets, Side, ranges
from grapevine.nn.kge.loader import KGTripletLoader
from grapevine.nn.kge.losses import self_adversarial_loss, softmax_loss
from grapevine.nn.kge.ranking import SIDES, Scorer, TripletRanks, rank_triplets


class KGEModel(Module):
    """Base class of models that score triplets (head, relation, tail) by embeddings.

    A model of one's own defines `forward`; all else then works. One whose score matches a query with an entity derives
    from `MatchingModel`, which ranks far faster.

    Args:
        num_nodes: number of entities N.
        num_relations: number of relations R.
        hidden_channels: features F of an embedding.
        sparse: make the gradients of the embeddings sparse.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,), the higher the likelier.
    """

    def __init__(
        self, num_nodes: int, num_relations: int, hidden_channels: int, sparse: bool = False
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.num_relations = num_relations
        self.hidden_channels = hidden_channels
        self.node_emb = Embedding(num_nodes, hidden_channels, sparse=sparse)
        self.rel_emb = Embedding(num_relations, hidden_channels, sparse=sparse)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.node_emb.reset_parameters()
        self.rel_emb.reset_parameters()

    def loss(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        """A loss on B true triplets and as many that `random_sample` draws, a scalar: here binary cross-entropy."""
        true, false = self._with_negatives(head_index, rel_type, tail_index)
        target = torch.cat([torch.ones_like(true), torch.zeros_like(false)])
        return F.binary_cross_entropy_with_logits(torch.cat([true, false]), target)

    def _with_negatives(self, h: Tensor, r: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of true triplets and of those that `random_sample` draws."""
        h_false, r_false, t_false = self.random_sample(h, r, t)
        scores = self(torch.cat([h, h_false]), torch.cat([r, r_false]), torch.cat([t, t_false]))
        return scores[: h.numel()], scores[h.numel() :]

    def loader(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor, **kwargs: Any
    ) -> KGTripletLoader:
        """Batches of triplets; keyword arguments as for `KGTripletLoader`."""
        return KGTripletLoader(head_index, rel_type, tail_index, **kwargs)

    @torch.no_grad()
    def test(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        batch_size: int,
        k: int = 10,
        log: bool = True,
    ) -> tuple[float, float, float]:
        """Mean rank (counted from 0), MRR and Hits@k of the tails among all entities, without a filter.

        `rank` tells more: both directions, filtered, ranks from 1.

        Args:
            head_index: heads, int64 (E,).
            rel_type: relations, int64 (E,).
            tail_index: tails, int64 (E,).
            batch_size: triplets scored at once, where the model defines `forward` only.
            k: of Hits@k.
            log: show a progress bar.

        Departures: ties count half instead of by the accidents of a sort.
        """
        scorer = self.scorer(batch_size)
        at = (head_index, rel_type, tail_index)
        ranks = rank_triplets(scorer, *at, self.num_nodes, sides=("tail",), log=log)
        return ranks.mean_rank - 1, ranks.mrr, ranks.hits(k)

    @torch.no_grad()
    def rank(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        known: KnownTriplets | None = None,
        sides: tuple[Side, ...] = SIDES,
        batch_size: int | None = None,
        log: bool = False,
    ) -> TripletRanks:
        """TripletRanks of true triplets among all that differ in one end; arguments as for `rank_triplets`.

        Example:
            >>> from grapevine.nn.kge import DistMult
            >>> h, r, t = torch.tensor([[0, 1], [0, 0], [1, 2]])
            >>> model = DistMult(num_nodes=3, num_relations=1, hidden_channels=8)
            >>> ranks = model.rank(h, r, t, known=KnownTriplets(h, r, t, 3, 1))
            >>> ranks.head.shape, 1 <= ranks.mean_rank <= 3
            (torch.Size([2]), True)
        """
        at = (head_index, rel_type, tail_index)
        return rank_triplets(self.scorer(), *at, self.num_nodes, known, sides, batch_size, log)

    def scorer(self, batch_size: int = 1 << 16) -> Scorer:
        """A function from B given entities (B,), relations (B,) and a side to scores of all entities (B, N).

        Args:
            batch_size: triplets scored at once.
        """

        def scores(index: Tensor, rel_type: Tensor, side: Side) -> Tensor:
            given = index.repeat_interleave(self.num_nodes)
            answer = torch.arange(self.num_nodes, device=index.device).repeat(index.numel())
            ends = (given, answer) if side == "tail" else (answer, given)
            triplets = zip(
                ends[0].split(batch_size),
                rel_type.repeat_interleave(self.num_nodes).split(batch_size),
                ends[1].split(batch_size),
            )
            return torch.cat([self(h, r, t) for h, r, t in triplets]).view(-1, self.num_nodes)

        return scores

    @torch.no_grad()
    def random_sample(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One false triplet for each: random heads in the first half of the batch, random tails in the second.

        Entities are drawn from all; `corrupt_triplets` leaves out known triplets.
        """
        half = head_index.numel() // 2
        entity = torch.randint(self.num_nodes, head_index.size(), device=head_index.device)
        head = torch.cat([entity[:half], head_index[half:]])
        tail = torch.cat([tail_index[:half], entity[half:]])
        return head, rel_type, tail

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_nodes}, num_relations={self.num_relations}, "
            f"hidden_channels={self.hidden_channels})"
        )


class MatchingModel(KGEModel, ABC):
    r"""A model whose score compares a query, made of a relation and the entity at one end, with that at the other.

    .. math::
        s(h, r, t) = \mathrm{similarity}(q_{\mathrm{tail}}(h, r), t) = \mathrm{similarity}(q_{\mathrm{head}}(t, r), h)

    So all N answers to B questions are one product of (B, D) with (D, N), or one matrix of distances. A model defines
    `query`; and, unless similarity is the dot product, `similarity` and `similarities`. Arguments as for `KGEModel`.
    """

    def lookup(self, index: Tensor | None = None) -> Tensor:
        """Embeddings of entities as they are learned: (N, D), or those at an index (..., D)."""
        return self.node_emb.weight if index is None else self.node_emb(index)

    def normalized(self, x: Tensor) -> Tensor:
        """Embeddings of entities as they are scored; here as they are."""
        return x

    def entities(self, index: Tensor | None = None) -> Tensor:
        """Embeddings of entities as they are scored: (N, D), or those at an index (..., D)."""
        return self.normalized(self.lookup(index))

    def relation(self, rel_type: Tensor) -> Tensor:
        """Embeddings of relations, (..., D)."""
        return self.rel_emb(rel_type)

    @abstractmethod
    def query(self, given: Tensor, relation: Tensor, side: Side) -> Tensor:
        """What would fit best at a side: (B, D).

        Args:
            given: embeddings of the entities at the other side, (B, D).
            relation: embeddings of the relations, (B, D).
            side: `"tail"` for given heads, `"head"` for given tails.
        """

    def similarity(self, query: Tensor, answer: Tensor) -> Tensor:
        """Scores of queries with one answer each: (..., D) and (..., D) to (...)."""
        return (query * answer).sum(dim=-1)

    def similarities(self, query: Tensor, answers: Tensor) -> Tensor:
        """Scores of queries (B, D) with all of the answers (K, D): (B, K)."""
        return query @ answers.t()

    def modulus(self, x: Tensor) -> Tensor:
        """Absolute values of embeddings."""
        return x.abs()

    def forward(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        head, tail = self._rows(head_index, tail_index)
        return self.similarity(self.query(head, self.relation(rel_type), "tail"), tail)

    def scorer(self, batch_size: int = 1 << 16) -> Scorer:
        """As for `KGEModel`; whole blocks are scored at once, from entities that are looked up (or encoded) once."""
        answers = self.entities()

        def scores(index: Tensor, rel_type: Tensor, side: Side) -> Tensor:
            return self.similarities(self.query(answers[index], self.relation(rel_type), side), answers)

        return scores

    def _rows(self, *index: Tensor) -> tuple[Tensor, ...]:
        """Embeddings at several indices of any shape, from one call of `entities`."""
        rows = self.entities(torch.cat([i.flatten() for i in index])).split([i.numel() for i in index])
        return tuple(x.view(*i.shape, x.size(-1)) for i, x in zip(index, rows))

    def contrast(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        num_negatives: int | None = 256,
        kind: Literal["self-adversarial", "softmax"] = "self-adversarial",
        temperature: float = 1.0,
        margin: float = 0.0,
        scale: float = 1.0,
        known: KnownTriplets | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """A loss against many false triplets at once: every head and every tail is exchanged for K entities.

        The K entities are drawn uniformly and shared by the batch, so that their scores are one product of matrices.

        Args:
            head_index: heads, int64 (B,).
            rel_type: relations, int64 (B,).
            tail_index: tails, int64 (B,).
            num_negatives: K; None: all entities.
            kind: `self_adversarial_loss`, or `softmax_loss` (the cross-entropy of the true one).
            temperature: of the self-adversarial weights; 0 weighs all alike: uniform negatives.
            margin: added to the scores: for distances, which are never positive.
            scale: times the scores, after the margin.
            known: true triplets that must not count as false; without, the triplet itself is left out only.
            generator: draws the entities.

        Returns:
            The mean over triplets and both sides, a scalar.

        Raises:
            GraphValueError: for an unknown kind.

        Example:
            >>> from grapevine.nn.kge import ComplEx
            >>> h, r, t = torch.tensor([[0, 1], [0, 0], [1, 2]])
            >>> ComplEx(3, 1, 8).contrast(h, r, t, num_negatives=4).dim()
            0
        """
        if kind not in ("self-adversarial", "softmax"):
            raise GraphValueError(f"expected kind 'self-adversarial' or 'softmax', got {kind!r}")
        if num_negatives is None:
            drawn = torch.arange(self.num_nodes, device=head_index.device)
            answers = self.entities()
            head, tail = answers[head_index], answers[tail_index]
        else:
            device = head_index.device if generator is None else generator.device
            drawn = torch.randint(self.num_nodes, (num_negatives,), device=device, generator=generator)
            drawn = drawn.to(head_index.device).sort().values
            head, tail, answers = self._rows(head_index, tail_index, drawn)
        # Where an entity stands among those drawn: from `first[e]` on, `count[e]` times.
        count = drawn.bincount(minlength=self.num_nodes)
        first = count.cumsum(0) - count
        ends: tuple[tuple[Side, Tensor, Tensor, Tensor, Tensor], ...] = (
            ("tail", head, tail, head_index, tail_index),
            ("head", tail, head, tail_index, head_index),
        )
        relation = self.relation(rel_type)
        total = head.new_zeros(())
        for side, given, target, given_index, target_index in ends:
            query = self.query(given, relation, side)
            positive = scale * (self.similarity(query, target) + margin)
            negative = scale * (self.similarities(query, answers) + margin)
            row, entity = torch.arange(target_index.numel(), device=target_index.device), target_index
            if known is not None:
                more, others = known.answers(given_index, rel_type, side)
                row, entity = torch.cat([row, more]), torch.cat([entity, others])
            which, place = ranges(first[entity], count[entity])
            negative = negative.index_put((row[which], place), negative.new_tensor(-torch.inf))
            if kind == "softmax":
                total = total + softmax_loss(positive, negative)
            else:
                total = total + self_adversarial_loss(positive, negative, temperature)
        return total / 2

    def penalty(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        r"""The N3 penalty on the embeddings that B triplets use: a scalar, to be weighed and added to a loss.

        .. math:: \frac{1}{B} \sum_{(h, r, t)} \|\mathbf{e}_h\|_3^3 + \|\mathbf{e}_r\|_3^3 + \|\mathbf{e}_t\|_3^3

        Args:
            head_index: heads, int64 (B,).
            rel_type: relations, int64 (B,).
            tail_index: tails, int64 (B,).

        Source: Lacroix et al., "Canonical Tensor Decomposition for Knowledge Base Completion", arXiv:1806.07297.
        """
        rows = (*self._rows(head_index, tail_index), self.relation(rel_type))
        return torch.stack([self.modulus(x).pow(3).sum() for x in rows]).sum() / head_index.numel()
