"""`NodeLoader`: batches around nodes, by any sampler."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader.gather import filter_data, filter_hetero_data, filter_remote
from grapevine.loader.mixin import AffinityMixin, MultithreadingMixin
from grapevine.loader.seeds import SeedLoader
from grapevine.sampler import BaseSampler, HeteroSamplerOutput, NodeSamplerInput, SamplerOutput
from grapevine.sampler.inputs import require_key
from grapevine.sampler.remote import Remote, remote_num_nodes


class SamplingLoader(SeedLoader, AffinityMixin, MultithreadingMixin):
    """What node and link loaders share: data, transforms, and where features are joined."""

    data: Any
    custom_cls: Any
    transform: Callable[[Any], Any] | None
    transform_sampler_output: Callable[[Any], Any] | None

    def _user_output(self) -> bool:
        return self.transform_sampler_output is not None

    def _finish(self, out: Any) -> Any:
        return out if self.transform is None else self.transform(out)

    def _gather(self, out: Any) -> Any:
        if self.transform_sampler_output is not None:
            out = self.transform_sampler_output(out)
        data: Any
        if isinstance(out, SamplerOutput) and isinstance(self.data, Data):
            data = filter_data(self.data, out, self._memory)
        elif isinstance(out, HeteroSamplerOutput) and isinstance(self.data, HeteroData):
            data = filter_hetero_data(self.data, out, self._memory)
        elif isinstance(out, SamplerOutput | HeteroSamplerOutput) and isinstance(self.data, tuple):
            data = filter_remote(self.data, out, self.custom_cls)
        else:
            raise GraphTypeError(
                f"expected a {'Hetero' if isinstance(self.data, HeteroData) else ''}SamplerOutput for a "
                f"{type(self.data).__name__}, got {type(out).__name__}; check the sampler and transform_sampler_output"
            )
        self._describe(data, out)
        return data

    def _describe(self, data: Any, out: Any) -> None:
        """Adds what is known of the seeds."""


class NodeLoader(SamplingLoader):
    """Batches around nodes.

    Every batch is a graph of the class of `data` with the features of the nodes and edges that were sampled, and
    `n_id`, `e_id`, `input_id`, `batch_size`, `num_sampled_nodes`, `num_sampled_edges` and, where subgraphs are
    disjoint, `batch`. The first `batch_size` nodes (of the input type) are the seeds.

    Args:
        data: the graph; one that is kept elsewhere is a pair of a `FeatureStore` and a `GraphStore`.
        node_sampler: samples from it.
        input_nodes: `(S,)` ids or `(N,)` bools; in heterogeneous graphs a node type or `(type, nodes)`; None: all.
        input_time: `(S,)` times of the seeds; None: those of the nodes.
        transform: applied to every batch, in the thread that consumes batches.
        transform_sampler_output: applied to what the sampler answers.
        filter_per_worker: whether features are joined where batches are prepared; None: unless they are on a GPU.
        custom_cls: the class of batches of a graph that is kept elsewhere.
        input_id: `(S,)` what to call the seeds in `input_id`; None: their places among the inputs.
        **kwargs: `prefetch_threads`, `cache_bytes`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphIndexError, GraphValueError, GraphTypeError: for seeds that do not fit the graph.
    """

    def __init__(
        self,
        data: Data | HeteroData | Remote,
        node_sampler: BaseSampler,
        input_nodes: Any = None,
        input_time: Tensor | None = None,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        filter_per_worker: bool | None = None,
        custom_cls: Any = None,
        input_id: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        self.data = data
        self.node_sampler = node_sampler
        self.input_nodes = input_nodes
        self.input_time = input_time
        self.transform = transform
        self.transform_sampler_output = transform_sampler_output
        self.custom_cls = custom_cls
        self.input_id = input_id
        self.filter_per_worker = not on_gpu(data) if filter_per_worker is None else filter_per_worker
        kind, nodes, places = seed_nodes(data, input_nodes)
        input_id = places if input_id is None else input_id
        for name, value in (("input_id", input_id), ("input_time", input_time)):
            if value is not None and value.numel() != nodes.numel():
                raise GraphValueError(
                    f"expected {name} with one entry for each of {nodes.numel()} input nodes, got {value.numel()}"
                )
        self.input_data = NodeSamplerInput(
            None if input_id is None else input_id.cpu(),
            nodes,
            None if input_time is None else input_time.cpu(),
            kind,
        )
        super().__init__(nodes.numel(), **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Any:
        return self.node_sampler.sample_from_nodes(dataclasses.replace(self.input_data[index], key=key))

    def _describe(self, data: Any, out: Any) -> None:
        store = data if isinstance(out, SamplerOutput) else data[self.input_data.input_type]
        store.input_id, store.seed_time = out.metadata[:2]
        store.batch_size = out.metadata[0].numel()


def on_gpu(data: Any) -> bool:
    """Whether a graph is on a GPU."""
    return not isinstance(data, tuple) and bool(data.is_cuda)


def seed_nodes(data: Data | HeteroData | Remote, nodes: Any) -> tuple[str | None, Tensor, Tensor | None]:
    """The node type of seeds, their ids, and their places where a mask was given."""
    kind: str | None = None
    counts: dict[Any, int]
    if isinstance(data, tuple):
        counts = remote_num_nodes(data)
    elif isinstance(data, HeteroData):
        counts = {key: store.num_nodes or 0 for key, store in data.node_items()}
    else:
        counts = {None: data.num_nodes or 0}
    if None not in counts:
        if isinstance(nodes, str):
            nodes = (nodes, None)
        if not (isinstance(nodes, tuple | list) and len(nodes) == 2 and isinstance(nodes[0], str)):
            raise GraphTypeError(
                f"expected input_nodes as a node type or (type, nodes), got {type(nodes).__name__}; the types are "
                f"{[*counts]}, so pass for example input_nodes=({next(iter(counts))!r}, mask)"
            )
        kind, nodes = nodes
    num_nodes = require_key(counts, kind, "node type")
    if nodes is None:
        return kind, torch.arange(num_nodes), None
    nodes = nodes if isinstance(nodes, Tensor) else torch.as_tensor(nodes)
    if nodes.dtype is torch.bool:
        if nodes.numel() != num_nodes:
            raise GraphValueError(
                f"expected a mask over {num_nodes} nodes as input_nodes, got one of length {nodes.numel()}"
            )
        places = nodes.cpu().view(-1).nonzero().view(-1)
        return kind, places, places
    if nodes.is_floating_point():
        raise GraphTypeError(f"expected integers or bools as input_nodes, got {nodes.dtype}; use .long()")
    return kind, nodes.cpu().to(torch.int64).view(-1), None
