"""The edge-augmented graph transformer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError


class EGTLayer(nn.Module):
    r"""Attention with biases and gates from features of all pairs of nodes, which it updates too.

    .. math::
        \hat{\mathbf{A}} = \mathrm{clip} ( \mathbf{Q} \mathbf{K}^{\top} ) + \mathbf{E}_b, \qquad
        \mathbf{V}' = \log ( 1 + \sum_j \sigma ( \mathbf{G} )_{ij} ) \; ( \mathrm{softmax} ( \hat{\mathbf{A}} ) \odot
        \sigma ( \mathbf{G} ) ) \mathbf{V}

    Args:
        feat_size: F, a multiple of `num_heads`.
        edge_feat_size: F_e.
        num_heads: number of heads.
        num_virtual_nodes: the first nodes of each graph, which the factor in front leaves out.
        dropout: probability with which a feature is dropped in training.
        attn_dropout: likewise for the attention's weights.
        activation: of the networks.
        edge_update: update the pairs' features too.

    Forward:
        nfeat: nodes of padded graphs, (B, N, F).
        efeat: their pairs, (B, N, N, F_e).
        mask: added to scores and gates, (B, N, N); a large negative number for padding.

    Returns:
        (B, N, F); with `edge_update` beside it (B, N, N, F_e).

    Raises:
        GraphValueError: for a size that is no multiple.

    Example:
        >>> layer = EGTLayer(8, 4, num_heads=2, num_virtual_nodes=1)
        >>> nodes, pairs = layer(torch.ones(1, 3, 8), torch.ones(1, 3, 3, 4))
        >>> nodes.shape, pairs.shape
        (torch.Size([1, 3, 8]), torch.Size([1, 3, 3, 4]))

    Source: "Global Self-Attention as a Replacement for Graph Convolution" (arXiv:2108.03348).
    """

    def __init__(
        self,
        feat_size: int,
        edge_feat_size: int,
        num_heads: int,
        num_virtual_nodes: int,
        dropout: float = 0,
        attn_dropout: float = 0,
        activation: nn.Module = nn.ELU(),  # noqa: B008 (it has no state)
        edge_update: bool = True,
    ) -> None:
        super().__init__()
        if feat_size % num_heads:
            raise GraphValueError(
                f"feat_size must be divisible by num_heads, got {feat_size} and {num_heads}"
            )
        self.num_heads = num_heads
        self.num_virtual_nodes = num_virtual_nodes
        self.edge_update = edge_update
        self.dot_dim = feat_size // num_heads

        def network(size: int) -> nn.Sequential:
            first, second = nn.Linear(size, size), nn.Linear(size, size)
            return nn.Sequential(nn.LayerNorm(size), first, activation, second, nn.Dropout(dropout))

        self.mha_ln_h = nn.LayerNorm(feat_size)
        self.mha_ln_e = nn.LayerNorm(edge_feat_size)
        self.edge_input = nn.Linear(edge_feat_size, num_heads)
        self.qkv_proj = nn.Linear(feat_size, feat_size * 3)
        self.gate = nn.Linear(edge_feat_size, num_heads)
        self.attn_dropout = nn.Dropout(attn_dropout)
        self.node_output = nn.Linear(feat_size, feat_size)
        self.mha_dropout_h = nn.Dropout(dropout)
        self.node_ffn = network(feat_size)
        if edge_update:
            self.edge_output = nn.Linear(num_heads, edge_feat_size)
            self.mha_dropout_e = nn.Dropout(dropout)
            self.edge_ffn = network(edge_feat_size)

    def forward(self, nfeat: Tensor, efeat: Tensor, mask: Tensor | None = None) -> Any:
        pairs = self.mha_ln_e(efeat)
        q, k, v = (
            self.qkv_proj(self.mha_ln_h(nfeat)).unflatten(-1, (3, self.dot_dim, self.num_heads)).unbind(2)
        )
        scores = torch.einsum("bldh,bmdh->blmh", q, k).clamp(-5, 5) + self.edge_input(pairs)
        gates = self.gate(pairs)
        shift: Tensor | float = 0.0 if mask is None else mask.unsqueeze(-1)
        gates = torch.sigmoid(gates + shift)
        alpha = self.attn_dropout((scores + shift).softmax(dim=2) * gates)
        values = torch.einsum("blmh,bmkh->blkh", alpha, v)
        weight = torch.log(1 + gates.sum(dim=2, keepdim=True))[:, self.num_virtual_nodes :]
        values = torch.cat(
            [values[:, : self.num_virtual_nodes], values[:, self.num_virtual_nodes :] * weight], dim=1
        )
        nfeat = nfeat + self.mha_dropout_h(self.node_output(values.flatten(-2)))
        nfeat = nfeat + self.node_ffn(nfeat)
        if not self.edge_update:
            return nfeat
        efeat = efeat + self.mha_dropout_e(self.edge_output(scores))
        return nfeat, efeat + self.edge_ffn(efeat)
