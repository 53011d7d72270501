"""`Metrics`: what one rank sent, waited for, and found in its caches."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

#: What is counted, and how a table calls it.
COUNTED = {
    "batches": "batches",
    "seeds": "seeds",
    "edges": "edges sampled",
    "served_rows": "nodes expanded for anybody",
    "exchanges": "exchanges",
    "sent_bytes": "bytes sent",
    "received_bytes": "bytes received",
    "wait_seconds": "seconds in exchanges",
    "starved_seconds": "seconds the model waited",
    "rows_here": "feature rows found on this host",
    "rows_cached": "feature rows found in the cache",
    "rows_asked": "feature rows asked of others",
}


class Metrics:
    """Counters of one rank; threads may add to them at once.

    Example:
        >>> metrics = Metrics()
        >>> metrics.add(sent_bytes=10, exchanges=1)
        >>> metrics.dict()["sent_bytes"]
        10
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = dict.fromkeys(COUNTED, 0)
        self._lock = threading.Lock()

    def add(self, **counts: float) -> None:
        """Adds to counters, by name."""
        with self._lock:
            for name, count in counts.items():
                self._values[name] += count

    def dict(self) -> dict[str, float]:
        """The counters, and `cache_hits`: the share of rows not on this host that the cache held."""
        with self._lock:
            values = dict(self._values)
        elsewhere = values["rows_cached"] + values["rows_asked"]
        return {**values, "cache_hits": values["rows_cached"] / elsewhere if elsewhere else 0.0}

    def gathered(self, world: Any) -> list[Mapping[str, float]]:
        """The counters of all ranks; every rank calls it.

        Args:
            world: the `World`.
        """
        return list(world.gather(self.dict()))

    def table(self, world: Any, title: str = "what the ranks did") -> Table:
        """All ranks side by side, with the imbalance (largest over mean); every rank calls it.

        Args:
            world: the `World`.
            title: above the table.
        """
        return side_by_side(self.gathered(world), title)


def imbalance(values: Sequence[float]) -> float:
    """The largest over the mean: 1 where the load is even.

    Example:
        >>> imbalance([1.0, 3.0])
        1.5
    """
    mean = sum(values) / len(values) if values else 0.0
    return max(values) / mean if mean else 1.0


def side_by_side(ranks: Sequence[Mapping[str, float]], title: str) -> Table:
    """A table with a column per rank.

    Args:
        ranks: what `Metrics.dict` gave on each.
        title: above the table.
    """
    table = Table(title=title)
    table.add_column("")
    for rank in range(len(ranks)):
        table.add_column(f"rank {rank}", justify="right")
    table.add_column("imbalance", justify="right")
    for name, words in {**COUNTED, "cache_hits": "share of cache hits"}.items():
        values = [values[name] for values in ranks]
        table.add_row(words, *map(_written, values), f"{imbalance(values):.2f}")
    return table


def _written(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
