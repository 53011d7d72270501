"""Normalisations of each graph by the mean and the size of its rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.nn.inits import ones, zeros
from grapevine.nn.norm._rows import GraphRows


class GraphNorm(torch.nn.Module):
    r"""Normalises each graph per channel, with a learned share of the mean to subtract.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{c}_i}{\sqrt{\mathrm{E}[\mathbf{c}^2] + \epsilon}}
        \odot \gamma + \beta, \qquad \mathbf{c} = \mathbf{x} - \alpha \odot \mathrm{E}[\mathbf{x}]

    Args:
        in_channels: F.
        eps: added to the variance.
        device: of the parameters.

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        batch_size: B, counted if None.

    Returns:
        (N, F).

    Example:
        >>> GraphNorm(1)(torch.tensor([[1.0], [3.0]])).detach().round().tolist()
        [[-1.0], [1.0]]

    Source: "GraphNorm: A Principled Approach to Accelerating Graph Neural Network Training"
    (arXiv:2009.03294).
    """

    def __init__(self, in_channels: int, eps: float = 1e-5, device: torch.device | None = None) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.eps = eps
        self.weight = Parameter(torch.empty(in_channels, device=device))
        self.bias = Parameter(torch.empty(in_channels, device=device))
        self.mean_scale = Parameter(torch.empty(in_channels, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts from the plain normalisation: scale 1, shift 0, the whole mean subtracted."""
        ones(self.weight)
        zeros(self.bias)
        ones(self.mean_scale)

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        graphs = GraphRows(batch, batch_size)
        centred = x - graphs.spread(graphs.mean(x)) * self.mean_scale
        std = (graphs.mean(centred.square()) + self.eps).sqrt()
        return self.weight * centred / graphs.spread(std) + self.bias

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels})"


class GraphSizeNorm(torch.nn.Module):
    r"""Divides each row by the square root of the number of rows of its graph.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i}{\sqrt{|\mathcal{V}|}}

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        batch_size: B, counted if None.

    Returns:
        (N, F).

    Example:
        >>> GraphSizeNorm()(torch.ones(4, 1)).flatten().tolist()
        [0.5, 0.5, 0.5, 0.5]

    Source: "Benchmarking Graph Neural Networks" (arXiv:2003.00982).
    """

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        graphs = GraphRows(batch, batch_size)
        return x * graphs.spread(graphs.count(x).rsqrt())

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


class MeanSubtractionNorm(torch.nn.Module):
    r"""Subtracts from each row the mean of the rows of its graph.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i - \frac{1}{|\mathcal{V}|} \sum_{j \in \mathcal{V}} \mathbf{x}_j

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        dim_size: B, counted if None.

    Returns:
        (N, F).

    Example:
        >>> MeanSubtractionNorm()(torch.tensor([[1.0], [3.0]])).tolist()
        [[-1.0], [1.0]]

    Source: "Revisiting 'Over-smoothing' in Deep GCNs" (arXiv:2003.13663).
    """

    def forward(self, x: Tensor, batch: Tensor | None = None, dim_size: int | None = None) -> Tensor:
        graphs = GraphRows(batch, dim_size)
        return x - graphs.spread(graphs.mean(x))

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


class PairNorm(torch.nn.Module):
    r"""Centres the rows of each graph and scales them to a constant total distance between pairs.

    .. math::
        \mathbf{x}^{\prime}_i = s \cdot \frac{\mathbf{c}_i}{\sqrt{\frac{1}{n} \sum_j \|\mathbf{c}_j\|_2^2}},
        \qquad \mathbf{c}_i = \mathbf{x}_i - \frac{1}{n} \sum_j \mathbf{x}_j

    Args:
        scale: s.
        scale_individually: divide each row by its own norm instead.
        eps: added to the denominator (to the mean square, under the root, unless `scale_individually`).

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        batch_size: B, counted if None.

    Returns:
        (N, F).

    Example:
        >>> PairNorm()(torch.tensor([[1.0], [3.0]])).round().tolist()
        [[-1.0], [1.0]]

    Source: "PairNorm: Tackling Oversmoothing in GNNs" (arXiv:1909.12223).
    """

    def __init__(self, scale: float = 1.0, scale_individually: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.scale = scale
        self.scale_individually = scale_individually
        self.eps = eps

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        graphs = GraphRows(batch, batch_size)
        centred = x - graphs.spread(graphs.mean(x))
        if self.scale_individually:
            return self.scale * centred / (self.eps + centred.norm(2, -1, keepdim=True))
        mean_square = graphs.mean(centred.square().sum(-1, keepdim=True))
        return self.scale * centred / (self.eps + graphs.spread(mean_square)).sqrt()

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"
