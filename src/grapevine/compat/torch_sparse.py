"""`torch_sparse`: a sparse matrix with values that carry gradients, on Grapevine's edges.

Layers of `grapevine.nn` take a `SparseTensor` as PyTorch's own sparse matrices, entry (i, j) for the edge from j to i.
"""

from __future__ import annotations

import builtins
from typing import Any, cast

import torch
from scipy.sparse import coo_matrix
from torch import Tensor

from grapevine import utils
from grapevine.edges import Edges
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph.sorting import index2ptr, ptr2index

#: The version of torch_sparse that programs see when they ask.
__version__ = "0.6.18"


class SparseTensor:
    """A sparse matrix; entries stand row by row, duplicates stay apart.

    Args:
        row: `(nnz,)` rows; or
        rowptr: `(rows + 1,)` where each row begins.
        col: `(nnz,)` columns.
        value: `(nnz, ...)`; None for a matrix of ones without storage.
        sparse_sizes: rows and columns; the largest ones plus one where None.
        is_sorted: promises that the entries stand row by row, columns ascending.
        trust_data: accepted for compatibility.

    Raises:
        GraphTypeError: if `col`, or both `row` and `rowptr` are missing.
        GraphValueError: if an entry lies outside `sparse_sizes`.

    Example:
        >>> adj = SparseTensor(row=torch.tensor([1, 0]), col=torch.tensor([0, 2]), sparse_sizes=(2, 3))
        >>> adj @ torch.tensor([[1.0], [2.0], [3.0]])
        tensor([[3.],
                [1.]])
    """

    def __init__(
        self,
        row: Tensor | None = None,
        rowptr: Tensor | None = None,
        col: Tensor | None = None,
        value: Tensor | None = None,
        sparse_sizes: tuple[int | None, int | None] | None = None,
        is_sorted: bool = False,
        trust_data: bool = False,
    ) -> None:
        if row is None and rowptr is not None and col is not None:
            row = ptr2index(rowptr, col.numel())
            sparse_sizes = (rowptr.numel() - 1, sparse_sizes[1] if sparse_sizes else None)
        if row is None or col is None:
            raise GraphTypeError(
                "expected col and either row or rowptr; pass row=edge_index[0], col=edge_index[1]"
            )
        rows, cols = sparse_sizes or (None, None)
        rows = int(row.max()) + 1 if rows is None and row.numel() else rows or 0
        cols = int(col.max()) + 1 if cols is None and col.numel() else cols or 0
        if row.numel() and (int(row.max()) >= rows or int(col.max()) >= cols):
            raise GraphValueError(
                f"expected entries within {rows} rows and {cols} columns, got row {int(row.max())} and "
                f"column {int(col.max())}; pass larger sparse_sizes"
            )
        if not is_sorted:
            order = (row * cols + col).argsort(stable=True)
            row, col, value = row[order], col[order], None if value is None else value[order]
        self._row, self._col, self._value, self._sizes = row, col, value, (rows, cols)
        self._native: Tensor | None = None

    # -- making one ----------------------------------------------------------------------------------

    @classmethod
    def from_edge_index(
        cls,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        sparse_sizes: tuple[int | None, int | None] | None = None,
        is_sorted: bool = False,
        trust_data: bool = False,
    ) -> SparseTensor:
        """Rows are `edge_index[0]`, columns `edge_index[1]`."""
        return cls(edge_index[0], None, edge_index[1], edge_attr, sparse_sizes, is_sorted)

    @classmethod
    def from_dense(cls, mat: Tensor, has_value: bool = True) -> SparseTensor:
        """The entries of a dense matrix that are not zero."""
        row, col = mat.nonzero(as_tuple=True)[:2] if mat.dim() == 2 else mat.any(-1).nonzero(as_tuple=True)
        return cls(row, None, col, mat[row, col] if has_value else None, (mat.shape[0], mat.shape[1]), True)

    @classmethod
    def from_scipy(cls, mat: Any, has_value: bool = True) -> SparseTensor:
        """A scipy matrix of any format."""
        mat = mat.tocoo()
        row, col = (torch.from_numpy(ids).to(torch.int64) for ids in (mat.row, mat.col))
        return cls(row, None, col, torch.from_numpy(mat.data) if has_value else None, mat.shape)

    @classmethod
    def from_torch_sparse_coo_tensor(cls, mat: Tensor, has_value: bool = True) -> SparseTensor:
        """A `torch.sparse` matrix in COO, CSR or CSC layout."""
        (row, col), value = utils.to_edge_index(mat)
        return cls(row, None, col, value if has_value else None, (mat.shape[0], mat.shape[1]))

    from_torch_sparse_csr_tensor = from_torch_sparse_coo_tensor

    @classmethod
    def eye(cls, M: int, N: int | None = None, has_value: bool = True, dtype: Any = None) -> SparseTensor:
        """Ones on the diagonal."""
        N = M if N is None else N
        ids = torch.arange(min(M, N))
        return cls(ids, None, ids, torch.ones(len(ids), dtype=dtype) if has_value else None, (M, N), True)

    def _with(self, value: Tensor | None) -> SparseTensor:
        return SparseTensor(self._row, None, self._col, value, self._sizes, True)

    def _keep(self, mask: Tensor) -> SparseTensor:
        value = None if self._value is None else self._value[mask]
        return SparseTensor(self._row[mask], None, self._col[mask], value, self._sizes, True)

    # -- what it is ----------------------------------------------------------------------------------

    def coo(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Rows, columns, values."""
        return self._row, self._col, self._value

    def csr(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Where each row begins, columns, values."""
        return index2ptr(self._row, self._sizes[0]), self._col, self._value

    def csc(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Where each column begins, rows, values, column by column."""
        return self.t().csr()

    @property
    def storage(self) -> SparseTensor:
        """The object that answers `row()`, `col()`, `value()`, `rowptr()`: the matrix itself."""
        return self

    def row(self) -> Tensor:
        """The row of every entry."""
        return self._row

    def col(self) -> Tensor:
        """The column of every entry."""
        return self._col

    def value(self) -> Tensor | None:
        """The values, or None."""
        return self._value

    def rowptr(self) -> Tensor:
        """Where each row begins."""
        return self.csr()[0]

    def rowcount(self) -> Tensor:
        """Entries of each row."""
        return self.rowptr().diff()

    def sparse_sizes(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._sizes

    def sparse_size(self, dim: int) -> int:
        """Rows (0) or columns (1)."""
        return self._sizes[dim]

    def sizes(self) -> list[int]:
        """Rows, columns, and the sizes of a value."""
        return [*self._sizes, *([] if self._value is None else self._value.shape[1:])]

    def size(self, dim: int) -> int:
        """One of `sizes()`."""
        return self.sizes()[dim]

    @property
    def shape(self) -> tuple[int, ...]:
        """`sizes()` as a tuple."""
        return tuple(self.sizes())

    def dim(self) -> int:
        """The number of axes."""
        return len(self.sizes())

    def nnz(self) -> int:
        """The number of entries."""
        return self._row.numel()

    numel = nnz

    def density(self) -> float:
        """The part of the matrix that is stored."""
        return self.nnz() / max(self._sizes[0] * self._sizes[1], 1)

    def has_value(self) -> bool:
        """Whether values are stored."""
        return self._value is not None

    def is_symmetric(self) -> bool:
        """Whether it equals its transpose."""
        return self._sizes[0] == self._sizes[1] and torch.equal(self.to_dense(), self.t().to_dense())

    def device(self) -> torch.device:
        """Where it is; a method, as in torch_sparse."""
        return self._row.device

    def dtype(self) -> torch.dtype:
        """The type of its values; a method, as in torch_sparse."""
        return torch.get_default_dtype() if self._value is None else self._value.dtype

    def requires_grad(self) -> bool:
        """Whether gradients flow to the values."""
        return self._value is not None and self._value.requires_grad

    def __repr__(self) -> str:
        value = "" if self._value is None else f", val={self._value}"
        return f"SparseTensor(row={self._row}, col={self._col}{value}, size={self.shape}, nnz={self.nnz()})"

    # -- other values, other places ------------------------------------------------------------------

    def set_value(self, value: Tensor | None, layout: str | None = None) -> SparseTensor:
        """The same entries with other values, in their order row by row ("csc": column by column)."""
        if layout == "csc" and value is not None:
            order = (self._col * self._sizes[0] + self._row).argsort(stable=True)
            value = torch.empty_like(value).index_copy(0, order, value)
        return self._with(value)

    def fill_value(self, fill_value: builtins.float, dtype: torch.dtype | None = None) -> SparseTensor:
        """The same entries, all with one value."""
        return self._with(
            torch.full((self.nnz(),), fill_value, dtype=dtype or self.dtype(), device=self.device())
        )

    def to(self, *arguments: Any, **options: Any) -> SparseTensor:
        """On another device; its values in another dtype."""
        value = None if self._value is None else self._value.to(*arguments, **options)
        device = torch.empty(0, device=self.device()).to(*arguments, **options).device
        return SparseTensor(self._row.to(device), None, self._col.to(device), value, self._sizes, True)

    def cpu(self) -> SparseTensor:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self) -> SparseTensor:
        """On the GPU."""
        return self.to("cuda")

    def detach(self) -> SparseTensor:
        """Without gradients."""
        return self._with(None if self._value is None else self._value.detach())

    def float(self) -> SparseTensor:
        """Values in float32."""
        return self.to(torch.float32)

    def t(self) -> SparseTensor:
        """The transpose."""
        return SparseTensor(self._col, None, self._row, self._value, self._sizes[::-1])

    def coalesce(self, reduce: str = "sum") -> SparseTensor:
        """One entry in place of duplicates."""
        index = torch.stack([self._row, self._col])
        if self._value is None:
            index, value = utils.coalesce(index), None
        else:
            index, value = utils.coalesce(index, self._value, reduce=reduce)
        return SparseTensor(index[0], None, index[1], value, self._sizes, True)

    def to_symmetric(self, reduce: str = "sum") -> SparseTensor:
        """Entries in both directions; where both were there, their values are reduced."""
        size = max(self._sizes)
        value = None if self._value is None else torch.cat([self._value, self._value])
        row, col = torch.cat([self._row, self._col]), torch.cat([self._col, self._row])
        return SparseTensor(row, None, col, value, (size, size)).coalesce(reduce)

    def remove_diag(self, k: int = 0) -> SparseTensor:
        """Without the entries (i, i + k)."""
        return self._keep(self._col - self._row != k)

    def set_diag(self, values: Tensor | None = None, k: int = 0) -> SparseTensor:
        """With `values` (ones by default) at all places (i, i + k)."""
        rest = self.remove_diag(k)
        first, last = max(0, -k), min(self._sizes[0], self._sizes[1] - k)
        ids = torch.arange(first, last, device=self.device())
        value = None
        if rest._value is not None:
            ones = rest._value.new_ones((len(ids), *rest._value.shape[1:]))
            value = torch.cat([rest._value, ones if values is None else values.to(ones.dtype)])
        row, col = torch.cat([rest._row, ids]), torch.cat([rest._col, ids + k])
        return SparseTensor(row, None, col, value, self._sizes)

    def fill_diag(self, fill_value: builtins.float, k: int = 0) -> SparseTensor:
        """With one value at all places (i, i + k)."""
        if self._value is None:
            return self.set_diag(None, k)
        last, first = min(self._sizes[0], self._sizes[1] - k), max(0, -k)
        shape = (max(last - first, 0), *self._value.shape[1:])
        return self.set_diag(self._value.new_full(shape, fill_value), k)

    def get_diag(self) -> Tensor:
        """The values at (i, i), zero where there is no entry."""
        return self.to_dense().diagonal().movedim(-1, 0)

    def masked_select_nnz(self, mask: Tensor, layout: str | None = None) -> SparseTensor:
        """Some of the entries."""
        return self._keep(mask)

    def index_select(self, dim: int, idx: Tensor) -> SparseTensor:
        """Rows (0) or columns (1), in the order of `idx`."""
        if dim == 1:
            return self.t().index_select(0, idx).t()
        rowptr, count = self.rowptr(), self.rowcount()[idx]
        row = torch.repeat_interleave(torch.arange(idx.numel(), device=idx.device), count)
        begins = rowptr[idx] - utils.cumsum(count)[:-1]
        entry = torch.arange(row.numel(), device=idx.device) + begins[row]
        value = None if self._value is None else self._value[entry]
        return SparseTensor(row, None, self._col[entry], value, (idx.numel(), self._sizes[1]), True)

    def __getitem__(self, index: Any) -> SparseTensor:
        selected = self
        for dim, one in enumerate(index if isinstance(index, tuple) else (index,)):
            if isinstance(one, Tensor) and one.dtype == torch.bool:
                one = one.nonzero()[:, 0]
            elif not isinstance(one, Tensor):
                one = torch.arange(selected._sizes[dim], device=self.device())[one].view(-1)
            selected = selected.index_select(dim, one)
        return selected

    # -- arithmetic ----------------------------------------------------------------------------------

    def sum(self, dim: int | None = None) -> Tensor:
        """Of all values, of each row (dim=1) or of each column (dim=0)."""
        return self._reduced(dim, "sum")

    def mean(self, dim: int | None = None) -> Tensor:
        """Over the stored entries."""
        return self._reduced(dim, "mean")

    def max(self, dim: int | None = None) -> Tensor:
        """Over the stored entries."""
        return self._reduced(dim, "max")

    def min(self, dim: int | None = None) -> Tensor:
        """Over the stored entries."""
        return self._reduced(dim, "min")

    def _reduced(self, dim: int | None, how: str) -> Tensor:
        value = self._ones() if self._value is None else self._value
        if dim is None:
            return cast(Tensor, getattr(value, how)())
        kept = 1 - dim % 2
        return utils.scatter(value, (self._row, self._col)[kept], 0, self._sizes[kept], how)

    def _ones(self) -> Tensor:
        return torch.ones(self.nnz(), device=self.device())

    def mul(self, other: Tensor) -> SparseTensor:
        """Times a column `(rows, 1)` or a row `(1, columns)`."""
        rows = other.shape[0] == self._sizes[0] and other.shape[1] == 1
        if not rows and other.shape[:2] != (1, self._sizes[1]):
            raise GraphValueError(
                f"expected a factor of shape ({self._sizes[0]}, 1) or (1, {self._sizes[1]}), got {list(other.shape)}"
            )
        factor = other[:, 0][self._row] if rows else other[0][self._col]
        return self._with(factor if self._value is None else self._value * factor)

    def __mul__(self, other: Tensor | builtins.float) -> SparseTensor:
        if isinstance(other, Tensor) and other.dim() > 0:
            return self.mul(other)
        return self._with((self._ones() if self._value is None else self._value) * other)

    __rmul__ = __mul__

    def matmul(self, other: Any, reduce: str = "sum") -> Any:
        """Times a dense matrix, with any reduction; or times a sparse one."""
        if isinstance(other, SparseTensor):
            product = self.to_torch_sparse_coo_tensor() @ other.to_torch_sparse_coo_tensor()
            return SparseTensor.from_torch_sparse_coo_tensor(product)
        if other.shape[0] != self._sizes[1]:
            raise GraphValueError(f"expected {self._sizes[1]} rows, one per column, got {other.shape[0]}")
        edges = Edges((self._col, self._row), size=(self._sizes[1], self._sizes[0]))
        message = edges.src(other)
        if self._value is not None:
            message = edges.edge(self._value.view(-1, *[1] * (other.dim() - 1))) * message
        return edges.reduce(message, "sum" if reduce == "add" else reduce)

    spmm = matmul
    __matmul__ = matmul

    # -- other forms ---------------------------------------------------------------------------------

    def to_dense(self, dtype: torch.dtype | None = None) -> Tensor:
        """The dense matrix; duplicates add up."""
        value = self._ones() if self._value is None else self._value
        dense = value.new_zeros(*self._sizes, *value.shape[1:])
        dense = dense.index_put((self._row, self._col), value, accumulate=True)
        return dense if dtype is None else dense.to(dtype)

    def to_torch_sparse_coo_tensor(self, dtype: torch.dtype | None = None) -> Tensor:
        """As a `torch.sparse` matrix in COO layout."""
        return self._to_torch(dtype, torch.sparse_coo)

    def to_torch_sparse_csr_tensor(self, dtype: torch.dtype | None = None) -> Tensor:
        """As a `torch.sparse` matrix in CSR layout; kept, so that layers sort the same matrix once."""
        if dtype is not None or self.requires_grad():
            return self._to_torch(dtype, torch.sparse_csr)
        if self._native is None:
            self._native = self._to_torch(None, torch.sparse_csr)
        return self._native

    def _to_torch(self, dtype: torch.dtype | None, layout: torch.layout) -> Tensor:
        value = self._ones() if self._value is None else self._value
        value = value if dtype is None else value.to(dtype)
        # CSR may hold an entry twice, as this does, but for its derivative: there they are added up first.
        apart = layout is torch.sparse_csr and not value.requires_grad
        return utils.to_torch_sparse_tensor(
            torch.stack([self._row, self._col]), value, self._sizes, is_coalesced=apart, layout=layout
        )

    def to_scipy(self, layout: str = "coo", dtype: torch.dtype | None = None) -> Any:
        """As a scipy matrix in the layout coo, csr or csc."""
        value = self._ones() if self._value is None else self._value.detach()
        value = value if dtype is None else value.to(dtype)
        index = torch.stack([self._row, self._col]).cpu()
        matrix = coo_matrix((value.cpu().numpy(), (index[0].numpy(), index[1].numpy())), self._sizes)
        return matrix.asformat(layout)


# -- functions over a SparseTensor -------------------------------------------------------------------


def matmul(src: SparseTensor, other: Any, reduce: str = "sum") -> Any:
    """`src.matmul(other, reduce)`."""
    return src.matmul(other, reduce)


def mul(src: SparseTensor, other: Tensor) -> SparseTensor:
    """`src.mul(other)`."""
    return src.mul(other)


def sum(src: SparseTensor, dim: int | None = None) -> Tensor:
    """`src.sum(dim)`."""
    return src.sum(dim)


def mean(src: SparseTensor, dim: int | None = None) -> Tensor:
    """`src.mean(dim)`."""
    return src.mean(dim)


def set_diag(src: SparseTensor, values: Tensor | None = None, k: int = 0) -> SparseTensor:
    """`src.set_diag(values, k)`."""
    return src.set_diag(values, k)


def fill_diag(src: SparseTensor, fill_value: builtins.float, k: int = 0) -> SparseTensor:
    """`src.fill_diag(fill_value, k)`."""
    return src.fill_diag(fill_value, k)


def remove_diag(src: SparseTensor, k: int = 0) -> SparseTensor:
    """`src.remove_diag(k)`."""
    return src.remove_diag(k)


def masked_select_nnz(src: SparseTensor, mask: Tensor, layout: str | None = None) -> SparseTensor:
    """`src.masked_select_nnz(mask)`."""
    return src.masked_select_nnz(mask, layout)


# -- functions over an index and its values ----------------------------------------------------------


def coalesce(
    index: Tensor, value: Tensor | None, m: int, n: int, op: str = "add"
) -> tuple[Tensor, Tensor | None]:
    """Entries sorted row by row, one in place of duplicates.

    Example:
        >>> coalesce(torch.tensor([[1, 0, 1], [0, 2, 0]]), torch.tensor([1.0, 2.0, 3.0]), 2, 3)
        (tensor([[0, 1],
            [2, 0]]), tensor([2., 4.]))
    """
    matrix = SparseTensor(index[0], None, index[1], value, (m, n)).coalesce(op)
    return torch.stack([matrix.row(), matrix.col()]), matrix.value()


def transpose(
    index: Tensor, value: Tensor | None, m: int, n: int, coalesced: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Rows and columns of an `(m, n)` matrix exchanged; entries sorted, duplicates added up if `coalesced`."""
    return coalesce(index.flip(0), value, n, m) if coalesced else (index.flip(0), value)


def spmm(index: Tensor, value: Tensor, m: int, n: int, matrix: Tensor) -> Tensor:
    """An `(m, n)` sparse matrix times a dense one.

    Example:
        >>> spmm(torch.tensor([[0, 1], [1, 0]]), torch.tensor([2.0, 3.0]), 2, 2, torch.eye(2))
        tensor([[0., 2.],
                [3., 0.]])
    """
    product = SparseTensor(index[0], None, index[1], value, (m, n)).matmul(
        matrix if matrix.dim() > 1 else matrix[:, None]
    )
    return cast(Tensor, product)


def spspmm(
    indexA: Tensor,
    valueA: Tensor,
    indexB: Tensor,
    valueB: Tensor,
    m: int,
    k: int,
    n: int,
    coalesced: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """An `(m, k)` sparse matrix times a `(k, n)` one."""
    left = SparseTensor(indexA[0], None, indexA[1], valueA, (m, k))
    product = left.matmul(SparseTensor(indexB[0], None, indexB[1], valueB, (k, n)))
    return torch.stack([product.row(), product.col()]), product.value()


def eye(m: int, dtype: torch.dtype | None = None, device: Any = None) -> tuple[Tensor, Tensor]:
    """Index and values of the identity.

    Example:
        >>> eye(2)
        (tensor([[0, 1],
                [0, 1]]), tensor([1., 1.]))
    """
    ids = torch.arange(m, device=device)
    return torch.stack([ids, ids]), torch.ones(m, dtype=dtype, device=device)
