from __future__ import annotations

import copy
import pickle

import pytest
import torch

from grapevine.data import Data, HeteroData, sparse
from grapevine.errors import GraphValueError

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|invariant):UserWarning")
LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def dense(*shape: int) -> torch.Tensor:
    return torch.rand(shape) * (torch.rand(shape) > 0.5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dim", [0, 1, -1, (0, 1), (1,)])
def test_cat_is_that_of_dense_matrices(layout, dim) -> None:
    parts = [dense(3, 3) for _ in range(3)]
    out = sparse.cat([part.to_sparse(layout=layout) for part in parts], dim)
    expected = (
        torch.block_diag(*parts)
        if dim == (0, 1)
        else torch.cat(parts, dim[0] if isinstance(dim, tuple) else dim)
    )
    assert out.layout == layout and torch.equal(out.to_dense(), expected)


def test_cat_of_other_sizes_and_layouts() -> None:
    a, b = dense(1, 2), dense(3, 4)
    out = sparse.cat([a.to_sparse_csr(), b.to_sparse()], (0, 1))
    assert out.layout == torch.sparse_csr and torch.equal(out.to_dense(), torch.block_diag(a, b))
    with pytest.raises(GraphValueError, match=r"one size along dimension 1, got sizes \[2, 4\]"):
        sparse.cat([a.to_sparse(), b.to_sparse()], 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_narrow_and_select_are_those_of_dense_matrices(layout) -> None:
    full = dense(5, 6)
    matrix = full.to_sparse(layout=layout)
    out = sparse.narrow(matrix, (0, 1), (1, 2), (4, 5))
    assert out.layout == layout and torch.equal(out.to_dense(), full[1:4, 2:5])
    assert torch.equal(sparse.narrow(matrix, 1, (2,), (2,)).to_dense(), full[:, 2:2])
    ids, mask = torch.tensor([4, 0, 2]), torch.tensor([True, False, False, True, True])
    for dim, index, expected in ((0, ids, full[ids]), (1, ids, full[:, ids]), (0, mask, full[mask])):
        out = sparse.select(matrix, dim, index)
        assert out.layout == layout and torch.equal(out.to_dense(), expected)
    square = full[:, :5].to_sparse(layout=layout)
    assert torch.equal(sparse.select(square, (0, 1), ids).to_dense(), full[ids][:, ids])
    assert torch.equal(matrix.to_dense(), full)  # untouched


def test_gradients_reach_the_values() -> None:
    full = dense(3, 3).requires_grad_()
    a = full.to_sparse()
    out = sparse.narrow(sparse.cat([a, a], (0, 1)), (0, 1), (3, 3), (6, 6))
    out.to_dense().sum().backward()
    assert full.grad is not None and full.grad.sum() == a._nnz()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_graphs_with_sparse_attributes_can_be_copied_and_pickled(layout) -> None:
    """torch itself cannot deep-copy compressed matrices."""
    matrix = dense(3, 3).to_sparse(layout=layout)
    for data in (Data(adj_t=matrix), HeteroData({("a", "to", "a"): {"adj_t": matrix}})):
        for copied in (copy.deepcopy(data), pickle.loads(pickle.dumps(data)), data.clone()):
            (other,) = [store.adj_t for store in copied.edge_stores]
            assert other.layout == layout and torch.equal(other.to_dense(), matrix.to_dense())
            assert other.values().data_ptr() != matrix.values().data_ptr()
    values = matrix.clone().requires_grad_()
    assert copy.deepcopy(Data(adj_t=values)).adj_t.requires_grad
    twice = copy.deepcopy([data, data])
    assert twice[0] is twice[1]
