"""Helpers for graphs of several node and edge types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, ParameterDict

from grapevine.errors import GraphValueError
from grapevine.graph.num_nodes import maybe_num_nodes_dict
from grapevine.graph.sparse import is_sparse, to_edge_index

EdgeType = tuple[str, str, str]


def group_hetero_graph(
    edge_index_dict: Mapping[EdgeType, Tensor], num_nodes_dict: Mapping[str, int] | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str | int, Tensor], dict[str | EdgeType, int]]:
    """Joins the edges of all types into one graph.

    Args:
        edge_index_dict: `(2, E)` for every edge type.
        num_nodes_dict: number of nodes of every type; found where not given.

    Returns:
        `edge_index`, the type of every edge, the type of every node, the place of every node within its type,
        the joint numbers of the nodes of every type (by name and by number), and the number of every type.

    Example:
        >>> edge_index, *_ = group_hetero_graph({("a", "to", "b"): torch.tensor([[0, 1], [0, 0]])})
        >>> edge_index
        tensor([[0, 1],
                [2, 2]])
    """
    num_nodes = maybe_num_nodes_dict(edge_index_dict, num_nodes_dict)
    device = next(iter(edge_index_dict.values())).device
    start: dict[str, int] = {}
    joint: dict[str | int, Tensor] = {}
    number: dict[str | EdgeType, int] = {}
    total = 0
    for i, (node_type, count) in enumerate(num_nodes.items()):
        number[node_type] = i
        start[node_type] = total
        joint[node_type] = joint[i] = torch.arange(total, total + count, device=device)
        total += count
    edge_indices = []
    for i, (edge_type, edge_index) in enumerate(edge_index_dict.items()):
        number[edge_type] = i
        shift = torch.tensor([[start[edge_type[0]]], [start[edge_type[-1]]]], device=device)
        edge_indices.append(edge_index + shift)
    edge_count = torch.tensor([index.size(1) for index in edge_indices], device=device)
    node_count = torch.tensor(list(num_nodes.values()), device=device)
    local = [torch.arange(count, device=device) for count in num_nodes.values()]
    return (
        torch.cat(edge_indices, dim=1),
        torch.arange(len(edge_indices), device=device).repeat_interleave(edge_count),
        torch.arange(len(num_nodes), device=device).repeat_interleave(node_count),
        torch.cat(local),
        joint,
        number,
    )


def get_unused_node_types(node_types: Sequence[str], edge_types: Sequence[EdgeType]) -> set[str]:
    """The node types at which no edge type ends, so that they never receive a message.

    Example:
        >>> get_unused_node_types(["a", "b"], [("a", "to", "b")])
        {'a'}
    """
    return set(node_types) - {edge_type[-1] for edge_type in edge_types}


def check_add_self_loops(module: Module, edge_types: Sequence[EdgeType]) -> None:
    """Refuses a layer that adds self-loops to edges between different node types.

    Raises:
        GraphValueError: if `module.add_self_loops` is set and some edge type is bipartite.
    """
    bipartite = [edge_type for edge_type in edge_types if edge_type[0] != edge_type[-1]]
    if bipartite and getattr(module, "add_self_loops", False):
        raise GraphValueError(
            f"expected no self-loops between different node types, got {module} with add_self_loops=True for "
            f"the edge types {bipartite}; pass add_self_loops=False"
        )


def construct_bipartite_edge_index(
    edge_index_dict: Mapping[EdgeType, Tensor],
    src_offset_dict: Mapping[EdgeType, int],
    dst_offset_dict: Mapping[str, int],
    edge_attr_dict: Mapping[EdgeType, Tensor] | ParameterDict | None = None,
    num_nodes: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Joins the edges of all types into one bipartite graph whose sources are numbered per edge type.

    Args:
        edge_index_dict: `(2, E)` for every edge type, or `adj_t`.
        src_offset_dict: the number of the first source of every edge type.
        dst_offset_dict: the number of the first destination of every node type.
        edge_attr_dict: `(E, ...)`, or one row, for every edge type (a `ParameterDict` joins names by `__`).
        num_nodes: number of nodes; not needed.

    Returns:
        `edge_index` and `edge_attr`.

    Example:
        >>> construct_bipartite_edge_index(
        ...     {("a", "to", "b"): torch.tensor([[0, 1], [0, 0]])}, {("a", "to", "b"): 3}, {"b": 1}
        ... )
        (tensor([[3, 4],
            [1, 1]]), None)
    """
    edge_indices, edge_attrs = [], []
    for edge_type, src_offset in src_offset_dict.items():
        edge_index: Any = edge_index_dict[edge_type]
        if is_sparse(edge_index):
            edge_index = to_edge_index(edge_index)[0].flip(0)
        row, col = edge_index[0] + src_offset, edge_index[1] + dst_offset_dict[edge_type[-1]]
        edge_indices.append(torch.stack([row, col]))
        if edge_attr_dict is not None:
            is_parameter = isinstance(edge_attr_dict, ParameterDict)
            value = edge_attr_dict["__".join(edge_type) if is_parameter else edge_type]  # type: ignore[index]
            edge_attrs.append(value if value.size(0) == row.numel() else value.expand(row.numel(), -1))
    return torch.cat(edge_indices, dim=1), torch.cat(edge_attrs) if edge_attr_dict is not None else None
