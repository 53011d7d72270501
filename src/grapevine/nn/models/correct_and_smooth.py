"""Correct and smooth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.graph.dense import one_hot
from grapevine.nn.models.label_prop import LabelPropagation


class CorrectAndSmooth(torch.nn.Module):
    r"""Improves predictions by propagating first their errors on known nodes, then the predictions themselves.

    .. math::
        \mathbf{E}^{(l)} = \alpha_1 \mathbf{P} \mathbf{E}^{(l-1)} + (1 - \alpha_1) \mathbf{E}^{(0)}, \quad
        \hat{\mathbf{Y}} = \mathbf{Y} + \gamma \mathbf{E}^{(L_1)}, \quad
        \hat{\mathbf{Y}}^{(l)} = \alpha_2 \mathbf{P} \hat{\mathbf{Y}}^{(l-1)} + (1 - \alpha_2) \hat{\mathbf{Y}}^{(0)}

    with the adjacency normalised by degree, :math:`\mathbf{P} = \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}`.

    Args:
        num_correction_layers, correction_alpha: number of steps of the first propagation, and its alpha.
        num_smoothing_layers, smoothing_alpha: of the second.
        autoscale: let the mean error on known nodes decide on gamma, for each node.
        scale: gamma, without `autoscale`.

    Forward:
        y_soft: predictions, (N, C).
        y_true: known classes, int64 (M,), or their scores, (M, C).
        mask: which nodes are known, bool (N,) or their indices (M,).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_weight: weights, (E,), taken as they are; without them, edges are weighted by degree.

    Returns:
        (N, C).

    Raises:
        GraphValueError: where `y_true` and `mask` do not fit.

    Example:
        >>> post = CorrectAndSmooth(2, 0.9, 2, 0.8)
        >>> y_soft, mask = torch.full((3, 2), 0.5), torch.tensor([True, False, False])
        >>> post(y_soft, torch.tensor([1]), mask, torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])).argmax(dim=-1).tolist()
        [1, 1, 1]

    Source: "Combining Label Propagation And Simple Models Out-performs Graph Neural Networks" (arXiv:2010.13993).
    """

    def __init__(
        self,
        num_correction_layers: int,
        correction_alpha: float,
        num_smoothing_layers: int,
        smoothing_alpha: float,
        autoscale: bool = True,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.autoscale = autoscale
        self.scale = scale
        self.prop1 = LabelPropagation(num_correction_layers, correction_alpha)
        self.prop2 = LabelPropagation(num_smoothing_layers, smoothing_alpha)

    def forward(self, y_soft: Tensor, *args: Any) -> Tensor:
        return self.smooth(self.correct(y_soft, *args), *args)

    def correct(
        self,
        y_soft: Tensor,
        y_true: Tensor,
        mask: Tensor,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """The first of the two steps; arguments as of `forward`."""
        known = _scores(y_true, mask, y_soft)
        error = torch.zeros_like(y_soft)
        error[mask] = known - y_soft[mask]

        def clamp(x: Tensor) -> Tensor:
            return x.clamp(-1.0, 1.0)

        def restore(x: Tensor) -> Tensor:
            x[mask] = error[mask]
            return x

        step = clamp if self.autoscale else restore
        smoothed = self.prop1(error, edge_index, edge_weight=edge_weight, post_step=step)
        if not self.autoscale:
            return y_soft + self.scale * smoothed
        scale = error[mask].abs().sum() / known.size(0) / smoothed.abs().sum(dim=1, keepdim=True)
        scale[scale.isinf() | (scale > 1000)] = 1.0
        return y_soft + scale * smoothed

    def smooth(
        self,
        y_soft: Tensor,
        y_true: Tensor,
        mask: Tensor,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """The second of the two steps; arguments as of `forward`."""
        y_soft = y_soft.clone()
        y_soft[mask] = _scores(y_true, mask, y_soft)
        return self.prop2(y_soft, edge_index, edge_weight=edge_weight)

    def __repr__(self) -> str:
        first, second = self.prop1, self.prop2
        return (
            f"{type(self).__name__}(\n"
            f"  correct: num_layers={first.num_layers}, alpha={first.alpha}\n"
            f"  smooth:  num_layers={second.num_layers}, alpha={second.alpha}\n"
            f"  autoscale={self.autoscale}, scale={self.scale}\n"
            ")"
        )


def _scores(y_true: Tensor, mask: Tensor, y_soft: Tensor) -> Tensor:
    """Known labels as scores, (M, C)."""
    expected = int(mask.sum()) if mask.dtype is torch.bool else mask.size(0)
    if y_true.size(0) != expected:
        raise GraphValueError(
            f"expected y_true for the {expected} nodes of the mask, got {y_true.size(0)}; "
            "do this instead: y_true=y[mask]"
        )
    if y_true.dtype is torch.int64 and y_true.size(0) == y_true.numel():
        return one_hot(y_true.view(-1), num_classes=y_soft.size(-1), dtype=y_soft.dtype)
    return y_true
