from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from grapevine.data import (
    Batch,
    Data,
    from_networkx,
    from_pyg,
    from_scipy_sparse_matrix,
    to_networkx,
    to_pyg,
    to_scipy_sparse_matrix,
)
from grapevine.errors import GraphTypeError, GraphValueError
from tests.data.peer import BOTH, events, graph, hetero, ours, same, theirs

peer = pytest.importorskip("torch_geometric.utils")


def same_networks(a: nx.Graph, b: nx.Graph) -> None:
    assert type(a) is type(b)
    assert list(a.nodes(data=True)) == list(b.nodes(data=True))
    assert list(a.edges(data=True)) == list(b.edges(data=True))
    assert a.graph == b.graph


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("undirected", [False, True, "upper", "lower"])
@pytest.mark.parametrize("flags", [{}, {"to_multi": True}, {"remove_self_loops": True}])
def test_to_networkx_is_that_of_the_peer(seed: int, undirected, flags) -> None:
    kwargs = {
        "node_attrs": ["x", "train_mask"],
        "edge_attrs": ["edge_attr"],
        "graph_attrs": ["y", "name"],
        **flags,
    }
    data, other = (graph(module, seed) for module in BOTH)
    same_networks(
        to_networkx(data, to_undirected=undirected, **kwargs),
        peer.to_networkx(other, to_undirected=undirected, **kwargs),
    )


def test_hetero_to_networkx_is_that_of_the_peer() -> None:
    data, other = (hetero(module, 2) for module in BOTH)
    for d in (data, other):
        d["venue"].x = torch.zeros(2, 1)
    same_networks(
        to_networkx(data, ["x"], remove_self_loops=True),
        peer.to_networkx(other, ["x"], remove_self_loops=True),
    )
    with pytest.raises(GraphValueError, match=r"do this instead: to_networkx\(data.to_homogeneous"):
        to_networkx(data, to_undirected=True)


def networks():
    plain = nx.path_graph(4)
    attributed = nx.DiGraph(name="g", year=3, node_default={})
    attributed.add_nodes_from([("a", {"w": 1.5, "v": [1, 2]}), ("b", {"w": 2.5, "v": [3, 4]})])
    attributed.add_edge("a", "b", w=2, u=torch.tensor([1.0]), s="text")
    clash = nx.Graph(w=1)
    clash.add_nodes_from([(0, {"w": 1}), (1, {"w": 2})])
    clash.add_edge(0, 1, w=3)
    multi = nx.MultiGraph([(0, 1), (0, 1), (1, 1)])
    ragged = nx.Graph()
    ragged.add_nodes_from([(0, {"r": [1]}), (1, {"r": [1, 2]})])
    return [plain, attributed, clash, multi, ragged, nx.Graph(), nx.karate_club_graph()]


@pytest.mark.parametrize("which", range(7))
def test_from_networkx_is_that_of_the_peer(which: int) -> None:
    network = networks()[which]
    ours_, theirs_ = from_networkx(network), peer.from_networkx(network)
    same(ours_, theirs_)
    assert set(repr(ours_)) == set(repr(theirs_))


def test_from_networkx_groups_attributes() -> None:
    _, attributed, clash, *_ = networks()
    for network, nodes, edges in (
        (attributed, ["w", "v"], ["u"]),
        (attributed, "all", None),
        (clash, "all", "all"),
        (clash, all, all),
    ):
        same(from_networkx(network, nodes, edges), peer.from_networkx(network, nodes, edges))
    attributed.add_node("c")
    with pytest.raises(GraphValueError, match="Not all nodes contain the same attributes"):
        from_networkx(attributed)
    clash.add_edge(0, 0)
    with pytest.raises(ValueError, match="Not all edges contain the same attributes"):
        from_networkx(clash)


def test_networkx_there_and_back() -> None:
    data = Data(
        x=torch.randn(4, 2), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), edge_attr=torch.randn(3, 2)
    )
    out = from_networkx(to_networkx(data, ["x"], ["edge_attr"]))
    same(out.edge_index, data.edge_index)
    torch.testing.assert_close(out.x, data.x)
    torch.testing.assert_close(out.edge_attr, data.edge_attr)


def test_scipy_is_that_of_the_peer() -> None:
    edge_index, weight = torch.tensor([[0, 1, 1, 1], [1, 0, 2, 2]]), torch.randn(4, 1)
    for args in ((edge_index,), (edge_index, weight), (edge_index, weight, 5)):
        a, b = to_scipy_sparse_matrix(*args), peer.to_scipy_sparse_matrix(*args)
        assert (
            a.format == b.format == "coo" and a.dtype == b.dtype and a.shape == b.shape and (a != b).nnz == 0
        )
        for form in ("coo", "csr", "csc", "lil"):
            same(from_scipy_sparse_matrix(a.asformat(form)), peer.from_scipy_sparse_matrix(a.asformat(form)))
    same(
        from_scipy_sparse_matrix(sp.coo_array(np.eye(2))),
        peer.from_scipy_sparse_matrix(sp.coo_array(np.eye(2))),
    )
    with pytest.raises(
        GraphValueError, match=r"one value for each of the 4 edges, got a tensor of shape \[4, 2\]"
    ):
        to_scipy_sparse_matrix(edge_index, torch.zeros(4, 2))


@pytest.mark.parametrize("make", [graph, hetero, events])
def test_objects_of_the_peer(make) -> None:
    for source, there, back in ((theirs, from_pyg, to_pyg), (ours, to_pyg, from_pyg)):
        target = ours if source is theirs else theirs
        data = make(source, 3)
        out = there(data)
        assert type(out) is type(make(target, 3))
        same(out, make(target, 3))
        assert back(out).stores[-1].to_dict().keys() == data.stores[-1].to_dict().keys()
        assert repr(out) == repr(data)
        batch = there(source.Batch.from_data_list([make(source, s) for s in (1, 2)]))
        if make is graph:
            same(batch, target.Batch.from_data_list([make(target, s) for s in (1, 2)]))
            same(batch[1], target.Batch.from_data_list([make(target, s) for s in (1, 2)])[1])
        assert isinstance(batch, target.Batch) and batch.num_graphs == 2


def test_objects_of_the_peer_share_memory_and_keep_their_hidden_parts() -> None:
    data = hetero(ours, 1).to_homogeneous()
    other = to_pyg(data)
    assert other.x is data.x and other._node_type_names == data._node_type_names
    other.x = None
    assert data.x is not None

    class Mine(Data):
        pass

    assert type(to_pyg(Mine(x=torch.zeros(1)))) is theirs.Data
    for func in (from_pyg, to_pyg):
        with pytest.raises(
            GraphTypeError, match=r"expected a graph \(HeteroData, TemporalData, Data, or a batch"
        ):
            func(3)
    assert isinstance(from_pyg(Batch.from_data_list([Data(x=torch.zeros(1))])), Batch)
