"""Sampling around links: positives, negatives, and where their ends lie in the batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.sampler.csc import sortable
from grapevine.sampler.inputs import EdgeSamplerInput, NegativeSampling, fresh_key, require_key
from grapevine.sampler.outputs import HeteroSamplerOutput, SamplerOutput

if TYPE_CHECKING:
    from grapevine.sampler.neighbor_sampler import NeighborSampler


def sample_links(
    sampler: NeighborSampler, index: EdgeSamplerInput, negatives: NegativeSampling | None
) -> SamplerOutput | HeteroSamplerOutput:
    """Samples around both ends of links.

    `metadata` becomes `(input_id, edge_label_index, edge_label, time)`, for triplets `(input_id, src_index,
    dst_pos_index, dst_neg_index, time)`; the indices are local numbers.
    """
    if index.time is not None and not sampler.disjoint:
        raise GraphValueError("expected a disjoint sampler where links have times; pass time_attr=...")
    key = fresh_key() if index.key is None else index.key
    kinds = (None, None) if index.input_type is None else (index.input_type[0], index.input_type[-1])
    src, dst, label, times = index.row, index.col, index.label, (index.time, index.time)
    positive = src.numel()
    if negatives is not None:
        draw = _Negatives(sampler, negatives, torch.Generator().manual_seed(key))
        count = math.ceil(positive * negatives.amount)
        everyone = _repeated(index.time, positive + count)
        dst = torch.cat([dst, draw.nodes(count, "dst", kinds[1], index.time)])
        if negatives.is_binary():
            src = torch.cat([src, draw.nodes(count, "src", kinds[0], index.time)])
            label = torch.ones(positive) if label is None else label
            label = torch.cat([label, label.new_zeros(count, *label.shape[1:])])
            times = (everyone, everyone)
        else:
            times = (index.time, everyone)
    src_at, dst_at, out = _sample_ends(sampler, kinds, (src, dst), times, key)
    if out.batch is not None:
        pair = torch.cat([torch.arange(src.numel()), torch.arange(dst.numel())]) % max(positive, 1)
        if isinstance(out, SamplerOutput):
            out.batch = pair[out.batch]
        else:
            assert isinstance(out.batch, dict)
            out.batch = {kind: pair[slots] for kind, slots in out.batch.items()}
    if negatives is not None and negatives.is_triplet():
        other = dst_at[positive:].view(-1, positive).t().squeeze(-1)
        out.metadata = (index.input_id, src_at, dst_at[:positive], other, index.time)
    else:
        out.metadata = (index.input_id, torch.stack([src_at, dst_at]), label, times[0])
    return out


def _repeated(time: Tensor | None, count: int) -> Tensor | None:
    return None if time is None else time.repeat(math.ceil(count / max(time.numel(), 1)))[:count]


def _sample_ends(
    sampler: NeighborSampler, kinds: tuple[Any, Any], ends: tuple[Tensor, Tensor],
    times: tuple[Tensor | None, Tensor | None], key: int,
) -> tuple[Tensor, Tensor, SamplerOutput | HeteroSamplerOutput]:  # fmt: skip
    """Samples around both ends; returns their local numbers and the sample."""

    def seeds(
        ids: Tensor,
    ) -> tuple[Tensor, Tensor]:  # each once, except where every seed has its own subgraph
        return (ids, torch.arange(ids.numel())) if sampler.disjoint else ids.unique(return_inverse=True)

    if kinds[0] == kinds[1]:
        ids, at = seeds(torch.cat(ends))
        seed = {kinds[0]: ids}
        src_at, dst_at = at[: ends[0].numel()], at[ends[0].numel() :]
        when = None if times[0] is None or times[1] is None else {kinds[0]: torch.cat([times[0], times[1]])}
    else:
        (src_ids, src_at), (dst_ids, dst_at) = seeds(ends[0]), seeds(ends[1])
        seed = {kinds[0]: src_ids, kinds[1]: dst_ids}
        when = None if times[0] is None or times[1] is None else {kinds[0]: times[0], kinds[1]: times[1]}
    return src_at, dst_at, sampler.sample(seed, when, key)


class _Negatives:
    """Draws negative nodes; where nodes have times, among those as old as the link."""

    def __init__(
        self, sampler: NeighborSampler, negatives: NegativeSampling, generator: torch.Generator
    ) -> None:
        self.sampler, self.negatives, self.generator = sampler, negatives, generator

    def nodes(self, count: int, endpoint: str, kind: Any, time: Tensor | None) -> Tensor:
        """`(count,)` ids. Where no node is old enough, the oldest is taken."""
        num_nodes = require_key(self.sampler.graph.num_nodes, kind, "node type")
        order = self.sampler.nodes_by_time(kind)
        when = _repeated(time, count)
        if order is None or when is None:
            return self.negatives.sample(count, endpoint, num_nodes, self.generator)
        old_enough = torch.searchsorted(self.sampler.graph.node_time[kind][order], sortable(when), right=True)
        share = torch.rand(count, generator=self.generator, dtype=torch.float64)
        weight = self.negatives.weight(endpoint, num_nodes)
        if weight is None:
            place = (share * old_enough).long()
        else:
            sums = weight.detach().to(torch.float64)[order].cumsum(0)
            total = torch.where(old_enough > 0, sums[(old_enough - 1).clamp(min=0)], 0.0)
            place = torch.searchsorted(sums, share * total, right=True)
        return order[place.minimum(old_enough - 1).clamp(min=0)]
