"""Several aggregations combined into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, ModuleList, MultiheadAttention

from grapevine.errors import GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.fused import FusedAggregation
from grapevine.nn.dense.linear import HeteroDictLinear
from grapevine.nn.inits import reset
from grapevine.nn.resolver import aggregation_resolver

_OVER_STACK: dict[str, Callable[..., Tensor]] = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
    "logsumexp": torch.logsumexp,
    "std": torch.std,
    "var": torch.var,
}
_MODES = ("cat", "proj", "attn", *_OVER_STACK)


class MultiAggregation(Aggregation):
    r"""Runs several aggregations and combines their outputs.

    Args:
        aggrs: aggregations, by name or as modules.
        aggrs_kwargs: for each, arguments where it is given by name.
        mode: how to combine: `"cat"` concatenates; `"proj"` maps that linearly; `"attn"` lets the outputs
            attend to each other; `"sum"`, `"mean"`, `"max"`, `"min"`, `"logsumexp"`, `"std"`, `"var"` reduce
            over the outputs.
        mode_kwargs: for `"proj"` and `"attn"`: `in_channels` (of each output, or one for all),
            `out_channels`, and further arguments of `torch.nn.Linear` or `torch.nn.MultiheadAttention` (whose
            `num_heads` is 1 if not given).

    Returns:
        (*, N, F'): F' is the sum of the sizes for `"cat"`, `out_channels` for `"proj"` and `"attn"`, else F.

    Raises:
        GraphValueError: where the lists or the mode do not fit.

    Example:
        >>> MultiAggregation(["sum", "max"])(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])).tolist()
        [[4.0, 3.0]]

    Source: "Principal Neighbourhood Aggregation for Graph Nets" (arXiv:2004.05718), "Adaptive Filters and
    Aggregator Fusion for Efficient Graph Convolutions" (arXiv:2104.01481).
    """

    def __init__(
        self,
        aggrs: list[Aggregation | str],
        aggrs_kwargs: list[dict[str, Any]] | None = None,
        mode: str | None = "cat",
        mode_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(aggrs, (list, tuple)) or len(aggrs) == 0:
            raise GraphValueError(
                f"expected a list or tuple of aggregations that is not empty, got {aggrs!r}"
            )
        if aggrs_kwargs is None:
            aggrs_kwargs = [{}] * len(aggrs)
        if len(aggrs_kwargs) != len(aggrs):
            raise GraphValueError(
                f"expected 'aggrs_kwargs' for each of the {len(aggrs)} aggregations, "
                f"got {len(aggrs_kwargs)}; "
                "use {} where there are none"
            )
        if mode not in _MODES and len(aggrs) > 1:
            raise GraphValueError(f"expected a combine mode among {', '.join(_MODES)}, got {mode!r}")

        modules = [aggregation_resolver(aggr, **kwargs) for aggr, kwargs in zip(aggrs, aggrs_kwargs)]
        self.aggrs = ModuleList(modules)
        self.fused = [i for i, aggr in enumerate(modules) if type(aggr) in FusedAggregation.FUSABLE_AGGRS]
        self.fused_aggr = FusedAggregation([modules[i] for i in self.fused]) if self.fused else None

        self.mode = mode
        options = dict(mode_kwargs or {})
        self.in_channels = options.pop("in_channels", None)
        self.out_channels = options.pop("out_channels", None)
        if mode in ("proj", "attn"):
            self._build_combination(mode, options)

    def _build_combination(self, mode: str, options: dict[str, Any]) -> None:
        if len(self.aggrs) == 1:
            raise GraphValueError(f"expected multiple aggregations to combine by {mode!r}, got one")
        if self.in_channels is None or self.out_channels is None:
            raise GraphValueError(
                f"expected 'in_channels' and 'out_channels' in 'mode_kwargs' for mode {mode!r}, "
                f"got {self.in_channels} and {self.out_channels}"
            )
        if isinstance(self.in_channels, int):
            self.in_channels = [self.in_channels] * len(self.aggrs)
        if mode == "proj":
            self.lin = Linear(sum(self.in_channels), self.out_channels, **options)
        else:
            channels = {str(i): size for i, size in enumerate(self.in_channels)}
            self.lin_heads = HeteroDictLinear(channels, self.out_channels)
            self.multihead_attn = MultiheadAttention(
                self.out_channels, options.pop("num_heads", 1), **options
            )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for aggr in self.aggrs:
            reset(aggr)
        if self.mode == "proj":
            self.lin.reset_parameters()
        if self.mode == "attn":
            self.lin_heads.reset_parameters()
            self.multihead_attn._reset_parameters()

    def get_out_channels(self, in_channels: int) -> int:
        """Size of the output for elements of size `in_channels` that each aggregation preserves."""
        if self.out_channels is not None:
            return self.out_channels
        return in_channels * len(self.aggrs) if self.mode == "cat" else in_channels

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        outs: dict[int, Tensor] = {}
        if self.fused_aggr is not None:
            outs.update(zip(self.fused, self.fused_aggr(x, index, ptr, dim_size, dim)))
        for i, aggr in enumerate(self.aggrs):
            if i not in outs:
                outs[i] = aggr(x, index, ptr, dim_size, dim)
        return self.combine([outs[i] for i in range(len(self.aggrs))])

    def combine(self, inputs: list[Tensor]) -> Tensor:
        """Combines the outputs of the aggregations."""
        if len(inputs) == 1:
            return inputs[0]
        if self.mode == "cat":
            return torch.cat(inputs, dim=-1)
        if self.mode == "proj":
            return self.lin(torch.cat(inputs, dim=-1))
        if self.mode == "attn":
            heads = self.lin_heads({str(i): x for i, x in enumerate(inputs)})
            stack = torch.stack(list(heads.values()))
            return self.multihead_attn(stack, stack, stack)[0].mean(dim=0)
        return _OVER_STACK[str(self.mode)](torch.stack(inputs), dim=0)

    def __repr__(self) -> str:
        lines = "".join(f"  {aggr},\n" for aggr in self.aggrs)
        return f"{self.__class__.__name__}([\n{lines}], mode={self.mode})"
