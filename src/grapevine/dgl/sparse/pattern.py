"""Where a sparse matrix has entries: coordinates in the order of the values, and what follows from them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.topology import check_pair, check_range


class Compressed(NamedTuple):
    """Rows (or columns) one after the other.

    `indptr` is where each begins, `indices` the other coordinate, `order` the places of the values (None: as they are).
    """

    indptr: Tensor
    indices: Tensor
    order: Tensor | None


class Pattern:
    """Coordinates of entries; shared by all matrices that differ in their values alone.

    Args:
        row: `(nnz,)` integers.
        col: `(nnz,)` integers.
        shape: rows and columns.
        diagonal: True for entries on the diagonal in order.
        validate: False for coordinates that are known to be good.
    """

    __slots__ = ("_edges", "col", "diagonal", "row", "shape")

    def __init__(
        self, row: Tensor, col: Tensor, shape: tuple[int, int], diagonal: bool = False, validate: bool = False
    ) -> None:
        if validate:
            check_pair(row, col)
            check_range(row, shape[0], "row")
            check_range(col, shape[1], "column")
        self.row = row
        self.col = col
        self.shape = shape
        self.diagonal = diagonal
        self._edges: Edges | None = None

    @classmethod
    def of_diagonal(cls, shape: tuple[int, int], device: torch.device) -> Pattern:
        """The main diagonal."""
        index = torch.arange(min(shape), device=device)
        return cls(index, index, shape, diagonal=True)

    @property
    def nnz(self) -> int:
        return self.row.shape[0]

    @property
    def edges(self) -> Edges:
        """The entries as edges from columns to rows: a product with a dense matrix sums what they carry."""
        if self._edges is None:
            rows, columns = self.shape
            edges = Edges.__new__(Edges)
            super(Edges, edges).__init__(self.col, self.row, (columns, rows), validate=False)
            self._edges = edges
        return self._edges

    def transpose(self) -> Pattern:
        """The same entries mirrored; shares the sorted orders."""
        turned = Pattern(self.col, self.row, (self.shape[1], self.shape[0]), self.diagonal)
        turned._edges = self.edges.reverse()
        return turned

    def compressed(self, by_row: bool) -> Compressed:
        """The entries row by row, or column by column."""
        order = self.edges.by_dst if by_row else self.edges.by_src
        assert order.other is not None
        perm = None if order.perm is None else order.perm.to(torch.int64)
        return Compressed(order.ptr.to(self.row.dtype), order.other.to(self.row.dtype), perm)

    def keys(self) -> Tensor:
        """One number per entry, ascending in row-major order."""
        return self.row * max(self.shape[1], 1) + self.col

    def sorted_keys(self) -> tuple[Tensor, Tensor, Tensor]:
        """The distinct keys, ascending; for every entry its place among them; and how often each occurs."""
        distinct, place, counts = self.keys().unique(return_inverse=True, return_counts=True)
        return distinct, place, counts

    def from_keys(self, keys: Tensor, columns: int) -> Pattern:
        """The pattern of keys into a matrix of so many columns and as many rows as this one."""
        columns_or_one = max(columns, 1)
        row = keys.div(columns_or_one, rounding_mode="floor")
        return Pattern(row, keys - row * columns_or_one, (self.shape[0], columns))

    def same_as(self, other: Pattern) -> bool:
        """True for equal entries in equal order."""
        if self is other:
            return True
        return (
            self.shape == other.shape
            and torch.equal(self.row, other.row)
            and torch.equal(self.col, other.col)
        )


def check_shapes(a: Pattern, b: Pattern, what: str) -> None:
    """Refuses two matrices of different shapes."""
    if a.shape != b.shape:
        raise GraphValueError(f"expected matrices of one shape for {what}, got {a.shape} and {b.shape}")
