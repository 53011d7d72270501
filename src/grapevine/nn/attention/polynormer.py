"""Polynormer's global attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Dropout, LayerNorm, Linear


class PolynormerAttention(torch.nn.Module):
    r"""Linear attention with sigmoid kernels, multiplied by the features themselves.

    .. math::
        \mathbf{X}^{\prime} = \phi \left( \mathbf{W}_o \left[ (\mathbf{H} + \beta) \odot \operatorname{LN} \left(
        \frac{\sigma(\mathbf{Q}) (\sigma(\mathbf{K})^{\top} \mathbf{V})}{\sigma(\mathbf{Q}) \sum_j
        \sigma(\mathbf{k}_j)} \right) \right] \right)

    Args:
        channels: features F.
        heads: number of heads.
        head_channels: channels per head.
        beta: the shift β.
        qkv_bias: learn shifts of queries, keys and values.
        qk_shared: the same queries and keys.
        dropout: probability with which an output is dropped in training.

    Forward:
        x: padded node features, (B, N, F).
        mask: which nodes there are, bool (B, N); None: all.

    Returns:
        (B, N, heads * head_channels).

    Departures from the paper: padded nodes take part in the denominator, as in PyTorch Geometric.

    Example:
        >>> PolynormerAttention(channels=16, heads=4)(torch.rand(1, 5, 16)).shape
        torch.Size([1, 5, 256])

    Source: "Polynormer: Polynomial-Expressive Graph Transformer in Linear Time" (arXiv:2403.01232).
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        head_channels: int = 64,
        beta: float = 0.9,
        qkv_bias: bool = False,
        qk_shared: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.heads = heads
        self.beta = beta
        self.qk_shared = qk_shared
        inner = heads * head_channels
        self.h_lins = Linear(channels, inner)
        if not qk_shared:
            self.q = Linear(channels, inner, bias=qkv_bias)
        self.k = Linear(channels, inner, bias=qkv_bias)
        self.v = Linear(channels, inner, bias=qkv_bias)
        self.lns = LayerNorm(inner)
        self.lin_out = Linear(inner, inner)
        self.dropout = Dropout(dropout)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.h_lins.reset_parameters()
        if not self.qk_shared:
            self.q.reset_parameters()
        for layer in (self.k, self.v, self.lns, self.lin_out):
            layer.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        shape = (self.head_channels, self.heads)
        k = self.k(x).sigmoid().unflatten(-1, shape)
        q = k if self.qk_shared else self.q(x).sigmoid().unflatten(-1, shape)
        v = self.v(x).unflatten(-1, shape)
        if mask is not None:
            v = v.masked_fill(~mask[:, :, None, None], 0.0)
        weighted = torch.einsum("bndh,bdmh->bnmh", q, torch.einsum("bndh,bnmh->bdmh", k, v))
        total = torch.einsum("bndh,bdh->bnh", q, k.sum(dim=1)).unsqueeze(2)
        out = self.lns((weighted / (total + 1e-6)).flatten(2)) * (self.h_lins(x) + self.beta)
        found: Tensor = self.dropout(self.lin_out(out).relu())
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}(heads={self.heads}, head_channels={self.head_channels})"
