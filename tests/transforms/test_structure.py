"""Line graphs, encodings, metapaths."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.utils import coalesce, to_dense_adj
from tests.transforms.peer import assert_same_as_peer, graph, hetero, seed, theirs, to_peer


@pytest.mark.parametrize("kind", ["undirected", "directed", "loops"])
@pytest.mark.parametrize("force_directed", [False, True])
def test_line_graph(kind: str, force_directed: bool) -> None:
    data = graph(kind)
    index, attr = coalesce(data.edge_index, data.edge_attr)
    data = Data(
        edge_index=index, edge_attr=attr, num_nodes=data.num_nodes
    )  # sorted, as the peer takes it to be
    assert_same_as_peer("LineGraph", data, force_directed=force_directed)


def test_line_graph_of_unsorted_edges_and_self_loops() -> None:
    data = Data(edge_index=torch.tensor([[2, 0], [0, 1]]), edge_attr=torch.tensor([20, 1]), num_nodes=3)
    out = T.LineGraph()(data)  # sorted: 0 -> 1 is node 0, 2 -> 0 is node 1
    assert out.edge_index.tolist() == [[1], [0]]
    assert out.x.tolist() == [1, 20]

    looped = Data(
        edge_index=torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 2, 1]]),
        edge_attr=torch.tensor([7, 1, 1, 2, 2]),
        num_nodes=3,
    )
    out = T.LineGraph()(looped)
    assert out.num_nodes == 2 and out.x.tolist() == [2, 4]
    assert out.edge_index.tolist() == [[0, 1], [1, 0]]


def test_line_graph_is_that_of_networkx() -> None:
    edges = sorted(nx.gnp_random_graph(12, 0.4, seed=1).edges())
    both = sorted([*edges, *((v, u) for u, v in edges)])
    out = T.LineGraph()(Data(edge_index=torch.tensor(both).t(), num_nodes=12))
    found = {tuple(sorted((edges[i], edges[j]))) for i, j in out.edge_index.t().tolist()}
    expected = {tuple(sorted(pair)) for pair in nx.line_graph(nx.Graph(edges)).edges()}
    expected = {tuple(sorted((tuple(sorted(a)), tuple(sorted(b))))) for a, b in expected}
    assert found == expected


def ring(num_nodes: int) -> Data:
    nodes = torch.arange(num_nodes)
    after = (nodes + 1) % num_nodes
    return Data(
        edge_index=torch.stack([torch.cat([nodes, after]), torch.cat([after, nodes])]), num_nodes=num_nodes
    )


@pytest.mark.parametrize("is_undirected", [True, False])
@pytest.mark.parametrize("attr_name", ["laplacian_eigenvector_pe", None])
def test_laplacian_eigenvectors_of_a_small_graph(is_undirected: bool, attr_name: str | None) -> None:
    data = graph("undirected")
    data.edge_weight = None  # a symmetric Laplacian
    assert_same_as_peer(
        "AddLaplacianEigenvectorPE", data, k=3, attr_name=attr_name, is_undirected=is_undirected
    )


@pytest.mark.parametrize("is_undirected", [True, False])
@pytest.mark.parametrize("num_nodes", [20, 120])
def test_laplacian_eigenvectors_satisfy_their_equation(num_nodes: int, is_undirected: bool) -> None:
    edges = torch.tensor(sorted(nx.random_regular_graph(3, num_nodes, seed=2).to_directed().edges())).t()
    data = Data(edge_index=edges, num_nodes=num_nodes)
    transform = T.AddLaplacianEigenvectorPE(4, is_undirected=is_undirected)
    seed(0)
    vectors = transform(data).laplacian_eigenvector_pe.double()
    seed(0)
    assert torch.equal(vectors, transform(data).laplacian_eigenvector_pe.double())  # reproducible

    laplacian = torch.eye(num_nodes).double() - to_dense_adj(edges, max_num_nodes=num_nodes)[0].double() / 3
    values = torch.linalg.eigvalsh(laplacian)[1:5]
    torch.testing.assert_close(laplacian @ vectors, vectors * values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(vectors.norm(dim=0), torch.ones(4).double(), rtol=1e-4, atol=1e-4)


def test_too_few_eigenvectors() -> None:
    with pytest.raises(GraphValueError, match="more than k=5 nodes"):
        T.AddLaplacianEigenvectorPE(5)(ring(5))


def test_random_walk_returns_on_a_ring() -> None:
    # After 2 steps a walk is back with probability 1/2, after 4 with 3/8, never after an odd number.
    out = T.AddRandomWalkPE(4)(ring(2_100)).random_walk_pe  # large enough for the sparse path
    assert out.shape == (2_100, 4)
    torch.testing.assert_close(out, torch.tensor([0.0, 0.5, 0.0, 0.375]).expand(2_100, 4))
    torch.testing.assert_close(T.AddRandomWalkPE(4)(ring(9)).random_walk_pe, out[:9])


@pytest.mark.parametrize("normalization", [None, "sym", "rw"])
@pytest.mark.parametrize("is_undirected", [True, False])
def test_laplacian_lambda_max(normalization: str | None, is_undirected: bool) -> None:
    data = graph("undirected")
    data.edge_attr = None
    assert_same_as_peer("LaplacianLambdaMax", data, normalization=normalization, is_undirected=is_undirected)
    # The largest eigenvalue of a ring with an even number of nodes is 4 (normalised: 2).
    top = T.LaplacianLambdaMax(normalization, is_undirected)(ring(12)).lambda_max
    assert top == pytest.approx(4.0 if normalization is None else 2.0, rel=1e-5)
    with pytest.raises(GraphValueError, match="normalization"):
        T.LaplacianLambdaMax("col")


PATHS = [
    [("paper", "written_by", "author"), ("author", "writes", "paper")],
    [("author", "writes", "paper"), ("paper", "cites", "paper"), ("paper", "written_by", "author")],
]


def with_reverse() -> Any:
    data = hetero()
    data["paper", "written_by", "author"].edge_index = data["author", "writes", "paper"].edge_index.flip(0)
    return data


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"weighted": True},
        {"drop_orig_edge_types": True},
        {"drop_orig_edge_types": True, "keep_same_node_type": True},
        {"drop_orig_edge_types": True, "drop_unconnected_node_types": True},
    ],
    ids=str,
)
def test_metapaths(kwargs: dict[str, Any]) -> None:
    # The peer leaves edges of a product in the order of the multiplication.
    mine = T.AddMetaPaths(PATHS, **kwargs)(with_reverse())
    peer = theirs.AddMetaPaths(PATHS, **kwargs)(to_peer(with_reverse()))
    assert repr(T.AddMetaPaths(PATHS)) == repr(theirs.AddMetaPaths(PATHS))
    assert mine.metapath_dict == peer.metapath_dict
    assert mine.node_types == peer.node_types and mine.edge_types == peer.edge_types
    assert ("paper", "metapath_0", "paper") in mine.edge_types
    for kind in mine.edge_types:
        assert set(mine[kind]) == set(peer[kind])
        torch.testing.assert_close(dense(mine, kind), dense(peer, kind), rtol=1e-5, atol=1e-6)


def dense(data: Any, kind: tuple[str, str, str]) -> Tensor:
    (row, col), weight = data[kind].edge_index, data[kind].get("edge_weight")
    values = torch.ones(row.numel()) if weight is None else weight
    return torch.zeros(6, 6).index_put((row, col), values, accumulate=True)


@pytest.mark.parametrize("max_sample", [1, 2])
def test_sampled_metapaths_are_some_of_all(max_sample: int) -> None:
    full = T.AddMetaPaths(PATHS)(with_reverse())
    counts = []
    for _ in range(20):
        part = T.AddMetaPaths(PATHS, max_sample=max_sample)(with_reverse())
        for kind in full.metapath_dict:
            assert pairs(part[kind].edge_index) <= pairs(full[kind].edge_index)
        counts.append(part["paper", "metapath_0", "paper"].num_edges)
    assert 0 < sum(counts) / 20 < full["paper", "metapath_0", "paper"].num_edges


def test_metapaths_drop_unconnected_types() -> None:
    transform = T.AddMetaPaths(PATHS[:1], drop_orig_edge_types=True, drop_unconnected_node_types=True)
    assert transform(with_reverse()).node_types == ["paper"]


@pytest.mark.parametrize("kwargs", [{}, {"walks_per_node": [3, 2]}, {"sample_ratio": 0.5}], ids=str)
def test_random_metapaths(kwargs: dict[str, Any]) -> None:
    seed(1)
    data = with_reverse()
    out = T.AddRandomMetaPaths(PATHS, **kwargs)(data)
    full = T.AddMetaPaths(PATHS)(data)
    for i, ends in enumerate((("paper", "paper"), ("author", "author"))):
        kind = (ends[0], f"metapath_{i}", ends[1])
        walked, possible = pairs(out[kind].edge_index), pairs(full[kind].edge_index)
        assert walked and walked <= possible
    if "walks_per_node" not in kwargs:
        assert_same_as_peer("AddRandomMetaPaths", with_reverse(), PATHS[:1], **kwargs)


def pairs(edge_index: Tensor) -> set[tuple[int, int]]:
    return {(u, v) for u, v in edge_index.t().tolist()}


def test_metapaths_must_fit() -> None:
    with pytest.raises(GraphValueError, match="at least two edge types"):
        T.AddMetaPaths([PATHS[0][:1]])
    with pytest.raises(GraphValueError, match="each beginning where the one before ends"):
        T.AddRandomMetaPaths([[PATHS[0][0], PATHS[0][0]]])
    with pytest.raises(GraphValueError, match="walks_per_node"):
        T.AddRandomMetaPaths(PATHS, walks_per_node=[1])
    with pytest.raises(GraphKeyError, match="written_by"):
        T.AddMetaPaths(PATHS)(hetero())


@pytest.mark.parametrize("kind", ["directed", "undirected", "isolated", "loops"])
def test_two_hops(kind: str) -> None:
    data = graph(kind)
    data.edge_index, data.edge_attr = coalesce(data.edge_index, data.edge_attr)  # as the peer takes it to be
    assert_same_as_peer("TwoHop", data)


def test_two_hops_of_a_path() -> None:
    out = T.TwoHop()(Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4))
    assert pairs(out.edge_index) == {
        (u, v) for u, v in itertools.product(range(4), repeat=2) if v - u in (1, 2)
    }
