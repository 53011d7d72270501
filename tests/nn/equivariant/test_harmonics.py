"""Harmonics, couplings and the basis of an edge, against e3nn's values and sympy's."""

from __future__ import annotations

import pytest
import torch

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant import (
    clebsch_gordan,
    get_basis,
    spherical_harmonics,
    update_basis_with_fused,
    wigner_3j,
)
from tests.nn.equivariant.golden import EXACT, apart, golden


@pytest.mark.parametrize("degree", range(7))
def test_harmonics(degree: int) -> None:
    data = golden("basis.pt")["data"]
    ours = spherical_harmonics(degree, data["rel_pos"].double())
    assert apart(ours, data[f"sh_l{degree}_fp64"]) <= EXACT


def test_norms_of_harmonics() -> None:
    x = torch.randn(9, 3, dtype=torch.float64)
    for degree in (1, 4, 9):
        component = spherical_harmonics(degree, x, normalization="component").square().sum(1)
        torch.testing.assert_close(component, torch.full_like(component, 2 * degree + 1))
        solid = spherical_harmonics(degree, x, normalize=False, normalization="norm").square().sum(1)
        torch.testing.assert_close(solid, x.square().sum(1) ** degree)
    with pytest.raises(GraphValueError, match="normalization"):
        spherical_harmonics(1, x, normalization="other")
    with pytest.raises(GraphValueError, match="vectors"):
        spherical_harmonics(1, x[:, :2])


def test_derivatives_of_harmonics_at_the_origin_too() -> None:
    x = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: spherical_harmonics(range(5), x), x)
    assert torch.autograd.gradgradcheck(lambda x: spherical_harmonics(range(4), x), x)
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(spherical_harmonics(range(4), zero).sum(), zero, create_graph=True)
    assert not first.any()
    (second,) = torch.autograd.grad(first.sum(), zero)
    assert not second.any()


def test_couplings_in_both_conventions() -> None:
    data = golden("basis.pt")["data"]
    differ = 0
    for convention, prefix in (("e3nn", "w3j_"), ("e3nn-0.3", "w3j033_")):
        for key, expected in data.items():
            if key.startswith(prefix):
                degrees = [int(l) for l in key.removeprefix(prefix).split("_")]
                ours = wigner_3j(*degrees, convention=convention)
                torch.testing.assert_close(ours, expected, rtol=0, atol=1e-14)
                differ += not torch.allclose(ours, wigner_3j(*degrees))
    assert differ == 6


def test_refused_couplings() -> None:
    with pytest.raises(GraphValueError, match="triangle"):
        wigner_3j(0, 1, 2)
    with pytest.raises(GraphValueError, match="conventions"):
        wigner_3j(1, 1, 1, convention="other")


@pytest.mark.parametrize("degrees", [(1, 1, 2), (2, 3, 4), (5, 4, 3)])
def test_complex_couplings_are_exact(degrees: tuple[int, int, int]) -> None:
    cg = pytest.importorskip("sympy.physics.quantum.cg")
    j1, j2, j3 = degrees
    for m1 in range(-j1, j1 + 1):
        for m2 in range(-1, 2):
            if abs(m1 + m2) <= j3:
                exact = float(cg.CG(j1, m1, j2, m2, j3, m1 + m2).doit())
                assert clebsch_gordan(j1, m1, j2, m2, j3, m1 + m2) == pytest.approx(exact, abs=1e-15)


def test_high_degrees_couple_invariantly() -> None:
    """Y_J (Y_l, Y_k) is unchanged when all three vectors turn."""
    x, y, z = torch.randn(3, 1, 3, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * turn.det()
    for degrees in ((5, 4, 3), (6, 6, 6), (2, 7, 8)):
        for convention in ("e3nn", "e3nn-0.3"):
            c = wigner_3j(*degrees, convention=convention)

            def value(*vectors: torch.Tensor, c: torch.Tensor = c, degrees: tuple = degrees) -> torch.Tensor:
                parts = [spherical_harmonics(l, v)[0] for l, v in zip(degrees, vectors, strict=True)]
                return torch.einsum("ijk,i,j,k", c, *parts)

            torch.testing.assert_close(
                value(x @ turn, y @ turn, z @ turn), value(x, y, z), rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("convention", ["e3nn", "e3nn-0.3"])
def test_basis(degree: int, convention: str) -> None:
    data = golden("basis.pt")["data"]
    prefix = f"md{degree}/" if convention == "e3nn" else f"md{degree}_e3nn033/"
    ours = get_basis(data["rel_pos"].double(), degree, convention)
    expected = {k.removeprefix(prefix): v for k, v in data.items() if k.startswith(prefix)}
    assert set(ours) == set(expected)
    for key, value in expected.items():
        assert apart(ours[key], value) <= EXACT, key


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("degree", [1, 2])
def test_fused_layouts(degree: int, pad: int) -> None:
    data = golden("basis.pt")["data"]
    ours = update_basis_with_fused(get_basis(data["rel_pos"], degree), degree, bool(pad), fully_fused=True)
    for key, expected in data.items():
        if key.startswith(f"fused_md{degree}_pad{pad}/"):
            assert apart(ours[key.split("/")[1]], expected) <= 2e-6, key
