"""Topology adaptive graph convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import propagations, relu_gain

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class TAGConv(nn.Module):
    r"""One linear map of the features after 0, 1, ..., k steps of a graph convolution.

    .. math::
        \mathbf{H}' = \sum_{i=0}^{k} \left( \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \right)^i \mathbf{H}
        \mathbf{W}_i + \mathbf{b}

    with in-degrees D of at least 1; with weights the normalised ones of `EdgeWeightNorm`.

    Args:
        in_feats: F.
        out_feats: F'.
        k: number of steps.
        bias: learn a shift.
        activation: of the output.

    Forward:
        graph: a homogeneous graph.
        feat: (N, F).
        edge_weight: (E,), positive.

    Returns:
        (N, F').

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> TAGConv(4, 2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Topology Adaptive Graph Convolutional Networks" (arXiv:1710.10370).
    """

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        k: int = 2,
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._k = k
        self._activation = activation
        self.lin = nn.Linear(in_feats * (k + 1), out_feats, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights; the bias stays."""
        nn.init.xavier_normal_(self.lin.weight, gain=relu_gain())

    def forward(self, graph: DGLGraph, feat: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        out = self.lin(torch.cat(list(propagations(graph, feat, self._k, edge_weight)), dim=-1))
        return out if self._activation is None else self._activation(out)
