"""A cache of rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError

__all__ = ["GPUCache"]


class GPUCache:
    """The latest rows that were asked for, so that they need not be fetched from slower memory again.

    Args:
        num_items: rows that it holds; the oldest make room.
        num_feats: the width of a row.
        idtype: of the keys, int32 or int64.
        device: where the rows are; None means the current GPU, or the CPU where there is none.

    Raises:
        DGLError: for another `idtype`.

    Example:
        >>> cache = GPUCache(2, 3, device="cpu")
        >>> cache.replace(torch.tensor([5, 7]), torch.ones(2, 3))
        >>> values, missing, keys = cache.query(torch.tensor([7, 9]))
        >>> values[0].tolist(), missing.tolist(), keys.tolist(), cache.miss_rate
        ([1.0, 1.0, 1.0], [1], [9], 0.5)
    """

    def __init__(
        self, num_items: int, num_feats: int, idtype: torch.dtype = torch.int64, device: Any = None
    ) -> None:
        if idtype not in (torch.int32, torch.int64):
            raise DGLError(f"expected idtype torch.int32 or torch.int64, got {idtype}")
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.num_items = num_items
        self.idtype = idtype
        self.total_miss = 0
        self.total_queries = 0
        # Rows in the order of their arrival, the oldest first.
        self._keys = torch.empty(0, dtype=idtype, device=device)
        self._rows = torch.empty(0, num_feats, device=device)

    def query(self, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The rows of some keys.

        Args:
            keys: `(K,)`.

        Returns:
            `(K, F)` rows, undefined where missing; the positions of missing keys; the missing keys.
        """
        keys = keys.to(self._keys)
        order = self._keys.argsort()
        known = self._keys[order]
        place = torch.searchsorted(known, keys).clamp(max=max(len(known) - 1, 0))
        there = known[place] == keys if len(known) else torch.zeros_like(keys, dtype=torch.bool)
        values = self._rows.new_empty(len(keys), self._rows.shape[1])
        values[there] = self._rows[order[place[there]]]
        missing = (~there).nonzero().view(-1)
        self.total_queries += len(keys)
        self.total_miss += len(missing)
        return values, missing, keys[missing]

    def replace(self, keys: Tensor, values: Tensor) -> None:
        """Puts rows into the cache.

        Args:
            keys: `(K,)`.
            values: `(K, F)` their rows, stored as float32.
        """
        keys, values = keys.to(self._keys), values.to(self._rows)
        kept = ~torch.isin(self._keys, keys)
        keys, first = _first(keys)
        self._keys = torch.cat((self._keys[kept], keys))[-self.num_items :]
        self._rows = torch.cat((self._rows[kept], values[first]))[-self.num_items :]

    @property
    def miss_rate(self) -> float:
        """The part of all keys so far that was missing."""
        return self.total_miss / max(self.total_queries, 1)


def _first(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Every key once, with a place where it stands."""
    found, place = keys.unique(return_inverse=True)
    at = torch.empty_like(found, dtype=torch.int64)
    at[place] = torch.arange(len(keys), device=keys.device)
    return found, at
