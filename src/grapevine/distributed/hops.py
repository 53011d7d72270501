"""Sampling where every node's edges lie with its owner.

Hop by hop a rank sends the nodes to expand to their owners, in one exchange for all edge types, and gets their edges
back in another. Owners draw with the key of the batch they serve, so that a batch does not depend on who owns what: it
is the one that the sampler finds on one machine, bit for bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grapevine.distributed.exchange import Exchange
from grapevine.distributed.world import ExchangeError
from grapevine.ops import Relation, Sampled, SampleRequest, number_edges, pick_edges
from grapevine.ops._draw import MASK, PHI, mix
from grapevine.ops.number_edges import Numbering


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """This rank's rows of the relations of a graph.

    Args:
        relations: rows count from this rank's first node; neighbours are global ids; contiguous.
        first_edge: by relation, the id of the edge at position 0.
        bounds: by node type, `W + 1` ids: where the nodes of each rank begin.
        wide: whether ids need 64 bits.
    """

    relations: Sequence[Relation]
    first_edge: Sequence[int]
    bounds: Sequence[Sequence[int]]
    wide: bool

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which neighbours and edges travel."""
        return torch.int64 if self.wide else torch.int32


def sample_shards(request: SampleRequest, shard: Shard, exchange: Exchange) -> Sampled:
    """`sample_neighbors(request)` for a graph of which every rank holds its own rows; every rank calls it.

    Args:
        request: a batch of this rank, or none (no seeds); relations are those of `shard`. Numbers of hops and
            relations, and options, are the same on all ranks.
        shard: this rank's rows.
        exchange: to the other ranks, of this thread.
    """
    return _Batch(request, shard, exchange).run()


class _Batch:
    """One batch in the making, and the service to those of the others."""

    def __init__(self, request: SampleRequest, shard: Shard, exchange: Exchange) -> None:
        self.request, self.shard, self.exchange = request, shard, exchange
        ends = [(relation.source, relation.target) for relation in request.relations]
        self.numbering: Numbering = number_edges(
            request.num_nodes, ends, request.seeds, request.disjoint, request.dense_limit
        )

    def run(self) -> Sampled:
        request, count = self.request, self.numbering.count
        types, relations = range(len(request.num_nodes)), range(len(request.relations))
        begin, end = [0 for _ in types], [count(kind) for kind in types]
        nodes_per_hop: list[list[int]] = [[number] for number in end]
        edges_per_hop: list[list[int]] = [[] for _ in relations]
        hops = len(request.fanouts[0]) if request.fanouts else 0
        for hop in range(hops):
            answers = self._hop(hop, [fanout[hop] for fanout in request.fanouts], begin, end)
            for which in relations:
                edges_per_hop[which].append(answers[which].number(begin) if which in answers else 0)
            for kind in types:
                nodes_per_hop[kind].append(count(kind) - end[kind])
                begin[kind], end[kind] = 0 if request.again else end[kind], count(kind)
        if request.induced:
            start = [0 for _ in types]
            answers = self._hop(hops, [-1 for _ in relations], start, end)
            edges_per_hop = [[answers[which].number(start, known=True)] for which in relations]
        return self.numbering.sampled(nodes_per_hop, edges_per_hop)

    # Asking ---------------------------------------------------------------------------------------------------------

    def _hop(self, hop: int, fanouts: list[int], begin: list[int], end: list[int]) -> dict[int, _Answer]:
        """The edges of the nodes `begin ... end` of each type, by relation, as their owners drew them."""
        request, shard, world = self.request, self.shard, self.exchange.world
        expanded = sorted({r.target for r, k in zip(request.relations, fanouts) if k != 0})
        dtype = shard.dtype if request.seed_time is None else torch.int64
        counts, columns = {}, []
        for kind in expanded:
            rows, slots, counts[kind] = self.numbering.by_owner(
                kind, begin[kind], end[kind], shard.bounds[kind], dtype
            )
            taken = [rows] if slots is None else [rows, slots]
            if slots is not None and request.seed_time is not None:
                taken.append(request.seed_time[slots])
            columns.append([column.split(counts[kind]) for column in taken])
        key = torch.tensor([_signed(request.key)]).view(dtype)
        parts = []
        for rank in range(world.size):
            head = torch.tensor([count[rank] for count in counts.values()], dtype=dtype)
            parts.append(torch.cat([key, head, *(column[rank] for taken in columns for column in taken)]))
        asked = self.exchange.swap(parts, "nodes", hop=hop)
        answers = [
            self._serve(each, expanded, hop, fanouts) for rank, each in enumerate(asked) if rank != world.rank
        ]
        answers.insert(world.rank, torch.empty(0, dtype=shard.dtype))
        travelling = self.exchange.start(answers, "edges", hop=hop)
        mine = self._serve(asked[world.rank], expanded, hop, fanouts)  # those of others first: they wait
        answers = travelling.wait()
        answers[world.rank] = mine
        at, found = [0] * world.size, {}
        for which, (relation, k) in enumerate(zip(request.relations, fanouts)):
            if k == 0:
                continue
            blocks = []
            for rank, (answer, count) in enumerate(zip(answers, counts[relation.target])):
                size = count + 2 * int(answer[at[rank] : at[rank] + count].sum())
                blocks.append((count, answer[at[rank] : at[rank] + size]))
                at[rank] += size
            found[which] = _Answer(
                self.numbering, which, relation.target, shard.bounds[relation.target], blocks
            )
        for rank, (answer, size) in enumerate(zip(answers, at)):
            if answer.numel() != size:
                raise ExchangeError(
                    f"rank {world.rank}, hop {hop}: expected {size} numbers of edges from rank {rank}, got "
                    f"{answer.numel()}; do all ranks run one version?"
                )
        return found

    # Serving --------------------------------------------------------------------------------------------------------

    def _serve(self, asked: Tensor, expanded: list[int], hop: int, fanouts: list[int]) -> Tensor:
        """The edges that one rank asks for: by relation, how many each node got, then neighbours, then edge ids."""
        request, shard, rank = self.request, self.shard, self.exchange.world.rank
        start = 8 // asked.element_size()
        key = int(asked[:start].clone().view(torch.int64))
        counts = asked[start : start + len(expanded)].tolist()
        width = 1 + request.disjoint + (request.seed_time is not None)
        at, columns = start + len(expanded), {}
        for kind, count in zip(expanded, counts):
            table = asked[at : at + width * count].view(width, count).to(torch.int64)
            at += width * count
            columns[kind] = [*table, None, None]
        out = []
        for which, (relation, k) in enumerate(zip(shard.relations, fanouts)):
            if k == 0:
                continue
            rows, slot, time = columns[relation.target][:3]
            if hop == len(request.fanouts[which]):  # induced: weights only tell what is drawn
                relation = replace(relation, weight=None, alias=None)
            hop_key = mix(key + PHI * (hop * len(fanouts) + which + 1))
            out.append(pick_edges(
                relation, rows, k, hop_key, shard.bounds[relation.target][rank], slot, time, request.replace,
                request.last, shard.first_edge[which], shard.dtype,
            ))  # fmt: skip
        self.exchange.metrics.add(served_rows=sum(counts))
        return out[0] if len(out) == 1 else torch.cat([torch.empty(0, dtype=shard.dtype), *out])


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """The edges of one relation, of nodes of the type `kind`: how many nodes each owner had, and what it drew."""

    numbering: Numbering
    relation: int
    kind: int
    bounds: Sequence[int]
    blocks: Sequence[tuple[int, Tensor]]

    def number(self, begin: list[int], known: bool = False) -> int:
        """Takes them into the sample; returns how many there are."""
        return self.numbering.take(self.relation, begin[self.kind], self.bounds, self.blocks, known)


def by_owner(ids: Tensor, offsets: Tensor) -> tuple[Tensor, list[int]]:
    """An order in which the ids of each owner lie side by side, and how many each owns.

    Args:
        ids: `(n,)` global ids.
        offsets: `(W + 1,)` where the ids of each owner begin.
    """
    size = offsets.numel() - 1
    if size == 1:
        return torch.arange(ids.numel()), [ids.numel()]
    if size <= 8:  # a few comparisons cost less than sorting
        bounds = offsets.tolist()
        theirs = [((ids >= a) & (ids < b)).nonzero().view(-1) for a, b in itertools.pairwise(bounds)]
        return torch.cat(theirs), [each.numel() for each in theirs]
    owner = torch.searchsorted(offsets[1:], ids, right=True)
    return torch.argsort(owner, stable=True), torch.bincount(owner, minlength=size).tolist()


def _signed(key: int) -> int:
    key &= MASK
    return key - 2**64 if key >= 2**63 else key
