"""`SparseMatrix`: a matrix given by its entries, and the operations on it."""

from __future__ import annotations

import builtins
from numbers import Number
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.core import incoming
from grapevine.dgl.sparse.pattern import Pattern, check_shapes
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError

__all__ = ["SparseMatrix", "val_like"]

_REDUCTIONS = {"sum": "sum", "smax": "max", "smin": "min", "smean": "mean", "sprod": "mul"}


class SparseMatrix:
    """A sparse matrix; entries keep the order they were given in, duplicates too. Make one with `spmatrix`.

    Gradients flow to and from `val`. Where entries do not change, results share their coordinates and sorted orders.

    Args:
        pattern: where the entries are.
        val: `(nnz,)` numbers, or `(nnz, D)` vectors.

    Example:
        >>> from grapevine.dgl.sparse import spmatrix
        >>> A = spmatrix(torch.tensor([[0, 1, 1], [1, 0, 2]]), torch.tensor([1.0, 2.0, 3.0]))
        >>> A @ torch.ones(3)
        tensor([1., 5.])
    """

    __slots__ = ("_pattern", "_val")

    def __init__(self, pattern: Pattern, val: Tensor) -> None:
        if val.dim() not in (1, 2):
            raise GraphValueError(
                f"The values of a SparseMatrix can only be scalars or vectors, got shape {list(val.shape)}."
            )
        if val.shape[0] != pattern.nnz:
            raise GraphValueError(f"expected one value per entry, {pattern.nnz}, got shape {list(val.shape)}")
        self._pattern = pattern
        self._val = val

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def val(self) -> Tensor:
        """The values, `(nnz,)` or `(nnz, D)`."""
        return self._val

    @property
    def shape(self) -> tuple[builtins.int, builtins.int]:
        """Rows and columns."""
        return self._pattern.shape

    @property
    def nnz(self) -> builtins.int:
        """The number of entries."""
        return self._pattern.nnz

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the values."""
        return self._val.dtype

    @property
    def device(self) -> torch.device:
        """Where the matrix is."""
        return self._val.device

    @property
    def row(self) -> Tensor:
        """The row of every entry."""
        return self._pattern.row

    @property
    def col(self) -> Tensor:
        """The column of every entry."""
        return self._pattern.col

    def coo(self) -> tuple[Tensor, Tensor]:
        """The row and the column of every entry."""
        return self.row, self.col

    def indices(self) -> Tensor:
        """`(2, nnz)`: rows above columns."""
        return torch.stack(self.coo())

    def csr(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Row by row: where each begins; the columns; and the places of the values (None: in their order)."""
        return tuple(self._pattern.compressed(True))  # type: ignore[return-value]

    def csc(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Column by column, as `csr` row by row."""
        return tuple(self._pattern.compressed(False))  # type: ignore[return-value]

    def to_dense(self) -> Tensor:
        """`(rows, columns)` or `(rows, columns, D)`, with zeros where there is no entry; duplicates add up."""
        dense = self._val.new_zeros(self.shape + tuple(self._val.shape[1:]))
        return dense.index_put(self.coo(), self._val, accumulate=True)

    def is_diag(self) -> bool:
        """True for a matrix made as a diagonal one."""
        return self._pattern.diagonal

    def has_duplicate(self) -> bool:
        """True if two entries have the same coordinates."""
        return bool((self._pattern.sorted_keys()[2] > 1).any())

    def __repr__(self) -> str:
        parts = {"indices": self.indices(), "values": self._val}
        name = f"{type(self).__name__}("
        lines = []
        for word, tensor in parts.items():
            indent = "\n" + " " * (len(name) + len(word) + 1)
            lines.append(f"{word}={str(tensor).replace(chr(10), indent)}")
        size = f", val_size={tuple(self._val.shape[1:])}" if self._val.dim() > 1 else ""
        lines.append(f"shape={self.shape}, nnz={self.nnz}{size}")
        return name + (",\n" + " " * len(name)).join(lines) + ")"

    # -- conversions -----------------------------------------------------------------------------------

    def transpose(self) -> SparseMatrix:
        """Rows and columns exchanged; shares the values."""
        return SparseMatrix(self._pattern.transpose(), self._val)

    t = transpose

    @property
    def T(self) -> SparseMatrix:
        """The transpose."""
        return self.transpose()

    def to(self, device: Any = None, dtype: torch.dtype | None = None) -> SparseMatrix:
        """The matrix on another device, in another dtype; itself if nothing changes."""
        device = self.device if device is None else torch.device(device)
        dtype = dtype or self.dtype
        if device == self.device:
            return self if dtype == self.dtype else val_like(self, self._val.to(dtype))
        pattern = Pattern(self.row.to(device), self.col.to(device), self.shape, self.is_diag())
        return SparseMatrix(pattern, self._val.to(device, dtype))

    def cuda(self) -> SparseMatrix:
        """On the GPU."""
        return self.to(device="cuda")

    def cpu(self) -> SparseMatrix:
        """On the CPU."""
        return self.to(device="cpu")

    def float(self) -> SparseMatrix:
        """Values as float32."""
        return self.to(dtype=torch.float32)

    def double(self) -> SparseMatrix:
        """Values as float64."""
        return self.to(dtype=torch.float64)

    def int(self) -> SparseMatrix:
        """Values as int32."""
        return self.to(dtype=torch.int32)

    def long(self) -> SparseMatrix:
        """Values as int64."""
        return self.to(dtype=torch.int64)

    def coalesce(self) -> SparseMatrix:
        """Entries in row-major order, the values of duplicates added up."""
        keys, place, _ = self._pattern.sorted_keys()
        val = self._val.new_zeros((keys.shape[0], *self._val.shape[1:])).index_add(0, place, self._val)
        return SparseMatrix(self._pattern.from_keys(keys, self.shape[1]), val)

    # -- arithmetic --------------------------------------------------------------------------------------

    def __neg__(self) -> SparseMatrix:
        return val_like(self, -self._val)

    def neg(self) -> SparseMatrix:
        """Every value negated."""
        return -self

    def inv(self) -> SparseMatrix:
        """The inverse of a diagonal matrix.

        Raises:
            GraphValueError: for another matrix.
        """
        if not self.is_diag() or self.shape[0] != self.shape[1] or self._val.dim() != 1:
            raise GraphValueError(
                "expected a square matrix made with diag or identity, with numbers as values"
            )
        return val_like(self, 1.0 / self._val)

    def __add__(self, other: Any) -> SparseMatrix:
        if not isinstance(other, SparseMatrix):
            return NotImplemented
        check_shapes(self._pattern, other._pattern, "a sum")
        if self.is_diag() and other.is_diag():
            return val_like(self, self._val + other._val)
        both = Pattern(torch.cat((self.row, other.row)), torch.cat((self.col, other.col)), self.shape)
        return SparseMatrix(both, torch.cat((self._val, other._val))).coalesce()

    def __sub__(self, other: Any) -> SparseMatrix:
        return self + -other if isinstance(other, SparseMatrix) else NotImplemented

    def __mul__(self, other: Any) -> SparseMatrix:
        if is_scalar(other):
            return val_like(self, self._val * other)
        if not isinstance(other, SparseMatrix):
            return NotImplemented
        check_shapes(self._pattern, other._pattern, "an element-wise product")
        if self._pattern.same_as(other._pattern) and not self.has_duplicate():
            return val_like(self, self._val * other._val)
        a, b = self.coalesce(), other.coalesce()
        mine, theirs = a._pattern.keys(), b._pattern.keys()
        in_b, in_a = torch.isin(mine, theirs), torch.isin(theirs, mine)
        return SparseMatrix(a._pattern.from_keys(mine[in_b], self.shape[1]), a.val[in_b] * b.val[in_a])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SparseMatrix:
        if is_scalar(other):
            return val_like(self, self._val / other)
        if not isinstance(other, SparseMatrix):
            return NotImplemented
        check_shapes(self._pattern, other._pattern, "an element-wise quotient")
        if self._pattern.same_as(other._pattern):
            return val_like(self, self._val / other._val)
        (mine, place, counts), (theirs, places, _) = self._pattern.sorted_keys(), other._pattern.sorted_keys()
        if not torch.equal(mine, theirs) or counts.shape[0] != self.nnz or self.nnz != other.nnz:
            raise GraphValueError("expected two matrices with the same entries for an element-wise quotient")
        order = torch.empty_like(places).index_copy_(0, places, torch.arange(self.nnz, device=places.device))
        return val_like(self, self._val / other._val[order[place]])

    def __pow__(self, scalar: Any) -> SparseMatrix:
        return val_like(self, self._val**scalar) if is_scalar(scalar) else NotImplemented

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, SparseMatrix):
            return self._times_sparse(other)
        return self._times_dense(other) if isinstance(other, Tensor) else NotImplemented

    def _times_dense(self, x: Tensor) -> Tensor:
        """A sum over the edges from columns to rows."""
        if x.dim() != self._val.dim() + 1 and not (x.dim() == 1 and self._val.dim() == 1):
            raise GraphValueError(
                f"expected a dense operand of {self._val.dim() + 1} dims beside values of shape "
                f"{list(self._val.shape)}, got shape {list(x.shape)}; the last dim is the batch"
            )
        if x.shape[0] != self.shape[1] or (x.dim() == 3 and x.shape[2] != self._val.shape[1]):
            raise GraphValueError(
                f"expected {self.shape[1]} rows (and the values' length as the last dim of three), got "
                f"{list(x.shape)} beside a matrix of shape {self.shape} with values {list(self._val.shape)}"
            )
        if self._pattern.diagonal and self.shape[0] == self.shape[1]:
            return (self._val if x.dim() == 1 else self._val.unsqueeze(1)) * x
        edges = self._pattern.edges
        weight = self._val if x.dim() == 1 else self._val.unsqueeze(1)
        return edges.sum(edges.edge(weight) * edges.src(x))

    def _times_sparse(self, other: SparseMatrix) -> SparseMatrix:
        """All pairs of entries (i, k) and (k, j), added up by (i, j)."""
        if self.shape[1] != other.shape[0]:
            raise GraphValueError(
                f"expected as many columns as the right operand has rows, got shapes {self.shape} and {other.shape}"
            )
        if self._val.dim() != 1 or other._val.dim() != 1:
            raise GraphValueError("expected numbers as values in a product of two sparse matrices")
        if self.is_diag() and self.shape[0] == self.shape[1]:
            return val_like(other, self._val[other.row] * other._val)
        if other.is_diag() and other.shape[0] == other.shape[1]:
            return val_like(self, self._val * other._val[self.col])
        rows = other._pattern.edges
        counts = rows.in_degrees().index_select(0, self.col)
        right = incoming(rows, self.col)
        left = torch.repeat_interleave(torch.arange(self.nnz, device=self.device), counts)
        pairs = Pattern(self.row[left], other.col[right], (self.shape[0], other.shape[1]))
        return SparseMatrix(pairs, self._val[left] * other._val[right]).coalesce()

    # -- reductions --------------------------------------------------------------------------------------

    def reduce(self, dim: builtins.int | None = None, rtype: str = "sum") -> Tensor:
        """Reduces the values of the entries, those that are not there not counted.

        Args:
            dim: 0 gives one result per column, 1 one per row, None one in all.
            rtype: sum, smax, smin, smean or sprod.

        Returns:
            `(columns, ...)`, `(rows, ...)` or the rest of the values' shape; zero where there is no entry.

        Raises:
            GraphKeyError: for another `rtype`.
        """
        if rtype not in _REDUCTIONS:
            raise GraphKeyError(f"unknown reduction {rtype!r}; choose one of {', '.join(_REDUCTIONS)}")
        how = _REDUCTIONS[rtype]
        if dim is None:
            return _reduce_all(self._val, how)
        edges = self._along(dim)
        out = edges.reduce(self._val, how)
        if how == "mul":
            empty = (edges.in_degrees() == 0).view(-1, *[1] * (out.dim() - 1))
            out = out.masked_fill(empty, 0)
        return out

    def _along(self, dim: builtins.int) -> Any:
        if dim not in (0, 1):
            raise GraphValueError(f"expected dim 0 (per column), 1 (per row) or None, got {dim!r}")
        return self._pattern.edges if dim == 1 else self._pattern.edges.reverse()

    def sum(self, dim: builtins.int | None = None) -> Tensor:
        """The sum of the entries, per column (0), per row (1) or in all."""
        return self.reduce(dim, "sum")

    def smax(self, dim: builtins.int | None = None) -> Tensor:
        """The largest of the entries."""
        return self.reduce(dim, "smax")

    def smin(self, dim: builtins.int | None = None) -> Tensor:
        """The smallest of the entries."""
        return self.reduce(dim, "smin")

    def smean(self, dim: builtins.int | None = None) -> Tensor:
        """The mean of the entries."""
        return self.reduce(dim, "smean")

    def sprod(self, dim: builtins.int | None = None) -> Tensor:
        """The product of the entries."""
        return self.reduce(dim, "sprod")

    def softmax(self, dim: builtins.int = 1) -> SparseMatrix:
        """The entries normalised by a softmax per row (1) or per column (0)."""
        return val_like(self, self._along(dim).softmax(self._val))

    # -- parts -------------------------------------------------------------------------------------------

    def index_select(self, dim: builtins.int, index: Tensor) -> SparseMatrix:
        """Some rows (0) or columns (1), in the order given.

        Example:
            >>> from grapevine.dgl.sparse import spmatrix
            >>> A = spmatrix(torch.tensor([[0, 1, 1], [0, 0, 2]]), torch.tensor([1, 2, 3]))
            >>> A.index_select(0, torch.tensor([1, 0])).to_dense()
            tensor([[2, 0, 3],
                    [1, 0, 0]])
        """
        edges = self._along(1 - dim)
        entries = incoming(edges, index)
        counts = edges.in_degrees().index_select(0, index)
        return self._picked(dim, entries, counts)

    def _picked(self, dim: builtins.int, entries: Tensor, counts: Tensor) -> SparseMatrix:
        """Entries as those of new rows (or columns), so many each."""
        place = torch.repeat_interleave(torch.arange(counts.shape[0], device=self.device), counts)
        if dim == 0:
            pattern = Pattern(place, self.col[entries], (counts.shape[0], self.shape[1]))
        else:
            pattern = Pattern(self.row[entries], place, (self.shape[0], counts.shape[0]))
        return SparseMatrix(pattern, self._val[entries])

    def range_select(self, dim: builtins.int, index: slice) -> SparseMatrix:
        """Consecutive rows (0) or columns (1): `A.range_select(0, slice(0, 2))`."""
        if index.step not in (None, 1):
            raise GraphValueError(f"expected a slice with step 1, got {index}")
        places = torch.arange(self.shape[dim], device=self.device)[index]
        return self.index_select(dim, places)

    def sample(
        self,
        dim: builtins.int,
        fanout: builtins.int,
        ids: Tensor | None = None,
        replace: bool = False,
        bias: bool = False,
    ) -> SparseMatrix:
        """At most so many random entries per row (0) or column (1).

        Args:
            dim: 0 to sample from rows, 1 from columns.
            fanout: how many entries each keeps.
            ids: the rows or columns to sample from, which become those of the result; all if None.
            replace: whether an entry may be drawn twice; then every row that has entries keeps `fanout`.
            bias: whether to draw in proportion to the values, which must then not be negative.
        """
        edges = self._along(1 - dim)
        ids = torch.arange(self.shape[dim], device=self.device) if ids is None else ids
        entries, counts = incoming(edges, ids), edges.in_degrees().index_select(0, ids)
        group = torch.repeat_interleave(torch.arange(ids.shape[0], device=self.device), counts)
        weight = (
            self._val.detach().double()[entries] if bias else torch.ones_like(entries, dtype=torch.float64)
        )
        if replace:
            total = weight.cumsum(0)
            ends = counts.cumsum(0)
            above = torch.cat((total.new_zeros(1), total))
            low, high = above[ends - counts], above[ends]
            drawn = torch.rand(ids.shape[0], fanout, dtype=torch.float64, device=self.device)
            wanted = low.unsqueeze(1) + drawn * (high - low).unsqueeze(1)
            chosen = torch.searchsorted(total, wanted[counts > 0].flatten(), right=True)
            chosen = chosen.clamp(max=entries.shape[0] - 1)
            taken = torch.where(counts > 0, fanout, 0)
        else:  # the smallest of exponential times with rates `weight` come in the order of draws without replacement
            times = -torch.rand_like(weight).log() / weight
            order = times.argsort()
            order = order[group[order].argsort(stable=True)]
            rank = torch.arange(order.shape[0], device=self.device) - (counts.cumsum(0) - counts)[group]
            chosen, taken = order[rank < fanout], counts.clamp(max=fanout)
        return self._picked(dim, entries[chosen], taken)

    def compact(
        self, dim: builtins.int, leading_indices: Tensor | None = None
    ) -> tuple[SparseMatrix, Tensor]:
        """Without the rows (0) or columns (1) that have no entry.

        Args:
            dim: 0 for rows, 1 for columns.
            leading_indices: rows or columns to keep in any case, and to put first.

        Returns:
            The matrix, and the old index of every row or column left.
        """
        used = (self.row if dim == 0 else self.col).unique()
        if leading_indices is not None:
            used = torch.cat((leading_indices, used[~torch.isin(used, leading_indices)]))
        place = used.new_zeros(self.shape[dim]).index_copy(
            0, used, torch.arange(used.shape[0], device=used.device)
        )
        if dim == 0:
            pattern = Pattern(place[self.row], self.col, (used.shape[0], self.shape[1]))
        else:
            pattern = Pattern(self.row, place[self.col], (self.shape[0], used.shape[0]))
        return SparseMatrix(pattern, self._val), used


def _reduce_all(val: Tensor, how: str) -> Tensor:
    if val.shape[0] == 0:
        return val.new_zeros(val.shape[1:])
    if how in ("sum", "mean"):
        return val.sum(0) if how == "sum" else val.mean(0)
    if how == "mul":
        return val.prod(0)
    return val.amax(0) if how == "max" else val.amin(0)


def is_scalar(x: Any) -> bool:
    """True for a number, and for a tensor without dims."""
    return isinstance(x, Number) or (isinstance(x, Tensor) and x.dim() == 0)


def val_like(mat: SparseMatrix, val: Tensor) -> SparseMatrix:
    """A matrix with the entries of another one and values of its own.

    Args:
        mat: where the entries are.
        val: `(nnz,)` or `(nnz, D)`.

    Example:
        >>> from grapevine.dgl.sparse import identity
        >>> val_like(identity((2, 2)), torch.tensor([3.0, 4.0])).to_dense()
        tensor([[3., 0.],
                [0., 4.]])
    """
    if not isinstance(mat, SparseMatrix):
        raise GraphTypeError(f"expected a SparseMatrix, got {type(mat).__name__}")
    return SparseMatrix(mat._pattern, val)
