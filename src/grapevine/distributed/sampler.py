"""`DistNeighborSampler`: the neighbour sampler of a graph that all ranks hold together."""

from __future__ import annotations

import copy
from typing import Any

from typing_extensions import Self

from grapevine.distributed.exchange import Exchange
from grapevine.distributed.graph import DistGraph
from grapevine.distributed.hops import sample_shards
from grapevine.ops import Sampled, SampleRequest
from grapevine.sampler import NeighborSampler, NumNeighbors
from grapevine.sampler.csc import SampledGraph


class DistNeighborSampler(NeighborSampler):
    """Samples up to k neighbours of every seed, of those found, and so on, wherever their edges lie.

    A sample depends on seeds and key alone: it is what `NeighborSampler` finds on the whole graph, bit for bit, for any
    number of ranks. Where the topology is partitioned, every rank takes part in every sample, with seeds or without.

    Args:
        graph: made by all ranks.
        num_neighbors: k for each hop (-1: all), for all edge types or by edge type.
        exchange: of the thread that samples; None: one of its own.
        **kwargs: further arguments of `NeighborSampler`.

    Raises:
        GraphValueError: if ranks pass different arguments, or these do not fit the graph.

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    def __init__(
        self,
        graph: DistGraph,
        num_neighbors: NumNeighbors | list[int] | dict[Any, list[int]],
        *args: Any,
        exchange: Exchange | None = None,
        **kwargs: Any,
    ) -> None:
        self.dist = graph
        graph.world.agree("arguments of the sampler", (num_neighbors, args, sorted(kwargs.items())))
        if exchange is None and not graph.replicated:
            exchange = Exchange(graph.world, "sampler")
        self.exchange = exchange
        super().__init__(graph, num_neighbors, *args, **kwargs)  # type: ignore[arg-type]
        self.shard = None if graph.replicated else graph.shard(self.graph)

    def over(self, exchange: Exchange | None) -> Self:
        """The same sampler for another thread.

        Args:
            exchange: of that thread.
        """
        out = copy.copy(self)
        out.exchange = exchange
        return out

    def _read(
        self, data: Any, time_attr: str | None, weight_attr: str | None, backward: bool
    ) -> SampledGraph:
        return self.dist.sampled(time_attr, weight_attr, backward)

    def _draw(self, request: SampleRequest) -> Sampled:
        if self.shard is None or self.exchange is None:
            return super()._draw(request)
        return sample_shards(request, self.shard, self.exchange)
