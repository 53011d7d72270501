"""Linear maps: one for all rows, one for each type of row, one for each key of a dictionary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.nn import inits
from grapevine.nn._waiting import Waiting


class _WaitingWeight(Waiting):
    """A module whose `weight` waits for the first input where `in_channels` is -1."""

    in_channels: int
    weight: Tensor
    bias: Tensor | None
    weight_initializer: str | None
    bias_initializer: str | None

    def _start(self, in_channels: int, bias_size: tuple[int, ...] | None) -> None:
        self._wait(in_channels)
        self.register_parameter("bias", None if bias_size is None else Parameter(torch.empty(bias_size)))
        self.reset_parameters()

    def _wait(self, channels: int = -1) -> None:
        self.in_channels = -1
        super()._wait(channels)

    def _materialize(self, channels: int) -> None:
        self.in_channels = channels
        super()._materialize(channels)

    def _draw(self) -> None:
        fan = self.in_channels
        match self.weight_initializer:
            case "glorot":
                inits.glorot(self.weight)
            case "uniform":
                inits.uniform(fan, self.weight)
            case "kaiming_uniform" | None:
                inits.kaiming_uniform(self.weight, fan=fan, a=math.sqrt(5))
        match self.bias_initializer:
            case "zeros":
                inits.zeros(self.bias)
            case None:
                inits.uniform(fan, self.bias)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        if not self._waits():
            self._draw()


def _known(initializer: str | None, *known: str) -> str | None:
    if initializer is not None and initializer not in known:
        raise GraphValueError(
            f"expected an initializer among {', '.join(known)} or None, got {initializer!r}"
        )
    return initializer


class Linear(_WaitingWeight):
    r"""A linear map of the last dimension.

    .. math::
        \mathbf{x}^{\prime} = \mathbf{x} \mathbf{W}^{\top} + \mathbf{b}

    Args:
        in_channels: size of the input; -1: that of the first input.
        out_channels: size of the output.
        bias: learn the shift b.
        weight_initializer: `"glorot"`, `"uniform"`, `"kaiming_uniform"`; None: as `torch.nn.Linear`.
        bias_initializer: `"zeros"`; None: as `torch.nn.Linear`.

    Forward:
        x: features, (*, in_channels).

    Returns:
        (*, out_channels).

    Raises:
        GraphValueError: for an unknown initializer.

    Example:
        >>> lin = Linear(-1, 2)
        >>> lin(torch.ones(3, 5)).shape, lin.in_channels
        (torch.Size([3, 2]), 5)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        weight_initializer: str | None = None,
        bias_initializer: str | None = None,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.weight_initializer = _known(weight_initializer, "glorot", "uniform", "kaiming_uniform")
        self.bias_initializer = _known(bias_initializer, "zeros")
        self._start(in_channels, (out_channels,) if bias else None)

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.out_channels, channels)}

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, bias={self.bias is not None}"
        return f"{self.__class__.__name__}({sizes})"


class HeteroLinear(_WaitingWeight):
    r"""A linear map of its own for each type of row.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i \mathbf{W}_{\kappa} + \mathbf{b}_{\kappa},
        \qquad \kappa = \mathrm{type}(i)

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        num_types: number of types T.
        is_sorted: promise that `type_vec` is sorted.
        kwargs: `bias`, `weight_initializer`, `bias_initializer`, as for `Linear`.

    Forward:
        x: rows, (N, F).
        type_vec: type of each row, int64 (N,) in [0, T).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for an unknown initializer, or a type outside the range.

    Example:
        >>> lin = HeteroLinear(2, 3, num_types=2)
        >>> lin(torch.ones(4, 2), torch.tensor([1, 0, 1, 0])).shape
        torch.Size([4, 3])
    """

    def __init__(
        self, in_channels: int, out_channels: int, num_types: int, is_sorted: bool = False, **kwargs: Any
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.num_types = num_types
        self.is_sorted = is_sorted
        self.kwargs = kwargs
        self.weight_initializer = _known(
            kwargs.get("weight_initializer"), "glorot", "uniform", "kaiming_uniform"
        )
        self.bias_initializer = _known(kwargs.get("bias_initializer"), "zeros")
        self._start(in_channels, (num_types, out_channels) if kwargs.get("bias", True) else None)

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.num_types, channels, self.out_channels)}

    def forward(self, x: Tensor, type_vec: Tensor) -> Tensor:
        if must_be_plain():  # no size may depend on values: every matrix for every row
            all_types = torch.stack([x @ weight for weight in self.weight])
            out = all_types[type_vec, torch.arange(x.size(0), device=x.device)]
            return out if self.bias is None else out + self.bias[type_vec]
        order = None
        if not self.is_sorted:
            type_vec, order = type_vec.sort(stable=True)
            x = x[order]

        sizes = torch.bincount(type_vec, minlength=self.num_types).tolist()
        if len(sizes) != self.num_types or sum(sizes) != x.size(0):
            raise GraphValueError(
                f"expected types in [0, {self.num_types}), one for each of {x.size(0)} rows, "
                f"got {type_vec.numel()} in [{int(type_vec.min())}, {int(type_vec.max())}]"
            )
        out = torch.cat([rows @ weight for rows, weight in zip(x.split(sizes), self.weight)])
        if self.bias is not None:
            out = out + self.bias[type_vec]
        return out if order is None else out[order.argsort()]

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"num_types={self.num_types}, bias={self.bias is not None})"
        )


class HeteroDictLinear(torch.nn.Module):
    r"""A linear map of its own for each key of a dictionary.

    .. math::
        \mathbf{x}^{\prime}_{\kappa} = \mathbf{x}_{\kappa} \mathbf{W}^{\top}_{\kappa} + \mathbf{b}_{\kappa}

    Args:
        in_channels: size of the input of each key, or one size for all; -1: that of the first input.
        out_channels: size of the output.
        types: the keys; needed where `in_channels` is one size.
        kwargs: `bias`, `weight_initializer`, `bias_initializer`, as for `Linear`.

    Forward:
        x_dict: features of some of the keys, (*, in_channels) each.

    Returns:
        for each key of `x_dict` that the module knows, (*, out_channels).

    Raises:
        GraphValueError: where `types` and `in_channels` do not name the same keys.

    Example:
        >>> lin = HeteroDictLinear({"user": 2, "item": 5}, 3)
        >>> {key: list(x.shape) for key, x in lin({"item": torch.ones(4, 5)}).items()}
        {'item': [4, 3]}
    """

    def __init__(
        self,
        in_channels: int | dict[Any, int],
        out_channels: int,
        types: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if isinstance(in_channels, dict):
            if types is not None and set(types) != set(in_channels):
                raise GraphValueError(
                    f"expected 'types' to be the keys of 'in_channels', {sorted(in_channels)}, "
                    f"got {sorted(types)}"
                )
        else:
            if types is None:
                raise GraphValueError(
                    "expected a list of 'types' beside one size for all, got None; "
                    "pass types=[...], or 'in_channels' as a dictionary"
                )
            in_channels = dict.fromkeys(types, in_channels)
        self.types = list(in_channels)
        self.out_channels = out_channels
        self.kwargs = kwargs
        self.lins = torch.nn.ModuleDict(
            {key: Linear(channels, out_channels, **kwargs) for key, channels in in_channels.items()}
        )
        self.reset_parameters()

    @property
    def in_channels(self) -> dict[Any, int]:
        """Size of the input of each key; -1 where it is still unknown."""
        return {key: cast(Linear, lin).in_channels for key, lin in self.lins.items()}

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for lin in self.lins.values():
            inits.reset(lin)

    def forward(self, x_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {key: lin(x_dict[key]) for key, lin in self.lins.items() if key in x_dict}

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"bias={self.kwargs.get('bias', True)})"
        )
