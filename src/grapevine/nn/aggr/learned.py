"""Aggregations around networks of the caller's. Shapes, and `forward`'s arguments: see `Aggregation`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.dense.mlp import MLP
from grapevine.nn.inits import reset
from grapevine.utils import softmax


def _apply(network: torch.nn.Module, x: Tensor, batch: Tensor | None, batch_size: int | None) -> Tensor:
    """Runs a network; an MLP learns which row is of which graph, for its normalisation."""
    return network(x, batch=batch, batch_size=batch_size) if isinstance(network, MLP) else network(x)


class AttentionalAggregation(Aggregation):
    r"""Averages each group with learned attention weights; an empty one gives 0.

    .. math::
        \mathbf{r}_n = \sum_{i \in \mathcal{X}_n} \mathrm{softmax}_i(h_{\mathrm{gate}}(\mathbf{x}_i)) \odot
        h_{\Theta}(\mathbf{x}_i)

    Args:
        gate_nn: scores, (E, F) to (E, 1), or to (E, F') for a score of each feature.
        nn: (E, F) to (E, F'); None: the identity.

    Example:
        >>> gate = torch.nn.Linear(4, 1)
        >>> AttentionalAggregation(gate)(torch.randn(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([2, 4])

    Source: "Graph Matching Networks for Learning the Similarity of Graph Structured Objects"
    (arXiv:1904.12787).
    """

    def __init__(self, gate_nn: torch.nn.Module, nn: torch.nn.Module | None = None) -> None:
        super().__init__()
        # An MLP is kept under a name of its own: checkpoints know it by that.
        self.gate_mlp = gate_nn if isinstance(gate_nn, MLP) else None
        self.gate_nn = None if isinstance(gate_nn, MLP) else gate_nn
        self.mlp = nn if isinstance(nn, MLP) else None
        self.nn = None if isinstance(nn, MLP) else nn

    def reset_parameters(self) -> None:
        """Draws new numbers for both networks."""
        reset(self.gate_mlp or self.gate_nn)
        reset(self.mlp or self.nn)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        gate_network, network = self.gate_mlp or self.gate_nn, self.mlp or self.nn
        assert gate_network is not None
        gate = _apply(gate_network, x, index, dim_size)
        if network is not None:
            x = _apply(network, x, index, dim_size)
        return self.reduce(softmax(gate, index, None, dim_size, dim) * x, index, ptr, dim_size, dim)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(gate_nn={self.gate_mlp or self.gate_nn}, nn={self.mlp or self.nn})"


class DeepSetsAggregation(Aggregation):
    r"""Sums each group between two networks.

    .. math::
        \mathbf{r}_n = \rho_{\Theta} \left( \sum_{i \in \mathcal{X}_n} \phi_{\Theta}(\mathbf{x}_i) \right)

    Args:
        local_nn: φ, (E, F) to (E, F'); None: the identity.
        global_nn: ρ, (N, F') to (N, F''); None: the identity.

    Example:
        >>> DeepSetsAggregation(torch.nn.Linear(4, 8))(torch.randn(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([2, 8])

    Source: "Graph Neural Networks with Adaptive Readouts" (arXiv:2211.04952).
    """

    def __init__(
        self, local_nn: torch.nn.Module | None = None, global_nn: torch.nn.Module | None = None
    ) -> None:
        super().__init__()
        # An MLP is kept under a name of its own: checkpoints know it by that.
        self.local_mlp = local_nn if isinstance(local_nn, MLP) else None
        self.local_nn = None if isinstance(local_nn, MLP) else local_nn
        self.global_mlp = global_nn if isinstance(global_nn, MLP) else None
        self.global_nn = None if isinstance(global_nn, MLP) else global_nn

    def reset_parameters(self) -> None:
        """Draws new numbers for both networks."""
        reset(self.local_mlp or self.local_nn)
        reset(self.global_mlp or self.global_nn)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        local, final = self.local_mlp or self.local_nn, self.global_mlp or self.global_nn
        if local is not None:
            x = _apply(local, x, index, dim_size)
        x = self.reduce(x, index, ptr, dim_size, dim)
        return x if final is None else final(x)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}(local_nn={self.local_mlp or self.local_nn}, "
            f"global_nn={self.global_mlp or self.global_nn})"
        )


class MLPAggregation(Aggregation):
    """Flattens each group, padded with zeros, into one row for an MLP.

    The result depends on the order of the elements. Needs a sorted `index` and two-dimensional `x`.

    Args:
        in_channels: F.
        out_channels: F'.
        max_num_elements: size that groups are padded to; what is beyond it is dropped.
        kwargs: further arguments of `MLP`.

    Example:
        >>> aggr = MLPAggregation(4, 8, max_num_elements=2, num_layers=1)
        >>> aggr(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Graph Neural Networks with Adaptive Readouts" (arXiv:2211.04952).
    """

    def __init__(self, in_channels: int, out_channels: int, max_num_elements: int, **kwargs: Any) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.max_num_elements = max_num_elements
        self.mlp = MLP(in_channels=in_channels * max_num_elements, out_channels=out_channels, **kwargs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.mlp.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        dense, _ = self.to_dense_batch(x, index, ptr, dim_size, dim, max_num_elements=self.max_num_elements)
        return self.mlp(dense.flatten(1))

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"max_num_elements={self.max_num_elements})"
        )
