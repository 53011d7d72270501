"""Edge attributes as PyTorch Geometric's functions take them: absent, None, one tensor, or several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

MISSING = "???"  # the default of `edge_attr` where None means "return a pair all the same"


def present(edge_attr: Any) -> bool:
    """Whether there are attributes."""
    return edge_attr is not None and not isinstance(edge_attr, str)


def each(edge_attr: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Applies `change` to the tensor, or to each tensor of a list; None and `MISSING` stay as they are."""
    if isinstance(edge_attr, Tensor):
        return change(edge_attr)
    if isinstance(edge_attr, (list, tuple)):
        return [change(attr) for attr in edge_attr]
    return edge_attr


def packed(edge_index: Any, edge_attr: Any) -> Any:
    """`edge_index` alone where no `edge_attr` was given, else the pair."""
    return edge_index if isinstance(edge_attr, str) else (edge_index, edge_attr)
