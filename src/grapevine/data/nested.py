"""Values of a graph's attributes: tensors, arrays, sparse matrices, and lists, tuples and dicts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from grapevine import graph
from grapevine.data import sparse
from grapevine.errors import GraphTypeError
from grapevine.graph import is_sparse


def is_sequence(value: Any) -> bool:
    """Returns whether `value` is a list-like of items (strings and bytes are single values)."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def map_tensors(value: Any, func: Callable[[Any], Any]) -> Any:
    """Applies `func` to every tensor inside `value` and returns the same structure with the results.

    A leaf is whatever can be moved between devices (has a method `to`): tensors, packed sequences, `Edges`,
    third-party sparse tensors. Graphs inside a graph are mapped attribute by attribute. Anything else
    (numbers, strings, arrays) is returned as it is.
    """
    if isinstance(value, Tensor):
        return func(value)
    if callable(getattr(value, "apply", None)) and hasattr(value, "stores"):  # a graph within a graph
        return value.apply(func)
    if callable(getattr(value, "to", None)):
        return func(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(item, func) for key, item in value.items()}
    if isinstance(value, tuple):
        items = (map_tensors(item, func) for item in value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if is_sequence(value):
        return [map_tensors(item, func) for item in value]
    return value


def select(value: Any, index_or_mask: Tensor, dim: int | tuple[int, ...] | None = 0) -> Any:
    """Selects rows of a tensor, a sparse matrix, an array, a list or a tuple.

    Args:
        value: what to select from.
        index_or_mask: int64 ids (n,) or a bool mask of the length of `value` along `dim`.
        dim: the dimension of tensors and arrays that is indexed (`None`: the first); a pair selects rows and
            columns of a sparse matrix.

    Returns:
        The selection, of the type of `value` (a list for tuples).

    Example:
        >>> import torch
        >>> select(("a", "b", "c"), torch.tensor([True, False, True]))
        ['a', 'c']
    """
    if is_sparse(value):
        return sparse.select(value, 0 if dim is None else dim, index_or_mask)
    if isinstance(dim, tuple):
        raise GraphTypeError(
            f"expected a sparse matrix to select along {dim}, got {type(value).__name__}; "
            "do this instead: declare the attribute's Role with one dimension as cat_dim"
        )
    if isinstance(value, np.ndarray):
        chosen = index_or_mask.cpu().numpy()
        return value.compress(chosen, dim or 0) if chosen.dtype == bool else value.take(chosen, dim or 0)
    if not isinstance(value, Tensor):
        return graph.select(value, index_or_mask, 0)
    return graph.select(value, index_or_mask.to(value.device), dim or 0)


def describe(key: Any, value: Any, indent: int = 0) -> str:
    """Writes one attribute as `name=shape`, dictionaries as blocks of such lines."""
    pad = " " * indent
    if isinstance(value, Tensor):
        shape = value.to_padded_tensor(0.0).shape if value.is_nested else value.shape
        text = str(value.item() if value.dim() == 0 else list(shape))
    elif isinstance(value, np.ndarray):
        text = str(list(value.shape))
    elif isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, Sequence | set):
        text = str([len(value)])
    elif isinstance(value, Mapping):
        text = _describe_mapping(value, indent)
    else:
        text = str(value)
    name = str(key).replace("'", "")  # edge types print as (author, writes, paper)
    return f"{pad}{name}={text}"


def _describe_mapping(value: Mapping[Any, Any], indent: int) -> str:
    if not value:
        return "{}"
    if len(value) == 1 and not isinstance(next(iter(value.values())), Mapping):
        return "{ " + ", ".join(describe(key, item) for key, item in value.items()) + " }"
    lines = ",\n".join(describe(key, item, indent + 2) for key, item in value.items())
    return "{\n" + lines + ",\n" + " " * indent + "}"
