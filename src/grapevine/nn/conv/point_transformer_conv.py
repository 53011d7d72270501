"""Attention on point clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class PointTransformerConv(MessagePassing):
    r"""Sums the neighbours, each feature weighted by an attention that features and relative positions decide.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} \alpha_{ij} \odot (\mathbf{W}_3 \mathbf{x}_j +
        \delta_{ij}), \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \gamma_{\mathbf{\Theta}} (\mathbf{W}_1 \mathbf{x}_i - \mathbf{W}_2
        \mathbf{x}_j + \delta_{ij}), \qquad
        \delta_{ij} = h_{\mathbf{\Theta}} (\mathbf{p}_i - \mathbf{p}_j)

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations.
        out_channels: features F' of the output.
        pos_nn: the network h, from (E, 3) to (E, F'); None: a linear map.
        attn_nn: the network γ, from (E, F') to (E, F'); None: the identity.
        add_self_loops: replace self-loops by one at each node.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)).
        pos: positions, (N, 3), or a pair ((N_src, 3), (N_dst, 3)).
        edge_index: int64 (2, E), or any other adjacency.

    Returns:
        (N_dst, F').

    Example:
        >>> import torch
        >>> conv = PointTransformerConv(4, 8)
        >>> conv(torch.ones(3, 4), torch.rand(3, 3), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "Point Transformer" (arXiv:2012.09164).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        pos_nn: Callable[[Tensor], Tensor] | None = None,
        attn_nn: Callable[[Tensor], Tensor] | None = None,
        add_self_loops: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.add_self_loops = add_self_loops
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        self.pos_nn = Linear(3, out_channels) if pos_nn is None else pos_nn
        self.attn_nn = attn_nn
        self.lin = Linear(source, out_channels, bias=False)
        self.lin_src = Linear(source, out_channels, bias=False)
        self.lin_dst = Linear(target, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.pos_nn)
        reset(self.attn_nn)
        for lin in (self.lin, self.lin_src, self.lin_dst):
            lin.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        pos: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        pos = (pos, pos) if isinstance(pos, Tensor) else pos
        if self.add_self_loops:
            edge_index, _ = replace_self_loops(edge_index, (pos[0].shape[0], pos[1].shape[0]))
        alpha = (self.lin_src(source), self.lin_dst(target))
        return self.propagate(edge_index, x=(self.lin(source), target), pos=pos, alpha=alpha)

    def message(
        self,
        x_j: Tensor,
        pos_i: Tensor,
        pos_j: Tensor,
        alpha_i: Tensor,
        alpha_j: Tensor,
        index: Tensor,
        ptr: Tensor | None,
        size_i: int | None,
    ) -> Tensor:
        delta = self.pos_nn(pos_i - pos_j)
        alpha = alpha_i - alpha_j + delta
        alpha = alpha if self.attn_nn is None else self.attn_nn(alpha)
        return softmax(alpha, index, ptr, size_i) * (x_j + delta)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"
