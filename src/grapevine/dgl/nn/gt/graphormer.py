"""A layer of Graphormer."""

from __future__ import annotations

from torch import Tensor, nn

from grapevine.dgl.nn.gt.biased_mha import BiasedMHA


class GraphormerLayer(nn.Module):
    """Biased attention and a network, each with residual and layer norm.

    Args:
        feat_size: F, a multiple of `num_heads`.
        hidden_size: hidden width of the network.
        num_heads: number of heads H.
        attn_bias_type: "add" or "mul", see `BiasedMHA`.
        norm_first: normalise ahead of each part, instead of after it.
        dropout: probability with which a feature is dropped in training.
        attn_dropout: likewise for the attention's weights.
        activation: of the network.

    Forward:
        nfeat: nodes of padded graphs, (B, N, F).
        attn_bias: (B, N, N, H).
        attn_mask: (B, N, N), true where the row's node must not look at the column's.

    Returns:
        (B, N, F).

    Example:
        >>> import torch
        >>> GraphormerLayer(8, 16, num_heads=2)(torch.ones(1, 3, 8)).shape
        torch.Size([1, 3, 8])

    Source: "Do Transformers Really Perform Bad for Graph Representation?" (arXiv:2106.05234).
    """

    def __init__(
        self,
        feat_size: int,
        hidden_size: int,
        num_heads: int,
        attn_bias_type: str = "add",
        norm_first: bool = False,
        dropout: float = 0.1,
        attn_dropout: float = 0.1,
        activation: nn.Module = nn.ReLU(),  # noqa: B008 (it has no state)
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attn = BiasedMHA(feat_size, num_heads, attn_bias_type=attn_bias_type, attn_drop=attn_dropout)
        self.ffn = nn.Sequential(
            nn.Linear(feat_size, hidden_size),
            activation,
            nn.Dropout(p=dropout),
            nn.Linear(hidden_size, feat_size),
            nn.Dropout(p=dropout),
        )
        self.dropout = nn.Dropout(p=dropout)
        self.attn_layer_norm = nn.LayerNorm(feat_size)
        self.ffn_layer_norm = nn.LayerNorm(feat_size)

    def forward(
        self, nfeat: Tensor, attn_bias: Tensor | None = None, attn_mask: Tensor | None = None
    ) -> Tensor:
        if self.norm_first:
            nfeat = nfeat + self.dropout(self.attn(self.attn_layer_norm(nfeat), attn_bias, attn_mask))
            return nfeat + self.ffn(self.ffn_layer_norm(nfeat))
        nfeat = self.attn_layer_norm(nfeat + self.dropout(self.attn(nfeat, attn_bias, attn_mask)))
        return self.ffn_layer_norm(nfeat + self.ffn(nfeat))
