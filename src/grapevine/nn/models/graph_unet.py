"""Graph U-Net: pooling and unpooling of graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList

from grapevine.errors import GraphValueError
from grapevine.graph import add_self_loops, remove_self_loops
from grapevine.nn._products import sparse_product
from grapevine.nn.conv.gcn_conv import GCNConv
from grapevine.nn.pool.topk_pool import TopKPooling
from grapevine.nn.resolver import activation_resolver
from grapevine.utils.repeat import repeat


class GraphUNet(torch.nn.Module):
    r"""Convolutions on smaller and smaller graphs, then back up, with skip connections from level to level.

    Before each pooling, nodes two steps apart are joined, :math:`(\mathbf{A} + \mathbf{I})^2`, so that the smaller
    graph stays connected.

    Args:
        in_channels: features F.
        hidden_channels: features inside.
        out_channels: size of the output F'.
        depth: how many times to pool.
        pool_ratios: share of the nodes to keep each time, one for all or `depth` of them.
        sum_res: add the skip connections; False: place them side by side.
        act: activation, by name or as a callable.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        batch: the graph of each node, int64 (N,); one graph if None.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for a depth below 1, or other than one weight per edge.

    Example:
        >>> model = GraphUNet(4, 8, 2, depth=2)
        >>> model(torch.randn(6, 4), torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])).shape
        torch.Size([6, 2])

    Source: "Graph U-Nets" (arXiv:1905.05178).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        depth: int,
        pool_ratios: float | list[float] = 0.5,
        sum_res: bool = True,
        act: str | Callable[..., Any] = "relu",
    ) -> None:
        super().__init__()
        if depth < 1:
            raise GraphValueError(f"expected a depth of at least 1, got {depth}")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.depth = depth
        self.pool_ratios = repeat(pool_ratios, depth)
        self.act = activation_resolver(act)
        self.sum_res = sum_res

        self.down_convs, self.pools = (
            ModuleList([GCNConv(in_channels, hidden_channels, improved=True)]),
            ModuleList(),
        )
        for ratio in self.pool_ratios:
            self.pools.append(TopKPooling(hidden_channels, ratio))
            self.down_convs.append(GCNConv(hidden_channels, hidden_channels, improved=True))
        width = hidden_channels if sum_res else 2 * hidden_channels
        sizes = [hidden_channels] * (depth - 1) + [out_channels]
        self.up_convs = ModuleList(GCNConv(width, size, improved=True) for size in sizes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in (*self.down_convs, *self.pools, *self.up_convs):
            layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor | None = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        num_edges = edge_index.size(1)
        weight = x.new_ones(num_edges) if edge_weight is None else edge_weight
        if weight.shape != (num_edges,):
            raise GraphValueError(f"expected edge_weight of shape [{num_edges}], got {list(weight.shape)}")
        batch = edge_index.new_zeros(x.size(0)) if batch is None else batch
        x = self.act(self.down_convs[0](x, edge_index, weight))
        levels = []
        for conv, pool in zip(self.down_convs[1:], self.pools):
            skip = (x, edge_index, weight)
            edge_index, weight = self.augment_adj(edge_index, weight, x.size(0))
            x, edge_index, weight, batch, perm, _ = pool(x, edge_index, weight, batch)
            x = self.act(conv(x, edge_index, weight))
            levels.append((*skip, perm))

        for number, conv in enumerate(self.up_convs, start=1):
            skip_x, edge_index, weight, perm = levels.pop()
            up = torch.zeros_like(skip_x).index_put((perm,), x)
            x = conv(skip_x + up if self.sum_res else torch.cat([skip_x, up], dim=-1), edge_index, weight)
            x = self.act(x) if number < self.depth else x
        return x

    def augment_adj(self, edge_index: Tensor, edge_weight: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        """Joins nodes that are up to two steps apart: (A + I)^2 without self-loops."""
        edge_index, weight = remove_self_loops(edge_index, edge_weight)
        edge_index, weight = add_self_loops(edge_index, weight, num_nodes=num_nodes)
        assert weight is not None
        pairs, values = remove_self_loops(
            *sparse_product((edge_index, weight), (edge_index, weight), num_nodes)
        )
        assert values is not None
        return pairs, values

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.hidden_channels}, {self.out_channels}, "
            f"depth={self.depth}, pool_ratios={self.pool_ratios})"
        )
