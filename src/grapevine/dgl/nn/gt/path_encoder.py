"""Shortest paths as attention biases."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PathEncoder(nn.Module):
    r"""Scores the edges along the shortest path between two nodes, by learned vectors for each position.

    .. math::
        b_{xy} = \frac{1}{d_{xy}} \sum_{l} \mathbf{e}_{xy, l} \cdot \mathbf{w}_l

    Args:
        max_len: L, the longest path.
        feat_dim: features F of an edge.
        num_heads: H, of the attention.

    Forward:
        dist: lengths of the shortest paths, (B, N, N).
        path_data: features of the edges along them, (B, N, N, L, F).

    Returns:
        (B, N, N, H).

    Example:
        >>> encoder = PathEncoder(max_len=2, feat_dim=4, num_heads=3)
        >>> encoder(torch.ones(1, 5, 5), torch.ones(1, 5, 5, 2, 4)).shape
        torch.Size([1, 5, 5, 3])

    Source: "Do Transformers Really Perform Bad for Graph Representation?" (arXiv:2106.05234).
    """

    def __init__(self, max_len: int, feat_dim: int, num_heads: int = 1) -> None:
        super().__init__()
        self.max_len = max_len
        self.feat_dim = feat_dim
        self.num_heads = num_heads
        self.embedding_table = nn.Embedding(max_len * num_heads, feat_dim)

    def forward(self, dist: Tensor, path_data: Tensor) -> Tensor:
        weight = self.embedding_table.weight.view(self.max_len, self.num_heads, self.feat_dim)
        scores = torch.einsum("bxyld,lhd->bxyh", path_data, weight)
        return scores / dist.clamp(min=1, max=self.max_len).unsqueeze(-1)
