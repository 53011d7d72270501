"""Graphs of other libraries, beside the peer where it can be trusted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grapevine import utils
from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.transforms import ToSparseTensor

EDGES = torch.tensor([[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]])


def data() -> Data:
    return Data(x=torch.rand(4, 2), edge_index=EDGES, edge_attr=torch.rand(5, 3), y=torch.arange(4))


def hetero() -> HeteroData:
    out = HeteroData()
    out["a"].x, out["b"].num_nodes = torch.rand(3, 2), 4
    out["a", "to", "b"].edge_index = torch.tensor([[0, 2], [3, 1]])
    out["a", "to", "b"].weight = torch.rand(2)
    out["b", "back", "a"].edge_index = torch.tensor([[3], [0]])
    return out


@pytest.fixture(params=["grapevine.dgl", "dgl"])
def dgl(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """Our own DGL dialect in the place of DGL, or DGL itself."""
    module = pytest.importorskip(request.param)
    monkeypatch.setitem(__import__("sys").modules, "dgl", module)
    return module


def test_dgl(dgl) -> None:
    graph = utils.to_dgl(data_ := data())
    assert isinstance(graph, dgl.DGLGraph) and graph.num_nodes() == 4
    assert torch.equal(torch.stack(graph.edges()), EDGES) and torch.equal(
        graph.edata["edge_attr"], data_.edge_attr
    )
    back = utils.from_dgl(graph)
    assert set(back.keys()) == set(data_.keys())
    assert all(torch.equal(value, back[key]) for key, value in data_.to_dict().items())
    sparse = ToSparseTensor()(Data(edge_index=EDGES, num_nodes=4))
    found = torch.stack(utils.to_dgl(sparse).edges()).t().tolist()
    assert sorted(found) == sorted(EDGES.t().tolist())
    nothing = utils.from_dgl(utils.to_dgl(Data(num_nodes=3)))
    assert (nothing.num_nodes, nothing.num_edges) == (3, 0)


def test_dgl_with_types(dgl) -> None:
    graph = utils.to_dgl(data_ := hetero())
    assert graph.num_nodes("b") == 4 and set(graph.ntypes) == {"a", "b"}
    back = utils.from_dgl(graph)
    assert isinstance(back, HeteroData) and set(back.edge_types) == set(data_.edge_types)
    assert torch.equal(back["a"].x, data_["a"].x) and back["b"].num_nodes == 4
    for edge_type in data_.edge_types:
        assert torch.equal(back[edge_type].edge_index, data_[edge_type].edge_index)
    assert torch.equal(back["a", "to", "b"].weight, data_["a", "to", "b"].weight)


def test_what_dgl_cannot_take() -> None:
    with pytest.raises(GraphTypeError, match="expected a Data or HeteroData, got Tensor"):
        utils.to_dgl(EDGES)
    with pytest.raises(GraphTypeError, match="expected a DGLGraph, got Tensor"):
        utils.from_dgl(EDGES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_networkit(directed: bool, weighted: bool) -> None:
    pytest.importorskip("networkit")
    peer = pytest.importorskip("torch_geometric.utils")
    loopless = EDGES[:, :4]
    weight = torch.tensor([2.0, 2.0, 3.0, 3.0]) if weighted else None
    ours, theirs = (u.to_networkit(loopless, weight, 5, directed) for u in (utils, peer))
    assert ours.numberOfNodes() == 5 and [*ours.iterEdgesWeights()] == [*theirs.iterEdgesWeights()]
    got, want = utils.from_networkit(ours), peer.from_networkit(theirs)
    assert torch.equal(got[0], want[0])
    assert got[1] is want[1] is None or torch.equal(got[1], want[1])
    empty = utils.from_networkit(utils.to_networkit(torch.empty(2, 0, dtype=torch.long), num_nodes=2))
    assert empty[0].shape == (2, 0)


def test_trimesh() -> None:
    pytest.importorskip("trimesh")
    mesh = Data(pos=torch.rand(4, 3), face=torch.tensor([[0, 1], [1, 2], [2, 3]]))
    foreign = utils.to_trimesh(mesh)
    assert np.array_equal(foreign.faces, [[0, 1, 2], [1, 2, 3]])
    back = utils.from_trimesh(foreign)
    assert torch.equal(back.pos, mesh.pos) and torch.equal(back.face, mesh.face)
    assert foreign.area == pytest.approx(
        sum(float(torch.linalg.cross(b - a, c - a).norm()) / 2 for a, b, c in mesh.pos[mesh.face.t()])
    )
    with pytest.raises(
        GraphValueError, match=r"expected a mesh with 'pos' and 'face', got a graph without \['face'\]"
    ):
        utils.to_trimesh(Data(pos=mesh.pos))
