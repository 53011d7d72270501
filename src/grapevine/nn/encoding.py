"""Encodings of positions and times as vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grapevine.errors import GraphValueError

__all__ = ["PositionalEncoding", "TemporalEncoding"]


class PositionalEncoding(torch.nn.Module):
    r"""Encodes positions by sines and cosines of geometrically spaced frequencies.

    .. math::
        \mathrm{PE}(x)_i = \sin(x \, \omega_i), \qquad \mathrm{PE}(x)_{d/2 + i} = \cos(x \, \omega_i)

    with :math:`\omega` spaced from `base_freq` ** 0 to `base_freq` ** 1.

    Args:
        out_channels: d, even.
        base_freq: the lowest frequency.
        granularity: unit of the positions.
        device: of the frequencies.

    Forward:
        x: positions, (N,).

    Returns:
        (N, d).

    Raises:
        GraphValueError: for an odd d.

    Departures from the paper: all sines come first, then all cosines.

    Example:
        >>> PositionalEncoding(2)(torch.tensor([0.0, torch.pi / 2])).round().abs().tolist()
        [[0.0, 1.0], [1.0, 0.0]]

    Source: "Attention Is All You Need" (arXiv:1706.03762).
    """

    frequency: Tensor

    def __init__(
        self,
        out_channels: int,
        base_freq: float = 1e-4,
        granularity: float = 1.0,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        if out_channels % 2 != 0:
            raise GraphValueError(
                f"expected an even 'out_channels', got {out_channels}; half are sines, half cosines"
            )
        self.out_channels = out_channels
        self.base_freq = base_freq
        self.granularity = granularity
        frequency = torch.logspace(0, 1, out_channels // 2, base_freq, device=device)
        self.register_buffer("frequency", frequency)

    def reset_parameters(self) -> None:
        """Nothing to draw."""

    def forward(self, x: Tensor) -> Tensor:
        phase = (x / self.granularity).unsqueeze(-1) * self.frequency
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.out_channels})"


class TemporalEncoding(torch.nn.Module):
    r"""Encodes times by cosines of geometrically spaced frequencies.

    .. math::
        y_i = \cos(x \cdot \sqrt{d}^{\,-t_i}), \qquad t_i \text{ evenly spaced from } 0 \text{ to } \sqrt{d}

    Args:
        out_channels: d.
        device: of the frequencies.

    Forward:
        x: times, (N,).

    Returns:
        (N, d), in [-1, 1].

    Example:
        >>> TemporalEncoding(3)(torch.zeros(1)).tolist()
        [[1.0, 1.0, 1.0]]

    Source: "Do We Really Need Complicated Model Architectures For Temporal Networks?" (ICLR 2023).
    """

    weight: Tensor

    def __init__(self, out_channels: int, device: torch.device | None = None) -> None:
        super().__init__()
        self.out_channels = out_channels
        root = math.sqrt(out_channels)
        self.register_buffer(
            "weight", root ** -torch.linspace(0, root, out_channels, device=device).view(1, -1)
        )

    def reset_parameters(self) -> None:
        """Nothing to draw."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(-1) * self.weight).cos()

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.out_channels})"
