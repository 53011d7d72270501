"""Attention with a bias for each pair of nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError


class BiasedMHA(nn.Module):
    r"""Multi-head attention whose scores are shifted, or scaled, for each pair of nodes and head.

    .. math::
        \mathrm{softmax} \left( \frac{\mathbf{Q} \mathbf{K}^{\top}}{\sqrt{D}} \circ \mathbf{B} \right) \mathbf{V}

    with :math:`\circ` for plus or times.

    Args:
        feat_size: F, a multiple of `num_heads`.
        num_heads: H.
        bias: give the linear maps a shift.
        attn_bias_type: "add" or "mul".
        attn_drop: probability with which an attention weight is dropped in training.

    Forward:
        ndata: nodes of padded graphs, (B, N, F).
        attn_bias: (B, N, N, H).
        attn_mask: (B, N, N), true where the row's node must not look at the column's.

    Returns:
        (B, N, F).

    Raises:
        GraphValueError: for a size that is no multiple.

    Example:
        >>> BiasedMHA(8, num_heads=2)(torch.ones(1, 3, 8), torch.zeros(1, 3, 3, 2)).shape
        torch.Size([1, 3, 8])

    Source: "Do Transformers Really Perform Bad for Graph Representation?" (arXiv:2106.05234).
    """

    def __init__(
        self,
        feat_size: int,
        num_heads: int,
        bias: bool = True,
        attn_bias_type: str = "add",
        attn_drop: float = 0.1,
    ) -> None:
        super().__init__()
        if feat_size % num_heads:
            raise GraphValueError(
                f"feat_size must be divisible by num_heads, got {feat_size} and {num_heads}"
            )
        self.feat_size = feat_size
        self.num_heads = num_heads
        self.head_dim = feat_size // num_heads
        self.scaling = self.head_dim**-0.5
        self.attn_bias_type = attn_bias_type
        self.q_proj = nn.Linear(feat_size, feat_size, bias=bias)
        self.k_proj = nn.Linear(feat_size, feat_size, bias=bias)
        self.v_proj = nn.Linear(feat_size, feat_size, bias=bias)
        self.out_proj = nn.Linear(feat_size, feat_size, bias=bias)
        self.dropout = nn.Dropout(p=attn_drop)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new matrices."""
        for proj in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(proj.weight, gain=2**-0.5)
        nn.init.xavier_uniform_(self.out_proj.weight)
        if self.out_proj.bias is not None:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, ndata: Tensor, attn_bias: Tensor | None = None, attn_mask: Tensor | None = None
    ) -> Tensor:
        q, k, v = (
            proj(ndata).unflatten(-1, (self.num_heads, self.head_dim))
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = torch.einsum("bqhd,bkhd->bqkh", q * self.scaling, k)
        if attn_bias is not None:
            scores = scores + attn_bias if self.attn_bias_type == "add" else scores * attn_bias
        if attn_mask is not None:
            scores = scores.masked_fill(attn_mask.bool().unsqueeze(-1), -torch.inf)
        alpha = self.dropout(scores.softmax(dim=2))
        return self.out_proj(torch.einsum("bqkh,bkhd->bqhd", alpha, v).flatten(-2))
