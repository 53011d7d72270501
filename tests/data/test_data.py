from __future__ import annotations

import copy
import pickle
import warnings
from collections import namedtuple

import numpy as np
import pytest
import torch

from grapevine.data import Data, Role
from grapevine.errors import GraphKeyError, GraphValueError
from tests.data.peer import BOTH, graph, ours, same, theirs

SPARSE = pytest.mark.filterwarnings("ignore:Sparse (CSR|invariant):UserWarning")

PROPERTIES = ["num_nodes", "num_edges", "num_node_features", "num_features", "num_edge_features", "num_faces"]
PROPERTIES += ["num_node_types", "num_edge_types"]
METHODS = ["size", "is_sorted", "is_coalesced", "has_isolated_nodes", "has_self_loops", "is_undirected"]
METHODS += ["is_directed", "validate"]


def pairs(seed: int = 5, **kwargs):
    return [graph(module, seed, **kwargs) for module in BOTH]


def test_attributes_items_and_none() -> None:
    data = Data(x=torch.zeros(3, 2), other="o")
    assert data.edge_index is None and data.x is data["x"] and "x" in data and "edge_index" not in data
    data["y"], data.pos = torch.ones(3), torch.zeros(3, 3)
    assert data.keys() == ["x", "other", "y", "pos"] and len(data) == 4
    data.pos = None
    del data["y"], data.other
    del data["never there"]
    assert data.keys() == ["x"]
    data.update({"x": None, "a": 1})
    assert dict(data) == {"a": 1} == data.to_dict() == dict(data("a", "none"))
    assert data.to_namedtuple() == (1,)
    with pytest.raises(AttributeError, match="no attribute 'b'; it holds \\['a'\\]"):
        data.b
    with pytest.raises(GraphKeyError, match="expected one of \\['a'\\], got 'b'"):
        data["b"]


def test_names_of_methods_of_storages_are_free() -> None:
    data = Data(level=1, role=2, counts=3, rows=4, roles=5, graph=6)
    assert (data.level, data.role, data.counts, data.rows, data.roles, data.graph) == (1, 2, 3, 4, 5, 6)


def test_private_attributes_are_no_items() -> None:
    data = Data(x=torch.zeros(1, 1))
    data._secret = 3
    assert data._secret == 3 and data.keys() == ["x"]
    assert copy.copy(data)._secret == pickle.loads(pickle.dumps(data))._secret == 3


@pytest.mark.parametrize("seed", range(4))
def test_repr_is_that_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    assert repr(data) == repr(peer)
    for key in ("parts", "array"):
        del data[key], peer[key]
    assert repr(data) == repr(peer)
    for value in ({}, {"a": {"b": 1}}, {"a": torch.zeros(2), "b": {"c": "s"}}, {1, 2}, None, (1, 2)):
        assert repr(ours.Data(v=value, w=1)) == repr(theirs.Data(v=value, w=1))


@pytest.mark.parametrize("seed", range(6))
def test_properties_are_those_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    for name in PROPERTIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the peer deprecates num_faces
            assert getattr(data, name) == getattr(peer, name), name
    for name in METHODS:
        assert getattr(data, name)() == getattr(peer, name)(), name
    assert data.size(0) == peer.size(0)
    assert sorted(data.node_attrs()) == sorted(peer.node_attrs())
    assert sorted(data.edge_attrs()) == sorted(peer.edge_attrs())
    for key, _ in data:
        assert data.is_node_attr(key) == peer.is_node_attr(key), key
        assert data.is_edge_attr(key) == peer.is_edge_attr(key), key
    for key, value in data:
        assert data.__cat_dim__(key, value) == peer.__cat_dim__(key, value), key
        assert data.__inc__(key, value) == peer.__inc__(key, value), key


def test_node_and_edge_attributes_where_both_are_as_many() -> None:
    data, peer = pairs(2, num_nodes=6, num_edges=6)
    assert sorted(data.node_attrs()) == sorted(peer.node_attrs())
    assert sorted(data.edge_attrs()) == sorted(peer.edge_attrs())
    data.declare(train_mask=Role("edge"), pos=Role("graph"))
    assert data.is_edge_attr("train_mask") and not data.is_node_attr("train_mask")
    assert not data.is_edge_attr("pos") and not data.is_node_attr("pos")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"num_nodes": 7, "x": torch.zeros(3)},
        {"feat": np.zeros((4, 2))},
        {"node_color": torch.zeros(5)},
        {"adj": torch.zeros(6, 6)},
        {"adj_t": torch.zeros(2, 3).to_sparse()},
        {"n_id": torch.arange(3), "edge_index": torch.tensor([[0], [9]])},
        {"edge_index": torch.tensor([[0], [9]])},
        {"edge_index": torch.empty(2, 0, dtype=torch.long)},
        {"face": torch.tensor([[0], [4], [2]])},
        {"z": torch.zeros(3)},
        {},
    ],
)
def test_number_of_nodes_is_inferred_as_by_the_peer(kwargs) -> None:
    found = []
    for module in BOTH:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append((module.Data(**kwargs).num_nodes, len(caught)))
    assert found[0] == found[1]
    if found[0][1]:
        with pytest.warns(UserWarning, match="Unable to accurately infer 'num_nodes'"):
            Data(**kwargs).num_nodes


def test_a_declared_role_tells_the_number_of_nodes() -> None:
    data = Data(z=torch.zeros(3), edge_index=torch.tensor([[0], [1]])).declare(z=Role("node"))
    assert data.num_nodes == 3 and data.can_infer_num_nodes


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mask", [False, True])
def test_subgraphs_are_those_of_the_peer(seed: int, mask: bool) -> None:
    data, peer = pairs(seed)
    del data["parts"], peer["parts"]
    n, e = data.num_nodes, data.num_edges
    nodes = torch.rand(n) > 0.4 if mask else torch.randperm(n)[: n // 2 + 1]
    chosen = torch.rand(e) > 0.4 if mask else torch.randperm(e)[:3]
    data.num_nodes, peer.num_nodes = n, n
    array, levels = data.array, data.levels  # the peer does not cut arrays
    del data["array"], peer["array"]
    same(data.subgraph(nodes), peer.subgraph(nodes))
    same(data.edge_subgraph(chosen), peer.edge_subgraph(chosen))
    same(
        ours.Data(edge_index=data.edge_index, num_nodes=n).subgraph(nodes).num_nodes,
        len(nodes[nodes != 0]) if mask else len(nodes),
    )
    assert len(levels) == 2 and array is not None


@SPARSE
def test_subgraph_cuts_arrays_lists_and_adjacency_matrices() -> None:
    dense = torch.tensor([[0.0, 1, 2], [3, 0, 4], [0, 5, 0]])
    data = Data(num_nodes=3, array=np.arange(6).reshape(3, 2), names=["a", "b", "c"])
    for layout in (dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc()):
        data.adj_t = layout
        out = data.subgraph([2, 1])
        assert out.num_nodes == 2 and out.names == ["c", "b"] and out.array.tolist() == [[4, 5], [2, 3]]
        assert out.adj_t.layout == layout.layout
        same(out.adj_t.to_dense(), dense[[2, 1]][:, [2, 1]])


@pytest.mark.parametrize("seed", range(4))
def test_order_of_edges_is_that_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    for by_row in (True, False):
        same(data.sort(by_row), peer.sort(by_row))
        assert data.sort(by_row).is_sorted(by_row)


def test_coalesce() -> None:
    edge_index = torch.tensor([[1, 0, 1, 1], [0, 1, 0, 1]])
    kwargs = {"edge_index": edge_index, "edge_attr": torch.arange(8.0).view(4, 2), "num_nodes": 2}
    data, peer = (module.Data(**kwargs) for module in BOTH)
    assert data.is_coalesced() is False
    same(data.coalesce(), peer.coalesce())
    assert data.coalesce().is_coalesced() and data.num_edges == 4
    # what the peer leaves at its old length: weights add up, ids and names are those of the first edge
    data.update({"edge_weight": torch.ones(4), "e_id": torch.arange(4), "edge_name": list("abcd")})
    out = data.coalesce()
    assert out.edge_weight.tolist() == [1, 2, 1] and out.e_id.tolist() == [1, 0, 3]
    assert out.edge_name == ["b", "a", "d"]


@SPARSE
def test_adjacency_matrix_instead_of_edges() -> None:
    adj = torch.tensor([[0.0, 2, 0], [0, 0, 0], [1, 0, 0]])
    data = Data(adj_t=adj.to_sparse())
    assert data.num_nodes == 3 and data.num_edges == 2 and data.edge_index is None
    assert data.edge_stores[0].edge_index.tolist() == [[1, 0], [0, 2]]  # the rows of adj_t are targets
    assert Data(adj=adj.to_sparse()).edge_stores[0].edge_index.tolist() == [[0, 2], [1, 0]]
    assert data.is_coalesced() and not data.is_undirected() and not data.has_isolated_nodes()
    assert Data(adj_t=(adj + adj.t()).to_sparse()).is_undirected()
    twice = torch.sparse_coo_tensor(torch.tensor([[1, 1], [0, 0]]), torch.ones(2), (2, 2))
    assert Data(adj=twice).coalesce().adj.values().tolist() == [2]


@pytest.mark.parametrize("seed", range(3))
def test_concat_and_ids_are_those_of_the_peer(seed: int) -> None:
    data, peer = pairs(seed)
    for key in ("parts", "array", "score", "flag", "label", "name", "kinds"):
        del data[key], peer[key]
    for key in ("scalar",):
        data[key], peer[key] = data[key].view(1), peer[key].view(1)
    same(data.concat(data), peer.concat(peer))
    data.generate_ids()
    peer.generate_ids()
    same(data, peer)
    with pytest.raises(AttributeError, match="same attributes"):
        data.concat(Data(x=data.x))
    with pytest.raises(TypeError, match="expected tensors or lists to concatenate, got dict for 'd'"):
        Data(d={}).concat(Data(d={}))


@pytest.mark.parametrize("level", ["node", "edge"])
def test_time_is_that_of_the_peer(level: str) -> None:
    torch.manual_seed(1)
    n, e = 6, 9
    kwargs = {
        "x": torch.randn(n, 2),
        "edge_attr": torch.randn(e),
        "time": torch.randint(9, (n if level == "node" else e,)),
    }
    if level == "edge":
        kwargs["edge_index"] = torch.randint(n, (2, e))
    data, peer = (module.Data(**kwargs) for module in BOTH)
    assert data.is_sorted_by_time() is peer.is_sorted_by_time() is False
    same(data.sort_by_time(), peer.sort_by_time())
    same(data.snapshot(2, 5), peer.snapshot(2, 5))
    same(data.up_to(4), peer.up_to(4))
    assert Data(x=torch.zeros(1)).is_sorted_by_time()


def test_edges_follow_nodes_in_time() -> None:
    data = Data(time=torch.tensor([5, 1, 3]), edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    out = data.sort_by_time()
    assert out.time.tolist() == [1, 3, 5] and out.edge_index.tolist() == [[2, 0], [0, 1]]
    out = data.up_to(3)
    assert out.num_nodes == 2 and out.edge_index.tolist() == [[0], [1]]


@pytest.mark.parametrize("seed", range(4))
def test_components_are_those_of_the_peer(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    kwargs = {"x": torch.arange(12.0), "edge_index": torch.randint(12, (2, 6), generator=g)}
    data, peer = (module.Data(**kwargs).connected_components() for module in BOTH)
    same(data, peer)


def test_validate() -> None:
    assert Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2).validate()
    wrong = {
        "indices than the number of nodes \\(2\\) allows \\(found 2\\)": torch.tensor([[0], [2]]),
        "negative indices": torch.tensor([[0], [-1]]),
        r"shape \[2, num_edges\], got \[3, 2\]; do this instead: edge_index.t()": torch.zeros(3, 2).long(),
        "hold integers, got torch.float32; do this instead: edge_index.long()": torch.zeros(2, 1),
    }
    for message, edge_index in wrong.items():
        data = Data(edge_index=edge_index, num_nodes=2)
        with pytest.raises(GraphValueError, match=message):
            data.validate()
        with pytest.warns(UserWarning, match=message):
            assert not data.validate(raise_on_error=False)
    with (
        pytest.warns(UserWarning, match="infer"),
        pytest.raises(ValueError, match="'num_nodes' is undefined"),
    ):
        Data().validate()


def test_tensor_functions_reach_nested_tensors() -> None:
    Point = namedtuple("Point", ["a", "b"])
    inner = Data(x=torch.ones(1, requires_grad=True))
    data = Data(
        x=torch.ones(2, requires_grad=True),
        deep={"l": [torch.ones(1), "s", 3], "t": (torch.ones(1), None), "p": Point(torch.ones(1), 2)},
        inner=inner,
        packed=torch.nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)]),
    )
    out = data.clone("x", "deep")
    assert (
        out is not data and out.x is not data.x and out.deep["l"][1:] == ["s", 3] and out.deep["t"][1] is None
    )
    assert isinstance(out.deep["p"], Point) and isinstance(out.deep["t"], tuple)
    out = copy.copy(data).apply(lambda t: t.double() if isinstance(t, torch.Tensor) else t, "x", "deep")
    assert out.deep["l"][0].dtype == out.deep["p"].a.dtype == out.x.dtype == torch.float64
    assert data.x.dtype == torch.float32
    assert data.to("cpu") is data and data.cpu().contiguous("x") is data and not data.is_cuda
    assert not copy.copy(data).detach("x").x.requires_grad and data.x.requires_grad
    assert Data(x=torch.ones(1)).requires_grad_("x").x.requires_grad
    assert data.to("meta", "x", "inner").x.device.type == data.inner.x.device.type == "meta"
    shared = Data(x=torch.ones(1), s="s").share_memory_()
    assert shared.x.is_shared()
    seen = []
    Data(x=torch.ones(1), y=[torch.ones(2)]).apply_(seen.append)
    assert len(seen) == 2


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_stand_on_their_own(how) -> None:
    data = graph(ours, 3).declare(y=Role("graph"))
    out = how(data)
    same(out, data)
    assert type(out) is Data and out._store._parent() is out and data._store._parent() is data
    out.x = None
    assert data.x is not None and out._store._declared() == {"y": Role("graph")}
    assert (out.pos is data.pos) == (how is copy.copy)


def test_subclass_with_properties() -> None:
    class Mesh(Data):
        @property
        def vertices(self):
            return self.pos

        @vertices.setter
        def vertices(self, value):
            self.pos = value * 2

    mesh = Mesh(vertices=torch.ones(2, 3))
    assert mesh.vertices.sum() == 12 and mesh.keys() == ["pos"] and repr(mesh) == "Mesh(pos=[2, 3])"
