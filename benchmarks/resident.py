"""The resident memory of this process, as the system counts it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

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
