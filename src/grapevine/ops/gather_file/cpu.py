"""Rows of a file in the compiled core."""

from __future__ import annotations

import math
import mmap
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.ops import _core
from grapevine.ops.gather_rows.cpu import Empty, fresh


def reasons(array: Any, index: Tensor, empty: Any = None, cache: Any = None) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    whole = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.filename is not None
    if not whole or not array.flags.c_contiguous or array.mode == "c":
        found.append("the array is not a whole file in row order (a view, or a private copy)")
    if index.dtype is not torch.int64 or index.device.type != "cpu":
        found.append(f"index dtype {index.dtype} on {index.device}, not int64 in main memory")
    return found


def row_cache(array: Any, num_bytes: int) -> Any:
    """Memory for the rows of one file that are asked for most; None where there is nothing to keep it in."""
    row_bytes = math.prod(array.shape[1:]) * array.itemsize
    rows = min(num_bytes // row_bytes, array.shape[0]) if row_bytes else 0
    return None if _core.core is None or rows < 4 else _core.core.RowCache(rows, row_bytes)


def run(array: Any, index: Tensor, empty: Empty = fresh, cache: Any = None) -> Tensor:
    assert _core.core is not None
    index = index.contiguous()
    dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
    out = empty((index.numel(), *array.shape[1:]), dtype)
    row_bytes = math.prod(array.shape[1:]) * array.itemsize
    if out.numel():
        file = os.open(array.filename, os.O_RDONLY)
        try:
            if hasattr(os, "posix_fadvise"):  # rows lie anywhere: what follows one is not the next to be read
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
            where = (array.offset, index.data_ptr(), index.numel(), out.data_ptr())
            if cache is None:
                complete = _core.core.gather_file(file, where[0], row_bytes, *where[1:])
            else:
                complete = cache.gather(file, *where)
        finally:
            os.close(file)
        if not complete:
            raise GraphValueError(
                f"{array.filename}: expected {array.shape[0]} rows of {row_bytes} bytes, got a file that ends "
                "before one that was asked for; write the file again"
            )
    return out
