"""Worlds for tests: forked from one process that has imported everything, met through a file, ended by a time limit."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import torch

from grapevine.distributed import init

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["grapevine.distributed", "grapevine.loader", "grapevine.nn", "tests.distributed.launch"]
)


@dataclass
class Ended:
    """How a rank ended.

    Args:
        code: its exit code, negative for a signal.
        value: what its program returned.
        error: what it wrote to stderr.
        seconds: after how long.
    """

    code: int
    value: Any
    error: str
    seconds: float


def launch(
    size: int, program: Callable[..., Any], *args: Any, timeout: float = 30.0, limit: float = 90.0,
    env: Mapping[str, str] | Callable[[int], Mapping[str, str]] = MappingProxyType({}),
    check: bool = True,
) -> list[Ended]:  # fmt: skip
    """Runs `program(world, *args)` on ranks of their own.

    Args:
        size: how many.
        program: a function of a module; it returns something that can be pickled.
        timeout: seconds, of the exchanges.
        limit: seconds after which what still runs is killed, and the test fails.
        env: variables, the same for all or by rank.
        check: whether all ranks must end well.
    """
    with TemporaryDirectory() as folder:
        ranks = [
            context.Process(
                target=_rank,
                args=(
                    rank,
                    size,
                    folder,
                    program,
                    args,
                    timeout,
                    limit,
                    dict(env(rank) if callable(env) else env),
                ),
            )
            for rank in range(size)
        ]
        start = time.monotonic()
        for process in ranks:
            process.start()
        ended: dict[int, float] = {}
        while len(ended) < size and time.monotonic() - start < limit:
            for rank, process in enumerate(ranks):
                if rank not in ended and process.exitcode is not None:
                    ended[rank] = time.monotonic() - start
            time.sleep(0.005)
        late = [rank for rank in range(size) if rank not in ended]
        for rank in late:
            ranks[rank].kill()
            ranks[rank].join()
        out = [
            Ended(process.exitcode, _value(folder, rank), _error(folder, rank), ended.get(rank, limit))
            for rank, process in enumerate(ranks)
        ]
    said = "\n".join(f"--- rank {rank}, code {end.code}\n{end.error}" for rank, end in enumerate(out))
    assert not late, f"ranks {late} still ran after {limit} s\n{said}"
    assert not check or all(end.code == 0 for end in out), said
    return out


def values(*args: Any, **kwargs: Any) -> list[Any]:
    """What the program returned on each rank."""
    return [end.value for end in launch(*args, **kwargs)]


def _rank(
    rank: int,
    size: int,
    folder: str,
    program: Any,
    args: Any,
    timeout: float,
    limit: float,
    env: Mapping[str, str],
) -> None:
    file = os.open(f"{folder}/error-{rank}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(file, 2)
    numbers = {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    os.environ.update({**numbers, "GLOO_SOCKET_IFNAME": "lo", **env})
    torch.set_num_threads(1)
    if "NETWORK" in env:  # a network namespace
        assert ctypes.CDLL(None).setns(os.open(env["NETWORK"], os.O_RDONLY), 0) == 0
    faulthandler.dump_traceback_later(limit - 1, file=file)
    code, world = 1, None
    try:
        world = init(timeout=timeout, init_method=f"file://{folder}/store")
        value = program(world, *args)
        Path(f"{folder}/value-{rank}").write_bytes(pickle.dumps(value))
        world.close()
        code = 0
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        if world is not None:
            world.close(failed=True)
    os._exit(code)


def _value(folder: str, rank: int) -> Any:
    file = Path(f"{folder}/value-{rank}")
    return pickle.loads(file.read_bytes()) if file.exists() else None


def _error(folder: str, rank: int) -> str:
    file = Path(f"{folder}/error-{rank}")
    return file.read_text() if file.exists() else ""
