"""Sparse matrices beside their dense forms (DGL's own do not load beside current PyTorch)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.dgl import sparse as dglsp
from grapevine.errors import GraphIndexError, GraphKeyError, GraphTypeError, GraphValueError

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state:UserWarning")

ROW, COL = [1, 0, 3, 1, 3, 0], [0, 4, 2, 3, 0, 1]  # row 2 is empty; the order is not sorted


def matrix(d: int | None = None, shape: tuple[int, int] = (4, 5), seed: int = 0) -> dglsp.SparseMatrix:
    generator = torch.Generator().manual_seed(seed)
    tail = () if d is None else (d,)
    val = torch.randn(len(ROW), *tail, generator=generator, dtype=torch.float64, requires_grad=True)
    return dglsp.spmatrix(torch.tensor([ROW, COL]), val, shape)


def other(d: int | None = None) -> dglsp.SparseMatrix:
    """Another matrix of the same shape, half of whose entries are those of `matrix()`."""
    tail = () if d is None else (d,)
    val = torch.randn(5, *tail, dtype=torch.float64, requires_grad=True)
    return dglsp.spmatrix(torch.tensor([[3, 2, 0, 1, 0], [0, 1, 4, 4, 1]]), val, (4, 5))


def same(ours: Tensor, dense: Tensor, *leaves: Tensor) -> None:
    """The same values and gradients."""
    torch.testing.assert_close(ours, dense, rtol=1e-10, atol=1e-10)
    if leaves:
        weight = torch.arange(1.0, ours.numel() + 1, dtype=ours.dtype).view(ours.shape)
        grads = [torch.autograd.grad((x * weight).sum(), leaves, retain_graph=True) for x in (ours, dense)]
        torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


# -- making and reading ------------------------------------------------------------------------------------


def test_what_it_is() -> None:
    A = matrix()
    assert A.shape == (4, 5) and A.nnz == 6 and A.dtype == torch.float64 and A.device.type == "cpu"
    assert A.row.tolist() == ROW and A.col.tolist() == COL
    assert A.indices().tolist() == [ROW, COL]
    assert [x.tolist() for x in A.coo()] == [ROW, COL]
    dense = torch.zeros(4, 5, dtype=torch.float64).index_put((A.row, A.col), A.val)
    same(A.to_dense(), dense, A.val)
    for turned in (A.T, A.t(), A.transpose()):
        same(turned.to_dense(), dense.T, A.val)
    assert dglsp.spmatrix(A.indices()).shape == (4, 5)
    assert dglsp.spmatrix(A.indices()).val.tolist() == [1.0] * 6
    assert matrix(3).to_dense().shape == (4, 5, 3)


def test_compressed_forms() -> None:
    A = matrix()
    for (ptr, indices, order), dense in ((A.csr(), A.to_dense()), (A.csc(), A.to_dense().T)):
        assert ptr.dtype == indices.dtype == torch.int64
        val = A.val if order is None else A.val[order]
        built = torch.sparse_csr_tensor(
            ptr, indices, val.detach(), dense.shape, check_invariants=False
        ).to_dense()
        same(built, dense.detach())
    ptr, indices, order = A.csr()
    same(dglsp.from_csr(ptr, indices, A.val[order], (4, 5)).to_dense(), A.to_dense(), A.val)
    assert dglsp.from_csr(ptr, indices).csr()[2] is None  # sorted already
    ptr, indices, order = A.csc()
    same(dglsp.from_csc(ptr, indices, A.val[order], (4, 5)).to_dense(), A.to_dense(), A.val)
    assert dglsp.from_csc(ptr, indices).shape == (4, 5)
    same(dglsp.from_coo(A.row, A.col, A.val, (4, 5)).to_dense(), A.to_dense())


def test_torch_sparse_tensors() -> None:
    for A in (matrix(), matrix(2)):
        same(dglsp.to_torch_sparse_coo(A).to_dense(), A.to_dense())
    A = matrix()
    with torch.no_grad():
        same(dglsp.to_torch_sparse_csr(A).to_dense(), A.to_dense())
        same(dglsp.to_torch_sparse_csc(A).to_dense(), A.to_dense())
    dense = A.to_dense().detach()
    for layout in (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc):
        same(dglsp.from_torch_sparse(dense.to_sparse(layout=layout)).to_dense(), dense)
    with pytest.raises(GraphValueError, match="layout"):
        dglsp.from_torch_sparse(dense)


def test_shown_as_dgl_shows_it() -> None:
    A = dglsp.spmatrix(torch.tensor([[0, 1, 1], [1, 0, 2]]), torch.tensor([[1, 2], [3, 4], [5, 6]]))
    assert repr(A) == (
        "SparseMatrix(indices=tensor([[0, 1, 1],\n"
        "                             [1, 0, 2]]),\n"
        "             values=tensor([[1, 2],\n"
        "                            [3, 4],\n"
        "                            [5, 6]]),\n"
        "             shape=(2, 3), nnz=3, val_size=(2,))"
    )


def test_conversions() -> None:
    A = matrix()
    assert A.to() is A and A.cpu() is A and A.double() is A
    assert A.float().dtype == torch.float32
    assert A.int().dtype == torch.int32 and A.long().dtype == torch.int64
    meta = A.to("meta", torch.float32)
    assert meta.device.type == "meta" and meta.dtype == torch.float32 and meta.shape == (4, 5)


def test_duplicates() -> None:
    indices = torch.tensor([[1, 0, 0, 0, 1], [1, 1, 1, 2, 2]])
    A = dglsp.spmatrix(indices, torch.tensor([0, 1, 2, 3, 4]))
    assert A.has_duplicate() and not matrix().has_duplicate()
    once = A.coalesce()
    assert once.indices().tolist() == [[0, 0, 1, 1], [1, 2, 1, 2]] and once.val.tolist() == [3, 3, 0, 4]
    assert A.to_dense().tolist() == once.to_dense().tolist()
    assert (A @ torch.tensor([1, 1, 1])).tolist() == [6, 4]


def test_wrong_input_is_named() -> None:
    with pytest.raises(GraphIndexError, match="row id 4"):
        dglsp.spmatrix(torch.tensor([[4], [0]]), shape=(4, 5))
    with pytest.raises(GraphValueError, match="scalars or vectors"):
        dglsp.spmatrix(torch.tensor([[0], [0]]), torch.ones(1, 2, 3))
    with pytest.raises(GraphValueError, match="one value per entry"):
        dglsp.val_like(matrix(), torch.ones(3))
    with pytest.raises(GraphTypeError):
        dglsp.val_like(torch.ones(2, 2), torch.ones(3))


def test_no_entries() -> None:
    A = dglsp.spmatrix(torch.zeros(2, 0, dtype=torch.int64), shape=(3, 4))
    assert A.nnz == 0 and (A @ torch.ones(4, 2)).tolist() == [[0.0] * 2] * 3
    assert A.sum().item() == 0 and A.smax(1).tolist() == [0.0] * 3
    assert (A @ A.T).nnz == 0 and (A + A).nnz == 0 and A.softmax().nnz == 0
    assert dglsp.spmatrix(torch.zeros(2, 0, dtype=torch.int64)).shape == (0, 0)


# -- element by element --------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [None, 3])
def test_sums_and_products(d) -> None:
    A, B = matrix(d), other(d)
    a, b = A.to_dense(), B.to_dense()
    for ours, dense in [(A + B, a + b), (dglsp.add(A, B), a + b), (A - B, a - b), (dglsp.sub(A, B), a - b)]:
        same(ours.to_dense(), dense, A.val, B.val)
        order = ours.row * 5 + ours.col
        assert (order.diff() > 0).all()
    for ours in (A * B, dglsp.mul(A, B)):
        same(ours.to_dense(), a * b, A.val, B.val)
        assert ours.nnz == 3
    same((A * A).to_dense(), a * a, A.val)
    for ours, dense in [
        (A * 2, a * 2),
        (2 * A, a * 2),
        (A / 2, a / 2),
        (-A, -a),
        (A.neg(), -a),
        (A**2, a**2),
    ]:
        same(ours.to_dense(), dense, A.val)
        assert ours.row is A.row
    same(dglsp.mul(torch.tensor(3.0), A).to_dense(), 3 * a)
    same(dglsp.power(A, 3).val, A.val**3)
    same(dglsp.neg(A).val, -A.val)


def test_quotients() -> None:
    A = matrix()
    perm = torch.tensor([3, 1, 0, 5, 4, 2])
    B = dglsp.from_coo(A.row[perm], A.col[perm], torch.arange(1.0, 7.0).double()[perm], A.shape)
    for ours in (A / B, dglsp.div(A, B), A / dglsp.val_like(A, torch.arange(1.0, 7.0).double())):
        assert ours.row is A.row
        same(ours.val, A.val / torch.arange(1.0, 7.0).double(), A.val)
    with pytest.raises(GraphValueError, match="same entries"):
        A / other()


def test_what_is_not_defined() -> None:
    A = matrix()
    for wrong in (
        lambda: A + 1,
        lambda: A - 1,
        lambda: A * "x",
        lambda: A / torch.ones(4, 5),
        lambda: A ** torch.ones(2),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        torch.ones(2, 4) @ A
    with pytest.raises(GraphTypeError, match="dense times a sparse"):
        dglsp.matmul(torch.ones(2, 4), A)
    with pytest.raises(GraphValueError, match="one shape"):
        A + A.T


# -- diagonals -------------------------------------------------------------------------------------------------


def test_diagonals() -> None:
    val = torch.randn(3, dtype=torch.float64, requires_grad=True)
    D = dglsp.diag(val)
    assert D.is_diag() and D.T.is_diag() and not matrix().is_diag()
    same(D.to_dense(), torch.diag(val), val)
    same(D.inv().to_dense(), torch.diag(1 / val), val)
    same(dglsp.inv(D).to_dense(), torch.diag(1 / val))
    assert (D + D).is_diag() and (D @ D).is_diag() and (D * 2).is_diag()
    same((D @ D).val, val**2, val)
    same((D + D).val, 2 * val)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    same(D @ x, torch.diag(val) @ x, val, x)
    same(D @ x[:, 0], torch.diag(val) @ x[:, 0], val, x)
    wide = dglsp.diag(val, (3, 5))
    assert wide.shape == (3, 5)
    same(wide @ torch.ones(5, 2).double(), val.unsqueeze(1).expand(3, 2))
    assert dglsp.identity((2, 3)).to_dense().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert dglsp.identity((2, 2), d=3).val.shape == (2, 3)
    assert dglsp.identity((2, 2), dtype=torch.int64).dtype == torch.int64
    with pytest.raises(GraphValueError, match="3 values"):
        dglsp.diag(torch.ones(2), (3, 4))
    with pytest.raises(GraphValueError, match="diag"):
        matrix().inv()


def test_normalising_with_diagonals_keeps_the_entries() -> None:
    A = dglsp.spmatrix(torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]]), torch.rand(4).double(), (3, 3))
    D = dglsp.diag(A.sum(1)) ** -0.5
    ours = D @ A @ D
    assert ours.row is A.row
    d = torch.diag(A.to_dense().sum(1) ** -0.5)
    same(ours.to_dense(), d @ A.to_dense() @ d)


# -- products ----------------------------------------------------------------------------------------------------


def test_sparse_times_dense() -> None:
    A = matrix()
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    for ours in (A @ x, dglsp.spmm(A, x), dglsp.matmul(A, x)):
        same(ours, A.to_dense() @ x, A.val, x)
    same(A @ x[:, 0], A.to_dense() @ x[:, 0], A.val, x)
    same(A.T @ x[:4], A.to_dense().T @ x[:4], A.val, x)
    with pytest.raises(GraphValueError, match="5 rows"):
        A @ x[:4]
    with pytest.raises(GraphTypeError):
        dglsp.spmm(A, 3)


def test_batched_products() -> None:
    A = matrix(2)
    x = torch.randn(5, 3, 2, dtype=torch.float64, requires_grad=True)
    dense = torch.stack([A.to_dense()[..., i] @ x[..., i] for i in range(2)], -1)
    same(dglsp.bspmm(A, x), dense, A.val, x)
    with pytest.raises(GraphValueError, match="last dim"):
        A @ x[..., 0]
    with pytest.raises(GraphValueError, match="last dim"):
        A @ x[..., :1]


def test_sparse_times_sparse() -> None:
    A, B = matrix(), other()
    for ours in (A @ B.T, dglsp.spspmm(A, B.T), dglsp.matmul(A, B.T)):
        same(ours.to_dense(), A.to_dense() @ B.to_dense().T, A.val, B.val)
        assert ((ours.row * 4 + ours.col).diff() > 0).all()
    square = A @ A.T
    same((square @ square).to_dense(), square.to_dense() @ square.to_dense(), A.val)
    with pytest.raises(GraphValueError, match="as many columns"):
        A @ B
    with pytest.raises(GraphValueError, match="numbers"):
        matrix(2) @ matrix(2).T
    with pytest.raises(GraphTypeError):
        dglsp.spspmm(A, torch.ones(5, 2))


def test_sampled_products() -> None:
    A = matrix()
    x, y = (
        torch.randn(4, 3, dtype=torch.float64, requires_grad=True),
        torch.randn(3, 5, dtype=torch.float64, requires_grad=True),
    )
    same(dglsp.sddmm(A, x, y).to_dense(), (x @ y) * A.to_dense(), A.val, x, y)
    same(dglsp.sddmm(A, x[:, 0], y[0]).to_dense(), torch.outer(x[:, 0], y[0]) * A.to_dense(), A.val, x, y)
    with pytest.raises(GraphValueError, match=r"\(4, 5\)"):
        dglsp.sddmm(A, y.T, x.T)
    x, y = torch.randn(4, 3, 2, dtype=torch.float64), torch.randn(3, 5, 2, dtype=torch.float64)
    dense = torch.einsum("lmk,mnk->lnk", x, y)
    same(dglsp.bsddmm(A, x, y).to_dense(), dense * A.to_dense().unsqueeze(-1), A.val)
    B = matrix(2)
    same(dglsp.bsddmm(B, x, y).to_dense(), dense * B.to_dense(), B.val)


def test_with_a_vector() -> None:
    for A in (matrix(), matrix(3)):
        by_column, by_row = torch.rand(5).double() + 1, torch.rand(4, 1).double() + 1
        for v, spread in (
            (by_column, by_column[A.col]),
            (by_column[None], by_column[A.col]),
            (by_row, by_row[A.row, 0]),
        ):
            spread = spread if A.val.dim() == 1 else spread[:, None]
            same(dglsp.sp_add_v(A, v).val, A.val + spread, A.val)
            same(dglsp.sp_sub_v(A, v).val, A.val - spread)
            same(dglsp.sp_mul_v(A, v).val, A.val * spread, A.val)
            same(dglsp.sp_div_v(A, v).val, A.val / spread)
        with pytest.raises(GraphValueError, match="Dimension mismatch"):
            dglsp.sp_add_v(A, torch.ones(4))
        with pytest.raises(GraphValueError, match="unknown op"):
            dglsp.sp_broadcast_v(A, by_column, "pow")


# -- reductions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [None, 2])
@pytest.mark.parametrize("rtype", ["sum", "smax", "smin", "smean", "sprod"])
def test_reductions(rtype, d) -> None:
    A = matrix(d)
    rows = [A.val[A.row == i] for i in range(4)]
    columns = [A.val[A.col == i] for i in range(5)]
    one = {
        "sum": lambda x: x.sum(0),
        "smax": lambda x: x.amax(0),
        "smin": lambda x: x.amin(0),
        "smean": lambda x: x.mean(0),
        "sprod": lambda x: x.prod(0),
    }[rtype]
    for dim, groups in ((0, columns), (1, rows)):
        dense = torch.stack([one(g) if g.shape[0] else A.val.new_zeros(A.val.shape[1:]) for g in groups])
        same(dglsp.reduce(A, dim, rtype), dense, A.val)
        same(getattr(A, rtype)(dim), dense)
        same(getattr(dglsp, rtype)(A, dim), dense)
    same(getattr(A, rtype)(), one(A.val), A.val)
    with pytest.raises(GraphKeyError, match="median"):
        A.reduce(0, "median")
    with pytest.raises(GraphValueError, match="dim"):
        A.sum(2)


def test_reductions_of_integers() -> None:
    A = dglsp.spmatrix(torch.tensor([[0, 1, 1], [0, 0, 2]]), torch.tensor([1, 1, 2]), (4, 3))
    assert (
        A.sum(1).tolist() == [1, 3, 0, 0]
        and A.sprod(0).tolist() == [1, 0, 2]
        and A.smax(0).tolist() == [1, 0, 2]
    )
    assert A.sprod().item() == 2


@pytest.mark.parametrize("d", [None, 2])
@pytest.mark.parametrize("dim", [0, 1])
def test_softmax(dim, d) -> None:
    A = matrix(d)
    dense = A.to_dense()
    there = torch.zeros(4, 5, dtype=torch.bool).index_put((A.row, A.col), torch.tensor(True))
    there = there if d is None else there.unsqueeze(-1)
    expected = dense.masked_fill(~there, float("-inf")).softmax(dim).nan_to_num(0)
    same(A.softmax(dim).to_dense(), expected)
    same(dglsp.softmax(A, dim).to_dense(), expected)
    same(A.softmax(dim).sum(dim).detach(), there.any(dim).double().expand_as(A.sum(dim)))


# -- parts -----------------------------------------------------------------------------------------------------------


def test_selection() -> None:
    A = matrix()
    a = A.to_dense()
    for dim, index in ((0, [3, 0, 3, 2]), (1, [4, 0]), (0, [])):
        index = torch.tensor(index, dtype=torch.int64)
        same(A.index_select(dim, index).to_dense(), a.index_select(dim, index), A.val)
    same(A.range_select(0, slice(1, 4)).to_dense(), a[1:4])
    same(A.range_select(1, slice(None, 2)).to_dense(), a[:, :2])
    with pytest.raises(GraphValueError, match="step"):
        A.range_select(0, slice(0, 4, 2))


def test_compaction() -> None:
    A = matrix()
    small, index = A.compact(0)
    assert index.tolist() == [0, 1, 3]
    same(small.to_dense(), A.to_dense()[index])
    small, index = A.compact(0, torch.tensor([3, 2]))
    assert index.tolist() == [3, 2, 0, 1]
    same(small.to_dense(), A.to_dense()[index])
    small, index = A.T.compact(1)
    assert index.tolist() == [0, 1, 3] and small.shape == (5, 3)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_sampling(dim, bias) -> None:
    dense = torch.rand(6, 7).double() * (torch.rand(6, 7) < 0.8)
    dense[2], dense[:, 3] = 0, 0
    A = dglsp.from_torch_sparse(dense.to_sparse())
    part = A.sample(dim, 2, bias=bias)
    kept = part.to_dense()
    assert part.shape == A.shape and ((kept == dense) | (kept == 0)).all() and not part.has_duplicate()
    assert ((kept != 0).sum(1 - dim) == (dense != 0).sum(1 - dim).clamp(max=2)).all()
    ids = torch.tensor([5, 2, 0])
    some = A.sample(dim, 3, ids=ids, replace=True, bias=bias)
    there = dense.index_select(dim, ids).any(1 - dim)
    assert some.shape[dim] == 3 and some.nnz == 3 * there.sum()
    assert torch.isin(some.val, dense.index_select(dim, ids)).all()


def test_sampling_follows_the_values() -> None:
    A = dglsp.spmatrix(torch.tensor([[0, 0, 0], [0, 1, 2]]), torch.tensor([0.0, 1.0, 3.0]))
    counts = torch.zeros(3)
    for _ in range(200):
        counts += A.sample(0, 1, bias=True).to_dense()[0] > 0
    assert counts[0] == 0 and 120 < counts[2] < 180
    drawn = A.sample(0, 2000, replace=True, bias=True)
    assert 1400 < (drawn.col == 2).sum() < 1600 and not (drawn.col == 0).any()
