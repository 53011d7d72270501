"""Dropping what a later layer no longer needs of a sampled neighbourhood."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor


def trim_to_layer(
    layer: int,
    num_sampled_nodes_per_hop: Any,
    num_sampled_edges_per_hop: Any,
    x: Any,
    edge_index: Any,
    edge_attr: Any = None,
) -> tuple[Any, Any, Any]:
    """Drops the outermost hop of a sampled neighbourhood, which the given layer does not need any more.

    To be called once before every layer, on what it returned before the layer below.

    Args:
        layer: number of the layer, from 0 (which needs everything).
        num_sampled_nodes_per_hop: how many nodes each hop added, seeds first; a list, or one per node type.
        num_sampled_edges_per_hop: how many edges each hop added; a list, or one per edge type.
        x: `(N, ...)` features, or those of every node type.
        edge_index: `(2, E)`, in the order of sampling, or that of every edge type.
        edge_attr: `(E, ...)`, or that of every edge type.

    Returns:
        `(x, edge_index, edge_attr)`.

    Raises:
        GraphTypeError: for a sparse matrix as `edge_index`.

    Example:
        >>> x, edge_index, _ = trim_to_layer(
        ...     1, [1, 2, 1], [2, 1], torch.arange(4), torch.tensor([[1, 2, 3], [0, 0, 1]])
        ... )
        >>> x, edge_index
        (tensor([0, 1, 2]), tensor([[1, 2],
            [0, 0]]))
    """
    if layer <= 0:
        return x, edge_index, edge_attr
    if isinstance(num_sampled_edges_per_hop, dict):
        nodes, edges = num_sampled_nodes_per_hop, num_sampled_edges_per_hop
        x = {key: _trim(value, layer, nodes[key]) for key, value in x.items()}
        edge_index = {key: _trim(value, layer, edges[key], dim=1) for key, value in edge_index.items()}
        if edge_attr is not None:
            edge_attr = {key: _trim(value, layer, edges[key]) for key, value in edge_attr.items()}
        return x, edge_index, edge_attr
    x = _trim(x, layer, num_sampled_nodes_per_hop)
    edge_index = _trim(edge_index, layer, num_sampled_edges_per_hop, dim=1)
    if edge_attr is not None:
        edge_attr = _trim(edge_attr, layer, num_sampled_edges_per_hop)
    return x, edge_index, edge_attr


def _trim(value: Tensor, layer: int, sampled: list[int], dim: int = 0) -> Tensor:
    if not isinstance(value, Tensor) or is_torch_sparse_tensor(value):
        raise GraphTypeError(
            "expected dense features and edge_index of shape (2, E) to trim, got "
            f"{f'the layout {value.layout}' if isinstance(value, Tensor) else type(value).__name__}; "
            "load without ToSparseTensor"
        )
    return value.narrow(dim, 0, value.size(dim) - sampled[-layer])


def trim(layer: int, sampled: list[int] | None, value: Tensor | None, dim: int = 0) -> Tensor | None:
    """What a layer needs of one tensor whose rows (entries of `dim`) come hop after hop; all where nothing is known."""
    return value if sampled is None or value is None or layer <= 0 else _trim(value, layer, sampled, dim)


class TrimToLayer(torch.nn.Module):
    """`trim_to_layer` as a module that does nothing where the numbers of sampled nodes and edges are None."""

    def forward(
        self,
        layer: int,
        num_sampled_nodes_per_hop: list[int] | None,
        num_sampled_edges_per_hop: list[int] | None,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """See `trim_to_layer`.

        Raises:
            GraphValueError: if only one of the numbers is given.
        """
        if (num_sampled_nodes_per_hop is None) != (num_sampled_edges_per_hop is None):
            raise GraphValueError(
                "expected both num_sampled_nodes_per_hop and num_sampled_edges_per_hop, or none; got one"
            )
        if num_sampled_nodes_per_hop is None:
            return x, edge_index, edge_attr
        return trim_to_layer(
            layer, num_sampled_nodes_per_hop, num_sampled_edges_per_hop, x, edge_index, edge_attr
        )
