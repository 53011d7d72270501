"""Edges grouped by target, as neighbour samplers read them."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops import Relation
from grapevine.ops.sample_neighbors import compress
from grapevine.topology import TensorMemo, check_pair, check_range

_known = TensorMemo()


def by_target(edge_index: Tensor, size: tuple[int, int]) -> Relation:
    """Groups edges by target, remembered while `edge_index` lives unchanged: several loaders share one sorting.

    Args:
        edge_index: `(2, E)` integers.
        size: numbers of sources and of targets.

    Returns:
        Compressed rows between node types 0 and 0.

    Raises:
        GraphIndexError: for an id out of range.

    Example:
        >>> import torch
        >>> by_target(torch.tensor([[1, 2, 0], [0, 0, 1]]), (3, 3)).ptr
        tensor([0, 2, 3, 3], dtype=torch.int32)
    """
    known = None if edge_index.is_inference() else _known.get(edge_index)
    if known is not None and known[0] == size:
        rows: Relation = known[1]
        return rows
    src, dst = edge_index
    check_pair(src, dst)
    check_range(src, size[0], "source")
    check_range(dst, size[1], "destination")
    return remember_by_target(edge_index, size, compress(src, dst, size, (0, 0)))


def remember_by_target(edge_index: Tensor, size: tuple[int, int], rows: Relation) -> Relation:
    """Keeps the grouping of edges that is known already, such as one read from a file."""
    held = rows.index._base if rows.index._base is not None else rows.index
    if not edge_index.is_inference() and held is not edge_index:  # else neither would ever be freed
        _known.set(edge_index, (size, rows))
    return rows
