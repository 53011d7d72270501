"""Chebyshev spectral convolution on a dense adjacency."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import relu_gain


class DenseChebConv(nn.Module):
    r"""`ChebConv` on a dense adjacency, without activation, with a stack of matrices as its weight.

    Args:
        in_feats: F.
        out_feats: F'.
        k: number of terms.
        bias: learn a shift.

    Forward:
        adj: (N, N), row i holds the edges that arrive at node i.
        feat: (N, F).
        lambda_max: largest eigenvalue of the Laplacian; computed if None.

    Returns:
        (N, F').

    Example:
        >>> DenseChebConv(4, 2, k=3)(torch.eye(3), torch.ones(3, 4), lambda_max=2.0).shape
        torch.Size([3, 2])

    Source: "Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering" (arXiv:1606.09375).
    """

    bias: Tensor | None

    def __init__(self, in_feats: int, out_feats: int, k: int, bias: bool = True) -> None:
        super().__init__()
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._k = k
        self.W = nn.Parameter(torch.empty(k, in_feats, out_feats))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        for weight in self.W.detach():
            nn.init.xavier_normal_(weight, relu_gain())

    def forward(self, adj: Tensor, feat: Tensor, lambda_max: float | Tensor | None = None) -> Tensor:
        adj = adj.to(feat)
        root = adj.sum(dim=1).clamp(min=1).rsqrt()
        identity = torch.eye(adj.shape[0]).to(adj)
        laplacian = identity - root.view(-1, 1) * adj * root
        if lambda_max is None:
            lambda_max = torch.linalg.eigvals(laplacian).real.max()
        laplacian = 2 * laplacian / lambda_max - identity
        terms = [feat]
        if self._k > 1:
            terms.append(laplacian @ feat)
        for _ in range(2, self._k):
            terms.append(2 * laplacian @ terms[-1] - terms[-2])
        out = (torch.stack(terms) @ self.W).sum(0)
        return out if self.bias is None else out + self.bias
