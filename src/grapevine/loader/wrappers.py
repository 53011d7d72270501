"""Loaders around loaders: several at once, kept in memory, moved ahead of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError
from grapevine.loader.node_loader import SamplingLoader
from grapevine.loader.seeds import SeedLoader
from grapevine.ops._draw import PHI, mix


class ZipLoader(SeedLoader):
    """Batches of several loaders at once, as tuples: the inputs at the same places of each.

    Args:
        loaders: node or link loaders.
        filter_per_worker: whether features are joined where batches are prepared; None: as the loaders say.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`, which hold for all.

    Raises:
        GraphTypeError: for other loaders.
    """

    def __init__(self, loaders: Sequence[Any], filter_per_worker: bool | None = None, **kwargs: Any) -> None:
        for loader in loaders:
            if not isinstance(loader, SamplingLoader):
                raise GraphTypeError(f"expected node or link loaders, got {type(loader).__name__}")
        self.loaders = list(loaders)
        if filter_per_worker is None:
            filter_per_worker = all(loader.filter_per_worker for loader in loaders)
        self.filter_per_worker = filter_per_worker
        super().__init__(min(len(loader.dataset) for loader in loaders), **kwargs)

    def _user_output(self) -> bool:
        return any(loader._user_output() for loader in self.loaders)

    def _sample(self, index: Tensor, key: int | None) -> Any:
        keys = [None if key is None else mix(key + PHI * i) for i in range(len(self.loaders))]
        return tuple(loader._sample(index, k) for loader, k in zip(self.loaders, keys))

    def _gather(self, out: Any) -> Any:
        return tuple(loader._gather(part) for loader, part in zip(self.loaders, out))

    def _finish(self, out: Any) -> Any:
        return tuple(loader._finish(part) for loader, part in zip(self.loaders, out))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(loaders={self.loaders})"


class CachedLoader:
    """Keeps the batches of the first pass and hands them out in all later ones.

    Args:
        loader: any loader.
        device: where to keep batches.
        transform: applied to each batch once.

    Example:
        >>> cached = CachedLoader([torch.zeros(2), torch.ones(2)], transform=torch.sum)
        >>> [float(x) for x in cached] == [float(x) for x in cached] == [0.0, 2.0]
        True
    """

    def __init__(
        self,
        loader: Any,
        device: torch.device | str | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.loader = loader
        self.device = device
        self.transform = transform
        self._cache: list[Any] | None = None

    def clear(self) -> None:
        """Forgets the batches."""
        self._cache = None

    def __iter__(self) -> Iterator[Any]:
        if self._cache is not None:
            yield from self._cache
            return
        cache = []
        for batch in self.loader:
            batch = batch if self.transform is None else self.transform(batch)
            batch = batch if self.device is None else _moved(batch, self.device)
            cache.append(batch)
            yield batch
        self._cache = cache  # complete passes only: a loop left early would keep a part for ever

    def __len__(self) -> int:
        return len(self.loader)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.loader})"


class PrefetchLoader:
    """Moves the next batch to an accelerator while the current one is worked on.

    Args:
        loader: any loader.
        device: where to; None: an accelerator if there is one.

    Example:
        >>> [batch.tolist() for batch in PrefetchLoader([torch.zeros(1), torch.ones(1)], device="cpu")]
        [[0.0], [1.0]]
    """

    def __init__(self, loader: Any, device: torch.device | str | None = None) -> None:
        self.loader = loader
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        self.device = torch.device(device if device is not None else accelerator or "cpu")

    def __iter__(self) -> Iterator[Any]:
        if self.device.type == "cpu":
            yield from self.loader
            return
        cuda = self.device.type == "cuda"
        stream = torch.cuda.Stream(self.device) if cuda else None
        waiting: list[Any] = []
        for batch in self.loader:
            with torch.cuda.stream(stream) if stream is not None else nullcontext():
                pinned = batch.pin_memory() if cuda and hasattr(batch, "pin_memory") else batch
                moved = _moved(pinned, self.device, non_blocking=True)
            yield from waiting
            if stream is not None:
                torch.cuda.current_stream(self.device).wait_stream(stream)
            waiting = [moved]
        yield from waiting

    def __len__(self) -> int:
        return len(self.loader)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.loader})"


def _moved(value: Any, device: Any, **kwargs: Any) -> Any:
    """A batch on a device: graphs, tensors, and containers of these."""
    if hasattr(value, "to"):
        return value.to(device, **kwargs)
    if isinstance(value, Mapping):
        return {key: _moved(item, device, **kwargs) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_moved(item, device, **kwargs) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_moved(item, device, **kwargs) for item in value)
    return value
