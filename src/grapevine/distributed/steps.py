"""`SteppingLoader`: a loader whose ranks go through their batches in step."""

from __future__ import annotations

import copy
import itertools
import queue
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grapevine.distributed.exchange import Exchange
from grapevine.distributed.graph import DistGraph
from grapevine.distributed.metrics import Metrics
from grapevine.distributed.sampler import DistNeighborSampler
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader.node_loader import SamplingLoader
from grapevine.loader.seeds import Epoch, Item
from grapevine.ops._draw import PHI, mix

_NOBODY: Item = (-1, torch.empty(0, dtype=torch.int64), 0)  # a batch without seeds


@dataclass
class _Pass:
    """A pass under way: what its threads share.

    Attributes:
        told: the number and the key of the pass, on which the ranks must agree.
        items: this rank's batches, in the order of the steps.
        stop: nobody takes batches any more; others may still need this rank.
        failure: why this rank gives up.
        said: whether it has told the others.
    """

    told: Tensor
    items: Iterator[Item]
    stop: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None
    said: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[int, Item | None] = field(default_factory=dict)
    _taken: int = 0

    def item(self, step: int) -> Item | None:
        """The batch of a step; each is asked for once, by the thread whose turn it is."""
        with self._lock:
            for number in range(self._taken, step + 1):
                self._waiting[number] = next(self.items, None)
            self._taken = max(self._taken, step + 1)
            return self._waiting.pop(step)


class SteppingLoader(SamplingLoader):
    """What both loaders share: whose turn a batch is, and the threads that serve the other ranks.

    Thread t of T prepares the batches of the steps t, t + T, ... together with thread t of every other rank, over an
    exchange of their own: while one waits for what travels, another samples. Batches are handed out in order.
    """

    input_data: Any
    graph: DistGraph
    exchange: Exchange | None

    def _join(
        self, graph: DistGraph, seed: int, split: str, even: bool, timeout: float | None, name: str
    ) -> None:
        """Before the loader itself is made: its exchange and counters."""
        if split not in ("shared", "own"):
            raise GraphValueError(f"expected split='shared' or 'own', got {split!r}")
        self.graph, self.seed, self.split, self.even = graph, seed, split, even
        self.metrics = Metrics()
        self.exchange = None
        if graph.communicates:
            self.exchange = Exchange(graph.world, name, timeout, self.metrics)
        self._further: list[Exchange] = []  # of the threads after the first
        self._timeout = timeout
        self.epoch = self._start = 0  # of the next pass: its number, and the batch it starts with
        self._current = (0, 0)
        self._threads: list[threading.Thread] = []
        self._pass: _Pass | None = None

    def _joined(self, **options: Any) -> None:
        """After the loader is made: all ranks must have made the same one."""
        world = self.graph.world
        inputs = [value for value in vars(self.input_data).values() if isinstance(value, Tensor)]
        shared = () if self.split == "own" else tuple(_summary(value) for value in inputs)
        told = (
            self.batch_size,
            self.drop_last,
            self._plain(),
            self.seed,
            self.split,
            self.even,
            options,
            shared,
            self.prefetch_threads,
        )
        world.agree("arguments of the loader", told)
        if self.exchange is not None:
            self._further = [
                Exchange(world, self.exchange.name, self._timeout, self.metrics)
                for _ in range(1, self.prefetch_threads)
            ]
        self._most = max(world.gather(super().__len__() if self._sized() else 0))
        world.on_close(self)

    def _sampler(self, given: Any, num_neighbors: Any, **options: Any) -> Any:
        if isinstance(given, DistNeighborSampler):
            return given.over(self.exchange)
        if given is not None:
            raise GraphTypeError(
                f"expected a DistNeighborSampler for a DistGraph, got {type(given).__name__}; make one of the graph, "
                "or pass num_neighbors alone"
            )
        return DistNeighborSampler(self.graph, num_neighbors, exchange=self.exchange, **options)

    def _options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        if kwargs.get("num_workers"):
            raise GraphValueError(
                f"expected num_workers=0 with a DistGraph, got {kwargs['num_workers']}: threads prepare batches; "
                "pass prefetch_threads"
            )
        given = kwargs.pop("generator", None)
        if given is not None:
            self.seed = given.initial_seed()
        if self.exchange is not None:
            kwargs.setdefault("prefetch_threads", 2)
        return {**kwargs, "generator": torch.Generator()}

    def _sized(self) -> bool:
        return self._plain() or hasattr(self.batch_sampler or self.sampler, "__len__")

    # Whose turn -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many batches this rank hands out in a whole pass."""
        size, rank = self.graph.world.size, self.graph.world.rank
        count = super().__len__()
        if self.split == "own":
            return self._most if self.even else count
        return (count + (size - 1 if self.even else size - 1 - rank)) // size

    def set_epoch(self, epoch: int) -> None:
        """Makes the next pass the one of this number.

        Args:
            epoch: from 0.
        """
        self.epoch, self._start = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the current pass stands, for `load_state_dict`; with `split="shared"` on any number of ranks."""
        epoch, done = self._current
        return {"seed": self.seed, "epoch": epoch, "done": done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next pass goes on where the saved one stood.

        Args:
            state: from `state_dict` of a loader with the same inputs and batch size.
        """
        self.seed, self.epoch, self._start = state["seed"], state["epoch"], state["done"]
        self._current = (self.epoch, self._start)

    def _begin(self) -> Epoch:
        assert isinstance(self.generator, torch.Generator)
        self._settle()
        number, start = self.epoch, self._start
        world = self.graph.world
        self.generator.manual_seed(pass_seed(self.seed, number, world.rank if self.split == "own" else None))
        epoch = super()._begin()
        epoch.done = start // world.size if self.split == "own" else start
        self.epoch, self._start, self._current = number + 1, 0, (number, start)
        return epoch

    def _items(self, epoch: Epoch) -> Iterator[Item]:
        """This rank's batches, and empty ones where ranks shall take as many steps."""
        world, first, count = self.graph.world, epoch.done, 0
        for number, index, key in super()._items(epoch):
            if self.split == "own" or (number - first) % world.size == world.rank:
                count += 1
                yield number, index, key
        if self.even and self._sized():
            left = self._most - first
            steps = left if self.split == "own" else -(-left // world.size)
            for _ in range(steps - count):
                yield _NOBODY

    # Preparing ------------------------------------------------------------------------------------------------------

    def _sample(self, index: Tensor, key: int | None) -> Any:
        out = super()._sample(index, key)
        rows = out.row.values() if isinstance(out.row, dict) else [out.row]
        self.metrics.add(seeds=index.numel(), edges=sum(row.numel() for row in rows))
        return out

    def _gather(self, out: Any) -> Any:
        if self.graph.whole is not None:
            return super()._gather(out)
        if self.transform_sampler_output is not None:
            out = self.transform_sampler_output(out)
        data = self.graph.batch(out, self.exchange, self._memory)
        self._describe(data, out)
        return data

    def _run(self, epoch: Epoch) -> Iterator[Any]:
        world, (number, start) = self.graph.world, self._current
        items = self._items(epoch)
        source: Any = self._from_threads(items) if self.exchange is None else self._from_server(epoch, items)
        try:
            for step in itertools.count(1):
                before = time.monotonic()
                found = next(source, None)
                self.metrics.add(starved_seconds=time.monotonic() - before)
                if found is None:
                    break
                self._current = (number, start + step * world.size)
                self.metrics.add(batches=1)
                yield found[1]
            self._current = (number + 1, 0)
        finally:
            source.close()
            if self._epoch is epoch:
                self._epoch = None

    # The threads that serve -----------------------------------------------------------------------------------------

    def _from_server(self, epoch: Epoch, items: Iterator[Item]) -> Iterator[Any]:
        told = torch.tensor([[self._current[0], 0 if self.split == "own" else epoch.key]])
        self._pass = now = _Pass(told, items)
        lanes = [self, *map(self._over, self._further)]
        ready: list[queue.Queue[Any]] = [queue.Queue(max(self._ahead // len(lanes), 1)) for _ in lanes]
        self._threads = [
            threading.Thread(
                target=lane._serve,
                args=(now, turn, len(lanes), to),
                name="grapevine-distributed",
                daemon=True,
            )
            for turn, (lane, to) in enumerate(zip(lanes, ready))
        ]
        for thread in self._threads:
            thread.start()
        try:
            for source in itertools.cycle(ready):
                found = source.get()
                if isinstance(found, Exception):
                    raise found
                if found is None:
                    return
                number, batch = found
                batch = self._finish(batch)
                yield number, batch.pin_memory() if self.pin_memory and torch.cuda.is_available() else batch
        finally:  # also where the loop over batches is left early: others are served until they are done
            now.stop.set()

    def _over(self, exchange: Exchange) -> SteppingLoader:
        """This loader for another thread."""
        out = copy.copy(self)
        out.exchange = exchange
        for name, value in vars(out).items():
            if isinstance(value, DistNeighborSampler):
                setattr(out, name, value.over(exchange))
        return out

    def _serve(self, now: _Pass, turn: int, turns: int, ready: queue.Queue[Any]) -> None:
        """Prepares every `turns`-th batch in step with the other ranks, for as long as one of them has any left."""
        exchange, size = self.exchange, self.graph.world.size
        assert exchange is not None

        def hand_over(found: Any) -> None:
            while not now.stop.is_set():
                with suppress(queue.Full):
                    ready.put(found, timeout=0.05)
                    break

        try:
            for rank, other in enumerate(exchange.swap([now.told] * size, "epoch", step=0)):
                if not torch.equal(now.told, other):
                    raise GraphValueError(
                        f"expected rank {rank} in pass {now.told[0, 0]} with the same seed, got it in pass "
                        f"{other[0, 0]}; let all ranks iterate over their loaders alike"
                    )
            nothing = [torch.empty(0, dtype=torch.uint8)] * size
            for step in itertools.count(turn, turns):
                if now.failure is not None:
                    raise now.failure
                item = None if now.stop.is_set() else now.item(step)
                exchange.swap(nothing, "step", step=step, flag=int(item is not None))
                if not any(exchange.flags):
                    break
                batch = self._prepared(item)
                if item is not None:
                    hand_over((item[0], batch))
            hand_over(None)
        except Exception as error:  # told to the other ranks, then raised where batches are consumed
            first, now.said, now.failure = not now.said, True, now.failure or error
            exchange.quit(f"{type(error).__name__}: {error}" if first else None)
            if first and hasattr(error, "add_note"):
                error.add_note(f"while preparing step {exchange.step} on rank {self.graph.world.rank}")
            hand_over(error)

    def _prepared(self, item: Item | None) -> Any:
        """A batch of this rank; without one, only the service to the others."""
        if item is not None:
            return self._gather(self._sample(*item[1:]))
        return self.graph.batch(super()._sample(*_NOBODY[1:]), self.exchange, self._memory)

    def _settle(self) -> None:
        """Waits for the threads of the pass before, which may still serve others."""
        if self._pass is not None:
            self._pass.stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def close(self, failed: bool = False) -> bool:
        """Ends the threads that serve the others, when all are done; called at exit too.

        Args:
            failed: tell the others to give up, and do not wait long.

        Returns:
            Whether the threads ended.
        """
        if self._pass is not None:
            if failed and self._pass.failure is None:
                self._pass.failure = GraphValueError("the program of this rank ended with an error")
            self._pass.stop.set()
        end = time.monotonic() + (0.5 if failed else self.graph.world.timeout + 5)
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)


def pass_seed(seed: int, number: int, rank: int | None = None) -> int:
    """The seed of the generator from which a pass takes its key and its order, as loaders on one machine do.

    Args:
        seed: of the loader.
        number: of the pass.
        rank: where ranks have inputs of their own.

    Example:
        >>> pass_seed(0, 0) == pass_seed(0, 0, None) != pass_seed(0, 1)
        True
    """
    key = mix(seed + PHI * (number + 1))
    return (key if rank is None else mix(key + PHI * (rank + 1))) >> 1


def _summary(value: Tensor) -> tuple[Any, ...]:
    """What tells one tensor from another, in a few bytes."""
    return (
        tuple(value.shape),
        str(value.dtype),
        zlib.crc32(value.contiguous().view(-1).view(torch.uint8).numpy().data),
    )
