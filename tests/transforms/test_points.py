"""Transforms of points and meshes, and graphs rewired."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import transforms as T
from grapevine.data import Batch, Data
from grapevine.errors import GraphKeyError, GraphValueError
from tests.transforms.peer import assert_same_as_peer, graph, theirs


def mesh(seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    face = torch.tensor([[0, 1, 2, 4], [1, 2, 3, 0], [2, 3, 0, 1]])
    return Data(pos=torch.randn(6, 3, generator=generator), face=face)


def plain(kind: str, *keys: str) -> Data:
    """A small graph with the edges and nothing but the named attributes."""
    whole = graph(kind)
    return Data(edge_index=whole.edge_index, num_nodes=whole.num_nodes, **{key: whole[key] for key in keys})


def test_mesh_normals() -> None:
    data = assert_same_as_peer("GenerateMeshNormals", mesh())
    assert torch.equal(data.norm[5], torch.zeros(3))  # a node without faces
    flat = Data(pos=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), face=torch.tensor([[0], [1], [2]]))
    assert T.GenerateMeshNormals()(flat).norm.tolist() == [[0.0, 0.0, 1.0]] * 3


@pytest.mark.parametrize("kwargs", [{}, {"include_normals": True}, {"remove_faces": False}], ids=str)
def test_sample_points(kwargs: dict[str, Any]) -> None:
    assert_same_as_peer("SamplePoints", mesh(), num=20, **kwargs)


def test_sampled_points_lie_on_the_faces() -> None:
    """Their mean is that of the surface: each face weighs as much as its area."""
    wide = Data(
        pos=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-3, 0, 0]]),
        face=torch.tensor([[0, 0], [1, 2], [2, 3]]),
    )
    torch.manual_seed(0)
    points = T.SamplePoints(4000)(wide).pos
    assert bool((points[:, 2] == 0).all()) and bool((points[:, 1] >= 0).all())
    want = (torch.tensor([1 / 3, 1 / 3]) * 0.5 + torch.tensor([-1.0, 1 / 3]) * 1.5) / 2
    torch.testing.assert_close(points[:, :2].mean(0), want, rtol=0, atol=0.05)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 30])
def test_delaunay(count: int) -> None:
    data = Data(pos=torch.rand(count, 2, generator=torch.Generator().manual_seed(0)))
    got, want = T.Delaunay()(data), theirs.Delaunay()(theirs_data(data))
    assert set(got.keys()) == set(want.keys())
    key = "edge_index" if count < 3 else "face"
    assert sorted(map(sorted, got[key].t().tolist())) == sorted(map(sorted, want[key].t().tolist()))
    assert got[key].dtype is torch.int64


def theirs_data(data: Data) -> Any:
    peer = pytest.importorskip("torch_geometric.data")
    return peer.Data(**data.to_dict())


@pytest.mark.parametrize("cat", [True, False])
def test_point_pair_features(cat: bool) -> None:
    for keys in (("pos",), ("pos", "edge_attr"), ("pos", "edge_weight")):
        data = plain("directed", *keys)
        if "edge_weight" in keys:
            data.edge_attr = data.edge_weight
        data.norm = torch.nn.functional.normalize(torch.randn(5, 3), dim=1)
        assert_same_as_peer("PointPairFeatures", data, cat=cat)


@pytest.mark.parametrize(
    "kwargs", [{}, {"alpha": 0.2}, {"p": 0.5}, {"p": 0.0}, {"alpha": 1.0, "p": 0.3}], ids=str
)
@pytest.mark.parametrize("kind", ["directed", "loops", "empty", "isolated"])
def test_half_hop(kind: str, kwargs: dict[str, Any]) -> None:
    assert_same_as_peer("HalfHop", plain(kind, "x"), **kwargs)


def test_what_half_hop_refuses() -> None:
    with pytest.raises(GraphValueError, match=r"expected alpha between 0 and 1, got 1.5"):
        T.HalfHop(alpha=1.5)
    with pytest.raises(GraphValueError, match="expected a graph without 'edge_attr' for HalfHop"):
        T.HalfHop()(plain("directed", "x", "edge_attr"))


TOPK = {"method": "topk", "k": 2, "dim": 0}
GDC: list[dict[str, Any]] = [
    {},
    {"self_loop_weight": 0, "normalization_in": "row", "normalization_out": "row"},
    {"normalization_in": "col", "normalization_out": None},
    {"normalization_in": None, "normalization_out": "sym", "sparsification_kwargs": TOPK},
    {"sparsification_kwargs": TOPK | {"dim": 1}},
    {"sparsification_kwargs": {"method": "threshold", "eps": 0.05}},
    {"sparsification_kwargs": {"method": "threshold", "avg_degree": 2}},
    {
        "diffusion_kwargs": {"method": "heat", "t": 3.0},
        "sparsification_kwargs": {"method": "threshold", "eps": 0.05},
    },
    {
        "diffusion_kwargs": {"method": "coeff", "coeffs": [0.5, 0.3, 0.2]},
        "sparsification_kwargs": TOPK | {"k": 9},
    },
]


@pytest.mark.parametrize("kwargs", GDC, ids=range(len(GDC)))
@pytest.mark.parametrize("weighted", [False, True])
def test_gdc(kwargs: dict[str, Any], weighted: bool) -> None:
    for kind in ("directed", "undirected", "loops"):
        data = plain(kind)
        if weighted:
            data.edge_attr = graph(kind).edge_weight
        assert_same_as_peer("GDC", data, **kwargs)


@pytest.mark.parametrize("normalization", ["sym", "col", "row"])
def test_gdc_by_approximate_page_rank(normalization: str) -> None:
    """With a small tolerance it is the exact one."""
    data = plain("undirected")
    shared = {
        "normalization_in": normalization,
        "sparsification_kwargs": {"method": "threshold", "eps": 0.02},
    }
    exact = T.GDC(diffusion_kwargs={"method": "ppr", "alpha": 0.15}, **shared)(data)
    rough = T.GDC(diffusion_kwargs={"method": "ppr", "alpha": 0.15, "eps": 1e-7}, exact=False, **shared)(data)
    assert torch.equal(exact.edge_index, rough.edge_index)
    torch.testing.assert_close(exact.edge_attr, rough.edge_attr, rtol=1e-4, atol=1e-4)


def test_what_gdc_refuses() -> None:
    data = plain("directed")
    with pytest.raises(GraphKeyError, match="unknown diffusion 'cold'; choose one of ppr, heat, coeff"):
        T.GDC(diffusion_kwargs={"method": "cold"})(data)
    with pytest.raises(GraphKeyError, match="unknown sparsification 'all'; choose one of threshold, topk"):
        T.GDC(sparsification_kwargs={"method": "all"})(data)
    with pytest.raises(GraphKeyError, match="unknown normalization 'both'"):
        T.GDC(normalization_in="both")(data)
    with pytest.raises(
        GraphValueError, match=r"expected method 'ppr' .* got 'heat' with 'sym'; do this instead"
    ):
        T.GDC(diffusion_kwargs={"method": "heat", "t": 1.0}, exact=False)(data)
    with pytest.raises(
        GraphValueError, match=r"expected one weight per edge in edge_attr, got shape \[7, 3\]"
    ):
        T.GDC()(plain("directed", "edge_attr"))
    with pytest.raises(GraphValueError, match="expected self_loop_weight 0 or 1 for exact=False, got 2"):
        T.GDC(self_loop_weight=2, exact=False)


def test_neighbour_graphs() -> None:
    """What they find is tested with the functions; here, what becomes of the graph."""
    clouds = [Data(pos=torch.randn(n, 3), edge_attr=torch.ones(0, 2)) for n in (4, 7)]
    batch = Batch.from_data_list(clouds)
    for transform in (T.KNNGraph(k=3), T.RadiusGraph(r=2.5)):
        joined = transform(batch)
        parts = torch.cat([transform(clouds[0]).edge_index, transform(clouds[1]).edge_index + 4], dim=1)
        assert torch.equal(joined.edge_index, parts) and "edge_attr" not in joined
    assert T.KNNGraph(k=3, force_undirected=True)(clouds[1]).is_undirected()
    assert T.KNNGraph(k=1, loop=True)(clouds[0]).edge_index.tolist() == [[0, 1, 2, 3]] * 2
    assert repr(T.KNNGraph(k=3)) == "KNNGraph(k=3)" and repr(T.RadiusGraph(r=2.5)) == "RadiusGraph(r=2.5)"
    with pytest.raises(GraphValueError, match=r"expected a graph with 'data\.pos' for KNNGraph"):
        T.KNNGraph()(Data(x=torch.ones(3, 1)))


def test_grid_sampling() -> None:
    pos = torch.tensor([[0.0, 0.0], [0.4, 0.6], [1.2, 0.1], [0.1, 1.9], [0.9, 0.9]])
    data = Data(pos=pos, x=torch.arange(5.0).view(5, 1), y=torch.tensor([1, 0, 2, 1, 0]), name="grid")
    out = T.GridSampling(1.0)(data)
    torch.testing.assert_close(out.pos, torch.tensor([[1.3 / 3, 0.5], [1.2, 0.1], [0.1, 1.9]]))
    torch.testing.assert_close(out.x, torch.tensor([[5 / 3], [2.0], [3.0]]))
    assert out.y.tolist() == [0, 2, 1] and out.name == "grid"
    assert T.GridSampling([10.0, 1.0])(data).x.flatten().tolist() == [1.75, 3.0]
    assert T.GridSampling(1.0, start=[-0.5, 0.0])(data).num_nodes == 3
    both = T.GridSampling(1.0)(Batch.from_data_list([data, data]))
    assert both.batch.tolist() == [0, 0, 0, 1, 1, 1] and torch.equal(both.x, torch.cat([out.x, out.x]))
    with pytest.raises(
        GraphValueError, match=r"expected a graph without edges for GridSampling.*'edge_index'"
    ):
        T.GridSampling(1.0)(graph("directed"))
    with pytest.raises(GraphValueError, match="expected one number, or one for each of 2 coordinates, got 3"):
        T.GridSampling([1.0, 1.0, 1.0])(data)
