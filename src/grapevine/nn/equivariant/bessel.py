"""Waves in a ball: spherical Bessel functions and Legendre polynomials, in closed form and differentiable."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor

from grapevine.errors import GraphValueError

#: Terms of the power series, enough for float64 up to `order + 1`.
TERMS = 22


def spherical_bessel(x: Tensor) -> Tensor:
    r"""Spherical Bessel functions, order l in row l.

    .. math::
        j_0(x) = \frac{\sin x}{x}, \quad j_1(x) = \frac{\sin x}{x^2} - \frac{\cos x}{x}, \quad
        j_{l+1}(x) = \frac{2l + 1}{x} j_l(x) - j_{l-1}(x)

    The recurrence loses digits where x is less than the order; there, the power series around zero is used:
    :math:`\frac{x^l}{(2l+1)!!} \sum_k \frac{(-x^2/2)^k}{k! \, (2l+3) \cdots (2l+2k+1)}`.

    Args:
        x: not negative, (..., L, K).

    Returns:
        j_l(x[..., l, :]), of the same shape; derivatives of any order included.

    Example:
        >>> import torch
        >>> spherical_bessel(torch.tensor([[0.0, 3.0], [0.0, 3.0]], dtype=torch.float64)).round(decimals=4).tolist()
        [[1.0, 0.047], [0.0, 0.3457]]

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 10.1.2 and 10.1.19.
    """
    orders = x.shape[-2]
    l = torch.arange(orders, device=x.device, dtype=x.dtype).unsqueeze(1)
    near = x < l + 1
    far = torch.where(near, l + 1, x)
    before, now = (
        far.cos() / far,
        far.sin() / far,
    )  # orders -1 and 0 of all rows; a row leaves when its turn comes
    rows = [now[..., :1, :]]
    for n in range(orders - 1):
        far = far[..., 1:, :]
        before, now = now[..., 1:, :], (2 * n + 1) / far * now[..., 1:, :] - before[..., 1:, :]
        rows.append(now[..., :1, :])
    small = torch.where(near, x, 0)
    t = -0.5 * small * small
    series = torch.ones_like(x)
    for k in range(TERMS, 0, -1):
        series = 1 + series * t / (k * (2 * (l + k) + 1))
    odds = l.new_tensor([math.prod(range(1, 2 * n + 2, 2)) for n in range(orders)]).unsqueeze(1)
    power = torch.stack([small[..., n, :] ** n for n in range(orders)], dim=-2)
    return torch.where(near, power / odds * series, torch.cat(rows, dim=-2))


@cache
def bessel_zeros(orders: int, count: int) -> Tensor:
    """The first `count` positive zeros of j_0 to j_{orders - 1}, (orders, count), float64; not to be changed in place.

    Example:
        >>> bessel_zeros(2, 2).round(decimals=4).tolist()
        [[3.1416, 6.2832], [4.4934, 7.7253]]
    """
    zeros = np.arange(1, count + orders) * np.pi  # between two zeros of one order lies one of the next
    found = [zeros[:count]]
    for l in range(1, orders):
        zeros = np.array([brentq(lambda x, l=l: spherical_jn(l, x), a, b) for a, b in pairwise(zeros)])
        found.append(zeros[:count])
    return torch.from_numpy(np.stack(found))


@cache
def bessel_scales(orders: int, count: int) -> Tensor:
    r"""What gives :math:`j_l(z_{ln} r)` the norm 1 in the unit ball, :math:`\sqrt 2 / |j_{l+1}(z_{ln})|`, float64."""
    zeros = bessel_zeros(orders, count).numpy()
    return torch.from_numpy(np.stack([2**0.5 / np.abs(spherical_jn(l + 1, z)) for l, z in enumerate(zeros)]))


def legendre(orders: int, x: Tensor) -> Tensor:
    r"""Legendre polynomials :math:`P_0` to :math:`P_{L-1}` by Bonnet's recurrence, (...) -> (..., L).

    .. math:: (l + 1) P_{l+1}(x) = (2l + 1) x P_l(x) - l P_{l-1}(x)

    Args:
        orders: L, at least 1.
        x: cosines.

    Raises:
        GraphValueError: for less than one order.

    Example:
        >>> import torch
        >>> legendre(3, torch.tensor([0.5])).tolist()
        [[1.0, 0.5, -0.125]]
    """
    if orders < 1:
        raise GraphValueError(f"expected at least one order, got {orders}")
    found = [torch.ones_like(x), x]
    for l in range(1, orders - 1):
        found.append(((2 * l + 1) * x * found[l] - l * found[l - 1]) / (l + 1))
    return torch.stack(found[:orders], dim=-1)
