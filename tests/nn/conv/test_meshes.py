"""Layers for meshes and for pseudo-coordinates, against torch_geometric and their papers' formulas."""

from __future__ import annotations

from math import comb, factorial
from typing import Any

import pytest
import torch
from tests.nn.peer import (
    BIPARTITE,
    SQUARE,
    Graph,
    assert_close,
    assert_same_as_peer,
    assert_same_start,
    integers,
    normal,
    uniform,
)
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import conv
from grapevine.nn.conv.spline_conv import b_splines

pyg = pytest.importorskip("torch_geometric.nn")
peer = pytest.importorskip("torch_geometric.nn.conv.spline_conv")

pytestmark = pytest.mark.filterwarnings("ignore:We do not recommend")


def cardinal(t: Tensor, degree: int) -> Tensor:
    """The B-spline over [0, degree + 1] as a sum of truncated powers."""
    terms = [(-1) ** k * comb(degree + 1, k) * (t - k).clamp(min=0) ** degree for k in range(degree + 2)]
    return sum(terms) / factorial(degree) * ((t >= 0) & (t < degree + 1))  # type: ignore[no-any-return]


def along(u: Tensor, points: int, is_open: bool, degree: int) -> Tensor:
    """Every spline of one axis at u: (E,) -> (E, points); a closed axis is wound up."""
    t = u.unsqueeze(1) * (points - degree * is_open) - torch.arange(points) + degree
    return cardinal(t, degree) if is_open else sum(cardinal(t + w * points, degree) for w in range(-2, 3))  # type: ignore[no-any-return]


def dense_basis(u: Tensor, kernel_size: Tensor, is_open: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """The tensor product over the whole grid, the first axis fastest."""
    basis = torch.ones(u.size(0), 1, dtype=u.dtype)
    for d in range(u.size(1)):
        splines = along(u[:, d], int(kernel_size[d]), bool(is_open[d]), degree)
        basis = (splines.unsqueeze(2) * basis.unsqueeze(1)).flatten(1)
    return basis, torch.arange(basis.size(1)).expand_as(basis)


def dense_weighting(x: Tensor, weight: Tensor, basis: Tensor, index: Tensor) -> Tensor:
    return torch.einsum("ef,ep,epfg->eg", x, basis, weight[index])


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the peer takes from its compiled extension, by the paper's formula."""
    monkeypatch.setattr(peer, "spline_basis", dense_basis)
    monkeypatch.setattr(peer, "spline_weighting", dense_weighting)


def coordinates(graph: Graph, dim: int) -> Tensor:
    return (uniform(graph.edge_index.size(1), dim, seed=9) - 0.1) * 0.99


VARIANTS: list[tuple[tuple[Any, ...], dict[str, Any], Any]] = [
    ((6, 4, 1, 3), {}, SQUARE[0]),
    ((6, 4, 2, 5), {}, SQUARE[0]),
    ((6, 4, 2, 5), {"aggr": "max", "bias": False}, SQUARE[1]),
    ((6, 4, 2, [4, 3]), {"degree": 2, "is_open_spline": [True, False]}, SQUARE[1]),
    ((6, 4, 3, 4), {"degree": 3, "aggr": "add", "root_weight": False}, SQUARE[0]),
    ((-1, 4, 2, 2), {"is_open_spline": False}, SQUARE[0]),
    ((6, 4, 2, 3), {}, SQUARE[2]),
    (((6, 5), 4, 2, 3), {"degree": 2}, BIPARTITE[0]),
]


@pytest.mark.parametrize(("sizes", "options", "graph"), VARIANTS)
@pytest.mark.usefixtures("extension")
def test_spline(sizes: Any, options: dict[str, Any], graph: Graph) -> None:
    layers = [library.SplineConv(*sizes, **options) for library in (conv, pyg)]
    assert repr(layers[0]) == repr(layers[1])
    if sizes[0] != -1:
        assert_same_start(
            lambda: conv.SplineConv(*sizes, **options), lambda: pyg.SplineConv(*sizes, **options)
        )
    x = graph.pair(6, 5) if isinstance(sizes[0], tuple) else graph.features(6)
    assert_same_as_peer(*layers, x, graph.edge_index, coordinates(graph, sizes[2]))


def test_splines_at_the_ends_and_between() -> None:
    """At 0 and 1, at knots, and of a degree that the peer does not have."""
    graph = SQUARE[0]
    u = torch.linspace(0, 1, graph.edge_index.size(1), dtype=torch.float64).unsqueeze(1)
    for is_open in (True, False):
        layer = conv.SplineConv(6, 4, 1, 6, is_open, degree=4, root_weight=False, bias=False).double()
        x = graph.features(6).double()
        messages = dense_weighting(
            x[graph.edge_index[0]],
            layer.weight,
            *dense_basis(u, layer.kernel_size, layer.is_open_spline, 4),
        )
        expected = torch.zeros(8, 4, dtype=torch.float64).index_add(0, graph.edge_index[1], messages)
        degree = torch.bincount(graph.edge_index[1], minlength=8).clamp(min=1)
        assert_close(layer(x, graph.edge_index, u), expected / degree.unsqueeze(1))
    v = torch.rand(5, dtype=torch.float64)
    for m in range(1, 5):
        assert_close(b_splines(v, m), cardinal(v.unsqueeze(1) + m - torch.arange(m + 1), m))
        assert_close(b_splines(v, m).sum(1), torch.ones_like(v))


def test_splines_need_coordinates() -> None:
    layer = conv.SplineConv(6, 4, 2, 3)
    with pytest.raises(GraphValueError, match="Cartesian"):
        layer(SQUARE[0].features(6), SQUARE[0].edge_index)
    with pytest.raises(GraphValueError, match="degree"):
        conv.SplineConv(6, 4, 2, 2, degree=2)


@pytest.mark.parametrize("own", [False, True])
def test_mesh_cnn(own: bool) -> None:
    def make(library: Any) -> Any:
        torch.manual_seed(0)
        kernels = ModuleList(Linear(6, 4, bias=i > 2) for i in range(5)) if own else None
        return library.MeshCNNConv(6, 4, kernels)

    ours, theirs = make(conv), make(pyg)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
    x, size = normal(7, 6), 7
    neighbours = integers(size, 4 * size, seed=2)
    edge_index = torch.stack([neighbours, torch.arange(size).repeat_interleave(4)])
    assert_same_as_peer(ours, theirs, x, edge_index)

    a, b, c, d = x[neighbours].view(size, 4, 6).unbind(1)
    parts = x, (a - c).abs(), a + c, (b - d).abs(), b + d
    expected = sum(kernel(part) for kernel, part in zip(ours.kernels, parts, strict=True))
    assert_close(ours(x, edge_index), expected)  # type: ignore[arg-type]
    turned = edge_index.clone()
    turned[0] = neighbours.view(size, 2, 2).flip(1).flatten()  # the triangles change their places
    assert_close(ours(x, turned), expected)  # type: ignore[arg-type]


def test_mesh_cnn_refuses() -> None:
    with pytest.raises(GraphTypeError, match="ModuleList"):
        conv.MeshCNNConv(6, 4, [Linear(6, 4)] * 5)  # type: ignore[arg-type]
    with pytest.raises(GraphValueError, match="5 kernels"):
        conv.MeshCNNConv(6, 4, ModuleList([Linear(6, 4)]))
    with pytest.raises(GraphValueError, match="out_channels=4 of kernel 0"):
        conv.MeshCNNConv(6, 4, ModuleList(Linear(6, 3) for _ in range(5)))
    with pytest.raises(GraphValueError, match="four neighbours"):
        conv.MeshCNNConv(6, 4)(normal(3, 6), torch.tensor([[0, 1], [1, 2]]))
