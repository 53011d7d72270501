"""Helpers that programs import by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.nn._graphs import check_eq_shape, expand_as_pair

__all__ = [
    "apply_each",
    "check_eq_shape",
    "context_of",
    "dtype_of",
    "expand_as_pair",
    "recursive_apply",
    "recursive_apply_pair",
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
