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


def reasons(array: Any, index: Tensor) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    whole = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.filename is not None
    if not whole or not array.flags.c_contiguous or array.mode == "c":
        found.append("the array is not a whole file in row order (a view, or a private copy)")
    if index.dtype is not torch.int64 or index.device.type != "cpu":
        found.append(f"index dtype {index.dtype} on {index.device}, not int64 in main memory")
    return found


def run(array: Any, index: Tensor) -> Tensor:
    assert _core.core is not None
    index = index.contiguous()
    out = np.empty((index.numel(), *array.shape[1:]), dtype=array.dtype)
    row_bytes = math.prod(array.shape[1:]) * array.itemsize
    if out.size:
        file = os.open(array.filename, os.O_RDONLY)
        try:
            complete = _core.core.gather_file(
                file, array.offset, row_bytes, index.data_ptr(), index.numel(), out.ctypes.data
            )
        finally:
            os.close(file)
        if not complete:
            raise GraphValueError(
                f"{array.filename}: expected {array.shape[0]} rows of {row_bytes} bytes, got a file that ends "
                "before one that was asked for; write the file again"
            )
    return torch.from_numpy(out)
