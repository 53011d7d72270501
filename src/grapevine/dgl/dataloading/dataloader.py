"""Loaders: batches of seeds with what a sampler says belongs to them, and batches of graphs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Dataset, DistributedSampler, RandomSampler, SequentialSampler
from torch.utils.data import DataLoader as TorchLoader

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.batch import batch
from grapevine.dgl.cuda import GPUCache
from grapevine.dgl.dataloading.base import as_edge_prediction_sampler
from grapevine.dgl.frame import Frame, LazyFeature
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["DataLoader", "EdgeDataLoader", "GraphCollator", "GraphDataLoader", "NodeDataLoader"]


class _Seeds(Dataset[Any]):
    """Seeds by position; those of several types stand one type after the other."""

    def __init__(self, indices: Any) -> None:
        self.types = list(indices) if isinstance(indices, Mapping) else None
        parts = list(indices.values()) if isinstance(indices, Mapping) else [indices]
        self.parts = [torch.as_tensor(ids) for ids in parts]
        self.ends = torch.tensor([len(ids) for ids in self.parts]).cumsum(0)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, positions: Any) -> Any:
        places = torch.as_tensor(positions)
        if self.types is None:
            return self.parts[0][places]
        kind = torch.searchsorted(self.ends, places, right=True)
        starts = self.ends - torch.tensor([len(ids) for ids in self.parts])
        found = {}
        for i, name in enumerate(self.types):
            chosen = places[kind == i]
            if len(chosen):
                found[name] = self.parts[i][chosen - starts[i]]
        return found


class _Sample:
    """Seeds to samples; runs in the workers."""

    def __init__(self, graph: Any, sampler: Any) -> None:
        self.graph = graph
        self.sampler = sampler

    def __call__(self, seeds: Any) -> Any:
        return self.sampler.sample(self.graph, seeds)


class DataLoader(TorchLoader[Any]):
    """Batches of seeds (nodes, edges or others), each with what a sampler says belongs to it.

    Args:
        graph: the graph.
        indices: `(S,)` seeds, or a dict of them by type; or any dataset whose items are batches.
        graph_sampler: has `sample(graph, seeds)`.
        device: where batches go; None means the graph's device.
        use_ddp: whether each process of a distributed run shall get its share.
        ddp_seed: of the shuffle that the processes share.
        batch_size: seeds per batch; None gives one seed at a time, without a dimension.
        drop_last: whether to leave out a last batch that is not full.
        shuffle: whether to take the seeds in random order.
        use_prefetch_thread: whether a thread samples and fetches the next batch while this one is used.
        use_alternate_streams: accepted, like `pin_prefetcher` and `use_uva` (sampling is on the graph's device).
        pin_prefetcher: see above.
        use_uva: see above.
        gpu_cache: how many of the latest rows of which features stay on the device, such as
            `{"node": {"feat": 100000}}`; they come as float32.
        **kwargs: of `torch.utils.data.DataLoader`, such as `num_workers`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([1, 2, 3], [0, 0, 1]))
        >>> loader = DataLoader(g, torch.arange(4), dgl.dataloading.NeighborSampler([2]), batch_size=2)
        >>> [outputs.tolist() for _, outputs, _ in loader]
        [[0, 1], [2, 3]]
    """

    def __init__(
        self,
        graph: Any,
        indices: Any,
        graph_sampler: Any,
        device: Any = None,
        use_ddp: bool = False,
        ddp_seed: int = 0,
        batch_size: int | None = 1,
        drop_last: bool = False,
        shuffle: bool = False,
        use_prefetch_thread: bool | None = None,
        use_alternate_streams: bool | None = None,
        pin_prefetcher: bool | None = None,
        use_uva: bool = False,
        gpu_cache: Any = None,
        **kwargs: Any,
    ) -> None:
        self.graph = graph
        self.indices = indices
        self.graph_sampler = graph_sampler
        target = graph.device if device is None and isinstance(graph, DGLGraph) else device
        self.device = torch.device("cpu" if target is None else target)
        self.use_ddp = use_ddp
        self.ddp_seed = ddp_seed
        self.shuffle = shuffle
        self.use_prefetch_thread = bool(use_prefetch_thread)
        self._gpu_cache: Mapping[str, Mapping[str, int]] = gpu_cache or {}
        self._caches: dict[tuple[str, Any, str], GPUCache] = {}
        self._attached: dict[tuple[str, str], Any] = {}
        dataset = indices
        if isinstance(indices, (Tensor, Mapping, list, tuple, np.ndarray)):
            dataset = _Seeds(indices)
        order: Any
        if use_ddp:
            order = DistributedSampler(dataset, shuffle=shuffle, seed=ddp_seed, drop_last=drop_last)
        elif shuffle:
            order = RandomSampler(dataset, generator=kwargs.get("generator"))
        else:
            order = SequentialSampler(dataset)
        self.dist_sampler = order if use_ddp else None
        if batch_size is not None and isinstance(dataset, _Seeds):
            order = BatchSampler(order, batch_size, drop_last)
        super().__init__(
            dataset, batch_size=None, sampler=order, collate_fn=_Sample(graph, graph_sampler), **kwargs
        )

    def __iter__(self) -> Any:
        batches = self._fetched(super().__iter__())
        return _ahead(batches) if self.use_prefetch_thread else batches

    def _fetched(self, batches: Iterator[Any]) -> Iterator[Any]:
        for sample in batches:
            yield _each(sample, self._fetch)

    def _fetch(self, part: Any) -> Any:
        """What a batch consists of, with marked features fetched, on the device."""
        if isinstance(part, DGLGraph):
            for names, frames, kind, key in (
                (part.ntypes, part._node_frames, "node", NID),
                (part.canonical_etypes, part._edge_frames, "edge", EID),
            ):
                for name, frame in zip(names, frames):
                    self._fill(frame, kind, name, key)
        elif isinstance(part, LazyFeature):
            part = self._column("node", self.graph.ntypes[0], part.name or "", None)[part.id_]
        return part.to(self.device) if hasattr(part, "to") else part

    def _fill(self, frame: Frame, kind: str, type_: Any, key: str) -> None:
        for name, column in list(frame._columns.items()):
            if isinstance(column, LazyFeature):
                ids = column.id_ if column.id_ is not None else frame.get(key)
                whole = self._column(kind, type_, column.name or name, ids)
                frame[name] = whole if ids is None else self._rows((kind, type_, name), whole, ids)

    def _rows(self, key: tuple[str, Any, str], whole: Tensor, ids: Tensor) -> Tensor:
        """Some rows of a feature, from the cache where they are there."""
        size = self._gpu_cache.get(key[0], {}).get(key[2], 0)
        if not size:
            return whole[ids.to(whole.device)]
        cache = self._caches.get(key)
        if cache is None:
            width = whole.shape[1:].numel()
            cache = self._caches[key] = GPUCache(size, width, torch.int64, self.device)
        values, missing, keys = cache.query(ids)
        fetched = whole[keys.to(whole.device)].reshape(len(keys), values.shape[1]).to(values)
        cache.replace(keys, fetched)
        values[missing] = fetched
        return values.view(-1, *whole.shape[1:])

    def _column(self, kind: str, type_: Any, name: str, ids: Tensor | None) -> Any:
        attached = self._attached.get((kind, name))
        if attached is not None:
            return attached[type_] if isinstance(attached, Mapping) else attached
        frames = self.graph._node_frame(type_) if kind == "node" else self.graph._edge_frame(type_)
        if name not in frames:
            raise DGLError(
                f"expected a {kind} feature {name!r} of type {type_!r} to fetch, got {list(frames)}"
            )
        return frames[name]

    def attach_ndata(self, name: str, tensor: Any) -> None:
        """Fetches a node feature from elsewhere than the graph.

        Args:
            name: the feature.
            tensor: its rows, or a dict of them by node type.
        """
        self._attached["node", name] = tensor

    def attach_edata(self, name: str, tensor: Any) -> None:
        """Fetches an edge feature from elsewhere than the graph.

        Args:
            name: the feature.
            tensor: its rows, or a dict of them by edge type.
        """
        self._attached["edge", name] = tensor

    def set_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch anew in all processes of a distributed run.

        Args:
            epoch: its number.

        Raises:
            DGLError: without `use_ddp`.
        """
        if self.dist_sampler is None:
            raise DGLError("set_epoch is only available when use_ddp is True.")
        self.dist_sampler.set_epoch(epoch)

    @contextmanager
    def enable_cpu_affinity(
        self,
        loader_cores: Sequence[int] | None = None,
        compute_cores: Sequence[int] | None = None,
        verbose: bool = True,
    ) -> Iterator[None]:
        """Within, workers stay on some cores and this process on others, where the system can do that.

        Args:
            loader_cores: one core per worker; None leaves the workers where they are.
            compute_cores: of this process; None leaves it where it is.
            verbose: accepted.
        """
        before: Callable[[int], None] | None = self.worker_init_fn
        can = hasattr(os, "sched_setaffinity")
        cores = os.sched_getaffinity(0) if can else set()
        try:
            if can and loader_cores:
                self.worker_init_fn = _OnCore(before, list(loader_cores))
            if can and compute_cores:
                os.sched_setaffinity(0, compute_cores)
            yield
        finally:
            if can:
                os.sched_setaffinity(0, cores)
            self.worker_init_fn = before


_END = object()


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, each made by a thread while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, batches, _END)
        while (batch := coming.result()) is not _END:
            coming = thread.submit(next, batches, _END)
            yield batch


class _OnCore:
    def __init__(self, before: Callable[[int], None] | None, cores: Sequence[int]) -> None:
        self.before = before
        self.cores = cores

    def __call__(self, worker: int) -> None:
        os.sched_setaffinity(0, [self.cores[worker % len(self.cores)]])
        if self.before is not None:
            self.before(worker)


def _each(sample: Any, do: Callable[[Any], Any]) -> Any:
    """Applies a function to all that lists, tuples and dicts hold."""
    if isinstance(sample, Mapping) and not isinstance(sample, Frame):
        return {key: _each(value, do) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(_each(value, do) for value in sample))
    if isinstance(sample, (list, tuple)):
        return type(sample)(_each(value, do) for value in sample)
    return do(sample)


class NodeDataLoader(DataLoader):
    """`DataLoader` under the name that it had before DGL 0.8."""


class EdgeDataLoader(DataLoader):
    """The loader of edges from before DGL 0.8: a `DataLoader` with `as_edge_prediction_sampler`.

    Args:
        g: the graph.
        eids: ids of edges, or a dict of them by edge type.
        graph_sampler: a sampler for nodes.
        device: where batches go.
        exclude: as of `as_edge_prediction_sampler`, like the next three.
        reverse_eids: the id of the reverse of every edge.
        reverse_etypes: the type of the reverses of every edge type.
        negative_sampler: draws pairs.
        **kwargs: as of `DataLoader`.
    """

    def __init__(
        self,
        g: DGLGraph,
        eids: Any,
        graph_sampler: Any,
        device: Any = None,
        exclude: Any = None,
        reverse_eids: Any = None,
        reverse_etypes: Mapping[Any, Any] | None = None,
        negative_sampler: Any = None,
        **kwargs: Any,
    ) -> None:
        sampler = as_edge_prediction_sampler(
            graph_sampler, exclude, reverse_eids, reverse_etypes, negative_sampler
        )
        super().__init__(g, eids, sampler, device, **kwargs)


class GraphCollator:
    """Joins graphs, tensors, arrays, numbers, and dicts and sequences of them."""

    def collate(self, items: Sequence[Any]) -> Any:
        """Joins items of one kind: graphs are batched, tensors stacked, numbers become tensors.

        Args:
            items: of a dataset.

        Raises:
            DGLError: for items of other kinds, and sequences of different lengths.
        """
        first = items[0]
        if isinstance(first, DGLGraph):
            return batch(items)
        if isinstance(first, Tensor):
            return torch.stack(list(items))
        if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind in "biufc":
            return torch.stack([torch.as_tensor(item) for item in items])
        if isinstance(first, (bool, int)):
            return torch.tensor(items)
        if isinstance(first, float):
            return torch.tensor(items, dtype=torch.float64)
        if isinstance(first, (str, bytes)):
            return items
        if isinstance(first, Mapping):
            return {key: self.collate([item[key] for item in items]) for key in first}
        if isinstance(first, Sequence):
            if any(len(item) != len(first) for item in items):
                raise DGLError("each element in list of batch should be of equal size")
            joined = [self.collate(column) for column in zip(*items)]
            return type(first)(*joined) if hasattr(first, "_fields") else joined
        raise DGLError(
            f"graph_collate: batch must contain DGLGraph, tensors, numpy arrays, numbers, dicts or lists; found "
            f"{type(first)}"
        )


class GraphDataLoader(TorchLoader[Any]):
    """Batches of a dataset of graphs.

    Args:
        dataset: its items hold graphs, labels and whatever `GraphCollator` joins.
        collate_fn: joins the items of a batch; None means `GraphCollator`.
        use_ddp: whether each process of a distributed run shall get its share.
        ddp_seed: of the shuffle that the processes share.
        **kwargs: of `torch.utils.data.DataLoader`.

    Example:
        >>> from grapevine import dgl
        >>> pairs = [(dgl.graph(([0], [1])), i) for i in range(4)]
        >>> [(g.batch_size, y.tolist()) for g, y in GraphDataLoader(pairs, batch_size=2)]
        [(2, [0, 1]), (2, [2, 3])]
    """

    def __init__(
        self,
        dataset: Any,
        collate_fn: Callable[[Any], Any] | None = None,
        use_ddp: bool = False,
        ddp_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        self.use_ddp = use_ddp
        if use_ddp:
            self.dist_sampler: Any = DistributedSampler(
                dataset,
                shuffle=kwargs.pop("shuffle", False),
                seed=ddp_seed,
                drop_last=kwargs.get("drop_last", False),
            )
            kwargs["sampler"] = self.dist_sampler
        if collate_fn is None and kwargs.get("batch_size", 1) is not None:
            collate_fn = GraphCollator().collate
        super().__init__(dataset, collate_fn=collate_fn, **kwargs)

    def set_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch anew in all processes of a distributed run.

        Args:
            epoch: its number.

        Raises:
            DGLError: without `use_ddp`.
        """
        if not self.use_ddp:
            raise DGLError("set_epoch is only available when use_ddp is True.")
        self.dist_sampler.set_epoch(epoch)
