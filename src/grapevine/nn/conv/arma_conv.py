"""ARMA filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter, ReLU

from grapevine.edges import Edges
from grapevine.nn._waiting import Waiting
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.inits import glorot, zeros


class ARMAConv(Waiting, NormalizedConv):
    r"""Auto-regressive moving average filters: the mean of parallel stacks of recursive layers.

    .. math::
        \mathbf{X}^{\prime} = \frac{1}{K} \sum_{k=1}^{K} \mathbf{X}_k^{(T)}, \qquad
        \mathbf{X}_k^{(t+1)} = \sigma \bigl( \hat{\mathbf{L}} \mathbf{X}_k^{(t)} \mathbf{W} + \mathbf{X}^{(0)}
        \mathbf{V} + \mathbf{b} \bigr), \qquad \hat{\mathbf{L}} = \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        num_stacks: number of stacks K.
        num_layers: number of layers T in each.
        shared_weights: share the matrices among the layers of a stack.
        act: activation sigma; None: none.
        dropout: probability of dropping an entry of the skip connection.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Example:
        >>> conv = ARMAConv(16, 32, num_stacks=3, num_layers=2)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Graph Neural Networks with Convolutional ARMA Filters" (arXiv:1901.01343).
    """

    add_self_loops = False

    init_weight: Tensor
    root_weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_stacks: int = 1,
        num_layers: int = 1,
        shared_weights: bool = False,
        act: Callable[[Tensor], Tensor] | None = ReLU(),  # noqa: B008 (it has no state)
        dropout: float = 0.0,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_stacks = num_stacks
        self.num_layers = num_layers
        self.act = act
        self.shared_weights = shared_weights
        self.dropout = dropout
        distinct = 1 if shared_weights else num_layers
        self.weight = Parameter(torch.empty(max(1, distinct - 1), num_stacks, out_channels, out_channels))
        self._wait(in_channels)
        self.register_parameter(
            "bias", Parameter(torch.empty(distinct, num_stacks, 1, out_channels)) if bias else None
        )
        self.reset_parameters()

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        first = (self.num_stacks, channels, self.out_channels)
        distinct = 1 if self.shared_weights else self.num_layers
        return {"init_weight": first, "root_weight": (distinct, *first)}

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        glorot(self.weight)
        if not self._waits():
            self._draw()
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        x = x.unsqueeze(-3)  # one copy per stack: (K, N, F)
        out = x
        for t in range(self.num_layers):
            layer = 0 if self.shared_weights else t
            matrix = self.init_weight if t == 0 else self.weight[0 if self.shared_weights else t - 1]
            out = self._sent(out @ matrix, edge_index, edge_weight)
            out = out + F.dropout(x, p=self.dropout, training=self.training) @ self.root_weight[layer]
            if self.bias is not None:
                out = out + self.bias[layer]
            if self.act is not None:
                out = self.act(out)
        return out.mean(dim=-3)

    def _sent(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None) -> Tensor:
        """All stacks at once: (*, K, N, F') travels as (*, N, K F')."""
        *_, stacks, _, channels = x.shape
        rows = x.transpose(-3, -2).flatten(-2)
        out = self.propagate(edge_index, x=rows, edge_weight=edge_weight)
        return out.unflatten(-1, (stacks, channels)).transpose(-3, -2)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_stacks={self.num_stacks}, "
            f"num_layers={self.num_layers})"
        )
