"""Chebyshev filters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList, Parameter

from grapevine import engine
from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import kept, self_looped, sparse_values
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import scatter

_NORMALIZATIONS = (None, "sym", "rw")


class ChebConv(MessagePassing):
    r"""Filters with Chebyshev polynomials of the graph Laplacian.

    .. math::
        \mathbf{X}^{\prime} = \sum_{k=1}^{K} \mathbf{Z}^{(k)} \mathbf{W}_k^{\top} + \mathbf{b}, \qquad
        \mathbf{Z}^{(1)} = \mathbf{X}, \quad \mathbf{Z}^{(2)} = \hat{\mathbf{L}} \mathbf{X}, \quad
        \mathbf{Z}^{(k)} = 2 \hat{\mathbf{L}} \mathbf{Z}^{(k-1)} - \mathbf{Z}^{(k-2)}

    with the Laplacian scaled to [-1, 1], :math:`\hat{\mathbf{L}} = 2 \mathbf{L} / \lambda_{\max} - \mathbf{I}`.

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        K: number of polynomials, at least 1.
        normalization: of the Laplacian: None, "sym" or "rw", see `get_laplacian`.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights; self-loops
            are dropped.
        edge_weight: weights, (E,).
        batch: graph of each node, int64 (N,) in [0, B), where `lambda_max` has one entry per graph.
        lambda_max: largest eigenvalue of the Laplacian, a number or (B,); twice its largest entry if None.

    Returns:
        (N, F').

    Raises:
        GraphValueError: for an unknown `normalization`, or K below 1.

    Example:
        >>> conv = ChebConv(16, 32, K=3)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering" (arXiv:1606.09375).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int,
        normalization: str | None = "sym",
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        if K < 1:
            raise GraphValueError(f"expected K of at least 1, got {K}")
        if normalization not in _NORMALIZATIONS:
            raise GraphValueError(
                f"expected normalization to be one of {_NORMALIZATIONS}, got {normalization!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalization = normalization
        self.lins = ModuleList(
            Linear(in_channels, out_channels, bias=False, weight_initializer="glorot") for _ in range(K)
        )
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.lins)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        lambda_max: float | Tensor | None = None,
    ) -> Tensor:
        first, *others = self.lins
        out = first(x)
        if others:
            graph, norm = self._scaled_laplacian(edge_index, edge_weight, x, batch, lambda_max)
            before, z = x, self.propagate(graph, x=x, norm=norm)
            out = out + others[0](z)
            for lin in others[1:]:
                before, z = z, 2.0 * self.propagate(graph, x=z, norm=norm) - before
                out = out + lin(z)
        return out if self.bias is None else out + self.bias

    def message(self, x_j: Tensor, norm: Tensor) -> Tensor:
        return norm.view(-1, 1) * x_j

    def _scaled_laplacian(
        self,
        adjacency: Tensor | Edges,
        weight: Tensor | None,
        x: Tensor,
        batch: Tensor | None,
        lambda_max: float | Tensor | None,
    ) -> tuple[Tensor | Edges, Tensor]:
        """The graph with a self-loop per node, and the entries of the Laplacian as weights of its edges."""
        num_nodes = x.size(self.node_dim)
        edges = Edges.of(adjacency, (num_nodes, num_nodes))
        weight = sparse_values(adjacency) if weight is None else weight

        def build() -> tuple[Tensor | Edges, Tensor]:
            graph, row, col, off_diagonal, diagonal = self._off_diagonal(edges, weight, x.dtype)
            entries = _laplacian(row, col, off_diagonal, diagonal, num_nodes, self.normalization)
            highest = 2.0 * entries.max() if lambda_max is None else torch.as_tensor(lambda_max).to(entries)
            if batch is not None and highest.numel() > 1:
                highest = highest[batch[row]]
            # Without edges the largest eigenvalue is 0, as are all entries.
            entries = (2.0 * entries / highest).masked_fill(highest == 0, 0.0)
            return graph, entries - diagonal.to(entries.dtype)

        if weight is not None or lambda_max is not None:
            return build()
        return kept(edges, ("scaled_laplacian", self.normalization, self.flow, self.explain, x.dtype), build)

    def _off_diagonal(
        self, edges: Edges, weight: Tensor | None, dtype: torch.dtype
    ) -> tuple[Tensor | Edges, Tensor, Tensor, Tensor, Tensor]:
        """The graph with a self-loop per node, its two ends, weights, 0 on all self-loops, where the new ones are."""
        if weight is None:
            weight = torch.ones(edges.num_edges, dtype=dtype, device=edges.device)
        if engine.computes_now():
            nodes = torch.arange(edges.num_dst, device=edges.device)
            pair = torch.cat([edges.edge_index, nodes.expand(2, -1)], dim=1)
            weight = torch.cat(
                [weight.masked_fill(edges.src_index == edges.dst_index, 0.0), weight.new_zeros(len(nodes))]
            )
            return (
                pair,
                pair[0],
                pair[1],
                weight,
                torch.arange(pair.size(1), device=pair.device) >= edges.num_edges,
            )
        forward = self.flow == "source_to_target"
        derived = self_looped(edges if forward else edges.reverse(), "new", in_order=self.explain)
        graph = derived.edges if forward else derived.edges.reverse()
        row, col = graph.src_index, graph.dst_index
        return graph, row, col, derived.carried(weight, 0.0), row == col

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, K={len(self.lins)}, "
            f"normalization={self.normalization})"
        )


def _laplacian(
    row: Tensor, col: Tensor, weight: Tensor, diagonal: Tensor, num_nodes: int, normalization: str | None
) -> Tensor:
    """Entries of the Laplacian: minus the normalised weights, and the degrees, or 1, on the diagonal."""
    degree = scatter(weight, row, 0, num_nodes, "sum")
    if normalization is None:
        return torch.where(diagonal, degree.index_select(0, row), -weight)
    scale = degree.pow(-0.5 if normalization == "sym" else -1.0)
    scale = scale.masked_fill(scale == float("inf"), 0.0)
    weight = scale.index_select(0, row) * weight
    if normalization == "sym":
        weight = weight * scale.index_select(0, col)
    return torch.where(diagonal, 1.0, -weight)
