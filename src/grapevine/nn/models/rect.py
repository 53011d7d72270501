"""RECT-L, for classes that have no labels at all."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.conv.gcn_conv import GCNConv
from grapevine.utils import scatter


class RECT_L(torch.nn.Module):
    r"""A graph convolution that learns to tell each node the mean features of its class.

    .. math:: \hat{\mathbf{Y}} = \mathbf{W} \, \operatorname{GCN}(\mathbf{X}, \mathbf{A}) + \mathbf{b}

    Args:
        in_channels: features F.
        hidden_channels: features inside, H.
        normalize: of `GCNConv`.
        dropout: probability with which a hidden feature is dropped in training.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_weight: weights, (E,).

    Returns:
        (N, F).

    Example:
        >>> model, x = RECT_L(4, 8), torch.randn(3, 4)
        >>> edge_index, y = torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1, 0])
        >>> mask = torch.tensor([True, True, False])
        >>> torch.nn.functional.mse_loss(model(x, edge_index)[mask], model.get_semantic_labels(x, y, mask)).dim()
        0

    Source: "Network Embedding with Completely-imbalanced Labels" (arXiv:2007.03545).
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, normalize: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.dropout = dropout
        self.conv = GCNConv(in_channels, hidden_channels, normalize=normalize)
        self.lin = torch.nn.Linear(hidden_channels, in_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.conv.reset_parameters()
        self.lin.reset_parameters()
        torch.nn.init.xavier_uniform_(self.lin.weight)

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        x = self.conv(x, edge_index, edge_weight)
        out: Tensor = self.lin(F.dropout(x, p=self.dropout, training=self.training))
        return out

    @torch.no_grad()
    def embed(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """The hidden features, (N, H)."""
        out: Tensor = self.conv(x, edge_index, edge_weight)
        return out

    @torch.no_grad()
    def get_semantic_labels(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """The mean features of each labelled node's class.

        Args:
            x: features, (N, F).
            y: classes, int64 (N,).
            mask: the labelled nodes, bool (N,) or their numbers (M,).

        Returns:
            (M, F).
        """
        classes = y[mask]
        return scatter(x[mask], classes, dim=0, reduce="mean")[classes]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.hidden_channels})"
