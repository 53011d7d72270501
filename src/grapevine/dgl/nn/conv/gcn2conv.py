"""Graph convolution with initial residual and identity mapping."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import ChecksInDegrees, check_in_degrees, propagations

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GCN2Conv(ChecksInDegrees):
    r"""A graph convolution that holds on to the first features, and to the identity as its matrix.

    .. math::
        \mathbf{H}' = \sigma \left( \mathbf{S} \left( (1 - \beta) \mathbf{I} + \beta \mathbf{W} \right) \right), \qquad
        \mathbf{S} = (1 - \alpha) \hat{\mathbf{A}} \mathbf{H} + \alpha \mathbf{H}_0, \qquad
        \beta = \log(\lambda / \mathrm{layer} + 1)

    with :math:`\hat{\mathbf{A}}` as in `SGConv`.

    Args:
        in_feats: F.
        layer: which layer of the network this is, counted from 1.
        alpha: weight of the first features.
        lambda_: strength of the map; the deeper the layer, the weaker.
        project_initial_features: one matrix for both terms of S; else a second one for the first features.
        allow_zero_in_degree: accept nodes that no edge arrives at.
        bias: learn a shift.
        activation: of the output.

    Forward:
        graph: a homogeneous graph.
        feat: (N, F).
        feat_0: the first features, (N, F).
        edge_weight: (E,), positive; normalised by `EdgeWeightNorm` in place of the degrees.

    Returns:
        (N, F).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g, x = dgl.graph(([0, 1, 2], [1, 2, 0])), torch.ones(3, 4)
        >>> GCN2Conv(4, layer=1)(g, x, x).shape
        torch.Size([3, 4])

    Source: "Simple and Deep Graph Convolutional Networks" (arXiv:2007.02133).
    """

    weight2: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        in_feats: int,
        layer: int,
        alpha: float = 0.1,
        lambda_: float = 1,
        project_initial_features: bool = True,
        allow_zero_in_degree: bool = False,
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self._in_feats = in_feats
        self._project_initial_features = project_initial_features
        self.alpha = alpha
        self.beta = math.log(lambda_ / layer + 1)
        self._bias = bias
        self._activation = activation
        self._allow_zero_in_degree = allow_zero_in_degree
        self.weight1 = nn.Parameter(torch.empty(in_feats, in_feats))
        second = None if project_initial_features else nn.Parameter(torch.empty(in_feats, in_feats))
        self.register_parameter("weight2", second)
        self.register_parameter("bias", nn.Parameter(torch.empty(in_feats)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        nn.init.normal_(self.weight1)
        if self.weight2 is not None:
            nn.init.normal_(self.weight2)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(
        self, graph: DGLGraph, feat: Tensor, feat_0: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        check_in_degrees(graph, self._allow_zero_in_degree)
        _, spread = propagations(graph, feat, 1, edge_weight)
        h, h_0 = (1 - self.alpha) * spread, self.alpha * feat_0[: spread.shape[0]]
        mapped = (h + h_0) @ self.weight1 if self.weight2 is None else h @ self.weight1 + h_0 @ self.weight2
        out = (1 - self.beta) * (h + h_0) + self.beta * mapped
        if self.bias is not None:
            out = out + self.bias
        return out if self._activation is None else self._activation(out)

    def extra_repr(self) -> str:
        return f"in={self._in_feats}, alpha={self.alpha}, beta={self.beta}, activation={self._activation}"
