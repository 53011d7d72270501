"""Graph convolution with friends and foes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing


class SignedConv(MessagePassing):
    r"""Averages over positive and over negative edges, for a balanced and an unbalanced half of the features.

    .. math::
        \mathbf{x}^{(+)}_i = \mathbf{\Theta}^{(+)} \Big[ \underset{w \in \mathcal{N}^+(i)}{\mathrm{mean}}
        \mathbf{x}^{(+)}_w, \; \underset{w \in \mathcal{N}^-(i)}{\mathrm{mean}} \mathbf{x}^{(-)}_w, \;
        \mathbf{x}^{(+)}_i \Big], \qquad
        \mathbf{x}^{(-)}_i = \mathbf{\Theta}^{(-)} \Big[ \underset{w \in \mathcal{N}^+(i)}{\mathrm{mean}}
        \mathbf{x}^{(-)}_w, \; \underset{w \in \mathcal{N}^-(i)}{\mathrm{mean}} \mathbf{x}^{(+)}_w, \;
        \mathbf{x}^{(-)}_i \Big]

    In the first layer both halves are the same features, and each averages over its own kind of edges alone.

    Args:
        in_channels: features F of a node; of each half, where this is not the first layer; -1: those of
            the first input.
        out_channels: features F' of each half.
        first_aggr: this is the first layer.
        bias: learn shifts.
        kwargs: for `MessagePassing`; the aggregation is `"mean"` by default.

    Forward:
        x: node features, (N, F) in the first layer, else (N, 2 F); or a pair for sources and destinations.
        pos_edge_index: positive edges, int64 (2, E), or any other adjacency.
        neg_edge_index: negative edges, likewise.

    Returns:
        both halves, (N_dst, 2 F').

    Example:
        >>> conv = SignedConv(4, 8, first_aggr=True)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[2], [0]])).shape
        torch.Size([3, 16])

    Source: "Signed Graph Convolutional Network" (arXiv:1808.06354).
    """

    def __init__(
        self, in_channels: int, out_channels: int, first_aggr: bool, bias: bool = True, **kwargs: Any
    ) -> None:
        kwargs.setdefault("aggr", "mean")
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.first_aggr = first_aggr
        averaged = in_channels if first_aggr else 2 * in_channels
        self.lin_pos_l = Linear(averaged, out_channels, False)
        self.lin_pos_r = Linear(in_channels, out_channels, bias)
        self.lin_neg_l = Linear(averaged, out_channels, False)
        self.lin_neg_r = Linear(in_channels, out_channels, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin_pos_l, self.lin_pos_r, self.lin_neg_l, self.lin_neg_r):
            lin.reset_parameters()

    def forward(self, x: Tensor | tuple[Tensor, Tensor], pos_edge_index: Any, neg_edge_index: Any) -> Tensor:
        x = (x, x) if isinstance(x, Tensor) else x
        if self.first_aggr:
            friends, foes = self.propagate(pos_edge_index, x=x), self.propagate(neg_edge_index, x=x)
            balanced = unbalanced = x[1]
        else:  # both halves travel along both kinds of edges
            near, far = self.propagate(pos_edge_index, x=x), self.propagate(neg_edge_index, x=x)
            (near_pos, near_neg), (far_pos, far_neg) = self._halves(near), self._halves(far)
            friends = torch.cat([near_pos, far_neg], dim=-1)
            foes = torch.cat([near_neg, far_pos], dim=-1)
            balanced, unbalanced = self._halves(x[1])
        pos = self.lin_pos_l(friends) + self.lin_pos_r(balanced)
        neg = self.lin_neg_l(foes) + self.lin_neg_r(unbalanced)
        return torch.cat([pos, neg], dim=-1)

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., : self.in_channels], x[..., self.in_channels :]

    def message(self, x_j: Tensor) -> Tensor:
        return x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, first_aggr={self.first_aggr})"
