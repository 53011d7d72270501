"""Aggregations that sort each feature within each group."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.basic import along
from grapevine.utils import cumsum, degree

_INTERPOLATIONS = ("linear", "lower", "higher", "nearest", "midpoint")


class QuantileAggregation(Aggregation):
    r"""Takes a quantile, or several, of each feature in each group.

    .. math::
        \mathrm{Q}_q(\mathcal{X}) =
        f(\mathbf{x}_{\pi_{\lfloor r \rfloor}}, \mathbf{x}_{\pi_{\lceil r \rceil}}), \qquad
        r = q \cdot (n - 1), \qquad \mathbf{x}_{\pi_0} \le \dots \le \mathbf{x}_{\pi_{n-1}}

    Args:
        q: quantile in [0, 1], or several, whose results are concatenated.
        interpolation: f between two neighbours a ≤ b: `"lower"`, `"higher"`, `"nearest"`, `"midpoint"`, or
            `"linear"`, which is a + (b - a) · (r - ⌊r⌋).
        fill_value: for empty groups.

    Raises:
        GraphValueError: where `q` is out of range or empty, or for another interpolation.

    Example:
        >>> QuantileAggregation([0.0, 0.5])(torch.tensor([[3.0], [1.0], [2.0]])).tolist()
        [[1.0, 2.0]]
    """

    interpolations = set(_INTERPOLATIONS)
    q: Tensor

    def __init__(
        self, q: float | list[float], interpolation: str = "linear", fill_value: float = 0.0
    ) -> None:
        super().__init__()
        quantiles = list(q) if isinstance(q, (list, tuple)) else [q]
        if not quantiles or not all(0.0 <= quantile <= 1.0 for quantile in quantiles):
            raise GraphValueError(f"expected at least one quantile, each in the range [0, 1], got q={q}")
        if interpolation not in _INTERPOLATIONS:
            raise GraphValueError(
                f"expected an interpolation among {', '.join(_INTERPOLATIONS)}, got {interpolation!r}"
            )
        self._q = q
        self.register_buffer("q", torch.tensor(quantiles).view(-1, 1))
        self.interpolation = interpolation
        self.fill_value = fill_value

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        assert index is not None and dim_size is not None
        dim = dim % x.dim()
        num_quantiles = self.q.numel()

        # Sort by value, then stably by group: each group is a sorted run that begins at `start`.
        values, order = x.sort(dim=dim)
        groups = along(index, x, dim).expand_as(x).take_along_dim(order, dim)
        values = values.take_along_dim(groups.argsort(dim=dim, stable=True), dim)

        count = degree(index, dim_size, torch.long)
        start = cumsum(count)[:-1]
        rank = (self.q * (count - 1).clamp(min=0)).t()  # (N, Q), within the group
        empty = (count == 0).repeat_interleave(num_quantiles)

        def at(rank: Tensor) -> Tensor:
            place = (start.unsqueeze(-1) + rank.long()).flatten()
            return padded.index_select(dim, place.masked_fill(empty, x.size(dim)))

        filler = values.new_full((*x.shape[:dim], 1, *x.shape[dim + 1 :]), self.fill_value)
        padded = torch.cat([values, filler], dim=dim)  # empty groups read the last place
        if self.interpolation == "lower":
            out = at(rank.floor())
        elif self.interpolation == "higher":
            out = at(rank.ceil())
        elif self.interpolation == "nearest":
            out = at(rank.round())
        else:
            low, high = at(rank.floor()), at(rank.ceil())
            share = rank.frac() if self.interpolation == "linear" else torch.full_like(rank, 0.5)
            out = torch.lerp(low, high, along(share.flatten().to(x.dtype), x, dim).expand_as(low))

        if num_quantiles > 1:  # side by side along the next dimension
            head, tail = x.shape[:dim], x.shape[dim + 1 :]
            out = out.reshape(*head, dim_size, num_quantiles * math.prod(tail[:1]), *tail[1:])
        return out

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(q={self._q})"


class MedianAggregation(QuantileAggregation):
    r"""Takes the median of each feature in each group; for an even number, the lower of the middle two.

    .. math::
        \mathrm{median}(\mathcal{X}) = \mathbf{x}_{\pi_i}, \qquad i = \lfloor (n - 1) / 2 \rfloor, \qquad
        \mathbf{x}_{\pi_0} \le \dots \le \mathbf{x}_{\pi_{n-1}}

    Args:
        fill_value: for empty groups.

    Example:
        >>> MedianAggregation()(torch.tensor([[3.0], [1.0], [2.0], [9.0]])).tolist()
        [[2.0]]
    """

    def __init__(self, fill_value: float = 0.0) -> None:
        super().__init__(0.5, "lower", fill_value)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


class SortAggregation(Aggregation):
    r"""Sorts each group by the last feature, largest first, and keeps the first k elements, zero-padded.

    Needs a sorted `index` and two-dimensional `x`.

    Args:
        k: how many elements to keep.

    Returns:
        (N, k · F).

    Example:
        >>> SortAggregation(k=2)(torch.tensor([[3.0], [5.0], [2.0]]), torch.tensor([0, 0, 1])).tolist()
        [[5.0, 3.0], [2.0, 0.0]]

    Source: "An End-to-End Deep Learning Architecture for Graph Classification" (AAAI 2018).
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        dense, mask = self.to_dense_batch(x, index, ptr, dim_size, dim, max_num_elements=max_num_elements)
        key = dense[..., -1].masked_fill(~mask, -torch.inf)
        order = key.argsort(dim=-1, descending=True, stable=True)[:, : self.k]
        out = dense.take_along_dim(order.unsqueeze(-1), dim=1)  # (N, min(k, D), F)
        return torch.nn.functional.pad(out, (0, 0, 0, self.k - out.size(1))).flatten(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(k={self.k})"
