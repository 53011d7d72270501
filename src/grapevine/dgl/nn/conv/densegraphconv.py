"""Graph convolution on a dense adjacency."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class DenseGraphConv(nn.Module):
    r"""`GraphConv` on a dense adjacency.

    Args:
        in_feats: F.
        out_feats: F'.
        norm: "both", "right" or "none", see `GraphConv`.
        bias: learn a shift.
        activation: of the output.

    Forward:
        adj: (N_dst, N_src), row i holds the edges that arrive at node i.
        feat: (N_src, F).

    Returns:
        (N_dst, F').

    Example:
        >>> DenseGraphConv(4, 2)(torch.eye(3), torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        norm: str = "both",
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._norm = norm
        self.weight = nn.Parameter(torch.empty(in_feats, out_feats))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()
        self._activation = activation

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, adj: Tensor, feat: Tensor) -> Tensor:
        adj = adj.to(feat)
        leaving, arriving = (adj.sum(dim=dim).clamp(min=1).unsqueeze(-1) for dim in (0, 1))
        x = feat * leaving.rsqrt() if self._norm == "both" else feat
        first = self._in_feats > self._out_feats
        out = adj @ (x @ self.weight) if first else adj @ x @ self.weight
        if self._norm != "none":
            out = out * (arriving.rsqrt() if self._norm == "both" else 1 / arriving)
        if self.bias is not None:
            out = out + self.bias
        return out if self._activation is None else self._activation(out)
