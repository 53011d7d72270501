"""The engine of all loaders that sample: batches of seeds, worked off by threads or processes, resumable anywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
import torch.utils.data
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader.memory import RowMemory
from grapevine.ops._draw import PHI, mix
from grapevine.sampler.inputs import fresh_key

Item = tuple[int, Any, int]  # the batch's number, places of its seeds among the inputs, its key


class Positions(torch.utils.data.Dataset[int]):
    """0, 1, ..., n - 1; a batch of them passes through as it is."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> int:
        return i

    def __getitems__(self, item: Any) -> Any:
        return item


@dataclass
class Epoch:
    """One pass: everything that its batches follow from, and how far it went.

    Args:
        key: what the draws of all batches depend on.
        order: state of the generator that shuffles; None: no shuffling.
        batches: the batches of a sampler that was passed in.
        first: number of the first of `batches`.
        done: how many batches were handed out.
    """

    key: int
    order: Tensor | None = None
    batches: list[Tensor] | None = None
    first: int = 0
    done: int = 0


class SeedLoader(torch.utils.data.DataLoader[Any]):
    """A loader whose batches follow from `(key of the epoch, number of the batch)` alone.

    With `num_workers=0`, `prefetch_threads` threads prepare batches ahead (the samplers release the GIL); with more,
    processes do. The batches are the same in any case, bit for bit.

    Args:
        num_items: how many seeds there are.
        prefetch_threads: threads that work ahead, where there are no worker processes; 0: none.
        cache_bytes: the most memory for rows of features that lie in files, those that are asked for most.
        **kwargs: further arguments of `torch.utils.data.DataLoader`; `prefetch_factor` counts batches per thread or
            worker (default 2).
    """

    filter_per_worker = True
    dataset: Positions

    def __init__(
        self, num_items: int, prefetch_threads: int = 1, cache_bytes: int = 1 << 26, **kwargs: Any
    ) -> None:
        for name in ("dataset", "collate_fn"):  # Lightning passes what it found on the loader
            kwargs.pop(name, None)
        if prefetch_threads < 0 or cache_bytes < 0:
            raise GraphValueError(
                f"expected prefetch_threads and cache_bytes >= 0, got {prefetch_threads} and {cache_bytes}"
            )
        self.prefetch_threads = prefetch_threads
        ahead = kwargs.get("prefetch_factor") or 2
        if not kwargs.get("num_workers"):
            kwargs.pop("prefetch_factor", None)
        super().__init__(Positions(num_items), collate_fn=self.collate_fn, **kwargs)
        self._ahead = ahead
        self._epoch: Epoch | None = None
        self._resumed: Epoch | None = None
        self._workers: torch.utils.data.DataLoader[Any] | None = None
        self._memory = RowMemory(cache_bytes)

    # What a kind of loader defines ----------------------------------------------------------------------------

    def _sample(self, index: Tensor, key: int | None) -> Any:
        """The pure part: seeds and a key to a sample."""
        raise GraphTypeError(f"{type(self).__name__} must define _sample")

    def _gather(self, out: Any) -> Any:
        """Joins a sample with features."""
        return out

    def _finish(self, out: Any) -> Any:
        """The user's transform."""
        return out

    def _user_output(self) -> bool:
        """Whether user code changes samples before features are joined."""
        return False

    def filter_fn(self, out: Any) -> Any:
        """Joins a sample with features and transforms the batch."""
        return self._finish(self._gather(out))

    def collate_fn(self, index: Any) -> Any:
        """Samples a batch around the inputs at places `index`."""
        out = self._sample(_as_index(index), None)
        return self.filter_fn(out) if self.filter_per_worker else out

    def __call__(self, index: Any) -> Any:
        """The batch of the inputs at places `index`, at once."""
        out = self.collate_fn(index)
        return out if self.filter_per_worker else self.filter_fn(out)

    # Epochs -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Any:
        epoch, self._resumed = self._resumed or self._begin(), None
        self._epoch = epoch
        return self._run(epoch)

    def _begin(self) -> Epoch:
        epoch = Epoch(fresh_key(self.generator))
        sampler: Any = self.sampler
        if not self._plain():
            source: Any = self.batch_sampler if self.batch_sampler is not None else sampler
            sized = isinstance(source, Sized)
            if sized and (type(source) is not BatchSampler or isinstance(sampler, Sized)):
                epoch.batches = [
                    _as_index(index) for index in source
                ]  # kept, so that the epoch can be resumed
        elif isinstance(sampler, RandomSampler):
            generator = sampler.generator
            if generator is None:  # as torch's sampler does, so that the order is the same
                generator = torch.Generator().manual_seed(fresh_key())
            epoch.order = generator.get_state()
            torch.randperm(self.dataset.count, generator=generator)
        return epoch

    def _plain(self) -> bool:
        """Whether the order is the loader's own: all inputs once, shuffled or not."""
        sampler: Any = self.sampler
        if type(self.batch_sampler) is not BatchSampler or type(sampler) not in (
            RandomSampler,
            SequentialSampler,
        ):
            return False
        shuffled = type(sampler) is RandomSampler
        return not shuffled or (not sampler.replacement and sampler.num_samples == self.dataset.count)

    def _items(self, epoch: Epoch) -> Iterator[Item]:
        """What is left of an epoch."""
        batches: Iterable[Any]
        first = epoch.done
        if epoch.batches is not None:
            batches = epoch.batches[epoch.done - epoch.first :]
        elif self._plain() and self.batch_size is not None:
            count = self.dataset.count
            if epoch.order is None:
                places = torch.arange(count)
            else:
                generator = torch.Generator()
                generator.set_state(epoch.order)
                places = torch.randperm(count, generator=generator)
            stop = count - count % self.batch_size if self.drop_last else count
            left = places[first * self.batch_size : stop]
            batches = left.split(self.batch_size) if left.numel() else ()
        else:
            batches = self.batch_sampler if self.batch_sampler is not None else self.sampler
        for number, index in enumerate(batches, first):
            yield number, _as_index(index), mix(epoch.key + PHI * (number + 1))

    def _run(self, epoch: Epoch) -> Iterator[Any]:
        items = self._items(epoch)
        source = self._from_workers(epoch, items) if self.num_workers > 0 else self._from_threads(items)
        for number, out in source:
            epoch.done = number + 1
            yield out
        if self._epoch is epoch:
            self._epoch = None

    def state_dict(self) -> dict[str, Any]:
        """Where the current pass stands, for `load_state_dict`; between passes, that there is none.

        Raises:
            GraphValueError: if the batches come from a sampler without length, which cannot be repeated.
        """
        state: dict[str, Any] = {"epoch": None}
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        epoch = self._resumed or self._epoch
        if epoch is not None:
            if epoch.batches is None and not self._plain():
                raise GraphValueError(
                    "expected a sampler with a length to save its order, got one without; define __len__ on it"
                )
            left = None if epoch.batches is None else epoch.batches[epoch.done - epoch.first :]
            state["epoch"] = {"key": epoch.key, "order": epoch.order, "batches": left, "done": epoch.done}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next pass goes on where the saved one stood.

        Args:
            state: from `state_dict` of a loader with the same inputs and batch size.
        """
        saved = state["epoch"]
        self._resumed = None if saved is None else Epoch(**saved, first=saved["done"])
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])

    # Threads ----------------------------------------------------------------------------------------------------

    def _work(self, item: Item) -> Any:
        """What a thread does for a batch. The user's own code runs in the thread that consumes batches."""
        number, index, key = item
        try:
            if _overridden(self, "collate_fn"):
                return self.collate_fn(index)
            out = self._sample(index, key)
            if self.filter_per_worker and not self._user_output() and not _overridden(self, "filter_fn"):
                out = self._gather(out)
            return out
        except Exception as error:
            _note(error, number)
            raise

    def _complete(self, out: Any) -> Any:
        if _overridden(self, "collate_fn"):
            out = out if self.filter_per_worker else self.filter_fn(out)
        elif self.filter_per_worker and not self._user_output() and not _overridden(self, "filter_fn"):
            out = self._finish(out)
        else:
            out = self.filter_fn(out)
        return out.pin_memory() if self.pin_memory and torch.cuda.is_available() else out

    def _from_threads(self, items: Iterator[Item]) -> Iterator[tuple[int, Any]]:
        if self.prefetch_threads == 0:
            for item in items:
                yield item[0], self._complete(self._work(item))
            return
        pool = ThreadPoolExecutor(self.prefetch_threads, "grapevine-loader")
        pending: deque[tuple[int, Future[Any]]] = deque()
        try:
            for item in items:
                pending.append((item[0], pool.submit(self._work, item)))
                if len(pending) > self._ahead * self.prefetch_threads:
                    number, future = pending.popleft()
                    yield number, self._complete(future.result())
            while pending:
                number, future = pending.popleft()
                yield number, self._complete(future.result())
        finally:  # also where the loop over batches is left early
            pool.shutdown(wait=True, cancel_futures=True)

    # Processes --------------------------------------------------------------------------------------------------

    def _from_workers(self, epoch: Epoch, items: Iterator[Item]) -> Iterator[tuple[int, Any]]:
        if self._workers is None:
            self._workers = torch.utils.data.DataLoader(
                self.dataset,
                batch_sampler=_Plan(),  # type: ignore[arg-type]
                collate_fn=_InWorker(self),  # type: ignore[arg-type]
                num_workers=self.num_workers,
                pin_memory=self.pin_memory,
                timeout=self.timeout,
                worker_init_fn=self.worker_init_fn,
                multiprocessing_context=self.multiprocessing_context,
                generator=torch.Generator(),  # the draws of the epoch do not come from here
                prefetch_factor=self.prefetch_factor,
                persistent_workers=self.persistent_workers,
            )
        plan: Any = self._workers.batch_sampler
        plan.items = items
        generator: Any = self._workers.generator
        generator.manual_seed(epoch.key)
        running: Any = iter(self._workers)
        finished = False
        try:
            for number, out in running:
                yield number, out if self.filter_per_worker else self.filter_fn(out)
            finished = True
        finally:
            if not (finished and self.persistent_workers):  # left early or failed: no process stays behind
                running._shutdown_workers()
                self._workers = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_workers": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Plan:
    """The batches of the current pass, in the form in which torch's workers take them."""

    items: Iterable[Item] = ()

    def __iter__(self) -> Iterator[Item]:
        for number, index, key in self.items:
            yield number, index.numpy(), key  # an array travels in the message itself


class _InWorker:
    """What a worker process does for a batch."""

    def __init__(self, loader: SeedLoader) -> None:
        self.loader = loader

    def __call__(self, item: Item) -> tuple[int, Any]:
        number, index, key = item
        index = torch.from_numpy(index)
        try:
            if _overridden(self.loader, "collate_fn"):
                return number, self.loader.collate_fn(index)
            out = self.loader._sample(index, key)
            return number, self.loader.filter_fn(out) if self.loader.filter_per_worker else out
        except Exception as error:
            _note(error, number)
            raise


def _overridden(loader: SeedLoader, name: str) -> bool:
    """Whether a class outside this package has its own version of a method."""
    method: Callable[..., Any] = getattr(type(loader), name)
    return not method.__module__.startswith("grapevine.loader")


def _as_index(index: Any) -> Tensor:
    index = index if isinstance(index, Tensor) else torch.as_tensor(index, dtype=torch.int64)
    return index.view(-1)


def _note(error: Exception, number: int) -> None:
    """Tells which batch failed (Python 3.10 has no notes)."""
    if hasattr(error, "add_note"):
        error.add_note(f"while preparing batch {number}")
