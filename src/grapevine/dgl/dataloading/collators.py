"""Samples of batches for loaders of one's own: what `torch.utils.data.DataLoader` takes as `collate_fn`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.dataloading.base import EdgePredictionSampler
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["CollateWrapper", "Collator", "EdgeCollator", "NodeCollator", "WorkerInitWrapper"]


class Collator(ABC):
    """A dataset of seeds, and what makes a sample of a batch of them."""

    @property
    @abstractmethod
    def dataset(self) -> Any:
        """The seeds."""

    @abstractmethod
    def collate(self, items: Sequence[Any]) -> Any:
        """What belongs to some seeds.

        Args:
            items: of the dataset.
        """


class _Pairs:
    """Seeds of several types as pairs of type and id."""

    def __init__(self, seeds: Mapping[Any, Any]) -> None:
        self.seeds = [(kind, i) for kind, ids in seeds.items() for i in torch.as_tensor(ids).tolist()]

    def __getitem__(self, position: int) -> tuple[Any, int]:
        return self.seeds[position]

    def __len__(self) -> int:
        return len(self.seeds)


def _dataset(seeds: Any) -> Any:
    return _Pairs(seeds) if isinstance(seeds, Mapping) else torch.as_tensor(seeds)


def _together(g: DGLGraph, items: Sequence[Any]) -> Any:
    """Items of a dataset as ids, or as a dict of ids by type."""
    if len(items) and isinstance(items[0], tuple):
        found: dict[Any, list[int]] = {}
        for kind, i in items:
            found.setdefault(kind, []).append(int(i))
        return {kind: torch.tensor(ids, dtype=g.idtype) for kind, ids in found.items()}
    ids = torch.stack(list(items)) if isinstance(items[0], Tensor) else torch.as_tensor(items)
    return ids.to(g.idtype)


class NodeCollator(Collator):
    """Blocks for batches of nodes.

    Args:
        g: the graph.
        nids: ids, or a dict of them by node type.
        graph_sampler: has `sample_blocks`.

    Raises:
        DGLError: for ids without types in a graph with several.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([1, 2, 3], [0, 0, 1]))
        >>> collator = NodeCollator(g, torch.arange(4), dgl.dataloading.NeighborSampler([-1]))
        >>> loader = torch.utils.data.DataLoader(collator.dataset, collate_fn=collator.collate, batch_size=2)
        >>> [outputs.tolist() for _, outputs, _ in loader]
        [[0, 1], [2, 3]]
    """

    def __init__(self, g: DGLGraph, nids: Any, graph_sampler: Any) -> None:
        if not isinstance(nids, Mapping) and len(g.ntypes) != 1:
            raise DGLError("nids should be a dict of node type and ids for graph with multiple node types")
        self.g = g
        self.nids = nids
        self.graph_sampler = graph_sampler
        self._dataset = _dataset(nids)

    @property
    def dataset(self) -> Any:
        """The nodes: ids, or pairs of type and id."""
        return self._dataset

    def collate(self, items: Sequence[Any]) -> tuple[Any, Any, list[Any]]:
        """Input nodes, output nodes, blocks.

        Args:
            items: of the dataset.
        """
        found: tuple[Any, Any, list[Any]] = self.graph_sampler.sample_blocks(self.g, _together(self.g, items))
        return found


class EdgeCollator(Collator):
    """Blocks for batches of edges, and the graph of those edges.

    Args:
        g: the graph whose edges are predicted.
        eids: ids, or a dict of them by edge type.
        graph_sampler: has `sample_blocks`.
        g_sampling: the graph whose messages are passed; None means `g`.
        exclude: as of `as_edge_prediction_sampler`, like the next three; of no effect with a `g_sampling`.
        reverse_eids: the id of the reverse of every edge.
        reverse_etypes: the type of the reverses of every edge type.
        negative_sampler: draws pairs.

    Raises:
        DGLError: for ids without types in a graph with several.
    """

    def __init__(
        self,
        g: DGLGraph,
        eids: Any,
        graph_sampler: Any,
        g_sampling: DGLGraph | None = None,
        exclude: Any = None,
        reverse_eids: Any = None,
        reverse_etypes: Mapping[Any, Any] | None = None,
        negative_sampler: Any = None,
    ) -> None:
        if not isinstance(eids, Mapping) and len(g.etypes) != 1:
            raise DGLError("eids should be a dict of etype and ids for graph with multiple etypes")
        self.g = g
        self.eids = eids
        self.graph_sampler = graph_sampler
        self.g_sampling = g if g_sampling is None else g_sampling
        self._dataset = _dataset(eids)
        self._sampler = EdgePredictionSampler(
            _On(self.g_sampling, graph_sampler),
            None if g_sampling is not None else exclude,
            reverse_eids,
            reverse_etypes,
            negative_sampler,
        )

    @property
    def dataset(self) -> Any:
        """The edges: ids, or pairs of type and id."""
        return self._dataset

    def collate(self, items: Sequence[Any]) -> tuple[Any, ...]:
        """Input nodes, the graph of the edges, that of negative pairs if asked, blocks.

        Args:
            items: of the dataset.
        """
        return self._sampler.sample(self.g, _together(self.g, items))


class _On:
    """A sampler of blocks on a graph of its own."""

    output_device = None

    def __init__(self, g: DGLGraph, sampler: Any) -> None:
        self.g = g
        self.sampler = sampler

    def sample(self, g: DGLGraph, seed_nodes: Any, exclude_eids: Any = None) -> Any:
        return self.sampler.sample_blocks(self.g, seed_nodes, exclude_eids)


class CollateWrapper:
    """Seeds to samples, as `DataLoader` does it.

    Args:
        sample_func: of the graph and the seeds.
        g: the graph.
        use_uva: accepted.
        device: where the seeds go first, for a graph on a GPU.
    """

    def __init__(self, sample_func: Callable[[Any, Any], Any], g: Any, use_uva: bool, device: Any) -> None:
        self.sample_func = sample_func
        self.g = g
        self.use_uva = use_uva
        self.device = device

    def __call__(self, items: Any) -> Any:
        if getattr(self.g, "device", torch.device("cpu")).type != "cpu":
            moved = items.items() if isinstance(items, Mapping) else None
            items = items.to(self.device) if moved is None else {k: v.to(self.device) for k, v in moved}
        return self.sample_func(self.g, items)


class WorkerInitWrapper:
    """One thread per worker, and then what the user wants to happen there.

    Args:
        func: called with the worker's number; may be None.
    """

    def __init__(self, func: Callable[[int], None] | None) -> None:
        self.func = func

    def __call__(self, worker_id: int) -> None:
        torch.set_num_threads(1)
        if self.func is not None:
            self.func(worker_id)
