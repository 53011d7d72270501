"""Attention in linear time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Dropout, Linear, ReLU

from grapevine.errors import GraphValueError

_RELU = ReLU()


def orthogonal_matrix(num_rows: int, num_cols: int) -> Tensor:
    """Random rows, (num_rows, num_cols), orthonormal in blocks of `num_cols`.

    Example:
        >>> q = orthogonal_matrix(4, 4)
        >>> torch.allclose(q @ q.t(), torch.eye(4), atol=1e-5)
        True
    """
    num_blocks = -(-num_rows // num_cols)
    blocks = [torch.linalg.qr(torch.randn(num_cols, num_cols))[0].t() for _ in range(num_blocks)]
    return torch.cat([*blocks, torch.empty(0, num_cols)])[:num_rows]


class PerformerProjection(torch.nn.Module):
    r"""Attention by random features, in time linear in the number of nodes.

    .. math::
        \frac{\phi(\mathbf{Q}) \left( \phi(\mathbf{K})^{\top} \mathbf{V} \right)}
        {\phi(\mathbf{Q}) \left( \phi(\mathbf{K})^{\top} \mathbf{1} \right)}, \qquad
        \phi(\mathbf{x}) = k(\mathbf{P} \mathbf{x}) + \epsilon

    with a random matrix P of orthogonal rows.

    Args:
        num_cols: channels C of queries and keys; there are C log C random features.
        kernel: the function k.

    Forward:
        q, k, v: (B, H, N, C) each.
        absent: a key (1, H, 1, C) that counts `missing` times more, with values of zero.
        missing: how often.

    Returns:
        (B, H, N, C).

    Example:
        >>> q = k = v = torch.rand(1, 2, 3, 8)
        >>> PerformerProjection(8)(q, k, v).shape
        torch.Size([1, 2, 3, 8])

    Source: "Rethinking Attention with Performers" (arXiv:2009.14794).
    """

    projection_matrix: Tensor

    def __init__(self, num_cols: int, kernel: Callable[[Tensor], Tensor] = _RELU) -> None:
        super().__init__()
        self.num_rows = int(num_cols * math.log(num_cols))
        self.num_cols = num_cols
        self.register_buffer("projection_matrix", orthogonal_matrix(self.num_rows, num_cols))
        self.kernel = kernel

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, absent: Tensor | None = None, missing: int = 0
    ) -> Tensor:
        q, k = self._features(q), self._features(k)
        out = q @ (k.transpose(-2, -1) @ v)
        total = k.sum(-2) if absent is None else k.sum(-2) + missing * self._features(absent).sum(-2)
        return out * (1.0 / (q @ total.unsqueeze(-1)))

    def _features(self, x: Tensor) -> Tensor:
        return self.kernel(x @ self.projection_matrix.t()) + 1e-3


class PerformerAttention(torch.nn.Module):
    r"""Multi-head attention in linear time; see `PerformerProjection`.

    Args:
        channels: features F, a multiple of `heads`.
        heads: number of heads H.
        head_channels: channels per head; None: `channels / heads`.
        kernel: the function k of `PerformerProjection`.
        qkv_bias: learn shifts of queries, keys and values.
        attn_out_bias: learn a shift of the output.
        dropout: probability with which an output is dropped in training.

    Forward:
        x: padded node features, (B, N, F).
        mask: which nodes there are, bool (B, N); None: all.
        missing: number of padded nodes of each row that were left out of `x`.

    Returns:
        (B, N, F).

    Raises:
        GraphValueError: for channels that are no multiple of `heads`.

    Departures from the paper: padded nodes take part in the denominator, as in PyTorch Geometric.

    Example:
        >>> PerformerAttention(channels=16, heads=4)(torch.rand(1, 5, 16)).shape
        torch.Size([1, 5, 16])

    Source: "Rethinking Attention with Performers" (arXiv:2009.14794).
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        head_channels: int | None = 64,
        kernel: Callable[[Tensor], Tensor] = _RELU,
        qkv_bias: bool = False,
        attn_out_bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if channels % heads:
            raise GraphValueError(f"expected channels to be a multiple of heads={heads}, got {channels}")
        self.heads = heads
        self.head_channels = head_channels = channels // heads if head_channels is None else head_channels
        self.kernel = kernel
        self.fast_attn = PerformerProjection(head_channels, kernel)
        inner = heads * head_channels
        self.q, self.k, self.v = (Linear(channels, inner, bias=qkv_bias) for _ in range(3))
        self.attn_out = Linear(inner, channels, bias=attn_out_bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, missing: int = 0) -> Tensor:
        q, k, v = (self._heads(lin, x) for lin in (self.q, self.k, self.v))
        if mask is not None:
            v = v.masked_fill(~mask[:, None, :, None], 0.0)
        absent = self._heads(self.k, x.new_zeros(1, 1, x.shape[-1])) if missing else None
        out = self.fast_attn(q, k, v, absent, missing).transpose(1, 2).flatten(2)
        return self.dropout(self.attn_out(out))

    def _heads(self, lin: Linear, x: Tensor) -> Tensor:
        """(B, N, F) -> (B, H, N, C)."""
        return lin(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)

    @torch.no_grad()
    def redraw_projection_matrix(self) -> None:
        """Draws new random features, as the paper does now and then in training."""
        matrix = self.fast_attn.projection_matrix
        matrix.copy_(orthogonal_matrix(*matrix.shape))

    def _reset_parameters(self) -> None:
        for lin in (self.q, self.k, self.v, self.attn_out):
            lin.reset_parameters()
        self.redraw_projection_matrix()

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(heads={self.heads}, head_channels={self.head_channels} kernel={self.kernel})"
