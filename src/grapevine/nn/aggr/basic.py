"""Aggregations by formula. Shapes, and the meaning of `forward`'s arguments: see `Aggregation`."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.inits import constant
from grapevine.utils import degree, softmax


class _Reduction(Aggregation):
    """An aggregation that one reduction is all of."""

    how: str

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        return self.reduce(x, index, ptr, dim_size, dim, reduce=self.how)


class SumAggregation(_Reduction):
    r"""Sums each group; an empty one gives 0.

    .. math::
        \mathrm{sum}(\mathcal{X}) = \sum_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> SumAggregation()(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [3.0, 4.0]
    """

    how = "sum"


class MeanAggregation(_Reduction):
    r"""Averages each group; an empty one gives 0.

    .. math::
        \mathrm{mean}(\mathcal{X}) = \frac{1}{|\mathcal{X}|} \sum_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> MeanAggregation()(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [1.5, 4.0]
    """

    how = "mean"


class MaxAggregation(_Reduction):
    r"""Takes the largest value of each feature in each group; an empty one gives 0.

    .. math::
        \mathrm{max}(\mathcal{X}) = \max_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> MaxAggregation()(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [2.0, 4.0]
    """

    how = "max"


class MinAggregation(_Reduction):
    r"""Takes the smallest value of each feature in each group; an empty one gives 0.

    .. math::
        \mathrm{min}(\mathcal{X}) = \min_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> MinAggregation()(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [1.0, 4.0]
    """

    how = "min"


class MulAggregation(_Reduction):
    r"""Multiplies each group; an empty one gives 1.

    .. math::
        \mathrm{mul}(\mathcal{X}) = \prod_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> MulAggregation()(torch.tensor([[3.0], [2.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [6.0, 4.0]
    """

    how = "mul"


def std_of(var: Tensor) -> Tensor:
    """Square root of a variance; below 1e-5, where its gradient would explode, zero without a gradient."""
    std = var.clamp(min=1e-5).sqrt()
    return std.masked_fill(std <= math.sqrt(1e-5), 0.0)


class VarAggregation(Aggregation):
    r"""Takes the variance of each feature in each group; an empty one gives 0.

    .. math::
        \mathrm{var}(\mathcal{X}) = \mathrm{mean}(\{\mathbf{x}^2 : \mathbf{x} \in \mathcal{X}\})
        - \mathrm{mean}(\mathcal{X})^2

    Args:
        semi_grad: let no gradient pass through the mean of the squares.

    Example:
        >>> VarAggregation()(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [1.0, 0.0]
    """

    def __init__(self, semi_grad: bool = False) -> None:
        super().__init__()
        self.semi_grad = semi_grad

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        mean = self.reduce(x, index, ptr, dim_size, dim, reduce="mean")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.semi_grad):
            mean_square = self.reduce(x * x, index, ptr, dim_size, dim, reduce="mean")
        return mean_square - mean * mean


class StdAggregation(Aggregation):
    r"""Takes the standard deviation of each feature in each group; an empty one gives 0.

    .. math::
        \mathrm{std}(\mathcal{X}) = \sqrt{\mathrm{var}(\mathcal{X})}

    Args:
        semi_grad: let no gradient pass through the mean of the squares.

    Example:
        >>> StdAggregation()(torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [1.0, 0.0]
    """

    def __init__(self, semi_grad: bool = False) -> None:
        super().__init__()
        self.var_aggr = VarAggregation(semi_grad)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        return std_of(self.var_aggr(x, index, ptr, dim_size, dim))


def _learned(initial: float, learn: bool, channels: int, what: str) -> float | Parameter:
    if not learn and channels != 1:
        raise GraphValueError(
            f"expected channels=1 where '{what}' is not learned, got {channels}; pass learn=True"
        )
    return Parameter(torch.full((channels,), float(initial))) if learn else initial


class SoftmaxAggregation(Aggregation):
    r"""Averages each group with weights from a softmax of its own values; an empty one gives 0.

    .. math::
        \mathrm{softmax}(\mathcal{X} \mid t) = \sum_{\mathbf{x}_i \in \mathcal{X}}
        \frac{\exp(t \cdot \mathbf{x}_i)}{\sum_{\mathbf{x}_j \in \mathcal{X}} \exp(t \cdot \mathbf{x}_j)}
        \cdot \mathbf{x}_i

    Args:
        t: inverse temperature; 0 gives the mean, large values the maximum.
        learn: learn t, which begins as given.
        semi_grad: let no gradient pass through the softmax; only where t is not learned.
        channels: number of learned t: 1, or one for each feature (then `x` must be a matrix).

    Raises:
        GraphValueError: for `semi_grad` with `learn`, or `channels` without.

    Example:
        >>> SoftmaxAggregation(t=0)(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])).tolist()
        [[2.0]]

    Source: "DeeperGCN: All You Need to Train Deeper GCNs" (arXiv:2006.07739).
    """

    def __init__(
        self, t: float = 1.0, learn: bool = False, semi_grad: bool = False, channels: int = 1
    ) -> None:
        super().__init__()
        if learn and semi_grad:
            raise GraphValueError(
                "expected semi_grad=False where 't' is learned, got True; pass one of the two"
            )
        self._initial = t
        self.learn = learn
        self.semi_grad = semi_grad
        self.channels = channels
        self.t = _learned(t, learn, channels, "t")

    def reset_parameters(self) -> None:
        """Sets t as given."""
        constant(self.t, self._initial)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        if self.channels != 1:
            self.assert_two_dimensional_input(x, dim)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.semi_grad):
            scores = x * self.t if self.learn or self.t != 1 else x
            alpha = softmax(scores, index, None, dim_size, dim)
        return self.reduce(x * alpha, index, ptr, dim_size, dim)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(learn={self.learn})"


class PowerMeanAggregation(Aggregation):
    r"""Takes the power mean of each feature in each group.

    .. math::
        \mathrm{powermean}(\mathcal{X} \mid p) = \left( \frac{1}{|\mathcal{X}|}
        \sum_{\mathbf{x}_i \in \mathcal{X}} \mathbf{x}_i^p \right)^{1/p}

    Args:
        p: power; 1 gives the mean, large values the maximum.
        learn: learn p, which begins as given.
        channels: number of learned p: 1, or one for each feature (then `x` must be a matrix).
        clamp_min, clamp_max: values, and their means, are clamped to this range unless p is 1; None: no
            bound.

    Raises:
        GraphValueError: for `channels` without `learn`.

    Example:
        >>> PowerMeanAggregation(p=2)(torch.tensor([[1.0], [7.0]]), torch.tensor([0, 0])).tolist()
        [[5.0]]

    Source: "DeeperGCN: All You Need to Train Deeper GCNs" (arXiv:2006.07739).
    """

    def __init__(
        self,
        p: float = 1.0,
        learn: bool = False,
        channels: int = 1,
        clamp_min: float | None = 1e-4,
        clamp_max: float | None = 100.0,
    ) -> None:
        super().__init__()
        self._initial = p
        self.learn = learn
        self.channels = channels
        self.min_value = clamp_min
        self.max_value = clamp_max
        self.p = _learned(p, learn, channels, "p")

    def reset_parameters(self) -> None:
        """Sets p as given."""
        constant(self.p, self._initial)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        if self.channels != 1:
            self.assert_two_dimensional_input(x, dim)
        if not self.learn and self.p == 1:
            return self.reduce(x, index, ptr, dim_size, dim, reduce="mean")
        mean = self.reduce(self._clamp(x).pow(self.p), index, ptr, dim_size, dim, reduce="mean")
        return self._clamp(mean).pow(1.0 / self.p)

    def _clamp(self, x: Tensor) -> Tensor:
        unbounded = self.min_value is None and self.max_value is None
        return x if unbounded else x.clamp(self.min_value, self.max_value)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(learn={self.learn})"


class VariancePreservingAggregation(Aggregation):
    r"""Sums each group and divides by the root of its size, which keeps the variance; an empty one gives 0.

    .. math::
        \mathrm{vpa}(\mathcal{X}) =
        \frac{1}{\sqrt{|\mathcal{X}|}} \sum_{\mathbf{x} \in \mathcal{X}} \mathbf{x}

    Example:
        >>> VariancePreservingAggregation()(torch.ones(4, 1), torch.zeros(4, dtype=torch.long)).tolist()
        [[2.0]]

    Source: "GNN-VPA: A Variance-Preserving Aggregation Strategy for Graph Neural Networks"
    (arXiv:2403.04747).
    """

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        out = self.reduce(x, index, ptr, dim_size, dim)
        assert index is not None
        return out / along(degree(index, dim_size, out.dtype).sqrt().clamp(min=1), out, dim)


def along(value: Tensor, x: Tensor, dim: int) -> Tensor:
    """Views (N,) so that it broadcasts along dimension `dim` of `x`."""
    size = [1] * x.dim()
    size[dim] = -1
    return value.view(size)
