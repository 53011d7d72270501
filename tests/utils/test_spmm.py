from __future__ import annotations

import warnings

import pytest
import torch

from grapevine import utils
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")

LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def matrix(layout, kind="random"):
    edge_index = torch.randint(6, (2, 14)) if kind == "random" else torch.empty(2, 0, dtype=torch.int64)
    value = torch.rand(edge_index.size(1), dtype=torch.float64) + 0.1
    return utils.to_torch_sparse_tensor(edge_index, value, (8, 6), layout=layout)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("reduce", ["sum", "add", "mean", "min", "max"])
def test_spmm(layout, reduce):
    adj = matrix(layout)
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    out = utils.spmm(adj, x, reduce)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theirs = peer.spmm(adj.to_dense().to_sparse_csr(), x, reduce)
    torch.testing.assert_close(out, theirs, rtol=1e-10, atol=1e-12)
    grad = torch.randn_like(out)
    ours_grad = torch.autograd.grad(out, x, grad)[0]
    theirs_grad = torch.autograd.grad(theirs, x, grad)[0]
    torch.testing.assert_close(ours_grad, theirs_grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("reduce", ["sum", "max"])
def test_spmm_of_an_empty_matrix(layout, reduce):
    out = utils.spmm(matrix(layout, "empty"), torch.rand(6, 3, dtype=torch.float64), reduce)
    assert torch.equal(out, torch.zeros(8, 3, dtype=torch.float64))


def test_values_get_gradients_too():
    edge_index = torch.tensor([[0, 0, 1], [0, 2, 1]])
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    value = torch.rand(3, dtype=torch.float64, requires_grad=True)

    def run(value, x):
        return utils.spmm(utils.to_torch_csr_tensor(edge_index, value, (2, 3)), x, "mean")

    assert torch.autograd.gradcheck(run, (value, x))


def test_duplicates_of_an_uncoalesced_matrix_are_summed():
    adj = torch.sparse_coo_tensor([[0, 0, 0], [1, 1, 0]], [1.0, 2.0, 5.0], (1, 2), check_invariants=True)
    x = torch.tensor([[1.0], [10.0]])
    assert utils.spmm(adj, x).tolist() == [[35.0]]
    assert utils.spmm(adj, x, "mean").tolist() == [[17.5]]
    assert utils.spmm(adj, x, "max").tolist() == [[30.0]]


def test_errors():
    adj = matrix(torch.sparse_csr)
    with pytest.raises(GraphValueError, match="expected reduce 'sum', 'mean', 'min' or 'max', got 'median'"):
        utils.spmm(adj, torch.rand(6, 3), "median")
    with pytest.raises(GraphValueError, match=r"expected a torch.sparse matrix .* use to_torch_csr_tensor"):
        utils.spmm(torch.rand(8, 6), torch.rand(6, 3))
    with pytest.raises(GraphValueError, match="expected 6 rows for as many columns of 'src', got 8"):
        utils.spmm(adj, torch.rand(8, 3))
