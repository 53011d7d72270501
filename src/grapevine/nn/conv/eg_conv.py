"""Efficient graph convolution: few shared aggregations, combined anew at each node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.engine import computes_now
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import sparse_values, with_self_loops
from grapevine.nn.conv.gcn_conv import NormalizedConv, gcn_norm
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import zeros
from grapevine.utils import scatter

_AGGREGATORS = ("sum", "mean", "symnorm", "min", "max", "var", "std")


class EGConv(NormalizedConv):
    r"""Aggregates a few linear maps of the features, and mixes the results by weights that each node makes itself.

    .. math::
        \mathbf{x}^{\prime}_i = {\LARGE ||}_{h = 1}^H \sum_{\oplus \in \mathcal{A}} \sum_{b = 1}^B
        w^{(i)}_{h, \oplus, b} \underset{j \in \mathcal{N}(i) \cup \{ i \}}{\bigoplus} \mathbf{\Theta}_b \mathbf{x}_j

    Args:
        in_channels: features F of a node; -1: those of the first input.
        out_channels: features F' of the output, a multiple of `num_heads`.
        aggregators: reductions: `"sum"`, `"mean"`, `"symnorm"`, `"min"`, `"max"`, `"var"`, `"std"`; `"symnorm"`, the
            sum weighted by `gcn_norm`, is the default.
        num_heads: number of heads H.
        num_bases: number of maps B.
        cached: keep the graph of the first call, whatever graph comes later.
        add_self_loops: give a self-loop to every node that has none.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.

    Returns:
        (N, F').

    Raises:
        GraphValueError: for an unknown aggregator, or channels that are no multiple of `num_heads`.

    Departures from PyTorch Geometric: without `"symnorm"`, nodes with numbers above those in `edge_index` get a
    self-loop too.

    Example:
        >>> conv = EGConv(4, 8, aggregators=["symnorm", "max"], num_heads=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "Adaptive Filters and Aggregator Fusion for Efficient Graph Convolutions" (arXiv:2104.01481).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggregators: list[str] | None = None,
        num_heads: int = 8,
        num_bases: int = 4,
        cached: bool = False,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(node_dim=0, **kwargs)
        if out_channels % num_heads:
            raise GraphValueError(
                f"expected out_channels to be a multiple of num_heads={num_heads}, got {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_heads = num_heads
        self.num_bases = num_bases
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.aggregators = aggregators or ["symnorm"]
        for name in self.aggregators:
            if name not in _AGGREGATORS:
                raise GraphValueError(f"expected aggregators among {', '.join(_AGGREGATORS)}, got {name!r}")
        width = out_channels // num_heads * num_bases
        self.bases_lin = Linear(in_channels, width, bias=False, weight_initializer="glorot")
        self.comb_lin = Linear(in_channels, num_heads * num_bases * len(self.aggregators))
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        self.bases_lin.reset_parameters()
        self.comb_lin.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        weight = None
        if "symnorm" in self.aggregators:
            edge_index, weight = self.weighted(edge_index, None, x)
        elif self.add_self_loops:
            edge_index, _ = with_self_loops(self, edge_index, (x.shape[0], x.shape[0]))
        found = self.propagate(edge_index, x=self.bases_lin(x), symnorm_weight=weight)
        found = found.view(
            x.shape[0], len(self.aggregators) * self.num_bases, self.out_channels // self.num_heads
        )
        out = (self.comb_lin(x).view(x.shape[0], self.num_heads, found.shape[1]) @ found).flatten(1)
        return out if self.bias is None else out + self.bias

    def _normalized(
        self, adjacency: Any, weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> tuple[Any, Tensor | None]:
        if not computes_now() or self.aggregators == ["symnorm"]:
            return super()._normalized(adjacency, weight, num_nodes, dtype)
        # In tracers the base keeps old self-loops with weight 0, which other reductions would count.
        pair = Edges.of(adjacency, (num_nodes, num_nodes)).edge_index
        weight = sparse_values(adjacency)
        return gcn_norm(pair, weight, num_nodes, False, self.add_self_loops, self.flow, dtype)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j

    def aggregate(
        self,
        inputs: Tensor,
        index: Tensor,
        dim_size: int | None = None,
        symnorm_weight: Tensor | None = None,
    ) -> Tensor:
        def reduced(how: str) -> Tensor:
            if how == "symnorm":
                assert symnorm_weight is not None
                return scatter(inputs * symnorm_weight.view(-1, 1), index, 0, dim_size, "sum")
            if how not in ("var", "std"):
                return scatter(inputs, index, 0, dim_size, how)
            var = scatter(inputs * inputs, index, 0, dim_size, "mean") - reduced("mean").square()
            return var if how == "var" else var.clamp(min=1e-5).sqrt()

        return torch.stack([reduced(how) for how in self.aggregators], dim=1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, aggregators={self.aggregators})"
