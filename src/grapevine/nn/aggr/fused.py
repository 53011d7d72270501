"""Several aggregations of the same elements that share what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.basic import (
    MaxAggregation,
    MeanAggregation,
    MinAggregation,
    MulAggregation,
    StdAggregation,
    SumAggregation,
    VarAggregation,
    std_of,
)
from grapevine.nn.resolver import aggregation_resolver


class FusedAggregation(Aggregation):
    """Computes several aggregations together: the mean once for `"mean"`, `"var"` and `"std"`, and so on.

    Args:
        aggrs: aggregations among sum, mean, max, min, mul, var and std, by name or as modules.

    Returns:
        a list with the (*, N, F) of each.

    Raises:
        GraphTypeError: for another aggregation.

    Example:
        >>> outs = FusedAggregation(["sum", "mean"])(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0]))
        >>> [out.item() for out in outs]
        [4.0, 2.0]
    """

    FUSABLE_AGGRS: tuple[type[Aggregation], ...] = (
        SumAggregation,
        MeanAggregation,
        MaxAggregation,
        MinAggregation,
        MulAggregation,
        VarAggregation,
        StdAggregation,
    )

    def __init__(self, aggrs: list[Aggregation | str]) -> None:
        super().__init__()
        self._aggrs: list[tuple[type[Aggregation], bool]] = []
        for aggr in map(aggregation_resolver, aggrs):
            if type(aggr) not in self.FUSABLE_AGGRS:
                known = ", ".join(cls.__name__ for cls in self.FUSABLE_AGGRS)
                raise GraphTypeError(
                    f"expected aggregations among {known}, got {aggr!r}; use MultiAggregation"
                )
            variance = aggr.var_aggr if isinstance(aggr, StdAggregation) else aggr
            self._aggrs.append((type(aggr), getattr(variance, "semi_grad", False)))

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> list[Tensor]:
        done: dict[Any, Tensor] = {}

        def once(key: Any, compute: Callable[[], Tensor]) -> Tensor:
            if key not in done:
                done[key] = compute()
            return done[key]

        def reduced(how: str) -> Tensor:
            return once(how, lambda: self.reduce(x, index, ptr, dim_size, dim, reduce=how))

        def mean_square(semi_grad: bool) -> Tensor:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not semi_grad):
                return self.reduce(x * x, index, ptr, dim_size, dim, reduce="mean")

        def variance(semi_grad: bool) -> Tensor:
            return once(("var", semi_grad), lambda: mean_square(semi_grad) - reduced("mean").square())

        def output(cls: type[Aggregation], semi_grad: bool) -> Tensor:
            if cls is VarAggregation:
                return variance(semi_grad)
            if cls is StdAggregation:
                return std_of(variance(semi_grad))
            return reduced(cls.how)  # type: ignore[attr-defined]

        return [output(cls, semi_grad) for cls, semi_grad in self._aggrs]
