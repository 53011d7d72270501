"""`HGTSampler`: layers of nodes, as many of each type, likelier where many edges lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from grapevine.data import HeteroData
from grapevine.data.aliases import NodeType
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.ops import SampleRequest, sample_neighbors
from grapevine.sampler.base import BaseSampler
from grapevine.sampler.csc import sampled_graph
from grapevine.sampler.inputs import EdgeSamplerInput, NegativeSampling, NodeSamplerInput, fresh_key
from grapevine.sampler.outputs import HeteroSamplerOutput


class HGTSampler(BaseSampler):
    """Samples as many nodes of each type per step, in proportion to squared normalised connections.

        p(s) ∝ (sum over sampled t and relations of 1 / deg(t))²

    Args:
        data: a heterogeneous graph.
        num_samples: nodes per step, for all node types or by node type.
        is_sorted: accepted for compatibility.
        share_memory: accepted for compatibility.

    Raises:
        GraphTypeError: for a homogeneous graph.

    Departures: the batch holds all edges among its nodes, as in the paper's code.

    Source: Hu et al., Heterogeneous Graph Transformer, arXiv:2003.01332, algorithm 1.
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Sequence[int] | dict[NodeType, Sequence[int]],
        is_sorted: bool = False,
        share_memory: bool = False,
    ) -> None:
        if not isinstance(data, HeteroData):
            raise GraphTypeError(
                f"expected a HeteroData, got {type(data).__name__}; use NeighborLoader for other graphs"
            )
        self.graph = sampled_graph(data)
        types: list[Any] = self.graph.node_types
        numbers = num_samples if isinstance(num_samples, dict) else dict.fromkeys(types, num_samples)
        if set(numbers) - set(types):
            raise GraphValueError(f"expected node types {types} in num_samples, got {list(numbers)}")
        self.num_samples = {kind: list(steps) for kind, steps in numbers.items()}
        self.num_hops = max((len(steps) for steps in self.num_samples.values()), default=0)

    def sample_from_nodes(self, index: NodeSamplerInput, **kwargs: Any) -> HeteroSamplerOutput:
        """Samples around nodes of one type."""
        key = fresh_key() if index.key is None else index.key
        rng = np.random.Generator(np.random.Philox(key & (2**64 - 1)))
        types: list[Any] = self.graph.node_types
        found = {kind: np.empty(0, dtype=np.int64) for kind in types}
        taken = {kind: np.zeros(self.graph.num_nodes[kind], dtype=bool) for kind in types}
        budget = {kind: np.zeros(self.graph.num_nodes[kind]) for kind in types}
        counts: dict[Any, list[int]] = {kind: [] for kind in types}
        new = {kind: np.empty(0, dtype=np.int64) for kind in types}
        new[index.input_type] = index.node.numpy()
        for step in range(self.num_hops + 1):
            for kind in types:
                found[kind] = np.concatenate([found[kind], new[kind]])
                taken[kind][new[kind]] = True
                counts[kind].append(len(new[kind]))
            if step == self.num_hops:
                break
            for relation in self.graph.relations.values():
                source, target = types[relation.source], types[relation.target]
                ptr, ends = relation.ptr.numpy(), relation.index.numpy()
                first = ptr[new[target]].astype(np.int64)
                degree = ptr[new[target] + 1] - first
                before = np.concatenate([[0], degree.cumsum()])
                places = np.arange(before[-1]) + np.repeat(first - before[:-1], degree)
                np.add.at(budget[source], ends[places], np.repeat(1.0 / np.maximum(degree, 1), degree))
            for kind in types:
                steps = self.num_samples.get(kind, [])
                chance = np.where(taken[kind], 0.0, budget[kind]) ** 2
                candidates = chance.nonzero()[0]
                size = min(steps[step] if step < len(steps) else 0, len(candidates))
                share = chance[candidates] / max(chance.sum(), 1e-300)
                new[kind] = rng.choice(candidates, size, replace=False, p=share) if size else candidates[:0]
        return self._induced(found, counts, index)

    def _induced(
        self, found: dict[Any, Any], counts: dict[Any, list[int]], index: NodeSamplerInput
    ) -> HeteroSamplerOutput:
        """All edges among the nodes found."""
        nodes: list[Any] = self.graph.node_types
        edges: list[Any] = self.graph.edge_types
        seeds = [(i, torch.from_numpy(found[kind])) for i, kind in enumerate(nodes)]
        sizes = [self.graph.num_nodes[kind] for kind in nodes]
        request = SampleRequest(
            sizes, list(self.graph.relations.values()), [()] * len(edges), seeds, induced=True
        )
        sampled = sample_neighbors(request)
        return HeteroSamplerOutput(
            dict(zip(nodes, sampled.node)),
            {key: pair[0] for key, pair in zip(edges, sampled.edge_index)},
            {key: pair[1] for key, pair in zip(edges, sampled.edge_index)},
            dict(zip(edges, sampled.edge)),
            num_sampled_nodes=counts,
            metadata=(index.input_id, index.time),
        )

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> HeteroSamplerOutput:
        """Refuses: the algorithm starts from nodes of one type.

        Raises:
            GraphTypeError: always.
        """
        raise GraphTypeError("expected nodes to start from: HGT samples around nodes; use LinkNeighborLoader")
