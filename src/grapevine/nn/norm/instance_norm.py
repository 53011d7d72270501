"""Normalisation of each graph per channel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.modules.instancenorm import _InstanceNorm

from grapevine.nn.norm._rows import GraphRows


class InstanceNorm(_InstanceNorm):
    r"""Normalises each channel over the rows of each graph.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}]}
        {\sqrt{\mathrm{Var}[\mathbf{x}] + \epsilon}} \odot \gamma + \beta

    Args:
        in_channels: F.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics.
        affine: learn the scale and the shift.
        track_running_stats: keep running statistics (means over the graphs) and use them in evaluation.
        device: of the parameters.

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        batch_size: B, counted if None.

    Returns:
        (N, F).

    Example:
        >>> x = torch.tensor([[1.0], [3.0], [7.0], [9.0]])
        >>> InstanceNorm(1)(x, torch.tensor([0, 0, 1, 1])).round().tolist()
        [[-1.0], [1.0], [-1.0], [1.0]]

    Source: "Instance Normalization: The Missing Ingredient for Fast Stylization" (arXiv:1607.08022).
    """

    running_mean: Tensor
    running_var: Tensor
    momentum: float

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(in_channels, eps, momentum, affine, track_running_stats, device=device)

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        graphs = GraphRows(batch, batch_size)
        if self.training or not self.track_running_stats:
            mean = graphs.mean(x)
            centred = x - graphs.spread(mean)
            var = graphs.mean(centred.square())
            if self.track_running_stats:
                self._track(mean, var, graphs.count(x))
            std = graphs.spread((var + self.eps).sqrt())
        else:
            centred = x - self.running_mean
            std = (self.running_var + self.eps).sqrt()

        out = centred / std
        return out * self.weight + self.bias if self.affine else out

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        """Moves the running statistics towards the means over the graphs, of variances without bias."""
        unbiased = var * count / (count - 1).clamp(min=1)
        self.running_mean.lerp_(mean.mean(dim=0), self.momentum)
        self.running_var.lerp_(unbiased.mean(dim=0), self.momentum)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.num_features})"
