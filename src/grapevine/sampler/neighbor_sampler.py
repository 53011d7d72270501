"""`NeighborSampler`: some neighbours of some neighbours of seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.ops import Sampled, SampleRequest, sample_neighbors
from grapevine.sampler.base import BaseSampler
from grapevine.sampler.csc import SampledGraph, sampled_graph, sortable
from grapevine.sampler.inputs import (
    EdgeSamplerInput,
    NegativeSampling,
    NodeSamplerInput,
    NumNeighbors,
    SubgraphType,
    fresh_key,
    require_key,
)
from grapevine.sampler.links import sample_links
from grapevine.sampler.outputs import HeteroSamplerOutput, SamplerOutput
from grapevine.sampler.remote import Remote


class NeighborSampler(BaseSampler):
    """Samples up to k neighbours of every seed, of those found, and so on (GraphSAGE).

    Args:
        data: a `Data`, a `HeteroData`, or a pair of a `FeatureStore` and a `GraphStore`; edges are followed from their
            destinations to their sources.
        num_neighbors: k for each hop (-1: all), for all edge types or by edge type.
        subgraph_type: `"directional"`: the edges drawn; `"bidirectional"`: and their reverses; `"induced"`: all
            among the nodes found.
        replace: draw with replacement.
        disjoint: every seed grows a subgraph of its own.
        temporal_strategy: `"uniform"`, or `"last"` for the most recent neighbours.
        time_attr: attribute with the times of nodes or edges: only what is as old as the seed is followed.
            Subgraphs are then disjoint.
        weight_attr: attribute with edge weights: neighbours are drawn in proportion; weight 0 is never drawn.
        is_sorted: accepted for compatibility: sorted edges are recognised.
        share_memory: move the graph to shared memory, for workers that are spawned.
        directed: False is short for `subgraph_type="induced"`.
        sample_direction: `"backward"` follows edges from their sources to their destinations.
        expand: `"new"`: a hop expands the nodes that the hop before found (PyG); `"all"`: all so far (DGL).

    Raises:
        GraphValueError, GraphIndexError: for edges, attributes or numbers that do not fit the graph.

    Example:
        >>> data = Data(edge_index=torch.tensor([[1, 2, 3], [0, 0, 1]]), num_nodes=4)
        >>> sampler = NeighborSampler(data, num_neighbors=[2, 1])
        >>> out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([0])))
        >>> sorted(out.node.tolist()), out.num_sampled_nodes
        ([0, 1, 2, 3], [1, 2, 1])

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
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
        sample_direction: Literal["forward", "backward"] = "forward",
        expand: Literal["new", "all"] = "new",
    ) -> None:
        for name, value, allowed in (
            ("temporal_strategy", temporal_strategy, ("uniform", "last")),
            ("sample_direction", sample_direction, ("forward", "backward")),
            ("expand", expand, ("new", "all")),
        ):
            if value not in allowed:
                raise GraphValueError(f"expected {name} to be one of {allowed}, got {value!r}")
        self.graph = self._read(data, time_attr, weight_attr, sample_direction == "backward")
        if share_memory:
            self._share_memory()
        self.time_attr = time_attr
        self.replace = replace
        self._disjoint = disjoint
        self.temporal_strategy = temporal_strategy
        self.sample_direction = sample_direction
        self.subgraph_type = SubgraphType(subgraph_type) if directed else SubgraphType.induced
        self.expand = expand
        self.keep_orig_edges = False
        self.num_neighbors = num_neighbors
        self._by_time: dict[Any, Tensor] = {}

    @property
    def num_neighbors(self) -> NumNeighbors:
        """The numbers of neighbours per hop; may be set anew."""
        return self._num_neighbors

    @num_neighbors.setter
    def num_neighbors(self, value: NumNeighbors | list[int] | dict[Any, list[int]]) -> None:
        numbers = value if isinstance(value, NumNeighbors) else NumNeighbors(value)
        if not self.graph.is_hetero and isinstance(numbers.values, dict):
            raise GraphTypeError(
                "expected a list of numbers of neighbours for a graph with one edge type, got a dict; "
                "pass num_neighbors=[15, 10]"
            )
        edge_types = [key for key in self.graph.edge_types if key is not None]
        fanouts: Any = numbers.get_values(edge_types) if edge_types else {None: numbers.values}
        self._fanouts: dict[Any, list[int]] = fanouts
        self._num_neighbors = numbers

    def _read(
        self, data: Any, time_attr: str | None, weight_attr: str | None, backward: bool
    ) -> SampledGraph:
        """The graph to sample from."""
        return sampled_graph(data, time_attr, weight_attr, backward)

    def _draw(self, request: SampleRequest) -> Sampled:
        """One batch of it."""
        return sample_neighbors(request)

    def _fanouts_of(self, key: Any) -> list[int]:
        return self._fanouts[key]

    def _share_memory(self) -> None:
        for relation in self.graph.relations.values():
            for tensor in (relation.ptr, relation.index, relation.weight, relation.alias, relation.time):
                if tensor is not None:
                    tensor.share_memory_()

    @property
    def num_nodes(self) -> Any:
        """The number of nodes, by node type in heterogeneous graphs."""
        return self.graph.num_nodes if self.is_hetero else self.graph.num_nodes[None]

    @property
    def is_hetero(self) -> bool:
        """Whether the graph has several types."""
        return self.graph.is_hetero

    @property
    def is_temporal(self) -> bool:
        """Whether nodes or edges have times."""
        return self.time_attr is not None

    @property
    def disjoint(self) -> bool:
        """Whether seeds grow subgraphs of their own; always with times."""
        return self._disjoint or self.is_temporal

    @disjoint.setter
    def disjoint(self, disjoint: bool) -> None:
        self._disjoint = disjoint

    def sample_from_nodes(
        self, index: NodeSamplerInput, **kwargs: Any
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Samples around nodes.

        Raises:
            GraphIndexError: if a seed is no node of the graph.
        """
        times = None if index.time is None else {index.input_type: index.time}
        out = self.sample({index.input_type: index.node}, times, index.key)
        out.metadata = (index.input_id, index.time)
        return out

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Samples around the ends of links, and of negative links.

        Raises:
            GraphIndexError: if an end is no node of the graph.
        """
        return sample_links(self, index, neg_sampling)

    def sample(
        self,
        seed: Mapping[Any, Tensor],
        seed_time: Mapping[Any, Tensor] | None = None,
        key: int | None = None,
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Samples around nodes of several types at once.

        Args:
            seed: `(S,)` node ids by node type (`None` in homogeneous graphs).
            seed_time: their times; None: those of the nodes.
            key: 64 bits that the draws depend on; None: fresh ones.
        """
        graph = self.graph
        numbers = {kind: i for i, kind in enumerate(graph.node_types)}
        seeds = []
        for kind, ids in seed.items():
            ids = ids.cpu().to(torch.int64).contiguous()
            _check_seeds(ids, require_key(graph.num_nodes, kind, "node type"), kind)
            seeds.append((numbers[kind], ids))
        request = SampleRequest(
            list(graph.num_nodes.values()),
            list(graph.relations.values()),
            [self._fanouts_of(key) for key in graph.relations],
            seeds,
            self._seed_times(seed, seed_time) if self.is_temporal else None,
            fresh_key() if key is None else key,
            self.replace,
            self.disjoint,
            self.subgraph_type is SubgraphType.induced,
            self.temporal_strategy == "last",
            self.expand == "all",
        )
        out = self._output(self._draw(request))
        if self.subgraph_type is SubgraphType.bidirectional:
            return out.to_bidirectional(self.keep_orig_edges)
        return out

    def _seed_times(self, seed: Mapping[Any, Tensor], seed_time: Mapping[Any, Tensor] | None) -> Tensor:
        times = []
        for kind, ids in seed.items():
            given = None if seed_time is None else seed_time.get(kind)
            if given is not None:
                times.append(sortable(given.view(-1)))
            elif kind in self.graph.node_time:
                times.append(self.graph.node_time[kind][ids.cpu()])
            else:
                raise GraphValueError(
                    f"expected times for the seeds{'' if kind is None else f' of type {kind!r}'}: "
                    f"the attribute {self.time_attr!r} does not tell theirs; pass input_time=..."
                )
            if times[-1].numel() != ids.numel():
                raise GraphValueError(f"expected {ids.numel()} times of seeds, got {times[-1].numel()}")
        return torch.cat(times)

    def _output(self, found: Sampled) -> SamplerOutput | HeteroSamplerOutput:
        backward = self.sample_direction == "backward"
        ends = [(index[int(backward)], index[1 - backward]) for index in found.edge_index]
        induced = self.subgraph_type is SubgraphType.induced
        if not self.is_hetero:
            return SamplerOutput(
                found.node[0],
                *ends[0],
                found.edge[0],
                None if found.batch is None else found.batch[0],
                found.nodes_per_hop[0],
                None if induced else found.edges_per_hop[0],
            )
        nodes: list[Any] = self.graph.node_types
        edges: list[Any] = self.graph.edge_types
        return HeteroSamplerOutput(
            dict(zip(nodes, found.node)),
            {key: pair[0] for key, pair in zip(edges, ends)},
            {key: pair[1] for key, pair in zip(edges, ends)},
            dict(zip(edges, found.edge)),
            None if found.batch is None else dict(zip(nodes, found.batch)),
            dict(zip(nodes, found.nodes_per_hop)),
            None if induced else dict(zip(edges, found.edges_per_hop)),
        )

    def nodes_by_time(self, kind: Any) -> Tensor | None:
        """Node ids of one type in the order of their times; None without times."""
        if kind not in self.graph.node_time:
            return None
        if kind not in self._by_time:
            self._by_time[kind] = torch.argsort(self.graph.node_time[kind], stable=True)
        return self._by_time[kind]


def _check_seeds(ids: Tensor, num_nodes: int, kind: Any) -> None:
    if ids.numel() == 0:
        return
    low, high = (int(v) for v in torch.aminmax(ids))
    if low < 0 or high >= num_nodes:
        of = "" if kind is None else f" of type {kind!r}"
        raise GraphIndexError(
            f"expected seeds among the {num_nodes} nodes{of}, got {low if low < 0 else high}; "
            f"ids run from 0 to {num_nodes - 1}"
        )
