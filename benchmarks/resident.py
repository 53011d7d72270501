"""The resident memory of a process, as the system counts it."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ACCOUNTS = Path("/proc/self")
#: Whether the system keeps the accounts that are read here: Linux does.
MEASURABLE = (ACCOUNTS / "clear_refs").exists()


def resident(field: str) -> float:
    """`VmRSS` or `VmHWM`, in MB."""
    lines = (ACCOUNTS / "status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(field)).split()[1]) / 1e3


def settled() -> float:
    """Resident MB once everything free has gone back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident("VmRSS")


def peak_above(start: float, run: Callable[[], object]) -> float:
    """By how many MB the resident memory rose above `start` while `run` ran."""
    (ACCOUNTS / "clear_refs").write_text("5")  # forgets the highest mark so far
    run()
    return resident("VmHWM") - start


def in_child(run: Callable[..., float], *args: Any) -> float:
    """`run(*args)` in a process of its own, which starts small and without threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run.__module__])
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(run, *args).result()
