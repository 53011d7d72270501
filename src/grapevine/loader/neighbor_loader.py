"""`NeighborLoader`, `LinkNeighborLoader` and `HGTLoader`: the loaders of sampled neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from torch import Tensor
from typing_extensions import Self

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError
from grapevine.loader.link_loader import LinkLoader
from grapevine.loader.node_loader import NodeLoader
from grapevine.sampler import HGTSampler, NeighborSampler, SubgraphType
from grapevine.sampler.remote import Remote


@singledispatch
def loader_class(data: Any, asked: type) -> type:
    """The class of loaders for a kind of graph: the one that was asked for, or another that does the same elsewhere.

    Args:
        data: the graph; kinds of graphs that bring their own loaders register here.
        asked: `NeighborLoader` or `LinkNeighborLoader`, or a class derived from one.
    """
    return asked


class NeighborLoader(NodeLoader):
    """Batches of seed nodes and some neighbours of some neighbours (GraphSAGE); fields as `NodeLoader` says.

    Args:
        data: a `Data`, a `HeteroData`, or a pair of a `FeatureStore` and a `GraphStore`. Features larger than memory
            may be arrays of `numpy.memmap`, as `load_graph` makes them: their rows are read from the file, in its
            order, and become tensors.
        num_neighbors: neighbours per hop (-1: all), for all edge types or by edge type.
        input_nodes: `(S,)` ids or `(N,)` bools; in heterogeneous graphs a node type or `(type, nodes)`; None: all.
        input_time: `(S,)` times of the seeds; needs `time_attr`.
        replace: draw with replacement.
        subgraph_type: `"directional"`, `"bidirectional"` or `"induced"`.
        disjoint: every seed has a subgraph of its own.
        temporal_strategy: `"uniform"` or `"last"`.
        time_attr: attribute with times of nodes or edges.
        weight_attr: attribute with edge weights.
        transform: applied to every batch.
        transform_sampler_output: applied to what the sampler answers.
        is_sorted: accepted for compatibility: sorted edges are recognised.
        filter_per_worker: whether features are joined where batches are prepared.
        neighbor_sampler: a sampler to share among loaders.
        directed: False is short for `subgraph_type="induced"`.
        **kwargs: `prefetch_threads` (default 1), `cache_bytes`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphIndexError, GraphValueError, GraphTypeError: for seeds, numbers or attributes that do not fit.

    Example:
        >>> import torch
        >>> data = Data(x=torch.eye(4), edge_index=torch.tensor([[1, 2, 3], [0, 0, 1]]))
        >>> loader = NeighborLoader(data, [2, 2], input_nodes=torch.tensor([0]), batch_size=1)
        >>> batch = next(iter(loader))
        >>> batch.batch_size, batch.num_nodes, batch.num_sampled_edges
        (1, 4, [2, 1])

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    def __new__(cls, data: Any = None, *args: Any, **kwargs: Any) -> Self:
        made: Self = super().__new__(loader_class(data, cls))
        return made

    def __init__(
        self,
        data: Data | HeteroData | Remote,
        num_neighbors: Any,
        input_nodes: Any = None,
        input_time: Tensor | None = None,
        replace: bool = False,
        subgraph_type: SubgraphType | str = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        is_sorted: bool = False,
        filter_per_worker: bool | None = None,
        neighbor_sampler: NeighborSampler | None = None,
        directed: bool = True,
        **kwargs: Any,
    ) -> None:
        if input_time is not None and time_attr is None:
            raise GraphValueError(
                "expected time_attr beside input_time, got None; name the attribute with times"
            )
        if neighbor_sampler is None:
            neighbor_sampler = NeighborSampler(
                data,
                num_neighbors,
                subgraph_type,
                replace,
                disjoint,
                temporal_strategy,
                time_attr,
                weight_attr,
                is_sorted,
                directed=directed,
            )
        super().__init__(
            data,
            neighbor_sampler,
            input_nodes,
            input_time,
            transform,
            transform_sampler_output,
            filter_per_worker,
            **kwargs,
        )


class LinkNeighborLoader(LinkLoader):
    """Batches of links, negative links, and neighbourhoods of their ends; fields as `LinkLoader` says.

    Args:
        data: a `Data`, a `HeteroData`, or a pair of a `FeatureStore` and a `GraphStore`.
        num_neighbors: neighbours per hop (-1: all), for all edge types or by edge type.
        edge_label_index: `(2, S)` links; in heterogeneous graphs an edge type or `(type, links)`; None: all edges.
        edge_label: `(S, ...)` labels.
        edge_label_time: `(S,)` times of the links; goes with `time_attr`.
        replace: draw with replacement.
        subgraph_type: `"directional"`, `"bidirectional"` or `"induced"`.
        disjoint: every link has a subgraph of its own.
        temporal_strategy: `"uniform"` or `"last"`.
        neg_sampling: a `NegativeSampling`, its mode, or its arguments.
        neg_sampling_ratio: short for binary negatives, so many per link.
        time_attr: attribute with times of nodes or edges.
        weight_attr: attribute with edge weights.
        transform: applied to every batch.
        transform_sampler_output: applied to what the sampler answers.
        is_sorted: accepted for compatibility: sorted edges are recognised.
        filter_per_worker: whether features are joined where batches are prepared.
        neighbor_sampler: a sampler to share among loaders.
        directed: False is short for `subgraph_type="induced"`.
        **kwargs: `prefetch_threads` (default 1), `cache_bytes`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphIndexError, GraphValueError, GraphTypeError: for links, numbers or attributes that do not fit.

    Example:
        >>> import torch
        >>> data = Data(x=torch.eye(4), edge_index=torch.tensor([[1, 2, 3], [0, 0, 1]]))
        >>> loader = LinkNeighborLoader(data, [2], batch_size=3, neg_sampling="binary")
        >>> next(iter(loader)).edge_label
        tensor([1., 1., 1., 0., 0., 0.])
    """

    def __new__(cls, data: Any = None, *args: Any, **kwargs: Any) -> Self:
        made: Self = super().__new__(loader_class(data, cls))
        return made

    def __init__(
        self,
        data: Data | HeteroData | Remote,
        num_neighbors: Any,
        edge_label_index: Any = None,
        edge_label: Tensor | None = None,
        edge_label_time: Tensor | None = None,
        replace: bool = False,
        subgraph_type: SubgraphType | str = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        neg_sampling: Any = None,
        neg_sampling_ratio: float | None = None,
        time_attr: str | None = None,
        weight_attr: str | None = None,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        is_sorted: bool = False,
        filter_per_worker: bool | None = None,
        neighbor_sampler: NeighborSampler | None = None,
        directed: bool = True,
        **kwargs: Any,
    ) -> None:
        if (edge_label_time is None) != (time_attr is None):
            given, missing = ("edge_label_time", "time_attr")[:: 1 if time_attr is None else -1]
            raise GraphValueError(
                f"expected edge_label_time and time_attr together, got {given} without {missing}"
            )
        if neighbor_sampler is None:
            neighbor_sampler = NeighborSampler(
                data,
                num_neighbors,
                subgraph_type,
                replace,
                disjoint,
                temporal_strategy,
                time_attr,
                weight_attr,
                is_sorted,
                directed=directed,
            )
        super().__init__(
            data,
            neighbor_sampler,
            edge_label_index,
            edge_label,
            edge_label_time,
            neg_sampling,
            neg_sampling_ratio,
            transform,
            transform_sampler_output,
            filter_per_worker,
            **kwargs,
        )


class HGTLoader(NodeLoader):
    """Batches of a heterogeneous graph with as many nodes of each type, as `HGTSampler` draws them.

    Args:
        data: a `HeteroData`.
        num_samples: nodes per step, for all node types or by node type.
        input_nodes: a node type or `(type, nodes)`.
        is_sorted: accepted for compatibility.
        transform: applied to every batch.
        transform_sampler_output: applied to what the sampler answers.
        filter_per_worker: whether features are joined where batches are prepared.
        **kwargs: `prefetch_threads` (default 1), `cache_bytes`, and arguments of `torch.utils.data.DataLoader`.

    Source: Hu et al., Heterogeneous Graph Transformer, arXiv:2003.01332.
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Any,
        input_nodes: Any,
        is_sorted: bool = False,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        filter_per_worker: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            data,
            HGTSampler(data, num_samples, is_sorted),
            input_nodes,
            None,
            transform,
            transform_sampler_output,
            filter_per_worker,
            **kwargs,
        )
