"""Where a graph lives and how it is stored: device, id type, formats, copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from typing_extensions import Self

from grapevine.dgl.base import DGLError
from grapevine.dgl.features import FeatureMethods
from grapevine.dgl.structure import FORMATS, resolve


class PlacementMethods(FeatureMethods):
    """`to`, `cpu`, `int`, `long`, `clone`, `formats`, pinned memory."""

    def to(self, device: Any, **kwargs: Any) -> Self:
        """The graph on another device; features move when they are first read.

        Args:
            device: a device, its name, or the number of a CUDA device; None leaves the graph where it is.
            **kwargs: as of `torch.Tensor.to`, such as `non_blocking`.

        Returns:
            the graph itself, if it is there already.
        """
        if device is None:
            return self
        target = resolve(device)
        if target == self._device:
            return self
        graph = self._shallow()
        graph._device = target
        graph._pinned = False
        graph._relations = [relation.to(target) for relation in self._relations]
        graph._node_frames = [frame.to(target, **kwargs) for frame in self._node_frames]
        graph._edge_frames = [frame.to(target, **kwargs) for frame in self._edge_frames]
        if self._batch_num_nodes is not None:
            graph._batch_num_nodes = {k: n.to(target) for k, n in self._batch_num_nodes.items()}
        if self._batch_num_edges is not None:
            graph._batch_num_edges = {k: n.to(target) for k, n in self._batch_num_edges.items()}
        return graph

    def cpu(self) -> Self:
        """The graph in main memory."""
        return self.to("cpu")

    def astype(self, idtype: torch.dtype | None) -> Self:
        """The graph with ids of another type; shares features.

        Args:
            idtype: torch.int32 or torch.int64.
        """
        if idtype not in (None, torch.int32, torch.int64):
            raise DGLError(f"Expect idtype to be torch.int32 or torch.int64, got {idtype}")
        if idtype is None or idtype == self._idtype:
            return self
        graph = self._shallow()
        graph._idtype = idtype
        return graph

    def long(self) -> Self:
        """The graph with int64 ids."""
        return self.astype(torch.int64)

    def int(self) -> Self:
        """The graph with int32 ids."""
        return self.astype(torch.int32)

    def _cast(self, dtype: torch.dtype) -> Self:
        graph = self._shallow()
        graph._node_frames = [frame.cast(dtype) for frame in self._node_frames]
        graph._edge_frames = [frame.cast(dtype) for frame in self._edge_frames]
        return graph

    def clone(self) -> Self:
        """A graph that can be changed without this one noticing; tensors are shared."""
        graph = self.local_var()
        graph._counts = list(self._counts)
        graph._relations = list(self._relations)
        graph._batch_num_nodes = None if self._batch_num_nodes is None else dict(self._batch_num_nodes)
        graph._batch_num_edges = None if self._batch_num_edges is None else dict(self._batch_num_edges)
        return graph

    def __copy__(self) -> Self:
        return self._shallow()

    # -- formats: edge lists are always kept, sorted orders are built when first needed ---------------

    def formats(self, formats: str | Sequence[str] | None = None) -> Any:
        """Which orders of the edges exist, or a graph restricted to some of them.

        Args:
            formats: "coo", "csr", "csc" or several of them; None asks.

        Returns:
            `{'created': [...], 'not created': [...]}`, or the graph.

        Departure: the restriction is remembered and reported, but every query still works.
        """
        if formats is None:
            created = [f for f in self._formats if f == "coo" or self._is_built(f)]
            if not created:  # the edges themselves are there, whatever they are called
                created = [self._formats[0]]
            return {"created": created, "not created": [f for f in self._formats if f not in created]}
        wanted = [formats] if isinstance(formats, str) else list(formats)
        if not wanted or any(f not in FORMATS for f in wanted):
            raise DGLError(f'expected one or more of "coo", "csr", "csc", got {formats!r}')
        graph = self._shallow()
        graph._formats = tuple(f for f in FORMATS if f in wanted)
        return graph

    def _is_built(self, form: str) -> bool:
        return all(
            relation._core.orders[relation._flip if form == "csr" else 1 - relation._flip] is not None
            for relation in self._relations
        )

    def create_formats_(self) -> Self:
        """Builds all allowed orders now, so that forked workers share them."""
        for relation in self._relations:
            if "csr" in self._formats:
                relation.by_src  # noqa: B018 - built on first use
            if "csc" in self._formats:
                relation.by_dst  # noqa: B018
        return self

    # -- memory --------------------------------------------------------------------------------------

    def pin_memory_(self) -> Self:
        """Copies the features into page-locked memory, for fast transfers to a CUDA device.

        Raises:
            DGLError: if the graph is not in main memory.
        """
        if self._device.type != "cpu":
            raise DGLError("The graph structure must be on CPU to be pinned.")
        for frame in (*self._node_frames, *self._edge_frames):
            for name in list(frame):
                frame[name] = frame[name].pin_memory()
        self._pinned = True
        return self

    def unpin_memory_(self) -> Self:
        """The features in ordinary memory again."""
        if self.is_pinned():
            for frame in (*self._node_frames, *self._edge_frames):
                for name in list(frame):
                    frame[name] = frame[name].clone()
            self._pinned = False
        return self

    def is_pinned(self) -> bool:
        """True after `pin_memory_`."""
        return self._pinned

    def record_stream(self, stream: Any) -> Self:
        """Tells the allocator that a CUDA stream uses this graph's tensors.

        Raises:
            DGLError: if the graph is not on a CUDA device.
        """
        if self._device.type != "cuda":
            raise DGLError("The graph must be on GPU to be recorded.")
        for relation in self._relations:
            for index in relation._core.index:
                index.record_stream(stream)
        for frame in (*self._node_frames, *self._edge_frames):
            for tensor in frame.values():
                tensor.record_stream(stream)
        return self
