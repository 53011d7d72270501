"""Gated graph sequence neural networks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.inits import uniform


class GatedGraphConv(WeightedConv):
    r"""Several rounds of messages, each of which a gated recurrent unit takes in.

    .. math::
        \mathbf{h}^{(0)}_i = \mathbf{x}_i \, \Vert \, \mathbf{0}, \qquad
        \mathbf{m}^{(l+1)}_i = \sum_{j \in \mathcal{N}(i)} e_{ji} \mathbf{\Theta}_l \mathbf{h}^{(l)}_j, \qquad
        \mathbf{h}^{(l+1)}_i = \mathrm{GRU}(\mathbf{m}^{(l+1)}_i, \mathbf{h}^{(l)}_i)

    Args:
        out_channels: size of the output F'.
        num_layers: number of rounds.
        aggr: aggregation of the neighbours, "add", "mean", "max", ...
        bias: let the recurrent unit learn shifts.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), F at most F'.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for more features than `out_channels`.

    Example:
        >>> conv = GatedGraphConv(32, num_layers=2)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Gated Graph Sequence Neural Networks" (arXiv:1511.05493).
    """

    def __init__(
        self, out_channels: int, num_layers: int, aggr: str = "add", bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(aggr, **kwargs)
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.weight = Parameter(torch.empty(num_layers, out_channels, out_channels))
        self.rnn = torch.nn.GRUCell(out_channels, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        uniform(self.out_channels, self.weight)
        self.rnn.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        missing = self.out_channels - x.size(-1)
        if missing < 0:
            raise GraphValueError(
                f"expected at most out_channels={self.out_channels} features, got {x.size(-1)}; "
                f"do this instead: GatedGraphConv({x.size(-1)}, num_layers={self.num_layers})"
            )
        if edge_weight is None:
            edge_weight = sparse_values(edge_index)
        h = F.pad(x, (0, missing)) if missing else x
        for weight in self.weight:
            h = self.rnn(self.propagate(edge_index, x=h @ weight, edge_weight=edge_weight), h)
        return h

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.out_channels}, num_layers={self.num_layers})"
