from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")

BATCH = torch.tensor([0, 0, 0, 1, 1, 3, 3, 3, 3, 4])
EDGES = torch.tensor([[0, 1, 1, 3, 4, 5, 8, 8, 9, 9], [1, 0, 2, 4, 3, 8, 6, 6, 9, 9]])


@pytest.mark.parametrize("max_num_nodes", [None, 1, 2, 6])
@pytest.mark.parametrize("kind", ["none", "vector", "matrix"])
def test_to_dense_adj_of_a_batch(same, kind, max_num_nodes):
    attr = {"none": None, "vector": torch.rand(10), "matrix": torch.rand(10, 2, dtype=torch.float64)}[kind]
    for batch_size in (None, 5, 7):
        args = (EDGES, BATCH, attr, max_num_nodes, batch_size)
        same(G.to_dense_adj(*args), peer.to_dense_adj(*args))


def test_to_dense_adj_of_one_graph(graph, same):
    for attr in (None, graph.weight, graph.attr):
        for max_num_nodes in (None, 3, graph.num_nodes):
            args = (graph.edge_index, None, attr, max_num_nodes)
            same(G.to_dense_adj(*args), peer.to_dense_adj(*args))


@pytest.mark.parametrize("max_num_nodes", [None, 2, 6])
@pytest.mark.parametrize("fill_value", [0.0, -1.0, float("inf")])
def test_to_dense_batch(same, fill_value, max_num_nodes):
    for x in (torch.rand(10), torch.rand(10, 3), torch.rand(10, 2, 2, dtype=torch.float64)):
        for batch_size in (None, 5, 7):
            args = (x, BATCH, fill_value, max_num_nodes, batch_size)
            same(G.to_dense_batch(*args), peer.to_dense_batch(*args))
        same(
            G.to_dense_batch(x, None, fill_value, max_num_nodes),
            peer.to_dense_batch(x, None, fill_value, max_num_nodes),
        )


def test_to_dense_batch_of_integers_and_of_nothing(same):
    x = torch.arange(10)
    same(G.to_dense_batch(x, BATCH, -1.0), peer.to_dense_batch(x, BATCH, -1.0))
    out, mask = G.to_dense_batch(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert out.shape == (0, 0, 3) and mask.shape == (0, 0)


def test_gradients():
    x = torch.rand(10, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: G.to_dense_batch(x, BATCH, max_num_nodes=2)[0], x)
    assert torch.autograd.gradcheck(lambda x: G.to_dense_adj(EDGES, BATCH, x), x)
    adj = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda adj: G.dense_to_sparse(adj)[1], adj)


def test_to_dense_batch_compiles_to_one_graph():
    def run(x, batch):
        return G.to_dense_batch(x, batch, max_num_nodes=3, batch_size=5)

    x = torch.rand(10, 2)
    compiled = torch.compile(run, fullgraph=True, backend="eager")
    for a, b in zip(compiled(x, BATCH), run(x, BATCH), strict=True):
        assert torch.equal(a, b)


def test_dense_to_sparse(graph, same):
    adj = G.to_dense_adj(graph.edge_index, edge_attr=graph.weight, max_num_nodes=graph.num_nodes)
    same(G.dense_to_sparse(adj[0]), peer.dense_to_sparse(adj[0]))
    same(G.dense_to_sparse(adj), peer.dense_to_sparse(adj))


def test_dense_to_sparse_of_a_batch(same):
    adj = G.to_dense_adj(EDGES, BATCH)
    _, mask = G.to_dense_batch(BATCH, BATCH)
    same(G.dense_to_sparse(adj), peer.dense_to_sparse(adj))
    same(G.dense_to_sparse(adj, mask), peer.dense_to_sparse(adj, mask))
    assert torch.equal(G.dense_to_sparse(adj, mask)[0], G.coalesce(EDGES))
    same(G.dense_to_sparse(adj[:, :, :3]), peer.dense_to_sparse(adj[:, :, :3]))


def test_dense_to_sparse_errors():
    with pytest.raises(GraphValueError, match="got 1 dimensions"):
        G.dense_to_sparse(torch.ones(3))
    with pytest.raises(GraphValueError, match=r"expected a mask of shape \(B, N\)"):
        G.dense_to_sparse(torch.ones(2, 3, 3), torch.ones(6, dtype=torch.bool))
    with pytest.raises(GraphValueError, match=r"expected a mask of shape \(B, N\)"):
        G.dense_to_sparse(torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    with pytest.warns(UserWarning, match="a mask is not used"):
        G.dense_to_sparse(torch.ones(3, 3), torch.ones(1, 3, dtype=torch.bool))


def test_one_hot(same):
    index = torch.tensor([2, 0, 4])
    for num_classes in (None, 6):
        for dtype in (None, torch.int64, torch.float64):
            same(G.one_hot(index, num_classes, dtype), peer.one_hot(index, num_classes, dtype))
    with pytest.raises(GraphValueError, match=r"expected an index of shape \(N,\), got \(3, 1\)"):
        G.one_hot(index.view(-1, 1))


def test_unbatch(same):
    x = torch.rand(10, 4)
    same(G.unbatch(x, BATCH), peer.unbatch(x, BATCH))
    same(G.unbatch(x.t(), BATCH, dim=1, batch_size=7), peer.unbatch(x.t(), BATCH, dim=1, batch_size=7))
    same(G.unbatch_edge_index(EDGES, BATCH), peer.unbatch_edge_index(EDGES, BATCH))
    same(G.unbatch_edge_index(EDGES, BATCH, 7), peer.unbatch_edge_index(EDGES, BATCH, 7))
