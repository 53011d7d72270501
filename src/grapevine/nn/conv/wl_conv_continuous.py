"""Weisfeiler-Lehman refinement of continuous features."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.utils import scatter


class WLConvContinuous(WeightedConv):
    r"""The mean of a node and the mean of its neighbours.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{1}{2} \Bigl( \mathbf{x}_i + \frac{1}{\deg(i)} \sum_{j \in \mathcal{N}(i)}
        e_{ji} \mathbf{x}_j \Bigr)

    Args:
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are the weights.
        edge_weight: weights, (E,).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F).

    Example:
        >>> import torch
        >>> WLConvContinuous()(torch.tensor([[2.0], [4.0]]), torch.tensor([[0], [1]])).tolist()
        [[1.0], [3.0]]

    Source: "Wasserstein Weisfeiler-Lehman Graph Kernels" (arXiv:1906.01277).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(aggr="add", **kwargs)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        weight = sparse_values(edge_index) if edge_weight is None else edge_weight
        out = self.propagate(edge_index, x=(source, target), edge_weight=weight, size=size)
        edges = Edges.of(edge_index, (source.size(self.node_dim), out.size(self.node_dim)))
        if weight is None:
            weight = out.new_ones(edges.num_edges)
        degree = scatter(weight, edges.dst_index, 0, out.size(self.node_dim), "sum")
        inverse = 1.0 / degree
        out = inverse.masked_fill(inverse == float("inf"), 0.0).view(-1, 1) * out
        return out if target is None else 0.5 * (target + out)
