"""Degrees as features."""

from __future__ import annotations

from torch import Tensor, nn

from grapevine.errors import GraphValueError


class DegreeEncoder(nn.Module):
    """Learned features for the degree of a node.

    Args:
        max_degree: larger degrees count as this one.
        embedding_dim: F.
        direction: "in", "out", or "both": the sum of two features.

    Forward:
        degrees: integers (B, N) of padded graphs, 0 for padding; for "both" (2, B, N), in- above out-degrees.

    Returns:
        (B, N, F); zero for degree 0.

    Raises:
        GraphValueError: for another direction, or degrees of another shape.

    Example:
        >>> import torch
        >>> DegreeEncoder(5, 8, "in")(torch.tensor([[1, 3, 0]])).shape
        torch.Size([1, 3, 8])

    Source: "Do Transformers Really Perform Bad for Graph Representation?" (arXiv:2106.05234).
    """

    def __init__(self, max_degree: int, embedding_dim: int, direction: str = "both") -> None:
        super().__init__()
        if direction not in ("in", "out", "both"):
            raise GraphValueError(f'Supported direction options: "in", "out" and "both", but got {direction}')
        self.direction = direction
        self.max_degree = max_degree
        if direction == "both":
            self.encoder1 = nn.Embedding(max_degree + 1, embedding_dim, padding_idx=0)
            self.encoder2 = nn.Embedding(max_degree + 1, embedding_dim, padding_idx=0)
        else:
            self.encoder = nn.Embedding(max_degree + 1, embedding_dim, padding_idx=0)

    def forward(self, degrees: Tensor) -> Tensor:
        both = self.direction == "both"
        if degrees.dim() != 2 + both or (both and degrees.shape[0] != 2):
            wanted = "(2, B, N)" if both else "(B, N)"
            raise GraphValueError(f"expected degrees of shape {wanted}, got {list(degrees.shape)}")
        degrees = degrees.clamp(min=0, max=self.max_degree)
        return self.encoder1(degrees[0]) + self.encoder2(degrees[1]) if both else self.encoder(degrees)
