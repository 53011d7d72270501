from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphTypeError, GraphValueError

peer = pytest.importorskip("torch_geometric.utils")

FILLS = [None, 2.0, 3, "mean", "add", "min", "max", "mul", torch.tensor(5.0), torch.tensor([4.0])]


def test_contains_remove_segregate(graph, same):
    assert G.contains_self_loops(graph.edge_index) == peer.contains_self_loops(graph.edge_index)
    for attr in (None, graph.weight, graph.attr):
        same(G.remove_self_loops(graph.edge_index, attr), peer.remove_self_loops(graph.edge_index, attr))
        same(
            G.segregate_self_loops(graph.edge_index, attr), peer.segregate_self_loops(graph.edge_index, attr)
        )


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("name", ["add_self_loops", "add_remaining_self_loops"])
def test_adding(graph, same, name, fill):
    ours, theirs = getattr(G, name), getattr(peer, name)
    for attr in (None, graph.weight, graph.attr):
        for num_nodes in (graph.num_nodes, None):
            same(
                ours(graph.edge_index, attr, fill, num_nodes=num_nodes),
                theirs(graph.edge_index, attr, fill, num_nodes=num_nodes),
            )


def test_adding_rows_of_attributes(graph, same):
    fill = torch.tensor([1.0, 2.0, 3.0])
    same(
        G.add_self_loops(graph.edge_index, graph.attr, fill, graph.num_nodes),
        peer.add_self_loops(graph.edge_index, graph.attr, fill, graph.num_nodes),
    )


def test_bipartite_loops(graph, same):
    size = (graph.num_nodes + 3, graph.num_nodes)
    same(
        G.add_self_loops(graph.edge_index, graph.weight, num_nodes=size),
        peer.add_self_loops(graph.edge_index, graph.weight, num_nodes=size),
    )


@pytest.mark.parametrize("name", ["add_self_loops", "add_remaining_self_loops", "get_self_loop_attr"])
def test_gradients(graph, name):
    edge_index, value = peer.coalesce(graph.edge_index, graph.weight)
    grads = []
    for module in (G, peer):
        weight = value.clone().requires_grad_()
        out = getattr(module, name)(edge_index, weight, num_nodes=graph.num_nodes)
        out = out[1] if isinstance(out, tuple) else out
        grads.append(torch.autograd.grad(out, weight, torch.arange(out.numel()).double())[0])
    torch.testing.assert_close(*grads, rtol=1e-10, atol=0)


def test_only_the_loop_that_counts_gets_a_gradient():
    weight = torch.rand(3, requires_grad=True)
    out = G.get_self_loop_attr(torch.tensor([[0, 0, 1], [0, 0, 1]]), weight)
    assert torch.equal(out, weight[1:])
    assert torch.autograd.grad(out.sum(), weight)[0].tolist() == [0, 1, 1]


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_sparse(graph, same, layout):
    pairs, value = G.coalesce(graph.edge_index, graph.weight)
    size = (graph.num_nodes, graph.num_nodes)
    adj = G.to_torch_sparse_tensor(pairs, value, size, layout=layout)
    removed, attr = G.remove_self_loops(adj)
    assert attr is None and removed.layout == layout
    expected = adj.to_dense().fill_diagonal_(0)
    assert torch.equal(removed.to_dense(), expected)
    for fill in (None, 3.0, "mean"):
        added, attr = G.add_self_loops(adj, fill_value=fill)
        assert attr is None and added.layout == layout
        if layout != torch.sparse_csc:  # which the peer refuses
            theirs, _ = peer.add_self_loops(adj, fill_value=fill)
            same(added.to_dense(), theirs.to_dense())
        else:
            coo = G.to_torch_coo_tensor(pairs, value, size)
            same(added.to_dense(), G.add_self_loops(coo, fill_value=fill)[0].to_dense())


def test_get_self_loop_attr(graph, same):
    for attr in (None, graph.weight, graph.attr):
        for num_nodes in (None, graph.num_nodes):
            same(
                G.get_self_loop_attr(graph.edge_index, attr, num_nodes),
                peer.get_self_loop_attr(graph.edge_index, attr, num_nodes),
            )


def test_errors():
    edge_index = torch.tensor([[0], [1]])
    with pytest.raises(GraphValueError, match=r"expected fill_value to be a number.*got list"):
        G.add_self_loops(edge_index, torch.ones(1), fill_value=[1.0])
    with pytest.raises(GraphTypeError, match="expected edge_attr=None with a sparse matrix"):
        G.remove_self_loops(torch.eye(2).to_sparse(), torch.ones(2))


def test_add_self_loops_compiles_to_one_graph():
    weight = torch.rand(3)
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])

    def run(edge_index, weight):
        return G.add_self_loops(edge_index, weight, 2.0, num_nodes=3)

    compiled = torch.compile(run, fullgraph=True, backend="eager")
    for a, b in zip(compiled(edge_index, weight), run(edge_index, weight), strict=True):
        assert torch.equal(a, b)
