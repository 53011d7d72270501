"""GravNet: neighbours in a learned space."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from grapevine.nn.conv.dynamic_edge_conv import Pair, nearest_neighbors
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing


class GravNetConv(MessagePassing):
    r"""What the nearest neighbours in a learned space have to say, the nearer the louder.

    .. math::
        \mathbf{x}_i^{\prime} = \mathbf{W}_1 \mathbf{x}_i + \mathbf{W}_2 \Big[ \operatorname*{mean}_{j \in
        \operatorname{knn}(\mathbf{s}_i)} e^{-10 d_{ij}^2} \mathbf{h}_j \; \Vert \; \max_j e^{-10 d_{ij}^2}
        \mathbf{h}_j \Big], \qquad d_{ij} = \| \mathbf{s}_i - \mathbf{s}_j \|

    with :math:`\mathbf{s} = \mathbf{W}_s \mathbf{x}` and :math:`\mathbf{h} = \mathbf{W}_h \mathbf{x}`.

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        space_dimensions: size of s.
        propagate_dimensions: size of h.
        k: how many neighbours; a node is its own first one.
        num_workers: ignored.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F).
        batch: the graph of each node, int64 (N,), or a pair; one graph if None.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for features that are no matrix.

    Example:
        >>> conv = GravNetConv(4, 8, space_dimensions=2, propagate_dimensions=3, k=2)
        >>> conv(torch.randn(5, 4)).shape
        torch.Size([5, 8])

    Source: "Learning representations of irregular particle-detector geometry with distance-weighted graph networks"
    (arXiv:1902.07987).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        space_dimensions: int,
        propagate_dimensions: int,
        k: int,
        num_workers: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr=["mean", "max"], flow="source_to_target", **kwargs)
        if num_workers is not None:
            warnings.warn("num_workers is not used any more; leave it out", stacklevel=2)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.k = k
        self.lin_s = Linear(in_channels, space_dimensions)
        self.lin_h = Linear(in_channels, propagate_dimensions)
        self.lin_out1 = Linear(in_channels, out_channels, bias=False)
        self.lin_out2 = Linear(2 * propagate_dimensions, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.lin_s, self.lin_h, self.lin_out1, self.lin_out2):
            lin.reset_parameters()

    def forward(self, x: Tensor | Pair, batch: Tensor | tuple[Tensor, Tensor] | None = None) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        h, s_src = self.lin_h(source), self.lin_s(source)
        s_dst = s_src if target is source else self.lin_s(target)
        edge_index = nearest_neighbors((s_src, s_dst), self.k, batch)
        size = (s_src.size(0), s_dst.size(0))
        out = self.propagate(edge_index, h=(h, None), s=(s_src, s_dst), size=size)
        found: Tensor = self.lin_out1(target) + self.lin_out2(out)
        return found

    def message(self, h_j: Tensor, s_j: Tensor, s_i: Tensor) -> Tensor:
        return h_j * torch.exp(-10.0 * (s_j - s_i).square().sum(dim=-1, keepdim=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, k={self.k})"
