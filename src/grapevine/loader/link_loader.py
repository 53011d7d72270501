"""`LinkLoader`: batches around links, by any sampler."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader.node_loader import SamplingLoader, on_gpu
from grapevine.sampler import BaseSampler, EdgeSamplerInput, NegativeSampling, SamplerOutput
from grapevine.sampler.inputs import require_key
from grapevine.sampler.remote import Remote, skeleton


class LinkLoader(SamplingLoader):
    """Batches around links and, if wanted, negative links, which may be edges by chance.

    Every batch is a graph of the class of `data` as `NodeLoader` makes it, with `input_id` and `edge_label_index`,
    `edge_label` (and `edge_label_time`) of the links in local numbers, or `src_index`, `dst_pos_index` and
    `dst_neg_index` for triplets.

    Args:
        data: the graph; one that is kept elsewhere is a pair of a `FeatureStore` and a `GraphStore`.
        link_sampler: samples from it.
        edge_label_index: `(2, S)` links; in heterogeneous graphs an edge type or `(type, links)`; None: all edges.
        edge_label: `(S, ...)` labels. With binary negatives labels from 0 become labels from 1; 0 is negative.
        edge_label_time: `(S,)` times of the links.
        neg_sampling: a `NegativeSampling`, its mode, or its arguments.
        neg_sampling_ratio: short for binary negatives, so many per link.
        transform: applied to every batch, in the thread that consumes batches.
        transform_sampler_output: applied to what the sampler answers.
        filter_per_worker: whether features are joined where batches are prepared; None: unless they are on a GPU.
        custom_cls: the class of batches of a graph that is kept elsewhere.
        input_id: `(S,)` what to call the links in `input_id`; None: their places.
        **kwargs: `prefetch_threads`, `cache_bytes`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphIndexError, GraphValueError, GraphTypeError: for links that do not fit the graph.
    """

    def __init__(
        self,
        data: Data | HeteroData | Remote,
        link_sampler: BaseSampler,
        edge_label_index: Any = None,
        edge_label: Tensor | None = None,
        edge_label_time: Tensor | None = None,
        neg_sampling: Any = None,
        neg_sampling_ratio: float | None = None,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        filter_per_worker: bool | None = None,
        custom_cls: Any = None,
        input_id: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        if neg_sampling_ratio:
            neg_sampling = NegativeSampling("binary", neg_sampling_ratio)
        self.data = data
        self.link_sampler = link_sampler
        self.edge_label_index = edge_label_index
        self.neg_sampling = NegativeSampling.cast(neg_sampling)
        self.transform = transform
        self.transform_sampler_output = transform_sampler_output
        self.custom_cls = custom_cls
        self.filter_per_worker = not on_gpu(data) if filter_per_worker is None else filter_per_worker
        kind, links = seed_links(data, edge_label_index)
        count = links.shape[1]
        for name, value in (("edge_label", edge_label), ("edge_label_time", edge_label_time)):
            if value is not None and len(value) != count:
                raise GraphValueError(
                    f"expected {name} with one entry for each of {count} links, got {len(value)}"
                )
        if edge_label is not None and self.neg_sampling is not None:
            if self.neg_sampling.is_triplet():
                raise GraphValueError(
                    "expected no edge_label with triplets, got one; src_index, dst_pos_index and dst_neg_index of the "
                    "batch tell positives from negatives"
                )
            if edge_label.numel() and edge_label.min() == 0:
                edge_label = edge_label + 1
        self.input_data = EdgeSamplerInput(
            None if input_id is None else input_id.cpu(),
            links[0].clone(),
            links[1].clone(),
            None if edge_label is None else edge_label.cpu(),
            None if edge_label_time is None else edge_label_time.cpu(),
            kind,
        )
        super().__init__(count, **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Any:
        inputs = dataclasses.replace(self.input_data[index], key=key)
        return self.link_sampler.sample_from_edges(inputs, neg_sampling=self.neg_sampling)

    def _describe(self, data: Any, out: Any) -> None:
        kind = self.input_data.input_type
        homogeneous = isinstance(out, SamplerOutput)
        on_edge = data if homogeneous else data[kind]
        on_edge.input_id = out.metadata[0]
        if self.neg_sampling is None or self.neg_sampling.is_binary():
            on_edge.edge_label_index, on_edge.edge_label, on_edge.edge_label_time = out.metadata[1:4]
            return
        for name in ("edge_label_index", "edge_label_time"):
            if name in on_edge:  # of the whole graph
                del on_edge[name]
        source, target = (data, data) if homogeneous or kind is None else (data[kind[0]], data[kind[-1]])
        source.src_index, target.dst_pos_index, target.dst_neg_index = out.metadata[1:4]
        source.seed_time = target.seed_time = out.metadata[4]


def seed_links(data: Data | HeteroData | Remote, links: Any) -> tuple[Any, Tensor]:
    """The edge type of links, and their ends `(2, S)`."""
    kind: Any = None
    if isinstance(data, tuple):
        data = skeleton(data)
    if isinstance(data, HeteroData):
        if not isinstance(links, tuple | list) or not links:
            raise GraphTypeError(
                f"expected edge_label_index as an edge type or (type, links), got {type(links).__name__}; the types "
                f"are {data.edge_types}, so pass for example edge_label_index=({data.edge_types[0]}, None)"
            )
        kind, links = (tuple(links), None) if isinstance(links[0], str) else links
        kind = data._to_canonical(*kind)
        store = require_key(dict(data.edge_items()), kind, "edge type")
        links = store.edge_index if links is None else links
    elif links is None:
        links = data.edge_index
    if links is None:
        raise GraphValueError(
            "expected links to start from, got a graph without edges; pass edge_label_index"
        )
    links = links if isinstance(links, Tensor) else torch.as_tensor(links)
    if links.dim() != 2 or links.shape[0] != 2 or links.is_floating_point():
        raise GraphValueError(
            f"expected links as integers of shape (2, S), got {links.dtype} of shape {tuple(links.shape)}"
        )
    return kind, links.cpu().to(torch.int64)
