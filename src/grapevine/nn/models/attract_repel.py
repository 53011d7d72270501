"""Attract-repel embeddings, for links."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.errors import GraphValueError


class ARLinkPredictor(torch.nn.Module):
    r"""Scores links by embeddings of which one part attracts and the other repels.

    .. math:: p_{ij} = \sigma(\mathbf{a}_i \cdot \mathbf{a}_j - \mathbf{r}_i \cdot \mathbf{r}_j)

    Args:
        in_channels: features F.
        hidden_channels: features inside.
        out_channels: size of both parts together; that of the hidden features if None.
        num_layers: number of layers.
        dropout: probability with which a hidden feature is dropped in training.
        attract_ratio: share of the part that attracts.

    Forward:
        x: features, (N, F).
        edge_index: pairs of nodes to score, (2, M).

    Returns:
        probabilities, (M,).

    Raises:
        GraphValueError: for a share that is not between 0 and 1.

    Example:
        >>> ARLinkPredictor(4, 8)(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([2])

    Source: "Pseudo-Euclidean Attract-Repel Embeddings for Undirected Graphs" (arXiv:2106.09671).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int | None = None,
        num_layers: int = 2,
        dropout: float = 0.0,
        attract_ratio: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 <= attract_ratio <= 1:
            raise GraphValueError(f"expected attract_ratio between 0 and 1, got {attract_ratio}")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = hidden_channels if out_channels is None else out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.attract_ratio = attract_ratio
        self.attract_dim = int(self.out_channels * attract_ratio)
        self.repel_dim = self.out_channels - self.attract_dim
        sizes = [in_channels] + [hidden_channels] * max(num_layers - 1, 1)
        self.lins = ModuleList(Linear(a, b) for a, b in pairwise(sizes))
        self.lin_attract = Linear(hidden_channels, self.attract_dim)
        self.lin_repel = Linear(hidden_channels, self.repel_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for lin in (*self.lins, self.lin_attract, self.lin_repel):
            lin.reset_parameters()

    def encode(self, x: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The two parts of the embeddings of x, (N, F); further arguments are for subclasses."""
        for lin in self.lins:
            x = F.dropout(lin(x).relu(), p=self.dropout, training=self.training)
        return self.lin_attract(x), self.lin_repel(x)

    def decode(self, attract_z: Tensor, repel_z: Tensor, edge_index: Tensor) -> Tensor:
        """How much pairs of nodes (2, M) attract each other more than they repel, (M,)."""
        row, col = edge_index
        attraction = (attract_z[row] * attract_z[col]).sum(dim=1)
        return attraction - (repel_z[row] * repel_z[col]).sum(dim=1)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.decode(*self.encode(x), edge_index).sigmoid()

    def calculate_r_fraction(self, attract_z: Tensor, repel_z: Tensor) -> float:
        """The share of the embeddings' squares that repels."""
        attract, repel = attract_z.square().sum(), repel_z.square().sum()
        return float(repel / (attract + repel + 1e-10))
