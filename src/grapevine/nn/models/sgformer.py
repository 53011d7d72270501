"""SGFormer: one attention over all nodes beside a graph network."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, LayerNorm, Linear, ModuleList

from grapevine.errors import GraphValueError
from grapevine.graph import to_dense_batch
from grapevine.nn.attention.sgformer import SGFormerAttention
from grapevine.nn.conv.gcn_conv import GCNConv


class GraphModule(torch.nn.Module):
    """Graph convolutions, each with the first hidden features added.

    Args:
        in_channels: features F.
        hidden_channels: features inside, H.
        num_layers: number of convolutions.
        dropout: probability with which something is dropped in training.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, num_layers: int = 2, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.convs = ModuleList()
        self.fcs = ModuleList([Linear(in_channels, hidden_channels)])
        self.bns = ModuleList(BatchNorm1d(hidden_channels) for _ in range(num_layers + 1))
        self.convs.extend(GCNConv(hidden_channels, hidden_channels) for _ in range(num_layers))

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in (*self.convs, *self.bns, *self.fcs):
            layer.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        first = x = self._finished(self.fcs[0](x), 0)
        for number, conv in enumerate(self.convs, start=1):
            x = self._finished(conv(x, edge_index), number) + first
        return x

    def _finished(self, x: Tensor, layer: int) -> Tensor:
        return F.dropout(self.bns[layer](x).relu(), p=self.dropout, training=self.training)


class SGModule(torch.nn.Module):
    """Attentions among all nodes of a graph, each averaged with its input.

    Args:
        in_channels: features F.
        hidden_channels: features inside, H.
        num_layers: number of attentions.
        num_heads: their heads.
        dropout: probability with which something is dropped in training.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        num_heads: int = 1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.attns = ModuleList()
        self.fcs = ModuleList([Linear(in_channels, hidden_channels)])
        self.bns = ModuleList(LayerNorm(hidden_channels) for _ in range(num_layers + 1))
        for _ in range(num_layers):
            self.attns.append(SGFormerAttention(hidden_channels, num_heads, hidden_channels))

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in (*self.attns, *self.bns, *self.fcs):
            layer.reset_parameters()

    def forward(self, x: Tensor, batch: Tensor | None) -> Tensor:
        batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device) if batch is None else batch
        batch, order = batch.sort(stable=True)
        dense, mask = to_dense_batch(x[order], batch)
        dense = self._finished(self.fcs[0](dense), 0)
        for number, attention in enumerate(self.attns, start=1):
            dense = self._finished((attention(dense, mask) + dense) / 2.0, number)
        return dense[mask][order.argsort()]

    def _finished(self, x: Tensor, layer: int) -> Tensor:
        return F.dropout(self.bns[layer](x).relu(), p=self.dropout, training=self.training)


class SGFormer(torch.nn.Module):
    r"""The sum of a graph network and of simple attention over all nodes.

    .. math::
        \log \operatorname{softmax} \left( \mathbf{W} \left( \alpha \operatorname{GCN}(\mathbf{X}, \mathbf{A}) + (1 -
        \alpha) \operatorname{Attention}(\mathbf{X}) \right) \right)

    Args:
        in_channels: features F.
        hidden_channels: features inside.
        out_channels: number of classes C.
        trans_num_layers: layers of attention.
        trans_num_heads: their heads.
        trans_dropout: probability with which something is dropped there in training.
        gnn_num_layers: graph convolutions.
        gnn_dropout: likewise.
        graph_weight: the share α of the graph network.
        aggregate: "add" both, or "cat": place them side by side.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        batch: the graph of each node, int64 (N,); one graph if None.

    Returns:
        log-probabilities, (N, C).

    Raises:
        GraphValueError: for another `aggregate`.

    Example:
        >>> model = SGFormer(4, 8, 3)
        >>> model(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]), None).shape
        torch.Size([3, 3])

    Source: "SGFormer: Simplifying and Empowering Transformers for Large-Graph Representations" (arXiv:2306.10759).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        trans_num_layers: int = 2,
        trans_num_heads: int = 1,
        trans_dropout: float = 0.5,
        gnn_num_layers: int = 3,
        gnn_dropout: float = 0.5,
        graph_weight: float = 0.5,
        aggregate: str = "add",
    ) -> None:
        super().__init__()
        if aggregate not in ("add", "cat"):
            raise GraphValueError(f"expected aggregate to be 'add' or 'cat', got {aggregate!r}")
        self.trans_conv = SGModule(
            in_channels, hidden_channels, trans_num_layers, trans_num_heads, trans_dropout
        )
        self.graph_conv = GraphModule(in_channels, hidden_channels, gnn_num_layers, gnn_dropout)
        self.graph_weight = graph_weight
        self.aggregate = aggregate
        self.out_channels = out_channels
        self.fc = Linear(hidden_channels * (2 if aggregate == "cat" else 1), out_channels)

    @property
    def params1(self) -> list[torch.nn.Parameter]:
        """Parameters of the attention, which the paper decays otherwise than the rest."""
        return list(self.trans_conv.parameters())

    @property
    def params2(self) -> list[torch.nn.Parameter]:
        """The other parameters."""
        return [*self.graph_conv.parameters(), *self.fc.parameters()]

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for part in (self.trans_conv, self.graph_conv, self.fc):
            part.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, batch: Tensor | None) -> Tensor:
        far, near = self.trans_conv(x, batch), self.graph_conv(x, edge_index)
        if self.aggregate == "add":
            x = self.graph_weight * near + (1 - self.graph_weight) * far
        else:
            x = torch.cat([far, near], dim=1)
        return self.fc(x).log_softmax(dim=-1)
