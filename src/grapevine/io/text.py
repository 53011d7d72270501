"""Tables of numbers in text files."""

from __future__ import annotations

import os
import warnings

import numpy as np
import torch
from torch import Tensor

from grapevine.errors import GraphValueError

_NUMPY_DTYPE = {True: np.float64, False: np.int64}


def read_txt_array(
    path: str | os.PathLike[str],
    sep: str | None = None,
    start: int = 0,
    end: int | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Reads a table of numbers, one row a line.

    Args:
        path: the file.
        sep: what stands between two columns; None means whitespace.
        start: first column to keep.
        end: column to stop before; None keeps the rest.
        dtype: of the result; None means the default floating point type.
        device: of the result.

    Returns:
        A (rows, columns) tensor without its dimensions of size one.

    Raises:
        GraphValueError: if an entry is not a number, or the rows differ in length.
    """
    dtype = dtype or torch.get_default_dtype()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            table = np.loadtxt(
                path, dtype=_NUMPY_DTYPE[dtype.is_floating_point], delimiter=sep, ndmin=2, comments=None
            )
    except ValueError as error:
        raise GraphValueError(f"{os.fspath(path)}: expected a table of numbers, got {error}") from error
    return torch.from_numpy(table[:, start:end]).to(device=device, dtype=dtype).squeeze()
