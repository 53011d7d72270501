"""Scaling of aggregations by the size of the groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.basic import along
from grapevine.nn.inits import constant
from grapevine.nn.resolver import aggregation_resolver
from grapevine.utils import degree

_SCALERS = {
    "identity": lambda deg, mean, mean_log: torch.ones_like(deg),
    "amplification": lambda deg, mean, mean_log: (deg + 1).log() / mean_log,
    "attenuation": lambda deg, mean, mean_log: mean_log / (deg.clamp(min=1) + 1).log(),
    "linear": lambda deg, mean, mean_log: deg / mean,
    "inverse_linear": lambda deg, mean, mean_log: mean / deg.clamp(min=1),
}


class DegreeScalerAggregation(Aggregation):
    r"""Aggregates, then scales by functions of the size d of each group, and concatenates the results.

    .. math::
        1, \qquad \frac{\log(d + 1)}{\delta_{\log}}, \qquad \frac{\delta_{\log}}{\log(d + 1)}, \qquad
        \frac{d}{\delta}, \qquad \frac{\delta}{d}

    for `"identity"`, `"amplification"`, `"attenuation"`, `"linear"`, `"inverse_linear"`; δ is the mean of d
    over the training set, and δ_log that of log(d + 1).

    Args:
        aggr: aggregation, by name or as a module, or a list of several, whose outputs are concatenated.
        scaler: one scaler, or several.
        deg: histogram of the degrees of the training set, (D,): `deg[d]` nodes have degree d.
        train_norm: learn both δ.
        aggr_kwargs: arguments of an aggregation given by name; a list of them for several.

    Returns:
        (*, N, S · F') for S scalers; without the factor for one.

    Raises:
        GraphTypeError: for another kind of `aggr`.
        GraphValueError: for an unknown scaler.

    Example:
        >>> aggr = DegreeScalerAggregation("sum", ["identity", "linear"], deg=torch.tensor([0, 2, 2]))
        >>> aggr(torch.tensor([[2.0], [4.0], [3.0]]), torch.tensor([0, 0, 1])).tolist()
        [[6.0, 8.0], [3.0, 2.0]]

    Source: "Principal Neighbourhood Aggregation for Graph Nets" (arXiv:2004.05718).
    """

    avg_deg_lin: Tensor
    avg_deg_log: Tensor

    def __init__(
        self,
        aggr: str | list[str] | Aggregation,
        scaler: str | list[str],
        deg: Tensor,
        train_norm: bool = False,
        aggr_kwargs: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(aggr, (list, tuple)):
            self.aggr = aggregation_resolver(aggr, aggr_kwargs)
        elif isinstance(aggr, (str, Aggregation)):
            self.aggr = aggregation_resolver(aggr, **(aggr_kwargs or {}))
        else:
            raise GraphTypeError(
                f"expected the name of an aggregation, a module or a list of them, got {aggr!r}"
            )

        self.scaler = [scaler] if isinstance(scaler, str) else list(scaler)
        for name in self.scaler:
            if name not in _SCALERS:
                raise GraphValueError(f"expected a scaler among {', '.join(_SCALERS)}, got {name!r}")

        share = deg.double() / deg.sum()
        degrees = torch.arange(deg.numel(), device=deg.device)
        self.init_avg_deg_lin = float((degrees * share).sum())
        self.init_avg_deg_log = float(((degrees + 1).log() * share).sum())
        for name in ("avg_deg_lin", "avg_deg_log"):
            if train_norm:
                self.register_parameter(name, Parameter(torch.empty(1)))
            else:
                self.register_buffer(name, torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets both δ to the means over the training set."""
        constant(self.avg_deg_lin, self.init_avg_deg_lin)
        constant(self.avg_deg_log, self.init_avg_deg_log)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        assert index is not None
        out = self.aggr(x, index, ptr, dim_size, dim)
        deg = along(degree(index, dim_size, out.dtype), out, dim)
        scales = [_SCALERS[name](deg, self.avg_deg_lin, self.avg_deg_log) for name in self.scaler]
        return torch.cat([out * scale for scale in scales], dim=-1)
