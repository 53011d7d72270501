"""Molecular fingerprints."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.nn.conv._derived import kept, sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.utils import degree


class MFConv(WeightedConv):
    r"""A node's own features beside the sum of its neighbours', with matrices of their own for every degree.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}^{(d_i)}_1 \sum_{j \in \mathcal{N}(i)} \mathbf{x}_j + \mathbf{b}^{(d_i)}
        + \mathbf{W}^{(d_i)}_2 \mathbf{x}_i

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        max_degree: larger degrees share the matrices of this one.
        bias: learn the shifts.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are weights.
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = MFConv(16, 32, max_degree=5)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Convolutional Networks on Graphs for Learning Molecular Fingerprints" (arXiv:1509.09292).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        max_degree: int = 10,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.max_degree = max_degree
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        degrees = range(max_degree + 1)
        self.lins_l = ModuleList(Linear(source, out_channels, bias=bias) for _ in degrees)
        self.lins_r = ModuleList(Linear(target, out_channels, bias=False) for _ in degrees)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.lins_l)
        reset(self.lins_r)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        weight = sparse_values(edge_index)
        h = self.propagate(edge_index, x=(source, target), edge_weight=weight, size=size)
        edges = self._edges(edge_index, source.size(self.node_dim), h.size(self.node_dim))
        if must_be_plain():  # no size may depend on values: the maps of every degree for every receiver
            outs = [lin(h) for lin in self.lins_l]
            if target is not None:
                outs = [out + lin(target) for out, lin in zip(outs, self.lins_r)]
            kind, chosen = self._kind(edges).view(-1, 1), outs[0]
            for number, out in enumerate(outs):
                chosen = torch.where(kind == number, out, chosen)
            return chosen
        order, place, counts = self._by_degree(edges)
        outs = [
            lin(rows)
            for lin, rows in zip(self.lins_l, h.index_select(self.node_dim, order).split(counts, -2))
        ]
        if target is not None:
            own = target.index_select(self.node_dim, order).split(counts, -2)
            outs = [out + lin(rows) for out, lin, rows in zip(outs, self.lins_r, own)]
        return torch.cat(outs, dim=-2).index_select(self.node_dim, place)

    def _edges(self, adjacency: Tensor | Edges, senders: int, receivers: int) -> Edges:
        """From the senders to the receivers."""
        forward = self.flow == "source_to_target"
        edges = Edges.of(adjacency, (senders, receivers) if forward else (receivers, senders))
        return edges if forward else edges.reverse()

    def _kind(self, edges: Edges) -> Tensor:
        """The degree of each receiver, as far as degrees are told apart."""
        return degree(edges.dst_index, edges.num_dst, torch.long).clamp(max=self.max_degree)

    def _by_degree(self, edges: Edges) -> tuple[Tensor, Tensor, list[int]]:
        """The receivers sorted by degree, where each then stands, and how many there are of each degree."""

        def build() -> tuple[Tensor, Tensor, list[int]]:
            kind = self._kind(edges)
            order = kind.argsort(stable=True)
            place = torch.empty_like(order).scatter_(
                0, order, torch.arange(edges.num_dst, device=order.device)
            )
            return order, place, kind.bincount(minlength=self.max_degree + 1).tolist()

        return kept(edges, ("by_degree", self.max_degree), build)
