"""Aggregations that read each group as a sequence. Shapes, and `forward`'s arguments: see `Aggregation`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import GRU, LSTM, GRUCell, Linear

from grapevine.errors import GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.utils import softmax


class _RecurrentAggregation(Aggregation):
    """Reads each padded group with a recurrent network and returns its last output."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels

    @property
    def network(self) -> LSTM | GRU:
        """The recurrent network."""
        raise AssertionError("each subclass has its own")

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.network.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        dense, _ = self.to_dense_batch(x, index, ptr, dim_size, dim, max_num_elements=max_num_elements)
        if dense.size(1) == 0:  # torch refuses sequences of length 0: what remains is the initial state
            channels = self.network.proj_size or self.out_channels
            return dense.new_zeros(dense.size(0), channels * (1 + self.network.bidirectional))
        return self.network(dense)[0][:, -1]

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"


class LSTMAggregation(_RecurrentAggregation):
    """Reads each group with an LSTM and returns its last output.

    The result depends on the order of the elements. Needs a sorted `index` and two-dimensional `x`.

    Args:
        in_channels: F.
        out_channels: F'.
        kwargs: further arguments of `torch.nn.LSTM`.

    Departures from the paper: shorter groups are padded with zeros at their end, and the padding is read too.

    Example:
        >>> LSTMAggregation(4, 8)(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels)
        self.lstm = LSTM(in_channels, out_channels, batch_first=True, **kwargs)
        self.reset_parameters()

    @property
    def network(self) -> LSTM:
        return self.lstm


class GRUAggregation(_RecurrentAggregation):
    """Reads each group with a GRU and returns its last output.

    The result depends on the order of the elements. Needs a sorted `index` and two-dimensional `x`.

    Args:
        in_channels: F.
        out_channels: F'.
        kwargs: further arguments of `torch.nn.GRU`.

    Departures from the paper: shorter groups are padded with zeros at their end, and the padding is read too.

    Example:
        >>> GRUAggregation(4, 8)(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Graph Neural Networks with Adaptive Readouts" (arXiv:2211.04952).
    """

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels)
        self.gru = GRU(in_channels, out_channels, batch_first=True, **kwargs)
        self.reset_parameters()

    @property
    def network(self) -> GRU:
        return self.gru


class LCMAggregation(Aggregation):
    r"""Merges the elements of each group pairwise in a binary tree, with a learned operation that commutes.

    .. math::
        \mathbf{a} \oplus \mathbf{b} =
        \tfrac{1}{2} (\mathrm{GRU}(\mathbf{a}, \mathbf{b}) + \mathrm{GRU}(\mathbf{b}, \mathbf{a}))

    The result depends on the order of the elements. Needs a sorted `index` and two-dimensional `x`.

    Args:
        in_channels: F.
        out_channels: F'.
        project: begin with a linear layer and a ReLU.

    Raises:
        GraphValueError: where the sizes differ and `project` is off.

    Departures from the paper: shorter groups are padded with zeros, which are merged too.

    Example:
        >>> LCMAggregation(4, 8)(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Learnable Commutative Monoids for Graph Neural Networks" (arXiv:2212.08541).
    """

    def __init__(self, in_channels: int, out_channels: int, project: bool = True) -> None:
        super().__init__()
        if in_channels != out_channels and not project:
            raise GraphValueError(
                f"expected in_channels == out_channels where inputs are not projected, got {in_channels} and "
                f"{out_channels}; pass project=True"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.project = project
        self.lin = Linear(in_channels, out_channels) if project else None
        self.gru_cell = GRUCell(out_channels, out_channels)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        if self.lin is not None:
            self.lin.reset_parameters()
        self.gru_cell.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        if self.lin is not None:
            x = self.lin(x).relu()
        dense, _ = self.to_dense_batch(x, index, ptr, dim_size, dim, max_num_elements=max_num_elements)
        if dense.size(1) == 0:
            return dense.new_zeros(dense.size(0), self.out_channels)

        level = dense.transpose(0, 1)  # (D, N, F')
        while level.size(0) > 1:
            num_pairs = level.size(0) // 2
            left, right = level[0 : 2 * num_pairs : 2], level[1 : 2 * num_pairs : 2]
            both = torch.stack([self._merge(left, right), self._merge(right, left)]).mean(dim=0)
            level = torch.cat([both, level[2 * num_pairs :]])  # an odd one out waits for the next level
        return level.squeeze(0)

    def _merge(self, a: Tensor, b: Tensor) -> Tensor:
        return self.gru_cell(a.flatten(0, 1), b.flatten(0, 1)).view_as(a)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, project={self.project})"


class Set2Set(Aggregation):
    r"""Reads each group several times with an attention that an LSTM steers.

    .. math::
        \mathbf{q}_t = \mathrm{LSTM}(\mathbf{q}^{*}_{t-1}), \qquad
        \alpha_{i,t} = \mathrm{softmax}_i(\mathbf{x}_i \cdot \mathbf{q}_t), \qquad
        \mathbf{q}^{*}_t = \mathbf{q}_t \, \Vert \, \sum_i \alpha_{i,t} \mathbf{x}_i

    Needs two-dimensional `x`.

    Args:
        in_channels: F; the output has 2 · F.
        processing_steps: number of readings.
        kwargs: further arguments of `torch.nn.LSTM`.

    Example:
        >>> Set2Set(4, processing_steps=3)(torch.randn(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([2, 8])

    Source: "Order Matters: Sequence to sequence for sets" (arXiv:1511.06391).
    """

    def __init__(self, in_channels: int, processing_steps: int, **kwargs: Any) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = 2 * in_channels
        self.processing_steps = processing_steps
        self.lstm = LSTM(self.out_channels, in_channels, **kwargs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lstm.reset_parameters()

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

        q_star = x.new_zeros(dim_size, self.out_channels)
        state = None
        for _ in range(self.processing_steps):
            q, state = self.lstm(q_star.unsqueeze(0), state)
            q = q.squeeze(0)
            score = (x * q.index_select(0, index)).sum(dim=-1, keepdim=True)
            alpha = softmax(score, index, None, dim_size)
            q_star = torch.cat([q, self.reduce(alpha * x, index, ptr, dim_size, dim)], dim=-1)
        return q_star

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"
