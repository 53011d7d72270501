"""`DistNeighborLoader` and `DistLinkNeighborLoader`: the loaders of a graph that all ranks hold together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.distributed.graph import DistGraph
from grapevine.distributed.steps import SteppingLoader
from grapevine.distributed.topology import ends_of
from grapevine.errors import GraphValueError
from grapevine.loader import LinkNeighborLoader, NeighborLoader
from grapevine.loader.link_loader import seed_links
from grapevine.loader.neighbor_loader import loader_class
from grapevine.loader.node_loader import seed_nodes


class DistNeighborLoader(SteppingLoader, NeighborLoader):
    """`NeighborLoader` for a graph that all ranks hold together; `NeighborLoader(graph, ...)` makes one as well.

    The batches of a pass follow from `(seed, number of the pass, number of the batch)` alone: batch b goes to rank
    b % W, and is the same for any W. Every rank makes the same loaders in the same order and iterates over them alike;
    one that leaves a pass early goes on serving the others. Exchanges run in threads and process groups of the
    loader's own: they never wait for training's, nor training for them. Unlike on one machine,
    `transform_sampler_output` runs in those threads.

    Args:
        graph: made by all ranks.
        num_neighbors: neighbours per hop (-1: all), for all edge types or by edge type.
        input_nodes: as for `NeighborLoader`, the same on all ranks; or the name of a mask, `"train_mask"` or
            `("paper", "train_mask")`.
        seed: what all draws and orders depend on; an argument `generator` gives its own seed.
        split: `"shared"`: all ranks share the input nodes; `"own"`: each takes those that it owns, which travel less.
        even: let ranks that have run out hand out batches without seeds, so that all take as many steps, as
            `DistributedDataParallel` wants it.
        timeout: seconds after which an exchange gives up; None: those of the world.
        name: for messages.
        **kwargs: further arguments of `NeighborLoader`; the named ones are its own too, and a `neighbor_sampler` is a
            `DistNeighborSampler`. Where ranks exchange, `prefetch_threads` (default 2) batches are under way at once.

    Raises:
        GraphValueError: if ranks pass different arguments.
        ExchangeError: from the pass, if another rank fails; the message names it.

    Example:
        >>> from grapevine.data import Data
        >>> data = Data(x=torch.eye(4), edge_index=torch.tensor([[1, 2, 3], [0, 0, 1]]))
        >>> loader = NeighborLoader(DistGraph.of(data), [2, 2], input_nodes=torch.tensor([0]))
        >>> type(loader).__name__, next(iter(loader)).num_sampled_edges
        ('DistNeighborLoader', [2, 1])

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    def __init__(
        self,
        graph: DistGraph,
        num_neighbors: Any,
        input_nodes: Any = None,
        input_time: Tensor | None = None,
        replace: bool = False,
        subgraph_type: Any = "directional",
        disjoint: bool = False,
        temporal_strategy: str = "uniform",
        time_attr: str | None = None,
        weight_attr: str | None = None,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        is_sorted: bool = False,
        filter_per_worker: bool | None = None,
        neighbor_sampler: Any = None,
        directed: bool = True,
        seed: int = 0,
        split: str = "shared",
        even: bool = False,
        timeout: float | None = None,
        name: str = "nodes",
        **kwargs: Any,
    ) -> None:
        self._join(graph, seed, split, even, timeout, name)
        options = self._options(kwargs)
        kind, nodes, places, times = self._inputs(input_nodes, input_time)
        super().__init__(
            graph.whole if graph.whole is not None else graph.outline(),
            num_neighbors,
            nodes if kind is None else (kind, nodes),
            times,
            replace,
            subgraph_type,
            disjoint,
            temporal_strategy,
            time_attr,
            weight_attr,
            transform,
            transform_sampler_output,
            is_sorted,
            filter_per_worker,
            self._sampler(
                neighbor_sampler, num_neighbors, replace=replace, subgraph_type=subgraph_type, disjoint=disjoint,
                temporal_strategy=temporal_strategy, time_attr=time_attr, weight_attr=weight_attr, directed=directed,
            ),
            input_id=kwargs.pop("input_id", places),
            **options,
        )  # fmt: skip
        self._joined()

    def _inputs(self, nodes: Any, time: Tensor | None) -> tuple[Any, Tensor, Tensor | None, Tensor | None]:
        """The type of the seeds, their ids, what to call them, and their times."""
        kind: Any = None
        if self.graph.is_hetero or None not in self.graph.num_nodes:
            nodes = (nodes, None) if isinstance(nodes, str) else nodes
        elif isinstance(nodes, str):
            ids = self.graph.where(nodes)
            nodes = torch.zeros(self.graph.num_nodes[None], dtype=torch.bool)
            nodes[ids] = True
        if isinstance(nodes, tuple) and len(nodes) == 2 and isinstance(nodes[1], str):
            kind, ids = nodes[0], self.graph.where(nodes[1], nodes[0])
            nodes = (kind, torch.zeros(self.graph.num_nodes[kind], dtype=torch.bool))
            nodes[1][ids] = True
        kind, ids, places = seed_nodes(self.graph.outline(), nodes)
        if self.split == "own":
            own = self.graph.own(kind)
            mine = (ids >= own.start) & (ids < own.stop)
            places = mine.nonzero().view(-1) if places is None else places[mine]
            ids, time = ids[mine], None if time is None else time[mine]
        return kind, ids, places, time


class DistLinkNeighborLoader(SteppingLoader, LinkNeighborLoader):
    """`LinkNeighborLoader` for a graph that all ranks hold together; see `DistNeighborLoader`.

    Args:
        graph: made by all ranks.
        num_neighbors: neighbours per hop (-1: all), for all edge types or by edge type.
        edge_label_index: as for `LinkNeighborLoader`, the same on all ranks; with `split="own"` each takes the links
            into its own nodes. None, or an edge type: all edges; of a partitioned topology that needs `split="own"`.
        edge_label: `(S, ...)` labels of the links given.
        edge_label_time: `(S,)` their times.
        seed: what all draws and orders depend on.
        split: `"shared"` or `"own"`.
        even: let ranks that have run out hand out batches without seeds.
        timeout: seconds after which an exchange gives up; None: those of the world.
        name: for messages.
        **kwargs: further arguments of `LinkNeighborLoader`.

    Raises:
        GraphValueError: if ranks pass different arguments.
        ExchangeError: from the pass, if another rank fails; the message names it.
    """

    def __init__(
        self,
        graph: DistGraph,
        num_neighbors: Any,
        edge_label_index: Any = None,
        edge_label: Tensor | None = None,
        edge_label_time: Tensor | None = None,
        replace: bool = False,
        subgraph_type: Any = "directional",
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
        neighbor_sampler: Any = None,
        directed: bool = True,
        seed: int = 0,
        split: str = "shared",
        even: bool = False,
        timeout: float | None = None,
        name: str = "links",
        **kwargs: Any,
    ) -> None:
        self._join(graph, seed, split, even, timeout, name)
        options = self._options(kwargs)
        kind, links, mine = self._inputs(edge_label_index)
        if mine is not None:
            kwargs.setdefault("input_id", mine)
            edge_label = None if edge_label is None else edge_label[mine]
            edge_label_time = None if edge_label_time is None else edge_label_time[mine]
        super().__init__(
            graph.whole if graph.whole is not None else graph.outline(),
            num_neighbors,
            links if kind is None else (kind, links),
            edge_label,
            edge_label_time,
            replace,
            subgraph_type,
            disjoint,
            temporal_strategy,
            neg_sampling,
            neg_sampling_ratio,
            time_attr,
            weight_attr,
            transform,
            transform_sampler_output,
            is_sorted,
            filter_per_worker,
            self._sampler(
                neighbor_sampler, num_neighbors, replace=replace, subgraph_type=subgraph_type, disjoint=disjoint,
                temporal_strategy=temporal_strategy, time_attr=time_attr, weight_attr=weight_attr, directed=directed,
            ),
            **options,
        )  # fmt: skip
        self._joined()

    def _inputs(self, links: Any) -> tuple[Any, Tensor, Tensor | None]:
        """The type of the links, their ends, and the places of those that this rank takes."""
        graph, kind = self.graph, None
        if graph.is_hetero and isinstance(links, tuple | list) and links:
            kind, links = (tuple(links), None) if isinstance(links[0], str) else links
            kind = graph.outline()._to_canonical(*kind)
        if links is None and (kind is not None or not graph.is_hetero):
            if not graph.replicated and self.split != "own":
                raise GraphValueError(
                    "expected edge_label_index with a partitioned topology, got None: no rank has all edges; pass "
                    "links, or split='own'"
                )
            links = graph.links(kind)
        _, links = seed_links(graph.outline(), links if kind is None else (kind, links))
        if self.split != "own":
            return kind, links, None
        own = graph.own(ends_of(kind)[1])
        mine = ((links[1] >= own.start) & (links[1] < own.stop)).nonzero().view(-1)
        return kind, links[:, mine], mine


@loader_class.register
def _(data: DistGraph, asked: type) -> type:
    return {NeighborLoader: DistNeighborLoader, LinkNeighborLoader: DistLinkNeighborLoader}.get(asked, asked)
