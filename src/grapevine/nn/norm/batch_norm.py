"""Normalisations by the statistics of the whole batch, of each node type, or of learned groups."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, Linear, Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.inits import ones, zeros
from grapevine.utils import scatter


class BatchNorm(torch.nn.Module):
    r"""Normalises each channel over all rows of the batch.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}]}
        {\sqrt{\mathrm{Var}[\mathbf{x}] + \epsilon}} \odot \gamma + \beta

    Args:
        in_channels: F.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None: their plain average.
        affine: learn the scale and the shift.
        track_running_stats: keep running statistics and use them in evaluation.
        allow_single_element: let a batch of at most one row pass in training, with the running statistics.
        device: of the parameters.

    Forward:
        x: rows, (N, F).

    Returns:
        (N, F).

    Raises:
        GraphValueError: where `allow_single_element` has no running statistics to use.

    Example:
        >>> BatchNorm(1)(torch.tensor([[1.0], [3.0]])).detach().round().tolist()
        [[-1.0], [1.0]]

    Source: "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"
    (arXiv:1502.03167).
    """

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        allow_single_element: bool = False,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        if allow_single_element and not track_running_stats:
            raise GraphValueError(
                "expected running statistics for 'allow_single_element', got track_running_stats=False; "
                "'allow_single_element' requires 'track_running_stats' to be set to `True`"
            )
        self.in_channels = in_channels
        self.allow_single_element = allow_single_element
        self.module = BatchNorm1d(in_channels, eps, momentum, affine, track_running_stats, device=device)

    def reset_running_stats(self) -> None:
        """Forgets the running statistics."""
        self.module.reset_running_stats()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, no running statistics."""
        self.module.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        norm = self.module
        if self.allow_single_element and x.size(0) <= 1:
            return F.batch_norm(
                x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
            )
        return norm(x)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.module.extra_repr()})"


class HeteroBatchNorm(torch.nn.Module):
    r"""Normalises each channel over the rows of each type.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i - \mathrm{E}_{\kappa}[\mathbf{x}]}
        {\sqrt{\max(\mathrm{Var}_{\kappa}[\mathbf{x}], \epsilon)}} \odot \gamma_{\kappa} + \beta_{\kappa},
        \qquad \kappa = \mathrm{type}(i)

    Args:
        in_channels: F.
        num_types: number of types T.
        eps: smallest variance.
        momentum: share of the new batch in the running statistics; None: their plain average.
        affine: learn a scale and a shift of each type.
        track_running_stats: keep running statistics and use them in evaluation.
        device: of the parameters.

    Forward:
        x: rows, (N, F).
        type_vec: type of each row, int64 (N,) in [0, T).

    Returns:
        (N, F).

    Departures from the paper: no gradient flows through the statistics, and `eps` bounds the variance from
    below instead of being added to it.

    Example:
        >>> norm = HeteroBatchNorm(1, num_types=2)
        >>> norm(torch.tensor([[1.0], [3.0], [5.0], [9.0]]), torch.tensor([0, 0, 1, 1])).flatten().tolist()
        [-1.0, 1.0, -1.0, 1.0]

    Source: "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"
    (arXiv:1502.03167).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        in_channels: int,
        num_types: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.num_types = num_types
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats

        def table() -> Tensor:
            return torch.empty(num_types, in_channels, device=device)

        self.register_parameter("weight", Parameter(table()) if affine else None)
        self.register_parameter("bias", Parameter(table()) if affine else None)
        self.register_buffer("running_mean", table() if track_running_stats else None)
        self.register_buffer("running_var", table() if track_running_stats else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forgets the running statistics."""
        if self.track_running_stats:
            zeros(self.running_mean)
            ones(self.running_var)
            zeros(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, no running statistics."""
        self.reset_running_stats()
        ones(self.weight)
        zeros(self.bias)

    def forward(self, x: Tensor, type_vec: Tensor) -> Tensor:
        if self.track_running_stats and not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            with torch.no_grad():
                mean = scatter(x, type_vec, 0, self.num_types, reduce="mean")
                var = scatter(x * x, type_vec, 0, self.num_types, reduce="mean") - mean * mean
                if self.track_running_stats:
                    self._track(mean, var, type_vec)

        out = (x - mean[type_vec]) / var.clamp(min=self.eps).sqrt()[type_vec]
        if self.affine:
            out = out * self.weight[type_vec] + self.bias[type_vec]
        return out

    def _track(self, mean: Tensor, var: Tensor, type_vec: Tensor) -> None:
        """Moves the running statistics of the types that occur towards those of this batch."""
        share = self.momentum
        if share is None:
            self.num_batches_tracked += 1
            share = 1.0 / float(self.num_batches_tracked)
        present = type_vec.unique()
        self.running_mean[present] = torch.lerp(self.running_mean[present], mean[present], share)
        self.running_var[present] = torch.lerp(self.running_var[present], var[present], share)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, num_types={self.num_types})"


class DiffGroupNorm(torch.nn.Module):
    r"""Normalises the rows within learned soft groups.

    .. math::
        \mathbf{X}^{\prime} = \mathbf{X} +
        \lambda \sum_{g=1}^G \mathrm{BatchNorm}(\mathbf{S}_{:,g} \odot \mathbf{X}),
        \qquad \mathbf{S} = \mathrm{softmax}(\mathbf{X} \mathbf{W})

    Args:
        in_channels: F.
        groups: number of groups G.
        lamda: λ, the weight of the normalised rows.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None: their plain average.
        affine: learn the scale and the shift.
        track_running_stats: keep running statistics and use them in evaluation.
        device: of the parameters.

    Forward:
        x: rows, (N, F).

    Returns:
        (N, F).

    Example:
        >>> DiffGroupNorm(4, groups=2)(torch.randn(3, 4)).shape
        torch.Size([3, 4])

    Source: "Towards Deeper Graph Neural Networks with Differentiable Group Normalization" (arXiv:2006.06972).
    """

    def __init__(
        self,
        in_channels: int,
        groups: int,
        lamda: float = 0.01,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.groups = groups
        self.lamda = lamda
        self.lin = Linear(in_channels, groups, bias=False, device=device)
        self.norm = BatchNorm1d(
            groups * in_channels, eps, momentum, affine, track_running_stats, device=device
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts from new random groups and a plain normalisation."""
        self.lin.reset_parameters()
        self.norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        s = self.lin(x).softmax(dim=-1)
        grouped = s.unsqueeze(-1) * x.unsqueeze(-2)  # (N, G, F)
        return x + self.lamda * self.norm(grouped.flatten(1)).view_as(grouped).sum(dim=-2)

    @staticmethod
    def group_distance_ratio(x: Tensor, y: Tensor, eps: float = 1e-5) -> float:
        r"""Mean distance of rows of different classes over mean distance of rows of the same class.

        .. math::
            R = \frac{\frac{1}{(C-1)^2} \sum_c \mathrm{mean}_{i \in c, j \notin c} \, d_{ij}}
            {\frac{1}{C} \sum_c \mathrm{mean}_{i, j \in c} \, d_{ij} + \epsilon}, \qquad
            d_{ij} = \|\mathbf{x}_i - \mathbf{x}_j\|_2

        Args:
            x: rows, (N, F).
            y: class of each row, int64 (N,) in [0, C), every class present.
            eps: added to the denominator.

        Returns:
            the ratio: the larger, the less smoothed over.

        Example:
            >>> x = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
            >>> round(DiffGroupNorm.group_distance_ratio(x, torch.tensor([0, 0, 1, 1])), 2)
            40.0
        """
        classes = range(int(y.max()) + 1)
        between = sum(float(torch.cdist(x[y == c], x[y != c]).mean()) for c in classes)
        within = sum(float(torch.cdist(x[y == c], x[y == c]).mean()) for c in classes)
        return between / (len(classes) - 1) ** 2 / (within / len(classes) + eps)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, groups={self.groups})"
