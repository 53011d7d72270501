"""Residual gated graph convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter, Sigmoid

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import zeros
from grapevine.nn.message_passing import MessagePassing


class ResGatedGraphConv(MessagePassing):
    r"""Sums the neighbours, each through a gate that both ends decide on.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_1 \mathbf{x}_i + \sum_{j \in \mathcal{N}(i)} \eta_{ij} \odot \mathbf{W}_2
        \mathbf{x}_j, \qquad \eta_{ij} = \sigma ( \mathbf{W}_3 \mathbf{x}_i + \mathbf{W}_4 \mathbf{x}_j )

    with the edge's features appended to each of the three that travel, where there are any.

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        act: the gate sigma.
        edge_dim: size of the edges' features D; None: there are none.
        root_weight: learn W_1; without it, a node's own features only decide on the gates.
        bias: learn a shift.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src).
        edge_attr: features of the edges, (E, D).

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for `edge_attr` without `edge_dim`, or the other way round.

    Example:
        >>> conv = ResGatedGraphConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Residual Gated Graph ConvNets" (arXiv:1711.07553).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        act: Callable[[Tensor], Tensor] = Sigmoid(),  # noqa: B008 (it has no state)
        edge_dim: int | None = None,
        root_weight: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.act = act
        self.edge_dim = edge_dim
        self.root_weight = root_weight
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        extra = edge_dim or 0
        self.lin_key = Linear(target + extra, out_channels)
        self.lin_query = Linear(source + extra, out_channels)
        self.lin_value = Linear(source + extra, out_channels)
        self.lin_skip = Linear(target, out_channels, bias=False) if root_weight else None
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin_key, self.lin_query, self.lin_value, self.lin_skip):
            if lin is not None:
                lin.reset_parameters()
        zeros(self.bias)

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor | Edges, edge_attr: Tensor | None = None
    ) -> Tensor:
        if (edge_attr is None) != (self.edge_dim is None):
            raise GraphValueError(
                f"expected edge_attr where edge_dim is set and nowhere else, got edge_dim={self.edge_dim} and "
                f"{'no edge_attr' if edge_attr is None else f'edge_attr of shape {list(edge_attr.shape)}'}"
            )
        source, target = (x, x) if isinstance(x, Tensor) else x
        key, query, value = target, source, source
        if edge_attr is None:  # nothing depends on the edge: once per node
            key, query, value = self.lin_key(key), self.lin_query(query), self.lin_value(value)
        out = self.propagate(edge_index, k=key, q=query, v=value, edge_attr=edge_attr)
        if self.lin_skip is not None and self.root_weight:
            out = out + self.lin_skip(target)
        return out if self.bias is None else out + self.bias

    def message(self, k_i: Tensor, q_j: Tensor, v_j: Tensor, edge_attr: Tensor | None) -> Tensor:
        if edge_attr is not None:
            k_i = self.lin_key(torch.cat([k_i, edge_attr], dim=-1))
            q_j = self.lin_query(torch.cat([q_j, edge_attr], dim=-1))
            v_j = self.lin_value(torch.cat([v_j, edge_attr], dim=-1))
        return self.act(k_i + q_j) * v_j
