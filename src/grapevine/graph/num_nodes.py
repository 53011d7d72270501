"""How many nodes an adjacency speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError


def bound(index: Tensor) -> int:
    """The smallest number above every index."""
    return int(index.max()) + 1 if index.numel() > 0 else 0


def maybe_num_nodes(edge_index: Tensor | tuple[Tensor, Tensor], num_nodes: int | None = None) -> int:
    """`num_nodes` where given, else the smallest number of nodes that holds every index.

    Args:
        edge_index: `(2, E)` integers, any index tensor, a pair of them, or a sparse matrix.
        num_nodes: the number, where known.

    Raises:
        GraphTypeError: for anything else.

    Example:
        >>> maybe_num_nodes(torch.tensor([[0, 1], [1, 4]]))
        5
    """
    if num_nodes is not None:
        return num_nodes
    if isinstance(edge_index, Tensor):
        return max(edge_index.shape[:2]) if edge_index.layout != torch.strided else bound(edge_index)
    if isinstance(edge_index, (tuple, list)):
        return max(bound(index) for index in edge_index)
    raise GraphTypeError(
        f"expected an index tensor, a pair of them or a sparse matrix, got {type(edge_index).__name__}; "
        "pass num_nodes instead"
    )


def maybe_num_nodes_dict(
    edge_index_dict: Mapping[tuple[Any, ...], Tensor], num_nodes_dict: Mapping[Any, int] | None = None
) -> dict[Any, int]:
    """The number of nodes of every type: the given ones, the others from the largest index.

    Args:
        edge_index_dict: `(2, E)` integers for every `(source, relation, destination)`.
        num_nodes_dict: the numbers that are known.

    Example:
        >>> maybe_num_nodes_dict({("a", "to", "b"): torch.tensor([[0, 2], [1, 0]])})
        {'a': 3, 'b': 2}
    """
    known = dict(num_nodes_dict or {})
    found: dict[Any, int] = dict(known)
    for edge_type, (row, col) in edge_index_dict.items():
        for node_type, index in ((edge_type[0], row), (edge_type[-1], col)):
            if node_type not in known:
                found[node_type] = max(found.get(node_type, 0), bound(index))
    return found
