from __future__ import annotations

import warnings

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphTypeError, GraphValueError

peer = pytest.importorskip("torch_geometric.utils")

LAYOUTS = {"coo": torch.sparse_coo, "csr": torch.sparse_csr, "csc": torch.sparse_csc}


@pytest.fixture(autouse=True)
def quiet_peer():
    """PyTorch warns once where the peer builds CSR matrices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def same_matrix(same, ours, theirs):
    assert ours.layout == theirs.layout and ours.shape == theirs.shape
    for part in {
        torch.sparse_coo: ("indices", "values"),
        torch.sparse_csr: ("crow_indices", "col_indices", "values"),
        torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    }[ours.layout]:
        same(getattr(ours, part)(), getattr(theirs, part)())


@pytest.mark.parametrize("name", LAYOUTS)
def test_to_sparse_and_back(graph, same, name):
    sizes = [graph.num_nodes, (graph.num_nodes, graph.num_nodes + 2)]
    if graph.edge_index.numel() > 0:
        sizes += [None, (graph.num_nodes, None), (None, graph.num_nodes)]
    for attr in (None, graph.weight, graph.attr):
        for size in sizes:
            theirs = getattr(peer, f"to_torch_{name}_tensor")(graph.edge_index, attr, size)
            ours = getattr(G, f"to_torch_{name}_tensor")(graph.edge_index, attr, size)
            same_matrix(same, ours, theirs)
            same_matrix(
                same, G.to_torch_sparse_tensor(graph.edge_index, attr, size, layout=LAYOUTS[name]), theirs
            )
            same(G.to_edge_index(ours), peer.to_edge_index(theirs))
            edge_index, value = G.to_edge_index(ours)
            again = G.to_torch_sparse_tensor(edge_index, value, tuple(ours.shape[:2]), True, ours.layout)
            same_matrix(same, again, theirs)


def test_empty_without_size():
    nothing = torch.empty(2, 0, dtype=torch.int64)
    for layout in LAYOUTS.values():
        assert G.to_torch_sparse_tensor(nothing, layout=layout).shape == (0, 0)


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_values_keep_their_gradient(layout):
    edge_index, _ = G.coalesce(torch.tensor([[0, 2, 1, 0], [1, 0, 1, 1]]), None)

    def there_and_back(value):
        return G.to_edge_index(G.to_torch_sparse_tensor(edge_index, value, 3, layout=layout))[1]

    value = torch.rand(edge_index.size(1), dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(there_and_back(value).sum() * 2, value)
    assert grad.tolist() == [2.0] * value.numel()


def test_unsorted_coo_is_summed():
    adj = torch.sparse_coo_tensor([[1, 0, 1], [0, 1, 0]], [1.0, 2.0, 3.0], (2, 2), check_invariants=True)
    edge_index, value = G.to_edge_index(adj)
    assert edge_index.tolist() == [[0, 1], [1, 0]] and value.tolist() == [2.0, 4.0]
    assert not adj.is_coalesced()


def test_what_is_sparse():
    for layout in LAYOUTS.values():
        adj = G.to_torch_sparse_tensor(torch.tensor([[0], [1]]), layout=layout)
        assert G.is_sparse(adj) and G.is_torch_sparse_tensor(adj)
    for other in (torch.eye(2), "adj", None):
        assert not G.is_sparse(other) and not G.is_torch_sparse_tensor(other)


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_set_sparse_value(layout):
    adj = G.to_torch_sparse_tensor(torch.tensor([[0, 1], [1, 0]]), size=(2, 3), layout=layout)
    out = G.set_sparse_value(adj, torch.tensor([5.0, 6.0]))
    assert out.layout == layout and out.shape == (2, 3)
    assert G.to_edge_index(out)[1].tolist() == [5.0, 6.0]
    wide = G.set_sparse_value(adj, torch.ones(2, 4))
    assert G.to_edge_index(wide)[1].shape == (2, 4)


def test_errors():
    with pytest.raises(
        GraphValueError, match=r"expected the layout sparse_coo, sparse_csr or sparse_csc, got torch.strided"
    ):
        G.to_torch_sparse_tensor(torch.tensor([[0], [1]]), layout=torch.strided)
    with pytest.raises(GraphTypeError, match=r"got the layout torch.strided"):
        G.to_edge_index(torch.eye(2))
    with pytest.raises(GraphTypeError, match="got str"):
        G.to_edge_index("adj")


def test_building_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for layout in LAYOUTS.values():
            G.to_torch_sparse_tensor(torch.tensor([[0], [1]]), layout=layout)
