"""An aggregation whose output minimises a learned energy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import LayerNorm, Linear, ModuleList, Parameter, Tanh

from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.inits import constant, reset
from grapevine.utils import scatter


class ResNetPotential(torch.nn.Module):
    """A network from pairs of an element and its group's output to an energy.

    Every layer sees the input too. The energy is averaged over each group and summed over the groups.

    Args:
        in_channels: F + F'.
        out_channels: 1.
        num_layers: sizes of the hidden layers.
    """

    def __init__(self, in_channels: int, out_channels: int, num_layers: list[int]) -> None:
        super().__init__()
        sizes = [in_channels, *num_layers]
        self.layers = ModuleList(
            torch.nn.Sequential(Linear(size, next_size), LayerNorm(next_size), Tanh())
            for size, next_size in pairwise(sizes)
        )
        self.layers.append(Linear(sizes[-1], out_channels))
        self.res_trans = ModuleList(Linear(in_channels, size) for size in [*num_layers, out_channels])

    def forward(self, x: Tensor, y: Tensor, index: Tensor, dim_size: int) -> Tensor:
        pair = torch.cat([x, y[index]], dim=1)
        h = pair
        for layer, shortcut in zip(self.layers, self.res_trans):
            h = shortcut(pair) + layer(h)
        return scatter(h, index, 0, dim_size, reduce="mean").sum()


class MomentumOptimizer(torch.nn.Module):
    """Descends an energy with momentum, in steps that are themselves differentiable.

    Args:
        learning_rate: of the descent, before a softplus.
        momentum: of the descent, before a sigmoid.
        learnable: learn both.
    """

    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.9, learnable: bool = True) -> None:
        super().__init__()
        self._initial_lr = learning_rate
        self._initial_mom = momentum
        self._lr = Parameter(torch.tensor([learning_rate]), requires_grad=learnable)
        self._mom = Parameter(torch.tensor([momentum]), requires_grad=learnable)

    def reset_parameters(self) -> None:
        """Sets both as given."""
        constant(self._lr, self._initial_lr)
        constant(self._mom, self._initial_mom)

    @property
    def learning_rate(self) -> Tensor:
        """Positive."""
        return F.softplus(self._lr)

    @property
    def momentum(self) -> Tensor:
        """Between 0 and 1."""
        return self._mom.sigmoid()

    def forward(self, y: Tensor, energy: Callable[[Tensor], Tensor], iterations: int = 5) -> Tensor:
        velocity = torch.zeros_like(y)
        for _ in range(iterations):
            (slope,) = torch.autograd.grad(energy(y), y, create_graph=True)
            velocity = self.momentum * velocity - self.learning_rate * slope
            y = y + velocity
        return y


class EquilibriumAggregation(Aggregation):
    r"""Returns for each group the minimum of a learned energy, found by a few steps of descent.

    .. math::
        \mathbf{y} = \mathrm{argmin}_{\mathbf{y}} \; \mathrm{softplus}(\lambda) \|\mathbf{y}\|_2^2
        + \sum_i F(\mathbf{x}_i, \mathbf{y})

    Args:
        in_channels: F.
        out_channels: F'.
        num_layers: sizes of the hidden layers of the energy's network.
        grad_iter: number of steps.
        lamb: λ at first.

    Example:
        >>> EquilibriumAggregation(4, 2, num_layers=[8])(torch.randn(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([2, 2])

    Source: "Equilibrium Aggregation: Encoding Sets via Optimization" (arXiv:2202.12795).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_layers: list[int],
        grad_iter: int = 5,
        lamb: float = 0.1,
    ) -> None:
        super().__init__()
        self.potential = ResNetPotential(in_channels + out_channels, 1, num_layers)
        self.optimizer = MomentumOptimizer()
        self.initial_lamb = lamb
        self.lamb = Parameter(torch.empty(1))
        self.grad_iter = grad_iter
        self.output_dim = out_channels
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers; λ as at first."""
        constant(self.lamb, self.initial_lamb)
        reset(self.optimizer)
        reset(self.potential)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        assert index is not None and dim_size is not None
        self.assert_two_dimensional_input(x, dim)

        def energy(y: Tensor) -> Tensor:
            regularizer = F.softplus(self.lamb) * y.square().sum(dim=-1).mean()
            return self.potential(x, y, index, dim_size) + regularizer

        with torch.enable_grad():  # the descent follows gradients even where the caller wants none
            start = x.new_zeros(dim_size, self.output_dim, requires_grad=True)
            out = self.optimizer(start, energy, self.grad_iter)
        return out if torch.is_grad_enabled() else out.detach()
