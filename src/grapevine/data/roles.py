"""Batching roles: how one attribute is joined, renumbered and sliced when graphs become one graph.

A role says three things: which rows of the graph an attribute describes (`level`), along which dimension it
is joined (`cat_dim`), and what its entries number, if they are numbers of something (`points_to`). Roles are
declared where the author of the data knows them, on one object (`data.declare(...)`) or on a class
(`__roles__`). Attributes without a declared role follow the naming rules of PyTorch Geometric, which are
`named_role` and the two name sets below, and nothing else in the library looks at an attribute's name to
batch it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import Tensor

from grapevine.data.aliases import Level
from grapevine.graph import is_sparse

NODES = "nodes"  # entries are node ids: joining shifts them by the number of nodes
GROUPS = "groups"  # entries are group numbers 0, 1, ...: joining shifts them by the number of groups


@dataclass(frozen=True)
class Role:
    """How one attribute takes part in batching and slicing.

    Args:
        level: what its rows belong to: `"node"`, `"edge"` or `"graph"`; `None` compares its size with the
            number of nodes and edges.
        cat_dim: dimension along which graphs are joined; `None` stacks them along a new first dimension; a
            pair places sparse matrices on the block diagonal.
        points_to: what the entries number, hence by how much they are shifted: `None` (nothing, no shift),
            `NODES`, `GROUPS`, the name of another attribute (its size along its own `cat_dim`) or of a node
            type, or one such name for each row of the attribute.

    Example:
        >>> import torch
        >>> from grapevine.data import Batch, Data, Role
        >>> data = Data(x=torch.zeros(3, 1), parent=torch.tensor([0, 0, 1]))
        >>> _ = data.declare(parent=Role("node", points_to="nodes"))
        >>> Batch.from_data_list([data, data]).parent
        tensor([0, 0, 1, 3, 3, 4])
    """

    level: Level | None = None
    cat_dim: int | tuple[int, ...] | None = 0
    points_to: str | tuple[str, ...] | None = None


# Attributes whose size reveals the number of nodes, or of edges, and that need no declaration to do so.
NODE_NAMES = frozenset({"x", "feat", "pos", "batch", "node_type", "n_id"})
EDGE_NAMES = frozenset({"edge_index", "edge_weight", "edge_attr", "edge_type", "e_id"})
ADJACENCY_NAMES = ("adj", "adj_t")


def named_role(key: str, value: Any, *, holds_ids: bool) -> Role:
    """Returns the role that PyTorch Geometric's naming rules give to an attribute.

    Args:
        key: the attribute's name.
        value: its value.
        holds_ids: whether the name says that the entries are node ids ("index", where it means that).

    Returns:
        A role whose `level` is left open.
    """
    on_diagonal = ("adj" in key or "edge_index" in key) and is_sparse(value)
    cat_dim: int | tuple[int, ...] = (0, 1) if on_diagonal else -1 if holds_ids else 0
    if "batch" in key and isinstance(value, Tensor):
        return _role(cat_dim, GROUPS)
    return _role(cat_dim, NODES if holds_ids else None)


@cache
def _role(cat_dim: int | tuple[int, ...], points_to: str | None) -> Role:
    return Role(cat_dim=cat_dim, points_to=points_to)
