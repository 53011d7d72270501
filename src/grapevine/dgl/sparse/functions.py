"""Operations on sparse matrices as functions."""

from __future__ import annotations

import operator
from typing import Any

from torch import Tensor

from grapevine.dgl.function.algebra import stored
from grapevine.dgl.sparse.sparse_matrix import SparseMatrix, val_like
from grapevine.errors import GraphTypeError, GraphValueError

__all__ = [
    "add",
    "bsddmm",
    "bspmm",
    "div",
    "inv",
    "matmul",
    "mul",
    "neg",
    "power",
    "reduce",
    "sddmm",
    "smax",
    "smean",
    "smin",
    "softmax",
    "sp_add_v",
    "sp_broadcast_v",
    "sp_div_v",
    "sp_mul_v",
    "sp_sub_v",
    "spmm",
    "sprod",
    "spspmm",
    "sub",
    "sum",
]


def _matrix(A: Any, name: str = "A") -> SparseMatrix:
    if not isinstance(A, SparseMatrix):
        raise GraphTypeError(f"expected {name} as a SparseMatrix, got {type(A).__name__}")
    return A


# -- element by element ------------------------------------------------------------------------------


def add(A: SparseMatrix, B: SparseMatrix) -> SparseMatrix:
    """`A + B`, coalesced."""
    return A + B


def sub(A: SparseMatrix, B: SparseMatrix) -> SparseMatrix:
    """`A - B`, coalesced."""
    return A - B


def mul(A: Any, B: Any) -> SparseMatrix:
    """`A * B`: with a number, every value; with a sparse matrix, where both have an entry."""
    return A * B


def div(A: SparseMatrix, B: Any) -> SparseMatrix:
    """`A / B`: by a number, every value; by a sparse matrix with the same entries, entry by entry."""
    return A / B


def power(A: SparseMatrix, scalar: Any) -> SparseMatrix:
    """`A ** scalar`: every value."""
    return A**scalar


def neg(A: SparseMatrix) -> SparseMatrix:
    """`-A`."""
    return -A


def inv(A: SparseMatrix) -> SparseMatrix:
    """The inverse of a diagonal matrix."""
    return A.inv()


# -- products ------------------------------------------------------------------------------------------


def spmm(A: SparseMatrix, X: Tensor) -> Tensor:
    """`A @ X`, a sparse times a dense matrix.

    Args:
        A: of shape `(L, M)`.
        X: `(M,)` or `(M, N)`; `(M, N, D)` if the values of `A` are vectors of length D.

    Example:
        >>> import torch
        >>> from grapevine.dgl.sparse import identity
        >>> spmm(2 * identity((2, 2)), torch.ones(2, 1)).flatten()
        tensor([2., 2.])
    """
    if not isinstance(X, Tensor):
        raise GraphTypeError(f"expected X as a tensor, got {type(X).__name__}")
    return _matrix(A) @ X


def bspmm(A: SparseMatrix, X: Tensor) -> Tensor:
    """`A @ X` for every position of the values: `(L, M)` with values `(nnz, D)`, times `(M, N, D)`."""
    return spmm(A, X)


def spspmm(A: SparseMatrix, B: SparseMatrix) -> SparseMatrix:
    """`A @ B` of two sparse matrices."""
    return _matrix(A) @ _matrix(B, "B")


def matmul(A: Any, B: Any) -> Any:
    """`A @ B` of dense and sparse matrices, but for a dense one times a sparse one."""
    if isinstance(A, Tensor) and isinstance(B, SparseMatrix):
        raise GraphTypeError("a dense times a sparse matrix is not supported; do this instead: (B.T @ A.T).T")
    return A @ B


def sddmm(A: SparseMatrix, X1: Tensor, X2: Tensor) -> SparseMatrix:
    """`(X1 @ X2) * A`, where A has entries only.

    Args:
        A: of shape `(L, N)`, values of length D or numbers.
        X1: `(L, M)`, `(L, M, D)`, or `(L,)` for an outer product.
        X2: `(M, N)`, `(M, N, D)`, or `(N,)`.

    Example:
        >>> import torch
        >>> from grapevine.dgl.sparse import identity
        >>> sddmm(identity((2, 2)), torch.ones(2, 3), torch.ones(3, 2)).val
        tensor([3., 3.])
    """
    A = _matrix(A)
    if X1.dim() == 1:
        X1, X2 = X1.unsqueeze(1), X2.unsqueeze(0)
    if (
        X1.dim() != X2.dim()
        or (X1.shape[0], X2.shape[1]) != A.shape
        or X1.shape[1] != X2.shape[0]
        or X1.shape[2:] != X2.shape[2:]
    ):
        raise GraphValueError(
            f"expected X1 @ X2 to have the shape {A.shape} of A, got {list(X1.shape)} and {list(X2.shape)}"
        )
    edges = A._pattern.edges
    products = (edges.dst(X1) * edges.src(X2.transpose(0, 1))).sum(1)
    val = A.val.unsqueeze(-1) if A.val.dim() < products.dim() else A.val
    return val_like(A, stored(edges, products) * val)


def bsddmm(A: SparseMatrix, X1: Tensor, X2: Tensor) -> SparseMatrix:
    """`sddmm` for every position of the last dim: `(L, M, D)` and `(M, N, D)`."""
    return sddmm(A, X1, X2)


# -- with a vector ---------------------------------------------------------------------------------------


def sp_broadcast_v(A: SparseMatrix, v: Tensor, op: str) -> SparseMatrix:
    """The entries joined with those of a vector, by column or by row.

    Args:
        A: of shape `(L, N)`.
        v: `(N,)` or `(1, N)`: one number per column; `(L, 1)`: one per row.
        op: add, sub, mul or truediv.

    Raises:
        GraphValueError: for another shape or op.

    Example:
        >>> import torch
        >>> from grapevine.dgl.sparse import identity
        >>> sp_broadcast_v(identity((2, 2)), torch.tensor([1.0, 2.0]), "mul").val
        tensor([1., 2.])
    """
    operations = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv}
    if op not in operations:
        raise GraphValueError(f"unknown op {op!r}; choose one of {', '.join(operations)}")
    shape = tuple(v.shape) if v.dim() != 1 else (1, v.shape[0])
    rows, columns = A.shape
    if shape == (1, columns):
        spread = v.reshape(-1)[A.col]
    elif shape == (rows, 1):
        spread = v.reshape(-1)[A.row]
    else:
        raise GraphValueError(
            f"Dimension mismatch for broadcasting. Got A.shape = {A.shape} and v.shape = {tuple(v.shape)}; "
            f"expected ({columns},), (1, {columns}) or ({rows}, 1)."
        )
    return val_like(A, operations[op](A.val, spread.unsqueeze(1) if A.val.dim() > 1 else spread))


def sp_add_v(A: SparseMatrix, v: Tensor) -> SparseMatrix:
    """`sp_broadcast_v` with add."""
    return sp_broadcast_v(A, v, "add")


def sp_sub_v(A: SparseMatrix, v: Tensor) -> SparseMatrix:
    """`sp_broadcast_v` with sub."""
    return sp_broadcast_v(A, v, "sub")


def sp_mul_v(A: SparseMatrix, v: Tensor) -> SparseMatrix:
    """`sp_broadcast_v` with mul."""
    return sp_broadcast_v(A, v, "mul")


def sp_div_v(A: SparseMatrix, v: Tensor) -> SparseMatrix:
    """`sp_broadcast_v` with truediv."""
    return sp_broadcast_v(A, v, "truediv")


# -- reductions ------------------------------------------------------------------------------------------


def reduce(input: SparseMatrix, dim: int | None = None, rtype: str = "sum") -> Tensor:
    """Reduces the entries per column (`dim=0`), per row (`dim=1`) or in all; see `SparseMatrix.reduce`."""
    return input.reduce(dim, rtype)


def sum(input: SparseMatrix, dim: int | None = None) -> Tensor:
    """The sum of the entries per column (`dim=0`), per row (`dim=1`) or in all."""
    return input.sum(dim)


def smax(input: SparseMatrix, dim: int | None = None) -> Tensor:
    """The largest of the entries per column (`dim=0`), per row (`dim=1`) or in all."""
    return input.smax(dim)


def smin(input: SparseMatrix, dim: int | None = None) -> Tensor:
    """The smallest of the entries per column (`dim=0`), per row (`dim=1`) or in all."""
    return input.smin(dim)


def smean(input: SparseMatrix, dim: int | None = None) -> Tensor:
    """The mean of the entries per column (`dim=0`), per row (`dim=1`) or in all."""
    return input.smean(dim)


def sprod(input: SparseMatrix, dim: int | None = None) -> Tensor:
    """The product of the entries per column (`dim=0`), per row (`dim=1`) or in all."""
    return input.sprod(dim)


def softmax(input: SparseMatrix, dim: int = 1) -> SparseMatrix:
    """The entries normalised by a softmax per row (`dim=1`) or per column (`dim=0`)."""
    return input.softmax(dim)
