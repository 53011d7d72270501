"""`BidirectionalNeighborSampler`: neighbours along edges and against them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.ops import Sampled
from grapevine.sampler.csc import sampled_graph
from grapevine.sampler.inputs import NumNeighbors, SubgraphType
from grapevine.sampler.neighbor_sampler import NeighborSampler
from grapevine.sampler.outputs import HeteroSamplerOutput, SamplerOutput
from grapevine.sampler.remote import Remote


class BidirectionalNeighborSampler(NeighborSampler):
    """Samples up to k edges into every node and up to k out of it, hop by hop; no edge comes twice.

    Args:
        data: a `Data`, a `HeteroData`, or a pair of a `FeatureStore` and a `GraphStore`.
        num_neighbors: k for each hop and direction (-1: all), for all edge types or by edge type.
        subgraph_type: `"directional"`, `"bidirectional"` or `"induced"`, as in `NeighborSampler`.
        replace: draw with replacement; an edge drawn twice still comes once.
        disjoint: every seed grows a subgraph of its own.
        temporal_strategy: `"uniform"`, or `"last"` for the most recent neighbours.
        time_attr: attribute with the times of nodes or edges: only what is as old as the seed is followed.
        weight_attr: attribute with edge weights: neighbours are drawn in proportion.
        is_sorted: accepted for compatibility: sorted edges are recognised.
        share_memory: move the graph to shared memory, for workers that are spawned.
        directed: False is short for `subgraph_type="induced"`.

    Example:
        >>> from grapevine.sampler import NodeSamplerInput
        >>> data = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
        >>> sampler = BidirectionalNeighborSampler(data, [1])
        >>> out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([1])))
        >>> out.node.tolist(), out.edge.tolist()
        ([1, 0, 2], [0, 1])
    """

    def __init__(
        self,
        data: Data | HeteroData | Remote,
        num_neighbors: NumNeighbors | list[int] | dict[Any, list[int]],
        subgraph_type: SubgraphType | str = "directional",
        replace: bool = False,
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        is_sorted: bool = False,
        share_memory: bool = False,
        directed: bool = True,
    ) -> None:
        super().__init__(
            data, num_neighbors, subgraph_type, replace, disjoint, temporal_strategy, time_attr, weight_attr,
            is_sorted, directed=directed,
        )  # fmt: skip
        against = sampled_graph(data, time_attr, weight_attr, backward=True).relations
        self.graph.relations |= {(key, "against"): relation for key, relation in against.items()}
        if share_memory:
            self._share_memory()

    def _fanouts_of(self, key: Any) -> list[int]:
        edge_type = key[0] if isinstance(key, tuple) and key[-1] == "against" and len(key) == 2 else key
        return super()._fanouts_of(edge_type)

    def _output(self, found: Sampled) -> SamplerOutput | HeteroSamplerOutput:
        count = len(self.graph.edge_types)
        merged = [self._merged(found, i, count + i) for i in range(count)]
        both = Sampled(
            found.node,
            found.batch,
            [ends for ends, _, _ in merged],
            [edge for _, edge, _ in merged],
            found.nodes_per_hop,
            [hops for _, _, hops in merged],
        )
        return super()._output(both)

    def _merged(self, found: Sampled, along: int, against: int) -> tuple[Tensor, Tensor, list[int]]:
        """The edges of both directions hop by hop, each once (in disjoint batches: once for every seed)."""
        parts = []
        for which, flip in ((along, False), (against, True)):
            ends = found.edge_index[which]
            hops = zip(
                ends.split(found.edges_per_hop[which], dim=1),
                found.edge[which].split(found.edges_per_hop[which]),
            )
            parts.append([(part.flip(0) if flip else part, edge) for part, edge in hops])
        steps = [pair for both in zip(*parts) for pair in both]
        if not steps:
            return found.edge_index[along], found.edge[along], []
        ends, edge = torch.cat([part for part, _ in steps], dim=1), torch.cat([edge for _, edge in steps])
        hop = (
            torch.arange(len(steps)).repeat_interleave(torch.tensor([edge.numel() for _, edge in steps])) // 2
        )
        name = edge
        if found.batch is not None:
            target = self.graph.relations[self.graph.edge_types[along]].target
            width = int(edge.max()) + 1 if edge.numel() else 1
            name = found.batch[target][ends[1]] * width + edge
        order = torch.argsort(name, stable=True)
        first = torch.ones_like(order, dtype=torch.bool)
        first[1:] = name[order][1:] != name[order][:-1]
        kept = order[first].sort()[0]
        per_hop = torch.bincount(hop[kept], minlength=len(steps) // 2).tolist()
        return ends[:, kept], edge[kept], per_hop
