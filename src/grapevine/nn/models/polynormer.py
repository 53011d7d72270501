"""Polynormer: local, then global attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, LayerNorm, Linear, ModuleList

from grapevine.graph import to_dense_batch
from grapevine.nn.attention.polynormer import PolynormerAttention
from grapevine.nn.conv.gat_conv import GATConv
from grapevine.nn.conv.gcn_conv import GCNConv


class Polynormer(torch.nn.Module):
    r"""Layers that multiply what a node hears by what it is: from neighbours first, then from all nodes.

    .. math::
        \mathbf{X}^{\prime} = (1 - \beta) \operatorname{LN}(\phi(\mathbf{W} \mathbf{X}) \odot \mathbf{Y}) + \beta
        \mathbf{Y}, \qquad \mathbf{Y} = \phi(\operatorname{conv}(\mathbf{X}, \mathbf{A}) + \mathbf{W}_r \mathbf{X})

    The sum over the local layers counts. Train it first with `model._global = False`, where only they are used, then
    with True.

    Args:
        in_channels: features F.
        hidden_channels: features per head.
        out_channels: number of classes C.
        local_layers: number of local layers.
        global_layers: number of global ones.
        in_dropout: probability with which an input is dropped in training.
        dropout: likewise in local layers.
        global_dropout: likewise in global ones.
        heads: number of heads (1, where global layers are used).
        beta: the share β.
        qk_shared: the same queries and keys in global layers.
        pre_ln: layer normalisation before each local layer.
        post_bn: batch normalisation after each.
        local_attn: `GATConv` instead of `GCNConv`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        batch: the graph of each node, int64 (N,); one graph if None.

    Returns:
        log-probabilities, (N, C).

    Example:
        >>> model = Polynormer(4, 8, 3, local_layers=2)
        >>> model(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]), None).exp().sum(dim=1).round().tolist()
        [1.0, 1.0, 1.0]

    Source: "Polynormer: Polynomial-Expressive Graph Transformer in Linear Time" (arXiv:2403.01232).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        local_layers: int = 7,
        global_layers: int = 2,
        in_dropout: float = 0.15,
        dropout: float = 0.5,
        global_dropout: float = 0.5,
        heads: int = 1,
        beta: float = 0.9,
        qk_shared: bool = False,
        pre_ln: bool = False,
        post_bn: bool = True,
        local_attn: bool = False,
    ) -> None:
        super().__init__()
        self._global = False
        self.in_drop = in_dropout
        self.dropout = dropout
        self.pre_ln = pre_ln
        self.post_bn = post_bn
        self.beta = beta
        inner = heads * hidden_channels

        def local(channels: int) -> torch.nn.Module:
            if local_attn:
                return GATConv(channels, hidden_channels, heads=heads, add_self_loops=False, bias=False)
            return GCNConv(channels, inner)

        self.h_lins, self.local_convs, self.lins, self.lns = (ModuleList() for _ in range(4))
        if pre_ln:
            self.pre_lns = ModuleList()
        if post_bn:
            self.post_bns = ModuleList()
        for channels in [in_channels] + [inner] * (local_layers - 1):
            self.h_lins.append(Linear(channels, inner))
            self.local_convs.append(local(channels))
            self.lins.append(Linear(channels, inner))
            self.lns.append(LayerNorm(inner))
            if pre_ln:
                self.pre_lns.append(LayerNorm(channels))
            if post_bn:
                self.post_bns.append(BatchNorm1d(inner))
        self.lin_in = Linear(in_channels, inner)  # used by no one, but part of every checkpoint
        self.ln = LayerNorm(inner)
        self.global_attn = ModuleList(
            PolynormerAttention(
                hidden_channels, heads, hidden_channels, beta, qk_shared=qk_shared, dropout=global_dropout
            )
            for _ in range(global_layers)
        )
        self.pred_local = Linear(inner, out_channels)
        self.pred_global = Linear(inner, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        norms = [*(self.pre_lns if self.pre_ln else []), *(self.post_bns if self.post_bn else [])]
        parts = [*self.local_convs, *self.global_attn, *self.lins, *self.h_lins, *self.lns, *norms]
        for layer in (*parts, self.lin_in, self.ln, self.pred_local, self.pred_global):
            layer.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, batch: Tensor | None) -> Tensor:
        x = F.dropout(x, p=self.in_drop, training=self.training)
        total: Tensor | None = None
        for i, conv in enumerate(self.local_convs):
            x = self.pre_lns[i](x) if self.pre_ln else x
            h = self.h_lins[i](x).relu()
            x = conv(x, edge_index) + self.lins[i](x)
            x = self.post_bns[i](x) if self.post_bn else x
            x = F.dropout(x.relu(), p=self.dropout, training=self.training)
            x = (1 - self.beta) * self.lns[i](h * x) + self.beta * x
            total = x if total is None else total + x
        assert total is not None
        if not self._global:
            return self.pred_local(total).log_softmax(dim=-1)

        batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device) if batch is None else batch
        batch, order = batch.sort(stable=True)
        dense, mask = to_dense_batch(self.ln(total[order]), batch)
        for attention in self.global_attn:
            dense = attention(dense, mask)
        return self.pred_global(dense[mask][order.argsort()]).log_softmax(dim=-1)
