"""Graphs in files, without trusting the files.

Everything is written by `torch.save` and read by `torch.load(weights_only=True)`, which builds tensors,
numbers, strings, containers and the classes that are named here, and runs nothing that a file asks for.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from grapevine.data.base import BaseData
from grapevine.data.batch import Batch, _blank_batch
from grapevine.data.data import Data
from grapevine.data.hetero_data import HeteroData
from grapevine.data.roles import Role
from grapevine.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from grapevine.data.temporal import EventStorage, TemporalData
from grapevine.errors import GraphTypeError

CLASSES = (
    *(BaseStorage, NodeStorage, EdgeStorage, GlobalStorage, EventStorage, Role),
    *(Data, HeteroData, TemporalData, Batch, _blank_batch),
)
torch.serialization.add_safe_globals(list(CLASSES))

# Numpy arrays and numbers: what they are pickled with.
_NUMPY: list[Any] = [
    (bytes, "builtins.bytes"),
    *(np.ndarray, np.dtype, np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]),
    *{type(np.dtype(code)) for code in "?bhilqBHILQefd"},
]

# The classes of graphs as PyTorch Geometric names them, so that its processed files can be read without it.
_PEERS: list[Any] = [
    (Data, "torch_geometric.data.data.Data"),
    (HeteroData, "torch_geometric.data.hetero_data.HeteroData"),
    (TemporalData, "torch_geometric.data.temporal.TemporalData"),
]


def save(obj: Any, path: str) -> None:
    """Writes tensors, graphs, and containers of them to a file that `load` can read.

    The file appears under its name only when it is complete.

    Args:
        obj: what to write.
        path: where.

    Raises:
        GraphTypeError: if it holds objects of other classes, which could not be read safely.
    """
    part = f"{path}.part"
    torch.save(obj, part)
    try:
        _refuse_unsafe(part, f"'{path}'")
    except GraphTypeError:
        os.remove(part)
        raise
    os.replace(part, path)


def dumps(obj: Any) -> bytes:
    """Returns what `save` would write, for `loads`.

    Raises:
        GraphTypeError: as by `save`.
    """
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    _refuse_unsafe(buffer, "a database")
    return buffer.getvalue()


def loads(content: bytes) -> Any:
    """Reads what `dumps` returned; runs no code of it.

    Raises:
        GraphTypeError: as by `load`.
    """
    return _load(io.BytesIO(content), "a database")


def _refuse_unsafe(file: str | io.BytesIO, where: str) -> None:
    with torch.serialization.safe_globals(_NUMPY):
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    if unsafe:
        raise GraphTypeError(
            f"expected tensors, arrays, numbers, strings and containers of them to write to {where}, got "
            f"{unsafe}; do this instead: convert these attributes, or allow their classes by "
            "torch.serialization.add_safe_globals"
        )


def load(path: str) -> Any:
    """Reads what `save` wrote, or PyTorch Geometric's `InMemoryDataset.save`; runs no code of the file.

    Args:
        path: the file.

    Raises:
        GraphTypeError: if the file asks for anything else than tensors, graphs and containers of them.
    """
    return _load(path, f"'{path}'")


def _load(file: str | io.BytesIO, where: str) -> Any:
    try:
        with torch.serialization.safe_globals([*_NUMPY, *_PEERS]):
            return torch.load(file, weights_only=True)
    except pickle.UnpicklingError as error:
        zipped = zipfile.is_zipfile(file)
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(file) if zipped else "a plain pickle"
        raise GraphTypeError(
            f"expected tensors, arrays, graphs and containers of them in {where}, got {unsafe}, which could run "
            "any code; do this instead: make the file anew (force_reload=True for a dataset), or, if you trust it, "
            "allow these classes by torch.serialization.add_safe_globals"
        ) from error


def class_name(cls: type[BaseData]) -> str:
    """Returns the name under which `class_of` finds a class of graphs."""
    return f"{cls.__module__}:{cls.__qualname__}"


def class_of(kind: str | type) -> type[Any]:
    """Returns the class of graphs that a file names, among those that have been imported.

    Args:
        kind: what `class_name` returned, or a class of PyTorch Geometric, which stands for ours.

    Raises:
        GraphTypeError: if there is none; a file cannot make anything be imported.
    """
    if isinstance(kind, str):
        found = [cls for cls in _subclasses(BaseData) if class_name(cls) == kind]
    else:
        found = [cls for cls in (Data, HeteroData, TemporalData) if cls.__name__ == kind.__name__]
    if not found:
        raise GraphTypeError(
            f"expected graphs of a class that has been imported, got {kind!r}; do this instead: import the module "
            "that defines it first, or pass force_reload=True to process the data again"
        )
    return found[-1]


def _subclasses(cls: type[BaseData]) -> Iterator[type[BaseData]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
