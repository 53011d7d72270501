"""`init()` and `World`: which processes there are, and their groups."""

from __future__ import annotations

import atexit
import os
import re
import socket
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from typing_extensions import Self

from grapevine.errors import GrapevineError, GraphValueError


class ExchangeError(GrapevineError, RuntimeError):
    """A rank could not exchange data with the others; the message names rank, step and cause."""


class World:
    """The processes of one job, and how they talk. Made by `init`.

    Attributes:
        rank: the number of this process.
        size: how many there are.
        local_rank: its number on its host.
        device: where it should train.
        hosts: the number of the host of each rank, counted by the first rank on it.
        timeout: seconds after which an exchange gives up.
    """

    def __init__(self, rank: int, size: int, local_rank: int, device: torch.device, timeout: float) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.device, self.timeout = device, timeout
        self._closers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._closed = False
        self._control: Any = None
        self._store: Any = None
        self.hosts = [0]
        if size > 1:
            self._store = dist.PrefixStore("grapevine", dist.distributed_c10d._get_default_store())
            self._control = self.group()
            names = self.gather(host_name())
            self.hosts = [names.index(name) for name in names]

    def group(self, timeout: float | None = None) -> Any:
        """A new gloo group of all ranks; every rank calls it, in the same order. None where there is one rank.

        Args:
            timeout: seconds after which its collectives give up; None: those of the world.
        """
        if self.size == 1:
            return None
        return dist.new_group(backend="gloo", timeout=timedelta(seconds=timeout or self.timeout))

    def host_group(self) -> Any:
        """A new gloo group of the ranks on this host; every rank calls it. None where this rank is alone there."""
        mine = None
        for host in sorted(set(self.hosts)):
            ranks = [rank for rank, at in enumerate(self.hosts) if at == host]
            group = (
                dist.new_group(ranks, backend="gloo", timeout=timedelta(seconds=self.timeout))
                if len(ranks) > 1
                else None
            )
            if host == self.hosts[self.rank]:
                mine = group
        return mine

    def gather(self, value: Any) -> list[Any]:
        """What each rank gave; every rank calls it.

        Args:
            value: anything that can be pickled.

        Raises:
            ExchangeError: if a rank does not take part.
        """
        if self.size == 1:
            return [value]
        out: list[Any] = [None] * self.size
        with self.explained("gathering values of all ranks"):
            dist.all_gather_object(out, value, group=self._control)
        return out

    def barrier(self) -> None:
        """Waits for all ranks.

        Raises:
            ExchangeError: if a rank does not come.
        """
        self.gather(None)

    def agree(self, what: str, value: Any) -> None:
        """Makes sure that all ranks have the same value; every rank calls it.

        Args:
            what: what it is, for the message.
            value: anything with a `repr` that tells it.

        Raises:
            GraphValueError: on every rank, if they differ; the message lists who has what.
        """
        said = repr(value)
        short = said if len(said) <= 300 else f"{said[:280]}... (crc32 {zlib.crc32(said.encode()):08x})"
        found = self.gather((zlib.crc32(said.encode()), short))
        if len(set(found)) > 1:
            who: dict[str, list[int]] = {}
            for rank, (_, text) in enumerate(found):
                who.setdefault(text, []).append(rank)
            lines = "; ".join(f"ranks {ranks}: {text}" for text, ranks in who.items())
            raise GraphValueError(
                f"expected the same {what} on all ranks, got {lines}; start all with the same options and folder"
            )

    # What went wrong --------------------------------------------------------------------------------------------

    def explained(self, what: str) -> _Explained:
        """A block whose communication errors are told as `ExchangeError`.

        Args:
            what: what is being done, for the message.
        """
        return _Explained(self, what)

    def report(self, text: str) -> None:
        """Leaves word for the other ranks why this one stops.

        Args:
            text: step and cause.
        """
        if self._store is not None:
            _within(2.0, lambda: self._store.set(f"failed/{self.rank}", text))

    def word_of(self, rank: int) -> str | None:
        """Why a rank stopped, if it left word.

        Args:
            rank: which.
        """
        key = f"failed/{rank}"
        got = _within(2.0, lambda: self._store.get(key).decode() if self._store.check([key]) else None)
        return got if isinstance(got, str) else None

    def blame(self, grace: float = 1.0) -> str:
        """Who failed, as far as can be told: asks in the store, to which every rank that still runs reports.

        Args:
            grace: seconds to wait for reports.
        """
        others = [rank for rank in range(self.size) if rank != self.rank]
        words: dict[int, str] = {}
        end = time.monotonic() + grace
        while others and time.monotonic() < end:
            for rank in others:
                word = self.word_of(rank)
                if word is not None:
                    words[rank] = word
            others = [rank for rank in others if rank not in words]
            time.sleep(0.02)
        silent = f"no sign of life from rank{'s' if len(others) > 1 else ''} {', '.join(map(str, others))}"
        told = "; ".join(f"rank {rank} says: {word}" for rank, word in sorted(words.items()))
        return "; ".join(part for part in (silent if others else "", told) if part)

    # The end ----------------------------------------------------------------------------------------------------

    def on_close(self, thing: Any) -> None:
        """Has `thing.close(failed)` called before the groups are taken down."""
        self._closers.add(thing)

    def close(self, failed: bool = False) -> None:
        """Ends all loaders and groups; runs at exit by itself, and may be called again.

        Args:
            failed: give up at once, instead of serving others to the end of their epochs.
        """
        if self._closed:
            return
        self._closed = True
        ended = [bool(thing.close(failed)) for thing in list(self._closers)]
        clean = all(ended)
        if self.size > 1 and clean and dist.is_initialized():
            dist.destroy_process_group()
        _worlds.pop(os.getpid(), None)
        if (
            not clean and failed
        ):  # a thread hangs in a collective: only the end of the process frees its peers
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()

    def __repr__(self) -> str:
        return f"World(rank={self.rank}, size={self.size}, device={self.device})"


class _Explained:
    def __init__(self, world: World, what: str) -> None:
        self.world, self.what = world, what

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, RuntimeError) or isinstance(error, GrapevineError):
            return
        world, cause = self.world, _cause(error)
        after = time.monotonic() - self.start
        world.report(f"{self.what}: {cause}")
        raise ExchangeError(
            f"rank {world.rank} of {world.size}: {self.what} failed after {after:.2f} s: {cause}; {world.blame()}. "
            "Look at the log of the rank that is named; under `torchrun --max-restarts` the job starts again by itself"
        ) from error


def _cause(error: Exception) -> str:
    """What torch says, without the place in its sources and its guesses."""
    text = re.sub(r"^\[[^]]*\]\s*", "", str(error).strip().split("\n")[0])
    return re.split(r"\.?\s*(?:This (?:is typically|may indicate)|Original exception)", text)[0]


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call returns, None if it takes longer or fails: the store may have gone with its rank."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except RuntimeError:  # the store is gone: nothing to be learned there
            found.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def host_name() -> str:
    """What tells one host from another: `GRAPEVINE_HOST`, or its name and the boot of its kernel."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    given = os.environ.get("GRAPEVINE_HOST")
    return given or f"{socket.gethostname()} {boot.read_text().strip() if boot.exists() else ''}"


_worlds: dict[int, World] = {}  # by process id: a forked child is none of the ranks


def current() -> World:
    """The world of this process.

    Raises:
        GrapevineError: before `init()`.
    """
    world = _worlds.get(os.getpid())
    if world is None:
        raise GrapevineError(
            "expected grapevine.distributed.init() first, got no world; call it in every process"
        )
    return world


def init(timeout: float = 120.0, backend: str | None = None, init_method: str | None = None) -> World:
    """Joins the processes that torchrun started; a process started alone is a world of one.

    A process group that exists already is used. Under torchrun each attempt of an elastic job keeps its own part of the
    store, so that a restarted job does not find the addresses of dead processes. torch counts attempts per agent: with
    several hosts set `TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1` for torchrun as well.

    Args:
        timeout: seconds after which an exchange of Grapevine's own groups gives up; those are always on gloo.
        backend: of the default group, for training: None is gloo, and the accelerator's own where there is one.
        init_method: where processes meet (`file:///...`), with `RANK` and `WORLD_SIZE` set; None: torchrun's store.

    Returns:
        The world; the same one if called again.

    Raises:
        GraphValueError: if the environment tells a rank without a world.
        ExchangeError: if not all ranks come.

    Example:
        >>> init().size
        1
    """
    known = _worlds.get(os.getpid())
    if known is not None:
        return known
    if timeout <= 0:
        raise GraphValueError(f"expected a timeout above 0 seconds, got {timeout}")
    given = [name for name in ("RANK", "WORLD_SIZE") if name in os.environ]
    if len(given) == 1 and not dist.is_initialized():
        raise GraphValueError(
            f"expected both RANK and WORLD_SIZE, or neither, got {given[0]} alone; start with "
            "`torchrun --nproc-per-node 2 program.py`"
        )
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    if dist.is_initialized():
        rank, size = dist.get_rank(), dist.get_world_size()
    device = _device(local_rank)
    if size > 1 and not dist.is_initialized():
        chosen = backend or (
            "gloo"
            if device.type == "cpu"
            else f"cpu:gloo,{device.type}:{dist.get_default_backend_for_device(device)}"
        )
        where: dict[str, Any] = {"init_method": init_method}
        if init_method is None:
            where = {"store": _store(rank, size, timeout)}
        try:
            dist.init_process_group(chosen, rank=rank, world_size=size, **where)
        except RuntimeError as error:
            raise ExchangeError(
                f"rank {rank} of {size} could not join the others: {_cause(error)}; see whether "
                "all ranks started, and whether MASTER_ADDR and MASTER_PORT are free and the same for all"
            ) from error
    world = World(rank, size, local_rank, device, timeout)
    _worlds[os.getpid()] = world
    atexit.register(_at_exit, os.getpid())
    return world


def _at_exit(process: int) -> None:
    world = _worlds.get(process)
    if world is not None and process == os.getpid():
        world.close(failed=getattr(sys, "last_value", None) is not None)


def _device(local_rank: int) -> torch.device:
    kind = torch.accelerator.current_accelerator()
    if kind is None or torch.accelerator.device_count() == 0:
        return torch.device("cpu")
    return torch.device(kind.type, local_rank % torch.accelerator.device_count())


def _store(rank: int, size: int, timeout: float) -> Any:
    """torchrun's store, apart for each attempt."""
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise GraphValueError(
            f"expected MASTER_ADDR and MASTER_PORT beside RANK, got no {missing[0]}; start with torchrun, or pass "
            "init_method='file:///...'"
        )
    of_agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = dist.TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        size,
        is_master=rank == 0 and not of_agent,
        timeout=timedelta(seconds=max(timeout, 30.0)),
    )
    return dist.PrefixStore(f"attempt_{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
