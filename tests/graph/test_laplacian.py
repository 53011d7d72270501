from __future__ import annotations

import math

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("normalization", [None, "sym", "rw"])
def test_get_laplacian(graph, same, normalization):
    for weight in (None, graph.weight):
        for num_nodes in (None, graph.num_nodes):
            for dtype in (None, torch.float64):
                args = (graph.edge_index, weight, normalization, dtype, num_nodes)
                same(G.get_laplacian(*args), peer.get_laplacian(*args))


@pytest.mark.parametrize("normalization", [None, "sym", "rw"])
def test_laplacian_gradient(nonempty, normalization):
    weight = nonempty.weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda weight: G.get_laplacian(nonempty.edge_index, weight, normalization, num_nodes=12)[1], weight
    )


def test_laplacian_of_a_path_has_known_eigenvalues():
    n = 7
    edge_index = G.to_undirected(torch.stack([torch.arange(n - 1), torch.arange(1, n)]))
    edge_index, weight = G.get_laplacian(edge_index, dtype=torch.float64)
    dense = G.to_dense_adj(edge_index, edge_attr=weight)[0]
    expected = torch.tensor([4 * math.sin(math.pi * k / (2 * n)) ** 2 for k in range(n)], dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.eigvalsh(dense), expected, rtol=1e-10, atol=1e-12)


def mesh(kind):
    if kind == "tetrahedron":
        pos = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.5]])
        return pos, torch.tensor([[0, 0, 0, 1], [1, 1, 2, 2], [2, 3, 3, 3]])
    if kind == "triangle with an isolated node":
        return torch.rand(4, 3), torch.tensor([[0], [1], [2]])
    x, y = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    pos = torch.stack([x, y, (x * y).sin()], dim=-1).view(-1, 3)
    i = torch.arange(16).view(4, 4)
    a, b, c, d = (part.reshape(-1) for part in (i[:-1, :-1], i[1:, :-1], i[:-1, 1:], i[1:, 1:]))
    return pos, torch.cat([torch.stack([a, b, c]), torch.stack([d, c, b])], dim=1)


@pytest.mark.parametrize("normalization", [None, "sym", "rw"])
@pytest.mark.parametrize("kind", ["tetrahedron", "triangle with an isolated node", "sheet"])
def test_get_mesh_laplacian(same, kind, normalization):
    pos, face = mesh(kind)
    pos = pos.double()
    same(G.get_mesh_laplacian(pos, face, normalization), peer.get_mesh_laplacian(pos, face, normalization))


def test_normalize_edge_index(graph, same):
    for loops in (True, False):
        for symmetric in (True, False):
            args = (graph.edge_index, graph.num_nodes, loops, symmetric)
            same(G.normalize_edge_index(*args), peer.normalize_edge_index(*args))


def test_normalized_cut(graph, same):
    same(
        G.normalized_cut(graph.edge_index, graph.weight, graph.num_nodes),
        peer.normalized_cut(graph.edge_index, graph.weight, graph.num_nodes),
    )


def test_errors():
    with pytest.raises(GraphValueError, match="expected normalization None, 'sym' or 'rw', got 'l2'"):
        G.get_laplacian(torch.tensor([[0], [1]]), normalization="l2")
    with pytest.raises(GraphValueError, match=r"expected pos of shape \(N, 3\)"):
        G.get_mesh_laplacian(torch.ones(3, 2), torch.ones(3, 1, dtype=torch.int64))
    with pytest.raises(GraphValueError, match="expected normalization"):
        G.get_mesh_laplacian(torch.ones(3, 3), torch.ones(3, 1, dtype=torch.int64), "l2")
