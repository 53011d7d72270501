"""Propagational MLP."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv.simple_conv import SimpleConv


class PMLP(torch.nn.Module):
    """An MLP in training, a graph network in evaluation: every layer then averages over the neighbours.

    Args:
        in_channels: size of the input F.
        hidden_channels: size of the hidden layers.
        out_channels: size of the output F'.
        num_layers: number of layers.
        dropout: probability of dropout.
        norm: normalise hidden layers over the batch.
        bias: learn shifts.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N); not needed in training.

    Returns:
        (N, F').

    Raises:
        GraphValueError: in evaluation mode without `edge_index`.

    Example:
        >>> model = PMLP(16, 32, 7, num_layers=2)
        >>> model(torch.randn(4, 16)).shape
        torch.Size([4, 7])

    Source: "Graph Neural Networks are Inherently Good Generalizers: Insights by Bridging GNNs and MLPs"
    (arXiv:2212.09034).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int,
        dropout: float = 0.0,
        norm: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.bias = bias
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.lins = torch.nn.ModuleList(torch.nn.Linear(a, b, bias) for a, b in pairwise(sizes))
        self.norm = None
        if norm:
            self.norm = torch.nn.BatchNorm1d(hidden_channels, affine=False, track_running_stats=False)
        self.conv = SimpleConv(aggr="mean", combine_root="self_loop")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for lin in self.lins:
            assert isinstance(lin, torch.nn.Linear)
            torch.nn.init.xavier_uniform_(lin.weight, gain=1.414)
            if self.bias:
                torch.nn.init.zeros_(lin.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges | None = None) -> Tensor:
        if not self.training and edge_index is None:
            raise GraphValueError(
                "expected edge_index in evaluation mode, got none; pass it, or call model.train()"
            )
        for i, lin in enumerate(self.lins):
            assert isinstance(lin, torch.nn.Linear)
            x = x @ lin.weight.t()
            if not self.training:
                x = self.conv(x, edge_index)
            x = x + lin.bias if self.bias else x
            if i < self.num_layers - 1:
                x = x if self.norm is None else self.norm(x)
                x = F.dropout(x.relu(), p=self.dropout, training=self.training)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={self.num_layers})"
