"""Distances as attention biases."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PI = 3.14159  # as Graphormer's published weights were trained with


def gaussian(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The normal density.

    Example:
        >>> gaussian(torch.zeros(1), torch.zeros(1), torch.ones(1))
        tensor([0.3989])
    """
    return torch.exp(-0.5 * ((x - mean) / std).square()) / ((2 * _PI) ** 0.5 * std)


class SpatialEncoder(nn.Module):
    """Learned biases for the length of the shortest path between two nodes.

    Args:
        max_dist: longer paths count as this long.
        num_heads: H, of the attention.

    Forward:
        dist: integers (B, N, N), -1 where there is no path.

    Returns:
        (B, N, N, H).

    Example:
        >>> SpatialEncoder(max_dist=3, num_heads=2)(torch.tensor([[[0, 1], [-1, 0]]])).shape
        torch.Size([1, 2, 2, 2])

    Source: "Do Transformers Really Perform Bad for Graph Representation?" (arXiv:2106.05234).
    """

    def __init__(self, max_dist: int, num_heads: int = 1) -> None:
        super().__init__()
        self.max_dist = max_dist
        self.num_heads = num_heads
        self.embedding_table = nn.Embedding(max_dist + 2, num_heads, padding_idx=0)

    def forward(self, dist: Tensor) -> Tensor:
        return self.embedding_table(dist.clamp(min=-1, max=self.max_dist) + 1)


class SpatialEncoder3d(nn.Module):
    r"""Learned biases from the distance of two points in space.

    .. math::
        b_{ij} = f \left( \left( \mathcal{G}_k ( \gamma_{t_i t_j} \Vert \mathbf{x}_i - \mathbf{x}_j \Vert
        + \beta_{t_i t_j} ) \right)_k \right)

    with Gaussians G of learned means and deviations, and a network f.

    Args:
        num_kernels: K, number of Gaussians.
        num_heads: H, of the attention.
        max_node_type: largest type of a node.

    Forward:
        coord: (B, N, 3).
        node_type: integers (B, N).

    Returns:
        (B, N, N, H).

    Example:
        >>> SpatialEncoder3d(num_kernels=4, num_heads=2)(torch.randn(1, 3, 3)).shape
        torch.Size([1, 3, 3, 2])

    Source: "One Transformer Can Understand Both 2D & 3D Molecular Data" (arXiv:2210.01765).
    """

    def __init__(self, num_kernels: int, num_heads: int = 1, max_node_type: int = 100) -> None:
        super().__init__()
        self.num_kernels = num_kernels
        self.num_heads = num_heads
        self.max_node_type = max_node_type
        self.means = nn.Parameter(torch.empty(num_kernels))
        self.stds = nn.Parameter(torch.empty(num_kernels))
        self.linear_layer_1 = nn.Linear(num_kernels, num_kernels)
        self.linear_layer_2 = nn.Linear(num_kernels, num_heads)
        # Row 0 is for points without a type; then come the types of the one node, then those of the other.
        self.gamma = nn.Embedding(2 * max_node_type + 3, 1, padding_idx=0)
        self.beta = nn.Embedding(2 * max_node_type + 3, 1, padding_idx=0)
        nn.init.uniform_(self.means, 0, 3)
        nn.init.uniform_(self.stds, 0, 3)
        nn.init.ones_(self.gamma.weight)
        nn.init.zeros_(self.beta.weight)

    def forward(self, coord: Tensor, node_type: Tensor | None = None) -> Tensor:
        distance = torch.cdist(coord, coord).unsqueeze(-1)
        if node_type is None:
            types = coord.new_zeros((*coord.shape[:2], coord.shape[1], 2), dtype=torch.long)
        else:
            first, second = node_type + 2, node_type + self.max_node_type + 3
            types = torch.stack(torch.broadcast_tensors(first.unsqueeze(2), second.unsqueeze(1)), dim=-1)
        distance = self.gamma(types).sum(dim=-2) * distance + self.beta(types).sum(dim=-2)
        kernels = gaussian(distance, self.means, self.stds.abs() + 0.01)
        return self.linear_layer_2(F.gelu(self.linear_layer_1(kernels)))
