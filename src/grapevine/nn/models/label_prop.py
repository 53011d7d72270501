"""Label propagation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.graph.dense import one_hot
from grapevine.nn.conv.gcn_conv import NormalizedConv


class LabelPropagation(NormalizedConv):
    r"""Spreads known labels over the graph.

    .. math::
        \mathbf{Y}^{(l)} = \alpha \, \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \mathbf{Y}^{(l-1)}
        + (1 - \alpha) \mathbf{Y}^{(0)}

    Args:
        num_layers: number of steps.
        alpha: how much comes from the neighbours, in [0, 1].

    Forward:
        y: classes, int64 (N,) or (N, 1), or their scores, (N, C).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        mask: which labels are known, bool (N,) or their indices; all if None.
        edge_weight: weights, (E,), taken as they are; without them, edges are weighted by degree.
        post_step: what becomes of the labels after each step; clamped to [0, 1] if None.

    Returns:
        (N, C), without a gradient.

    Example:
        >>> model = LabelPropagation(num_layers=3, alpha=0.5)
        >>> y, edge_index = torch.tensor([0, 1, 0]), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> model(y, edge_index, mask=torch.tensor([True, True, False])).argmax(dim=-1).tolist()
        [0, 1, 1]

    Source: "Learning from Labeled and Unlabeled Data with Label Propagation" (CMU-CALD-02-107).
    """

    add_self_loops = False

    def __init__(self, num_layers: int, alpha: float) -> None:
        super().__init__(aggr="add")
        self.num_layers = num_layers
        self.alpha = alpha

    @torch.no_grad()
    def forward(
        self,
        y: Tensor,
        edge_index: Tensor | Edges,
        mask: Tensor | None = None,
        edge_weight: Tensor | None = None,
        post_step: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        if y.dtype is torch.int64 and y.size(0) == y.numel():
            y = one_hot(y.view(-1))
        known = y
        if mask is not None:
            known = torch.zeros_like(y)
            known[mask] = y[mask]
        if edge_weight is None:
            edge_index, edge_weight = self.weighted(edge_index, None, y)
        out, start = known, (1 - self.alpha) * known
        for _ in range(self.num_layers):
            out = self.alpha * self.propagate(edge_index, x=out, edge_weight=edge_weight) + start
            out = out.clamp(0.0, 1.0) if post_step is None else post_step(out)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_layers={self.num_layers}, alpha={self.alpha})"
