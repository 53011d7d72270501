"""GCN with initial residual and identity mapping (GCNII)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.inits import glorot


class GCN2Conv(NormalizedConv):
    r"""GCN with a share of the first features, and a matrix close to the identity, for deep networks.

    .. math::
        \mathbf{X}^{\prime} = \bigl( (1 - \alpha) \hat{\mathbf{P}} \mathbf{X} + \alpha \mathbf{X}^{(0)} \bigr)
        \bigl( (1 - \beta) \mathbf{I} + \beta \mathbf{W} \bigr), \qquad
        \hat{\mathbf{P}} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}

    with :math:`\beta = \log(\theta / \ell + 1)` in layer :math:`\ell`.

    Args:
        channels: size of input and output F.
        alpha: share of the first features, in [0, 1].
        theta: how far the matrix is from the identity; beta is 1 without it.
        layer: number of this layer, from 1; together with theta.
        shared_weights: use one matrix; else one for what arrives and one for the first features.
        cached: keep the normalised graph of the first call, whatever graph comes later.
        add_self_loops: give a self-loop to every node that has none.
        normalize: weight the edges by degree.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        x_0: features of the first layer, (N, F); rows beyond N are left out.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F).

    Raises:
        GraphValueError: for only one of `theta` and `layer`.

    Example:
        >>> conv = GCN2Conv(16, alpha=0.1, theta=0.5, layer=1)
        >>> x = torch.randn(4, 16)
        >>> conv(x, x, torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "Simple and Deep Graph Convolutional Networks" (arXiv:2007.02133).
    """

    weight2: Tensor | None

    def __init__(
        self,
        channels: int,
        alpha: float,
        theta: float | None = None,
        layer: int | None = None,
        shared_weights: bool = True,
        cached: bool = False,
        add_self_loops: bool = True,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        if (theta is None) != (layer is None):
            raise GraphValueError(f"expected both theta and layer, or none; got theta={theta}, layer={layer}")
        self.channels = channels
        self.alpha = alpha
        self.beta = 1.0 if theta is None or layer is None else math.log(theta / layer + 1)
        self.cached = cached
        self.normalize = normalize
        self.add_self_loops = add_self_loops
        self.weight1 = Parameter(torch.empty(channels, channels))
        self.register_parameter(
            "weight2", None if shared_weights else Parameter(torch.empty(channels, channels))
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        glorot(self.weight1)
        glorot(self.weight2)

    def forward(
        self, x: Tensor, x_0: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None
    ) -> Tensor:
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        x = (1 - self.alpha) * self.propagate(edge_index, x=x, edge_weight=edge_weight)
        x_0 = self.alpha * x_0[: x.size(0)]
        if self.weight2 is None:
            return self._mapped(x + x_0, self.weight1)
        return self._mapped(x, self.weight1) + self._mapped(x_0, self.weight2)

    def _mapped(self, x: Tensor, weight: Tensor) -> Tensor:
        return torch.addmm(x, x, weight, beta=1.0 - self.beta, alpha=self.beta)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, alpha={self.alpha}, beta={self.beta})"
