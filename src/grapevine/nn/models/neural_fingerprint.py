"""Neural fingerprints of molecules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList

from grapevine.nn.conv.mf_conv import MFConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.pool.glob import global_add_pool


class NeuralFingerprint(torch.nn.Module):
    r"""Counts what kinds of neighbourhoods a molecule has, softly and at every radius.

    .. math::
        \mathbf{X}^{(l)} = \sigma(\operatorname{MFConv}_l(\mathbf{X}^{(l-1)})), \qquad
        \mathbf{f} = \sum_{l=1}^{L} \sum_i \operatorname{softmax}(\mathbf{W}_l \mathbf{x}_i^{(l)})

    Args:
        in_channels: features F of an atom.
        hidden_channels: features inside.
        out_channels: size of the fingerprint F'.
        num_layers: number of layers L.
        kwargs: of `MFConv`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        batch: the graph of each node, int64 (N,); one graph if None.
        batch_size: number of graphs B.

    Returns:
        (B, F').

    Example:
        >>> model = NeuralFingerprint(4, 8, 16, num_layers=2)
        >>> model(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]])).sum().round()
        tensor(6., grad_fn=<RoundBackward0>)

    Source: "Convolutional Networks on Graphs for Learning Molecular Fingerprints" (arXiv:1509.09292).
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, num_layers: int, **kwargs: Any
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        sizes = [in_channels] + [hidden_channels] * num_layers
        self.convs = ModuleList(MFConv(a, b, **kwargs) for a, b in pairwise(sizes))
        self.lins = ModuleList(Linear(hidden_channels, out_channels, bias=False) for _ in range(num_layers))

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in (*self.convs, *self.lins):
            layer.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Any, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        outs = []
        for conv, lin in zip(self.convs, self.lins):
            x = conv(x, edge_index).sigmoid()
            outs.append(global_add_pool(lin(x).softmax(dim=-1), batch, batch_size))
        return torch.stack(outs).sum(dim=0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={self.num_layers})"
