"""`AffinityMixin` and `MultithreadingMixin`: which cores worker processes run on, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from grapevine.errors import GraphValueError


class _Init:
    """A `worker_init_fn` that does something first, and then what the user asked for."""

    def __init__(self, first: Callable[[int], None], then: Callable[[int], None] | None) -> None:
        self.first, self.then = first, then

    def __call__(self, worker_id: int) -> None:
        self.first(worker_id)
        if self.then is not None:
            self.then(worker_id)


class _Pin:
    def __init__(self, cores: list[list[int]]) -> None:
        self.cores = cores

    def __call__(self, worker_id: int) -> None:
        os.sched_setaffinity(0, self.cores[worker_id])


class _Threads:
    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, worker_id: int) -> None:
        torch.set_num_threads(self.count)


class _Workers:
    num_workers: int
    worker_init_fn: Any

    def _need_workers(self, what: str) -> None:
        if self.num_workers == 0:
            raise GraphValueError(
                f"expected a loader with workers for {what}, got num_workers=0; pass num_workers=2"
            )

    @contextmanager
    def _first(self, first: Callable[[int], None]) -> Iterator[None]:
        """Workers that start inside run `first` before the user's own `worker_init_fn`."""
        before = self.worker_init_fn
        self.worker_init_fn = _Init(first, before)
        try:
            yield
        finally:
            self.worker_init_fn = before


class AffinityMixin(_Workers):
    """Lets worker processes stay on their cores."""

    @contextmanager
    def enable_cpu_affinity(
        self, loader_cores: Sequence[int | Sequence[int]] | None = None
    ) -> Iterator[None]:
        """Inside, every worker that starts runs on its own cores.

        Args:
            loader_cores: a core, or several, for each worker; None: the first ones that this process may use.

        Raises:
            GraphValueError: for a loader without workers, for fewer cores than workers, and where the system cannot
                pin processes.

        Example:
            >>> from grapevine.data import Data
            >>> from grapevine.loader import NeighborLoader
            >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
            >>> loader = NeighborLoader(data, [1], num_workers=1)
            >>> with loader.enable_cpu_affinity(loader_cores=[0]):
            ...     batches = iter(loader)
        """
        self._need_workers("enable_cpu_affinity")
        if not hasattr(os, "sched_setaffinity"):
            raise GraphValueError(
                "expected a system that pins processes to cores, such as Linux; leave the block out"
            )
        cores = sorted(os.sched_getaffinity(0)) if loader_cores is None else list(loader_cores)
        if len(cores) < self.num_workers or (loader_cores is not None and len(cores) != self.num_workers):
            raise GraphValueError(
                f"expected cores for each of {self.num_workers} workers, got {len(cores)}; use fewer workers, or "
                "several per core: loader_cores=[0, 0, 1, 1]"
            )
        lists = [[core] if isinstance(core, int) else list(core) for core in cores[: self.num_workers]]
        with self._first(_Pin(lists)):
            yield


class MultithreadingMixin(_Workers):
    """Lets worker processes use several threads."""

    @contextmanager
    def enable_multithreading(self, worker_threads: int | None = None) -> Iterator[None]:
        """Inside, every worker that starts uses so many threads.

        Args:
            worker_threads: how many; None: the threads of this process, divided by the workers.

        Raises:
            GraphValueError: for a loader without workers, for workers that are forked (their threads would wait for
                those of this process), and for more threads than this process has.
        """
        self._need_workers("enable_multithreading")
        threads = torch.get_num_threads()
        worker_threads = max(threads // self.num_workers, 1) if worker_threads is None else worker_threads
        if not 1 <= worker_threads <= threads:
            raise GraphValueError(
                f"expected between 1 and {threads} threads per worker, got {worker_threads}"
            )
        context: Any = getattr(self, "multiprocessing_context", None) or torch.multiprocessing.get_context()
        if context.get_start_method() != "spawn":
            raise GraphValueError(
                f"expected workers that are spawned, got {context.get_start_method()!r}; pass "
                "multiprocessing_context='spawn' to the loader"
            )
        with self._first(_Threads(worker_threads)):
            yield
