"""Real spherical harmonics of any degree, and the coefficients that couple them: exact, and differentiable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._vectors import direction

CONVENTIONS = ("e3nn", "e3nn-0.3")


def spherical_harmonics(
    degrees: int | Sequence[int], x: Tensor, normalize: bool = True, normalization: str = "integral"
) -> Tensor:
    r"""Real spherical harmonics :math:`Y_l`, with the y-axis as polar axis: :math:`Y_1` goes like (x, y, z).

    .. math::
        \|Y_l\|^2 = \frac{2l + 1}{4 \pi} \text{ on the unit sphere, for "integral"}

    Args:
        degrees: l, or several of them.
        x: vectors, (..., 3).
        normalize: take the direction of x alone; else :math:`Y_l` grows with :math:`|x|^l`. For the zero vector,
            :math:`Y_0` is what it always is and all others vanish.
        normalization: "integral"; "component": the square sums to 2l + 1; "norm": to 1.

    Returns:
        (..., sum of 2l + 1), derivatives of any order included.

    Raises:
        GraphValueError: for vectors of other sizes, or an unknown normalization.

    Example:
        >>> import torch
        >>> y = spherical_harmonics([0, 1], torch.tensor([[0.0, 2.0, 0.0]]))
        >>> [round(v, 4) for v in y[0].tolist()]
        [0.2821, 0.0, 0.4886, 0.0]

    Source: order and signs as in e3nn, "e3nn: Euclidean Neural Networks" (arXiv:2207.09453).
    """
    if x.shape[-1] != 3:
        raise GraphValueError(f"expected vectors of shape (..., 3), got {list(x.shape)}")
    if normalization not in ("integral", "component", "norm"):
        raise GraphValueError(
            f"expected normalization 'integral', 'component' or 'norm', got {normalization!r}"
        )
    wanted = [degrees] if isinstance(degrees, int) else list(degrees)
    u = direction(x) if normalize else x
    solid = _solid_harmonics(max(wanted), u)
    scale = {l: math.sqrt((2 * l + 1) / (4 * math.pi)) for l in wanted}
    if normalization != "integral":
        scale = {l: math.sqrt(2 * l + 1) if normalization == "component" else 1.0 for l in wanted}
    return torch.cat([scale[l] * solid[l] for l in wanted], dim=-1)


def _solid_harmonics(top: int, u: Tensor) -> list[Tensor]:
    """Degrees 0 to `top`, as homogeneous polynomials whose squares sum to |u|^(2l)."""
    # The polar axis is y; (z, x) are the plane across it.
    b, c, a = u.unbind(-1)
    one = torch.ones_like(a)
    r2 = (u * u).sum(-1)
    across = [(one, torch.zeros_like(one))]  # real and imaginary part of (a + ib)^m
    for _ in range(top):
        re, im = across[-1]
        across.append((re * a - im * b, re * b + im * a))
    along: dict[tuple[int, int], Tensor] = {}  # Legendre's functions without their factor sin^m
    for m in range(top + 1):
        along[m, m] = math.prod(range(1, 2 * m, 2)) * one
        if m < top:
            along[m + 1, m] = (2 * m + 1) * c * along[m, m]
        for l in range(m + 2, top + 1):
            along[l, m] = ((2 * l - 1) * c * along[l - 1, m] - (l + m - 1) * r2 * along[l - 2, m]) / (l - m)
    found = []
    for l in range(top + 1):
        columns = []
        for m in range(-l, l + 1):
            k = abs(m)
            factor = math.sqrt((1 if m == 0 else 2) * math.factorial(l - k) / math.factorial(l + k))
            columns.append(factor * along[l, k] * across[k][0 if m >= 0 else 1])
        found.append(torch.stack(columns, dim=-1))
    return found


def wigner_3j(l1: int, l2: int, l3: int, convention: str = "e3nn") -> Tensor:
    r"""The coefficients C that couple three degrees to something that no rotation changes, for real harmonics.

    .. math::
        \sum_{ijk} C_{ijk} (R a)_i (R b)_j (R c)_k = \sum_{ijk} C_{ijk} a_i b_j c_k, \quad \sum_{ijk} C_{ijk}^2 = 1

    Args:
        l1, l2, l3: the degrees; each at most the sum of the others.
        convention: C is unique up to its sign. "e3nn": that of e3nn >= 0.5, which follows from the Clebsch-Gordan
            coefficients. "e3nn-0.3": that of e3nn < 0.5 (RFdiffusion, RoseTTAFold): for ascending degrees, the
            middle entry, or else the first that is not zero, is positive. They differ from degrees (1, 2, 2) on.

    Returns:
        (2 l1 + 1, 2 l2 + 1, 2 l3 + 1), float64; shared, not to be changed in place.

    Raises:
        GraphValueError: where there is no such C, or for an unknown convention.

    Example:
        >>> wigner_3j(0, 1, 1)[0].diagonal().mul(3**0.5).round(decimals=12).tolist()
        [1.0, 1.0, 1.0]

    Source: "e3nn: Euclidean Neural Networks" (arXiv:2207.09453); Racah's formula for the complex coefficients.
    """
    if not abs(l2 - l3) <= l1 <= l2 + l3:
        raise GraphValueError(f"expected degrees that form a triangle, got ({l1}, {l2}, {l3})")
    if convention not in CONVENTIONS:
        raise GraphValueError(f"expected one of the conventions {CONVENTIONS}, got {convention!r}")
    return _coupling(l1, l2, l3) if convention == "e3nn" else _coupling_by_order(l1, l2, l3)


@cache
def _coupling(l1: int, l2: int, l3: int) -> Tensor:
    su2 = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
            su2[l1 + m1, l2 + m2, l3 + m1 + m2] = clebsch_gordan(l1, m1, l2, m2, l3, m1 + m2)
    to1, to2, to3 = (_real_to_complex(l) for l in (l1, l2, l3))
    real = np.einsum("ij,kl,mn,ikm->jln", to1, to2, to3.conj(), su2, optimize=True).real
    real[np.abs(real) < 1e-14] = 0
    return torch.from_numpy(real / np.linalg.norm(real))


@cache
def _coupling_by_order(l1: int, l2: int, l3: int) -> Tensor:
    degrees = (l1, l2, l3)
    order = min(permutations(range(3)), key=lambda p: [degrees[i] for i in p])
    ascending = _coupling(*(degrees[i] for i in order))
    middle = ascending[tuple((n - 1) // 2 for n in ascending.shape)]
    leading = middle if middle != 0 else ascending[ascending != 0][0]
    back = tuple(order.index(i) for i in range(3))
    odd = sum(back[i] > back[j] for i in range(3) for j in range(i + 1, 3)) % 2
    sign = (1 if leading > 0 else -1) * (-1) ** (odd * (l1 + l2 + l3))
    return sign * ascending.permute(back).contiguous()


def clebsch_gordan(j1: int, m1: int, j2: int, m2: int, j3: int, m3: int) -> float:
    r"""The coefficient :math:`\langle j_1 m_1 j_2 m_2 | j_3 m_3 \rangle` of angular momenta, by Racah's formula on
    integers.

    Args:
        j1, j2, j3: degrees.
        m1, m2, m3: orders, each within plus and minus its degree.

    Returns:
        The float nearest to the exact value, up to one rounding.

    Example:
        >>> round(clebsch_gordan(1, 0, 1, 0, 2, 0) ** 2, 12)  # 2/3
        0.666666666667
    """
    if m1 + m2 != m3 or not abs(j1 - j2) <= j3 <= j1 + j2:
        return 0.0
    f = math.factorial
    squared = Fraction(
        (2 * j3 + 1) * f(j3 + j1 - j2) * f(j3 - j1 + j2) * f(j1 + j2 - j3), f(j1 + j2 + j3 + 1)
    )
    squared *= f(j3 + m3) * f(j3 - m3) * f(j1 - m1) * f(j1 + m1) * f(j2 - m2) * f(j2 + m2)
    total = Fraction(0)
    for k in range(max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2) + 1):
        below = f(k) * f(j1 + j2 - j3 - k) * f(j1 - m1 - k) * f(j2 + m2 - k)
        total += Fraction((-1) ** k, below * f(j3 - j2 + m1 + k) * f(j3 - j1 - m2 + k))
    return math.copysign(math.sqrt(squared * total * total), total)


def _real_to_complex(l: int) -> np.ndarray:
    """Complex harmonics in terms of real ones, times (-i)^l, which makes the real coupling real."""
    q = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    half = 1 / math.sqrt(2)
    q[l, l] = 1
    for m in range(1, l + 1):
        q[l - m, l + m], q[l - m, l - m] = half, -1j * half
        q[l + m, l + m], q[l + m, l - m] = (-1) ** m * half, 1j * (-1) ** m * half
    return (-1j) ** l * q
