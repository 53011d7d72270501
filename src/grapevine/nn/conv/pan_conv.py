"""Path integral based convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.graph import coalesce, to_torch_coo_tensor
from grapevine.nn._products import sparse_product
from grapevine.nn.conv._derived import kept
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import scatter


class PANConv(MessagePassing):
    r"""A graph convolution along all paths of up to L steps, each length with a learned weight.

    .. math::
        \mathbf{X}^{\prime} = \mathbf{M} \mathbf{X} \mathbf{W}, \qquad
        \mathbf{M} = \mathbf{Z}^{-1/2} \left( \sum_{n=0}^{L} \left( \prod_{l \le n} w_l \right) \mathbf{A}^n \right)
        \mathbf{Z}^{-1/2}

    with :math:`\mathbf{Z}` the number of nodes that each node can reach.

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        filter_size: the longest paths L.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), without weights.

    Returns:
        (N, F'), and the matrix M (N, N), rows for destinations, as a `torch.sparse_coo` tensor: `PANPooling` wants it.

    Departures from PyTorch Geometric: M is a tensor of torch, not of torch_sparse; the powers of A are kept with the
    graph, so that only their sum is computed anew.

    Example:
        >>> x, M = PANConv(4, 8, filter_size=2)(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]))
        >>> x.shape, M.shape
        (torch.Size([3, 8]), torch.Size([3, 3]))

    Source: "Path Integral Based Convolution and Pooling for Graph Neural Networks" (arXiv:2006.16811).
    """

    def __init__(self, in_channels: int, out_channels: int, filter_size: int, **kwargs: Any) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.filter_size = filter_size
        self.lin = Linear(in_channels, out_channels)
        self.weight = Parameter(torch.empty(filter_size + 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin.reset_parameters()
        torch.nn.init.constant_(self.weight, 0.5)

    def forward(self, x: Tensor, edge_index: Tensor | Edges) -> tuple[Tensor, Tensor]:
        num_nodes = x.size(0)
        edges = Edges.of(edge_index, (num_nodes, num_nodes))
        steps = kept(edges, ("paths", self.filter_size), lambda: _paths(edges, self.filter_size))
        reached, entry, length, count = steps
        value = self.weight.cumprod(0)[length] * count.to(x.dtype)
        value = scatter(value, entry, 0, reached.num_edges, "sum")
        size = reached.in_degrees(x.dtype).pow(-0.5)  # at least one: a node reaches itself
        value = size[reached.dst_index] * value * size[reached.src_index]
        out = self.lin(self.propagate(reached, x=x, edge_weight=value))
        pairs = torch.stack([reached.dst_index, reached.src_index])
        return out, to_torch_coo_tensor(pairs, value, (num_nodes, num_nodes), is_coalesced=True)

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        return edge_weight.view(-1, 1) * x_j

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, filter_size={self.filter_size})"
        )


def _paths(edges: Edges, longest: int) -> tuple[Edges, Tensor, Tensor, Tensor]:
    """Who is reached; and of every pair and length of paths the pair's number, the length, and how many there are."""
    num_nodes = edges.num_dst
    nodes = torch.arange(num_nodes, device=edges.device)
    power = (torch.stack([nodes, nodes]), torch.ones_like(nodes))
    adjacency = coalesce(torch.stack([edges.dst_index, edges.src_index]), torch.ones_like(edges.src_index))
    powers = [power]
    for _ in range(longest):
        power = sparse_product(power, adjacency, num_nodes)
        powers.append(power)
    pairs = torch.cat([index for index, _ in powers], dim=1)
    lengths = torch.tensor([index.size(1) for index, _ in powers], device=edges.device)
    length = torch.arange(longest + 1, device=edges.device).repeat_interleave(lengths)
    number = pairs[0] * num_nodes + pairs[1]
    distinct, entry = number.unique(return_inverse=True)
    reached = Edges(
        (distinct % max(num_nodes, 1), distinct // max(num_nodes, 1)), size=(num_nodes, num_nodes)
    )
    return reached, entry, length, torch.cat([count for _, count in powers])
