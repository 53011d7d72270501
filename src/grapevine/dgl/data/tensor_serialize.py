"""Dicts of tensors in DGL's files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.data.binary import TENSOR_DICT, Reader, Writer

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(filename: str | os.PathLike[str], tensor_dict: Mapping[str, Tensor]) -> bool:
    """Writes a dict of tensors to a file that DGL reads too.

    Args:
        filename: the file.
        tensor_dict: tensors of numbers by name; booleans come back as uint8.

    Returns:
        True.

    Raises:
        DGLError: for names that are not strings, and values that are no tensors.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = save_tensors(f"{folder}/x.bin", {"x": torch.arange(3)})
        ...     load_tensors(f"{folder}/x.bin")
        {'x': tensor([0, 1, 2])}
    """
    for name, value in tensor_dict.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DGLError(f"expected a dict from str to tensors, got {name!r}: {type(value).__name__}")
    writer = Writer()
    writer.put("QQ", TENSOR_DICT, len(tensor_dict))
    writer.tensors(tensor_dict)
    Path(filename).write_bytes(writer.bytes())
    return True


def load_tensors(filename: str | os.PathLike[str], return_dgl_ndarray: bool = False) -> dict[str, Tensor]:
    """Reads what `save_tensors`, or DGL's, wrote.

    Args:
        filename: the file.
        return_dgl_ndarray: must be False: there are tensors only.

    Raises:
        DGLError: if the file is missing or of another format.
    """
    if return_dgl_ndarray:
        raise DGLError("expected return_dgl_ndarray=False; tensors are what this library has")
    if not Path(filename).is_file():
        raise DGLError(f"File {filename} does not exist.")
    reader = Reader(Path(filename).read_bytes())
    reader.expect(TENSOR_DICT, "a dict of tensors")
    reader.get("Q")  # the number of tensors, which comes again
    return reader.tensors()
