"""Graph convolution, and the normalisation of edge weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn._graphs import (
    ChecksInDegrees,
    Feat,
    check_in_degrees,
    degree_scale,
    expand_as_pair,
    normalised,
    sent,
)

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class EdgeWeightNorm(nn.Module):
    r"""Divides each weight by what leaves its source and arrives at its destination.

    .. math::
        \text{"both"}: \frac{w_{ji}}{\sqrt{\sum_k w_{jk}} \sqrt{\sum_k w_{ki}}}, \qquad
        \text{"right"}: \frac{w_{ji}}{\sum_k w_{ki}}, \qquad \text{"none"}: w_{ji}

    Args:
        norm: "both", "right" or "none".
        eps: added to both sums.

    Forward:
        graph: a graph of one relation.
        edge_weight: (E,), positive for "both".

    Returns:
        (E,).

    Raises:
        DGLError: for weights of more dimensions, or ones that are not positive where a root is taken.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 1], [1, 1, 0]))
        >>> EdgeWeightNorm("right")(g, torch.tensor([1.0, 3.0, 2.0])).tolist()
        [0.25, 0.75, 1.0]

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    def __init__(self, norm: str = "both", eps: float = 0.0) -> None:
        super().__init__()
        self._norm = norm
        self._eps = eps

    def forward(self, graph: DGLGraph, edge_weight: Tensor) -> Tensor:
        if self._norm == "none":
            return edge_weight
        return normalised(graph._relation(), edge_weight, self._norm == "both", self._eps)


class GraphConv(ChecksInDegrees):
    r"""Sums the neighbours' features, scaled by degrees, under a linear map. No self-loops are added.

    .. math::
        \mathbf{h}'_i = \sigma \Big( \sum_{j \in \mathcal{N}(i)} \frac{e_{ji}}{c_{ji}} \mathbf{h}_j \mathbf{W}
        + \mathbf{b} \Big)

    Args:
        in_feats: F. The map comes before the sum where F > F'.
        out_feats: F'.
        norm: the constant :math:`c_{ji}`: "both": root of out-degree of j times in-degree of i; "right": in-degree
            of i; "left": out-degree of j; "none": 1. Degrees count edges, whatever their weights, and are at least 1.
        weight: learn a matrix; else `forward` may take one.
        bias: learn a shift.
        activation: of the output.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair ((N_src, F), (N_dst, ...)).
        weight: (F, F'), where the layer has none.
        edge_weight: (E,) or (E, 1); see `EdgeWeightNorm`.

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for an unknown norm, a second weight, or nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GraphConv(4, 2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        norm: str = "both",
        weight: bool = True,
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
        allow_zero_in_degree: bool = False,
    ) -> None:
        super().__init__()
        if norm not in ("none", "both", "right", "left"):
            raise DGLError(
                f'Invalid norm value. Must be either "none", "both", "right" or "left". But got "{norm}".'
            )
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._norm = norm
        self._allow_zero_in_degree = allow_zero_in_degree
        self.register_parameter("weight", nn.Parameter(torch.empty(in_feats, out_feats)) if weight else None)
        self.register_parameter("bias", nn.Parameter(torch.empty(out_feats)) if bias else None)
        self.reset_parameters()
        self._activation = activation

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        if self.weight is not None:
            nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(
        self, graph: DGLGraph, feat: Feat, weight: Tensor | None = None, edge_weight: Tensor | None = None
    ) -> Tensor:
        check_in_degrees(graph, self._allow_zero_in_degree)
        if weight is None:
            weight = self.weight
        elif self.weight is not None:
            raise DGLError(
                "External weight is provided while at the same time the module has defined its own weight parameter. "
                "Please create the module with flag weight=False."
            )
        edges = graph._relation()
        x: Tensor = expand_as_pair(feat, graph)[0]
        if self._norm in ("left", "both"):
            x = x * degree_scale(edges.reverse(), -0.5 if self._norm == "both" else -1.0, x)
        first = self._in_feats > self._out_feats
        if weight is not None and first:
            x = x @ weight
        out = edges.sum(sent(edges, x, edge_weight))
        if weight is not None and not first:
            out = out @ weight
        if self._norm in ("right", "both"):
            out = out * degree_scale(edges, -0.5 if self._norm == "both" else -1.0, out)
        if self.bias is not None:
            out = out + self.bias
        return out if self._activation is None else self._activation(out)

    def extra_repr(self) -> str:
        parts: dict[str, Any] = {
            "in": self._in_feats,
            "out": self._out_feats,
            "normalization": self._norm,
            "activation": self._activation,
        }
        return ", ".join(f"{key}={value}" for key, value in parts.items())
