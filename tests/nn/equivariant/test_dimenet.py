"""DimeNet and DimeNet++ against the peer with the same weights, and their bases against scipy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import eval_legendre, spherical_jn
from torch import Tensor, nn

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn import DimeNet, DimeNetPlusPlus
from grapevine.nn.equivariant.bessel import bessel_scales, bessel_zeros, legendre, spherical_bessel
from grapevine.nn.equivariant.dimenet import triplets_of
from grapevine.testing import assert_equivariant

SIZES = {"num_spherical": 3, "num_radial": 2, "cutoff": 2.5, "num_output_layers": 1}
MODELS = {
    "DimeNet": {"hidden_channels": 6, "out_channels": 2, "num_blocks": 2, "num_bilinear": 3},
    "DimeNetPlusPlus": {
        "hidden_channels": 6, "out_channels": 2, "num_blocks": 2, "int_emb_size": 4, "basis_emb_size": 3,
        "out_emb_channels": 5,
    },
}  # fmt: skip
OURS = {"DimeNet": DimeNet, "DimeNetPlusPlus": DimeNetPlusPlus}
Z, BATCH = torch.tensor([1, 6, 8, 1, 7, 1, 6, 9]), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1])


def positions(dtype: torch.dtype = torch.float64) -> Tensor:
    """A molecule of five atoms, one of them isolated, and one of three, all further apart than 0.7."""
    x = [[0, 0, 0], [1.1, 0.2, 0], [1.4, 1.3, 0.3], [0.1, 1.2, -0.9], [9, 9, 9], [0, 0, 0], [0.9, 0.3, 0.2]]
    return torch.tensor([*x, [1.5, 1.2, -0.4]], dtype=dtype)


def triplets(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, ...]:
    """The peer's function, as its definition reads; the peer's own needs torch_sparse."""
    ends = edge_index.t().tolist()
    found = [
        (i, j, k, kj, ji)
        for ji, (j, i) in enumerate(ends)
        for kj, (k, to) in enumerate(ends)
        if to == j and k != i
    ]
    return edge_index[1], edge_index[0], *torch.tensor(found).t()


@cache
def exact_zeros(orders: int, count: int) -> np.ndarray:
    """The peer's zeros, which it rounds to float32."""
    grid = np.linspace(1e-3, 40, 4001)
    rows = []
    for l in range(orders):
        values = spherical_jn(l, grid)
        places = np.nonzero(values[:-1] * values[1:] < 0)[0][:count]
        rows.append([brentq(lambda x, l=l: spherical_jn(l, x), grid[p], grid[p + 1]) for p in places])
    return np.array(rows)


@cache
def bessel_basis(original: Callable[..., list], exact: bool, orders: int, count: int) -> list:
    """The peer's formulas, of which sympy takes seconds to think."""
    utils = pytest.importorskip("torch_geometric.nn.models.dimenet_utils")
    with pytest.MonkeyPatch.context() as patch:
        if exact:
            patch.setattr(utils, "Jn_zeros", exact_zeros)
        return original(orders, count)


@pytest.fixture(params=[True])
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The peer's module, its zeros exact or as it rounds them; parts that need its compiled companions are replaced."""
    module = pytest.importorskip("torch_geometric.nn.models.dimenet")
    utils = pytest.importorskip("torch_geometric.nn.models.dimenet_utils")
    monkeypatch.setattr(module, "triplets", triplets)
    monkeypatch.setattr(
        module, "radius_graph", lambda x, r, batch, max_num_neighbors: radius_graph(x, r, batch)
    )
    monkeypatch.setattr(utils, "bessel_basis", partial(bessel_basis, utils.bessel_basis, request.param))
    return module


def pair(peer: ModuleType, name: str, **options: Any) -> tuple[nn.Module, nn.Module]:
    theirs = getattr(peer, name)(**MODELS[name], **SIZES, **options)
    ours = OURS[name](**MODELS[name], **SIZES, **options)
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, v.shape) for k, v in theirs.state_dict().items()
    ]
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("name", list(MODELS))
def test_against_the_peer(name: str, dtype: torch.dtype, within: float, peer: ModuleType) -> None:
    """Outputs, gradients of all weights, forces, and their gradients; relative to each tensor's largest entry.

    The peer computes in float64: in float32, its bases lose digits.
    """
    results = []
    models = pair(peer, name, output_initializer="glorot_orthogonal")
    for model, precision in zip(models, (dtype, torch.float64), strict=True):
        model.to(precision)
        x = positions(precision).requires_grad_()
        out = model(Z, x, BATCH)
        assert out.shape == (2, 2)
        first = torch.autograd.grad(out.sum(), [*model.parameters()], retain_graph=True)
        (force,) = torch.autograd.grad(out.pow(2).sum(), x, create_graph=True)
        second = torch.autograd.grad(force.pow(2).sum(), [x, *model.parameters()], allow_unused=True)
        results.append([out, model(Z[:5], x[:5]), *first, force, *second])
    for ours, theirs in zip(*results, strict=True):
        if ours is None or theirs is None:
            assert ours is theirs
        else:
            assert (ours - theirs).abs().max() <= within * theirs.abs().max()


@pytest.mark.parametrize("peer", [False], indirect=True)
def test_the_peers_rounded_zeros_hardly_matter(peer: ModuleType) -> None:
    """Outputs agree as far as float32 goes."""
    ours, theirs = pair(peer, "DimeNetPlusPlus", output_initializer="glorot_orthogonal")
    a, b = (m.double()(Z, positions(), BATCH) for m in (ours, theirs))
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", list(MODELS))
def test_atoms_in_a_line(name: str) -> None:
    """Angles of 0 and 180 degrees: derivatives of both orders are those of finite differences."""
    model = OURS[name](**MODELS[name], **SIZES, output_initializer="glorot_orthogonal").double()
    z, x = torch.tensor([8, 6, 8]), torch.tensor([[-1.2, 0, 0], [0, 0, 0], [1.1, 0, 0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: model(z, x).sum(), x.requires_grad_())
    assert torch.autograd.gradgradcheck(lambda x: model(z, x).sum(), x, fast_mode=True)
    assert_equivariant(
        lambda x: model(Z, x, BATCH),
        [positions()],
        "E(3)",
        kinds=["point"],
        outputs="invariant",
        tolerance=1e-11,
    )


@pytest.mark.parametrize("name", list(MODELS))
def test_the_engine_changes_nothing(name: str) -> None:
    model = OURS[name](**MODELS[name], **SIZES, output_initializer="glorot_orthogonal").double()
    with gv.materialised():
        expected = model(Z, positions(), BATCH)
    torch.testing.assert_close(model(Z, positions(), BATCH), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_fresh_model_predicts_zero(name: str) -> None:
    model = OURS[name](**MODELS[name], **SIZES)
    assert not model(Z, positions(torch.float32), BATCH).any()
    layer = model.interaction_blocks[0].lin_kj
    assert not layer.bias.any()
    torch.testing.assert_close(layer.weight.var(), torch.tensor(2 / 12))  # Glorot: 2 / (fan in + fan out)
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(7.0)
    model.reset_parameters()
    torch.testing.assert_close(model.rbf.freq.detach(), torch.pi * torch.tensor([1.0, 2.0]))
    assert model.emb.emb.weight.abs().max() <= 3**0.5 and not model.output_blocks[0].lin.weight.any()


def test_triplets() -> None:
    edge_index = torch.tensor([[0, 1, 2, 1, 3, 2, 0, 1], [1, 0, 1, 2, 1, 3, 2, 1]])  # a loop and a cycle too
    found = triplets_of(gv.Edges(edge_index, num_nodes=5))
    *_, kj, ji = triplets(edge_index, 5)
    assert sorted(found.edge_index.t().tolist()) == sorted(torch.stack([kj, ji], dim=1).tolist())
    assert triplets_of(gv.Edges(torch.empty(2, 0, dtype=torch.long), num_nodes=2)).num_edges == 0


def test_refusals() -> None:
    with pytest.raises(GraphValueError, match="num_spherical"):
        DimeNet(4, 1, 1, 2, num_spherical=1, num_radial=2)
    with pytest.raises(GraphValueError, match="output_initializer"):
        DimeNet(4, 1, 1, 2, num_spherical=2, num_radial=2, output_initializer="ones")
    with pytest.raises(GraphValueError, match="order"):
        legendre(0, torch.ones(1))


@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_bessel_functions(dtype: torch.dtype, within: float) -> None:
    """Against scipy's, small arguments included, where the closed forms lose all their digits."""
    x = torch.cat([torch.zeros(1), torch.logspace(-4, 1.8, 400)]).to(dtype)
    found = spherical_bessel(x.view(-1, 1, 1).expand(-1, 8, 1)).squeeze(-1)
    exact = torch.from_numpy(np.stack([spherical_jn(l, x.double().numpy()) for l in range(8)], axis=1))
    assert (found - exact).abs().max() < within
    tiny = x.view(-1, 1) < torch.arange(1, 9)  # before the first zero: relative errors are small too
    large = tiny & (exact > torch.finfo(torch.float32).tiny * 1e7)
    assert ((found - exact) / exact)[large].abs().max() < 20 * within
    y = (12 * torch.rand(3, 5, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(spherical_bessel, y)
    assert torch.autograd.gradgradcheck(spherical_bessel, y, fast_mode=True)


def test_bases_are_orthonormal() -> None:
    """In the unit ball: radial functions of one degree, and harmonics, by Gauss's quadrature."""
    points, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(60))
    r, w = (points + 1) / 2, weights / 2
    radial = bessel_scales(7, 6) * spherical_bessel(r.view(-1, 1, 1) * bessel_zeros(7, 6))
    products = torch.einsum("e,elk,elm->lkm", w * r * r, radial, radial)
    torch.testing.assert_close(
        products, torch.eye(6, dtype=torch.float64).expand(7, 6, 6), rtol=0, atol=1e-12
    )
    exact = np.stack([eval_legendre(l, points.numpy()) for l in range(7)], axis=1)
    torch.testing.assert_close(legendre(7, points), torch.from_numpy(exact), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(bessel_zeros(3, 4), exact_zeros(3, 4), rtol=1e-12)
