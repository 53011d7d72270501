"""Convolution on point clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


class PointNetConv(MessagePassing):
    r"""Reduces what a network makes of each neighbour's features and relative position.

    .. math::
        \mathbf{x}^{\prime}_i = \gamma_{\mathbf{\Theta}} \left( \max_{j \in \mathcal{N}(i) \cup \{ i \}}
        h_{\mathbf{\Theta}} ( \mathbf{x}_j, \mathbf{p}_j - \mathbf{p}_i ) \right)

    Args:
        local_nn: the network h, from (E, F + D) to (E, H); None: the identity.
        global_nn: the network γ, from (N_dst, H) to (N_dst, F'); None: the identity.
        add_self_loops: replace self-loops by one at each node.
        kwargs: for `MessagePassing`; the aggregation is `"max"` by default.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F), None), or None.
        pos: positions, (N, D), or a pair ((N_src, D), (N_dst, D)).
        edge_index: int64 (2, E), or any other adjacency.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = PointNetConv(torch.nn.Linear(4 + 3, 8))
        >>> conv(torch.ones(3, 4), torch.rand(3, 3), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "PointNet: Deep Learning on Point Sets for 3D Classification and Segmentation" (arXiv:1612.00593),
    "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space" (arXiv:1706.02413).
    """

    def __init__(
        self,
        local_nn: Callable[[Tensor], Tensor] | None = None,
        global_nn: Callable[[Tensor], Tensor] | None = None,
        add_self_loops: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "max")
        super().__init__(**kwargs)
        self.local_nn = local_nn
        self.global_nn = global_nn
        self.add_self_loops = add_self_loops
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets both networks."""
        super().reset_parameters()
        reset(self.local_nn)
        reset(self.global_nn)

    def forward(
        self,
        x: Tensor | None | tuple[Tensor | None, Tensor | None],
        pos: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
    ) -> Tensor:
        x = x if isinstance(x, tuple) else (x, None)
        pos = (pos, pos) if isinstance(pos, Tensor) else pos
        if self.add_self_loops:
            edge_index, _ = replace_self_loops(edge_index, (pos[0].shape[0], pos[1].shape[0]))
        out = self.propagate(edge_index, x=x, pos=pos)
        return out if self.global_nn is None else self.global_nn(out)

    def message(self, x_j: Tensor | None, pos_i: Tensor, pos_j: Tensor) -> Tensor:
        out = pos_j - pos_i
        if x_j is not None:
            out = torch.cat([x_j, out], dim=1)
        return out if self.local_nn is None else self.local_nn(out)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(local_nn={self.local_nn}, global_nn={self.global_nn})"
