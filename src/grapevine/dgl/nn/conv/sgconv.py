"""Simplified graph convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import ChecksInDegrees, check_in_degrees, init_linear, propagations

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class SGConv(ChecksInDegrees):
    r"""One linear map of what k steps of a graph convolution make of the features. No self-loops are added.

    .. math::
        \mathbf{H}' = \left( \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \right)^k \mathbf{H} \mathbf{W} + \mathbf{b}

    with in-degrees D of at least 1; with weights the normalised ones of `EdgeWeightNorm`.

    Args:
        in_feats: F.
        out_feats: F'.
        k: number of steps.
        cached: keep the features after the steps, and use them in all later calls.
        bias: learn a shift.
        norm: applied to the features after the steps.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        graph: a homogeneous graph.
        feat: (N, F).
        edge_weight: (E,), positive.

    Returns:
        (N, F').

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> SGConv(4, 2, k=2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Simplifying Graph Convolutional Networks" (arXiv:1902.07153).
    """

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        k: int = 1,
        cached: bool = False,
        bias: bool = True,
        norm: Callable[[Tensor], Tensor] | None = None,
        allow_zero_in_degree: bool = False,
    ) -> None:
        super().__init__()
        self.fc = nn.Linear(in_feats, out_feats, bias=bias)
        self._cached = cached
        self._cached_h: Tensor | None = None
        self._k = k
        self.norm = norm
        self._allow_zero_in_degree = allow_zero_in_degree
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        init_linear(self.fc, gain=1.0, uniform=True)

    def forward(self, graph: DGLGraph, feat: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        check_in_degrees(graph, self._allow_zero_in_degree)
        if self._cached_h is not None:
            return self.fc(self._cached_h)
        *_, h = propagations(graph, feat, self._k, edge_weight)
        if self.norm is not None:
            h = self.norm(h)
        if self._cached:
            self._cached_h = h
        return self.fc(h)
