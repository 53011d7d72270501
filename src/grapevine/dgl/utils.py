"""Helpers that programs import by name."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.nn._graphs import check_eq_shape, expand_as_pair
from grapevine.dgl.shared import create_shared_mem_array, get_shared_mem_array

__all__ = [
    "ExceptionWrapper",
    "apply_each",
    "check_eq_shape",
    "context_of",
    "create_shared_mem_array",
    "dtype_of",
    "expand_as_pair",
    "get_num_threads",
    "get_numa_nodes_cores",
    "get_shared_mem_array",
    "recursive_apply",
    "recursive_apply_pair",
    "set_num_threads",
]


def apply_each(data: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function applied to every value of a dict, every item of a list, or to the thing itself.

    Example:
        >>> apply_each({"a": 1, "b": 2}, lambda x, k: x + k, 10)
        {'a': 11, 'b': 12}
    """
    if isinstance(data, Mapping):
        return {key: fn(value, *args, **kwargs) for key, value in data.items()}
    if isinstance(data, list):
        return [fn(value, *args, **kwargs) for value in data]
    return fn(data, *args, **kwargs)


def recursive_apply(data: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function applied to every leaf of nested dicts, lists and tuples.

    Example:
        >>> recursive_apply({"a": [1, (2,)]}, lambda x: 2 * x)
        {'a': [2, (4,)]}
    """
    if isinstance(data, Mapping):
        return {key: recursive_apply(value, fn, *args, **kwargs) for key, value in data.items()}
    if isinstance(data, tuple):
        return tuple(recursive_apply(value, fn, *args, **kwargs) for value in data)
    if isinstance(data, list):
        return [recursive_apply(value, fn, *args, **kwargs) for value in data]
    return fn(data, *args, **kwargs)


def recursive_apply_pair(data1: Any, data2: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of two applied to the leaves of two things that are nested alike.

    Example:
        >>> recursive_apply_pair([1, 2], [10, 20], lambda x, y: x + y)
        [11, 22]
    """
    if isinstance(data1, Mapping) and isinstance(data2, Mapping):
        return {
            key: recursive_apply_pair(data1[key], data2[key], fn, *args, **kwargs)
            for key in data1
            if key in data2
        }
    if isinstance(data1, (list, tuple)) and isinstance(data2, (list, tuple)):
        pairs = [recursive_apply_pair(x, y, fn, *args, **kwargs) for x, y in zip(data1, data2)]
        return tuple(pairs) if isinstance(data1, tuple) else pairs
    return fn(data1, data2, *args, **kwargs)


def _first(data: Any) -> Tensor:
    return next(iter(data.values())) if isinstance(data, Mapping) else data


def context_of(data: Any) -> torch.device:
    """The device of a tensor, or of the first tensor of a dict.

    Example:
        >>> context_of({"a": torch.ones(1)})
        device(type='cpu')
    """
    return _first(data).device


def dtype_of(data: Any) -> torch.dtype:
    """The dtype of a tensor, or of the first tensor of a dict.

    Example:
        >>> dtype_of(torch.ones(1))
        torch.float32
    """
    return _first(data).dtype


def set_num_threads(num_threads: int) -> None:
    """How many threads kernels and torch use.

    Args:
        num_threads: at least one.
    """
    torch.set_num_threads(num_threads)


def get_num_threads() -> int:
    """How many threads kernels and torch use.

    Example:
        >>> get_num_threads() == torch.get_num_threads()
        True
    """
    return torch.get_num_threads()


def get_numa_nodes_cores() -> dict[int, list[tuple[int, list[int]]]]:
    """The cores of every NUMA node, each with its processors; empty where the system does not tell."""
    found: dict[int, dict[int, list[int]]] = {}
    for folder in Path("/sys/devices/system/node").glob("node[0-9]*/cpu[0-9]*"):
        core = folder / "topology" / "core_id"
        if core.exists():
            node, processor = int(folder.parent.name[4:]), int(folder.name[3:])
            found.setdefault(node, {}).setdefault(int(core.read_text()), []).append(processor)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return {
        node: [(core, sorted(ids)) for core, ids in sorted(cores.items()) if set(ids) & usable]
        for node, cores in sorted(found.items())
    }


class ExceptionWrapper:
    """An exception with its traceback as text, to be raised in another thread or process.

    Args:
        exc_info: as of `sys.exc_info()`; None takes the current one.
        where: what to add to the message.

    Example:
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError:
        ...     caught = ExceptionWrapper(where="in a thread")
        >>> caught.exc_type.__name__, "in a thread" in str(caught)
        ('ZeroDivisionError', True)
    """

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.where = where

    def __str__(self) -> str:
        return f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"

    def reraise(self) -> None:
        """Raises an exception of the same kind with the whole message.

        Raises:
            Exception: of the kind that was caught; RuntimeError where that cannot be made of a message.
        """
        try:
            error = self.exc_type(str(self))
        except TypeError:
            error = RuntimeError(str(self))
        raise error
