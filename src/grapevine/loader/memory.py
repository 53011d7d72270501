"""The memory that batches are gathered into: used again once a batch is gone, and hot rows of files kept in it."""

from __future__ import annotations

import math
import os
import weakref
from collections import deque
from typing import Any

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from grapevine.ops import gather_file, gather_rows
from grapevine.ops.gather_file import row_cache


class RowMemory:
    """Gathers rows of features for the batches of one loader.

    A new block of memory costs as much as filling it, since the system hands it out page by page. So the memory of
    large results is used again, as soon as no tensor refers to it any more. Of rows that lie in files, those that are
    asked for most are kept.

    Args:
        cache_bytes: the most memory for rows of files, over all of them.

    Example:
        >>> memory = RowMemory()
        >>> memory.rows(torch.arange(6).view(3, 2), torch.tensor([2, 0]))
        tensor([[4, 5],
                [0, 1]])
    """

    SMALL = 1 << 20  # results of fewer bytes come from the allocator, which keeps such blocks itself
    KEPT = 8  # free blocks at most

    def __init__(self, cache_bytes: int = 0) -> None:
        self.cache_bytes = cache_bytes
        self._free: deque[Any] = deque()
        self._caches: dict[tuple[int, str, int], Any] = {}

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An uninitialised tensor, in memory that a tensor now gone used before, if there is such."""
        size = math.prod(shape) * dtype.itemsize
        if size < self.SMALL or torch.utils.data.get_worker_info() is not None:
            return torch.empty(shape, dtype=dtype)
        block = self._block(size)
        part = block[:size]
        weakref.finalize(part, self._give_back, self._free, block).atexit = False
        return (
            torch.from_numpy(part).view(dtype).view(shape)
        )  # its storage holds `part`, and so does every view

    def _block(self, size: int) -> Any:
        for _ in range(
            len(self._free)
        ):  # other threads take and give at the same time: no lock, single steps
            try:
                block = self._free.popleft()
            except IndexError:
                break
            if size <= block.size <= 2 * size:
                return block
            if len(self._free) < self.KEPT:
                self._free.append(block)
        return np.empty(size + size // 8, dtype=np.uint8)

    @staticmethod
    def _give_back(free: deque[Any], block: Any) -> None:
        free.append(block)
        if len(free) > RowMemory.KEPT:
            free.popleft()

    def rows(self, value: Tensor, index: Tensor) -> Tensor:
        """Rows of a tensor."""
        return gather_rows(value, index, self.empty)

    def file_rows(self, array: Any, index: Tensor) -> Tensor:
        """Rows of a `numpy.memmap`."""
        return gather_file(array, index, self.empty, self._cache(array))

    def _cache(self, array: Any) -> Any:
        key = (
            os.getpid(),
            str(array.filename),
            array.offset,
        )  # a forked worker has caches of its own, with locks of its own
        if key not in self._caches:
            left = self.cache_bytes - sum(c.bytes for k, c in self._caches.items() if c and k[0] == key[0])
            self._caches[key] = row_cache(array, left)
        return self._caches[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"cache_bytes": self.cache_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["cache_bytes"])  # type: ignore[misc]
