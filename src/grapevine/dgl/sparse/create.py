"""Sparse matrices from coordinates, compressed rows or columns, diagonals and `torch.sparse` tensors, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.dgl.sparse.pattern import Pattern
from grapevine.dgl.sparse.sparse_matrix import SparseMatrix
from grapevine.errors import GraphValueError

__all__ = [
    "diag",
    "from_coo",
    "from_csc",
    "from_csr",
    "from_torch_sparse",
    "identity",
    "spmatrix",
    "to_torch_sparse_coo",
    "to_torch_sparse_csc",
    "to_torch_sparse_csr",
]


def spmatrix(
    indices: Tensor, val: Tensor | None = None, shape: tuple[int, int] | None = None
) -> SparseMatrix:
    """A sparse matrix from coordinates, whose order and duplicates stay.

    Args:
        indices: `(2, nnz)` integers: rows above columns.
        val: `(nnz,)` numbers or `(nnz, D)` vectors; ones if None.
        shape: rows and columns; the largest coordinates plus one if None.

    Raises:
        GraphIndexError: for coordinates outside the shape.
        GraphValueError: for values of more than two dims, or not one per entry.

    Example:
        >>> spmatrix(torch.tensor([[1, 0], [0, 2]]), torch.tensor([1.0, 2.0]))
        SparseMatrix(indices=tensor([[1, 0],
                                     [0, 2]]),
                     values=tensor([1., 2.]),
                     shape=(2, 3), nnz=2)
    """
    return from_coo(indices[0], indices[1], val, shape)


def from_coo(
    row: Tensor, col: Tensor, val: Tensor | None = None, shape: tuple[int, int] | None = None
) -> SparseMatrix:
    """A sparse matrix from the rows and the columns of its entries; see `spmatrix`."""
    if shape is None:
        shape = (_top(row), _top(col))
    if val is None:
        val = torch.ones(row.shape[0], device=row.device)
    return SparseMatrix(Pattern(row, col, (int(shape[0]), int(shape[1])), validate=True), val)


def _top(index: Tensor) -> int:
    return int(index.max()) + 1 if index.numel() else 0


def from_csr(
    indptr: Tensor, indices: Tensor, val: Tensor | None = None, shape: tuple[int, int] | None = None
) -> SparseMatrix:
    """A sparse matrix from compressed rows.

    Args:
        indptr: `(rows + 1,)`: where each row begins among the entries.
        indices: `(nnz,)`: the columns.
        val: as in `spmatrix`.
        shape: as in `spmatrix`.

    Example:
        >>> from_csr(torch.tensor([0, 1, 2]), torch.tensor([1, 0])).to_dense()
        tensor([[0., 1.],
                [1., 0.]])
    """
    outer = torch.repeat_interleave(
        torch.arange(indptr.shape[0] - 1, device=indptr.device, dtype=indices.dtype), indptr.diff()
    )
    return from_coo(outer, indices, val, shape or (indptr.shape[0] - 1, _top(indices)))


def from_csc(
    indptr: Tensor, indices: Tensor, val: Tensor | None = None, shape: tuple[int, int] | None = None
) -> SparseMatrix:
    """A sparse matrix from compressed columns: `indptr` per column, `indices` the rows; see `from_csr`."""
    turned = None if shape is None else (shape[1], shape[0])
    return from_csr(indptr, indices, val, turned).transpose()


def diag(val: Tensor, shape: tuple[int, int] | None = None) -> SparseMatrix:
    """A diagonal matrix.

    Args:
        val: `(n,)` numbers or `(n, D)` vectors.
        shape: rows and columns, the smaller of which is n; `(n, n)` if None.

    Raises:
        GraphValueError: if the values do not fit the shape.

    Example:
        >>> diag(torch.tensor([1.0, 2.0])).to_dense()
        tensor([[1., 0.],
                [0., 2.]])
    """
    shape = shape or (val.shape[0], val.shape[0])
    if val.shape[0] != min(shape):
        raise GraphValueError(
            f"expected {min(shape)} values on the diagonal of shape {tuple(shape)}, got {val.shape[0]}"
        )
    return SparseMatrix(Pattern.of_diagonal((shape[0], shape[1]), val.device), val)


def identity(
    shape: tuple[int, int],
    d: int | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> SparseMatrix:
    """Ones on the diagonal.

    Args:
        shape: rows and columns.
        d: the length of the values; None for numbers.
        dtype: of the values.
        device: of the matrix.

    Example:
        >>> identity((2, 3)).to_dense()
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    size = (min(shape),) if d is None else (min(shape), d)
    return diag(torch.ones(size, dtype=dtype, device=device), shape)


def from_torch_sparse(torch_sparse_tensor: Tensor) -> SparseMatrix:
    """A sparse matrix from a `torch.sparse` tensor in COO, CSR or CSC layout.

    Raises:
        GraphValueError: for another layout.

    Example:
        >>> from_torch_sparse(torch.eye(2).to_sparse()).nnz
        2
    """
    x = torch_sparse_tensor
    shape = (x.shape[0], x.shape[1])
    if x.layout is torch.sparse_coo:
        return spmatrix(x._indices(), x._values(), shape)
    if x.layout is torch.sparse_csr:
        return from_csr(x.crow_indices(), x.col_indices(), x.values(), shape)
    if x.layout is torch.sparse_csc:
        return from_csc(x.ccol_indices(), x.row_indices(), x.values(), shape)
    raise GraphValueError(f"expected a tensor in COO, CSR or CSC layout, got {x.layout}; use x.to_sparse()")


def _size(spmat: SparseMatrix) -> tuple[int, ...]:
    return spmat.shape + tuple(spmat.val.shape[1:])


def to_torch_sparse_coo(spmat: SparseMatrix) -> Tensor:
    """The matrix as a `torch.sparse` tensor in COO layout."""
    return torch.sparse_coo_tensor(spmat.indices(), spmat.val, _size(spmat), check_invariants=False)


def _compressed(spmat: SparseMatrix) -> tuple[Tensor, Tensor, Tensor]:
    """Row by row, columns ascending, as `torch.sparse` wants them."""
    order = spmat._pattern.keys().argsort(stable=True)
    return spmat.csr()[0], spmat.col[order], spmat.val[order]


def to_torch_sparse_csr(spmat: SparseMatrix) -> Tensor:
    """The matrix as a `torch.sparse` tensor in CSR layout."""
    return torch.sparse_csr_tensor(*_compressed(spmat), _size(spmat), check_invariants=False)


def to_torch_sparse_csc(spmat: SparseMatrix) -> Tensor:
    """The matrix as a `torch.sparse` tensor in CSC layout."""
    return torch.sparse_csc_tensor(*_compressed(spmat.T), _size(spmat), check_invariants=False)
