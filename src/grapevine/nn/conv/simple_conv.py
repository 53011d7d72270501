"""Propagation with nothing to learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.aggr import Aggregation
from grapevine.nn.conv._derived import sparse_values, with_self_loops
from grapevine.nn.conv._weighted import WeightedConv

_ROOTS = ("sum", "cat", "self_loop", None)


class SimpleConv(WeightedConv):
    r"""Aggregates the neighbours' features as they are.

    .. math:: \mathbf{x}^{\prime}_i = \bigoplus_{j \in \mathcal{N}(i)} e_{ji} \mathbf{x}_j

    Args:
        aggr: aggregation of the neighbours: a name, a module, or a list of them.
        combine_root: what becomes of a node's own features: None: nothing; "sum": they are added; "cat": they stand
            before the others; "self_loop": they are one neighbour more.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F_dst), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are the weights.
        edge_weight: weights, (E,).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F), or (N_dst, F_dst + F) for "cat".

    Raises:
        GraphValueError: for an unknown `combine_root`, and for "self_loop" with a pair of features.

    Example:
        >>> SimpleConv(combine_root="cat")(torch.tensor([[1.0], [2.0]]), torch.tensor([[0], [1]])).tolist()
        [[1.0, 0.0], [2.0, 1.0]]
    """

    def __init__(
        self,
        aggr: str | list[str] | Aggregation | None = "sum",
        combine_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        if combine_root not in _ROOTS:
            raise GraphValueError(f"expected combine_root to be one of {_ROOTS}, got {combine_root!r}")
        super().__init__(aggr, **kwargs)
        self.combine_root = combine_root

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        if edge_weight is None:
            edge_weight = sparse_values(edge_index)
        if self.combine_root == "self_loop":
            if not isinstance(x, Tensor) or (size is not None and size[0] != size[1]):
                raise GraphValueError(
                    "expected one set of nodes with combine_root='self_loop', got a bipartite graph; use 'sum' or 'cat'"
                )
            num_nodes = x.size(self.node_dim)
            edge_index, edge_weight = with_self_loops(
                self, edge_index, (num_nodes, num_nodes), edge_weight, loops="added"
            )
        source, target = (x, x) if isinstance(x, Tensor) else x
        out = self.propagate(edge_index, x=(source, target), edge_weight=edge_weight, size=size)
        if target is not None:
            if self.combine_root == "sum":
                return out + target
            if self.combine_root == "cat":
                return torch.cat([target, out], dim=-1)
        return out
