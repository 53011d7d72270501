"""Frames: the features of one node or edge type, one column per name and one row per node or edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.init import zero_initializer

__all__ = ["Frame", "LazyFeature", "Scheme", "zero_initializer"]

Initializer = Callable[[tuple[int, ...], torch.dtype, torch.device, slice], Tensor]


class Scheme(NamedTuple):
    """What a row of a column looks like."""

    shape: tuple[int, ...]
    dtype: torch.dtype


class LazyFeature:
    """The name of a feature that a loader shall fetch later, stored in place of a tensor.

    Args:
        name: the feature of the original graph; None means the name it is stored under.
        id_: ids to fetch; None means those of the sampled graph.
    """

    __slots__ = ("id_", "name")

    def __init__(self, name: str | None = None, id_: Tensor | None = None) -> None:
        self.name = name
        self.id_ = id_

    @property
    def data(self) -> LazyFeature:
        return self

    def to(self, *args: Any, **kwargs: Any) -> LazyFeature:
        return self


class Column:
    """A column that is not gathered, moved or cast until somebody reads it.

    Args:
        source: a tensor, or another pending column.
        scheme: of the column once it is there.
        length: its number of rows.
        build: what is still to be done to the source's tensor.
    """

    __slots__ = ("build", "length", "scheme", "source")

    def __init__(
        self,
        source: Tensor | Column,
        scheme: Scheme,
        length: int,
        build: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.source = source
        self.scheme = scheme
        self.length = length
        self.build = build

    def tensor(self) -> Tensor:
        """The rows; worked out once, for all frames that share the column."""
        if self.build is not None:
            self.source = self.build(read(self.source))
            self.build = None
        return read(self.source)


def read(column: Tensor | Column) -> Tensor:
    return column.tensor() if isinstance(column, Column) else column


def infer_scheme(column: Any) -> Scheme:
    """Shape of a row, and dtype."""
    return column.scheme if isinstance(column, Column) else Scheme(tuple(column.shape[1:]), column.dtype)


def rows_of(column: Any) -> int:
    """The number of rows of a column."""
    return column.length if isinstance(column, Column) else column.shape[0]


class Frame(MutableMapping[str, Any]):
    """Named features over the same rows.

    Reading gives the stored tensor itself, so that changes in place are seen; rows that nobody set are filled by an
    initialiser, with zeros unless told otherwise.

    Args:
        data: the columns.
        num_rows: the number of rows; taken from the columns if None.

    Raises:
        DGLError: if a column has another number of rows.

    Example:
        >>> frame = Frame({"h": torch.ones(2, 3)})
        >>> frame.num_rows, frame.schemes
        (2, {'h': Scheme(shape=(3,), dtype=torch.float32)})
    """

    __slots__ = ("_columns", "_default_initializer", "_initializers", "_num_rows")

    def __init__(self, data: Mapping[str, Any] | None = None, num_rows: int | None = None) -> None:
        self._columns: dict[str, Any] = {}
        self._initializers: dict[str, Initializer] = {}
        self._default_initializer: Initializer | None = None
        columns = {} if data is None else data._columns if isinstance(data, Frame) else data
        if num_rows is None:
            num_rows = next((rows_of(c) for c in columns.values() if not isinstance(c, LazyFeature)), 0)
        self._num_rows = num_rows
        for name, column in columns.items():
            self._put(name, column)

    def _put(self, name: str, column: Any) -> None:
        if not isinstance(column, LazyFeature) and rows_of(column) != self._num_rows:
            raise DGLError(f"Expected data to have {self._num_rows} rows, got {rows_of(column)} on {name!r}.")
        self._columns[name] = column

    # -- a mapping from names to tensors -------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        column = self._columns[name]
        if isinstance(column, Column):
            column = self._columns[name] = column.tensor()
        return column

    def __setitem__(self, name: str, data: Any) -> None:
        self._put(name, data)

    def __delitem__(self, name: str) -> None:
        del self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __repr__(self) -> str:
        return repr(dict(self))

    @property
    def num_rows(self) -> int:
        """The number of nodes or edges."""
        return self._num_rows

    @property
    def num_columns(self) -> int:
        """The number of features."""
        return len(self._columns)

    @property
    def schemes(self) -> dict[str, Scheme]:
        """Row shape and dtype of every feature."""
        return {name: infer_scheme(column) for name, column in self._columns.items()}

    # -- rows that nobody set ------------------------------------------------------------------------

    def get_initializer(self, column: str | None = None) -> Initializer:
        """What fills new rows of a column."""
        own = self._initializers.get(column) if column is not None else None
        return own or self._default_initializer or zero_initializer

    def set_initializer(self, initializer: Initializer | None, column: str | None = None) -> None:
        """Sets what fills new rows, of one column or of all columns without their own."""
        if column is None:
            self._default_initializer = initializer
        elif initializer is None:
            self._initializers.pop(column, None)
        else:
            self._initializers[column] = initializer

    def _fresh(self, name: str, scheme: Scheme, device: torch.device, rows: slice) -> Tensor:
        shape = (rows.stop - rows.start, *scheme.shape)
        return self.get_initializer(name)(shape, scheme.dtype, device, rows)

    # -- rows ----------------------------------------------------------------------------------------

    def update_row(self, rowids: Tensor, data: Mapping[str, Tensor]) -> None:
        """Sets some rows, out of place; columns that do not exist are made with the initialiser.

        Raises:
            DGLError: if the values' row shape or dtype is not the column's.
        """
        for name, value in data.items():
            scheme = infer_scheme(value)
            if name not in self._columns:
                self._columns[name] = self._fresh(name, scheme, value.device, slice(0, self._num_rows))
            elif infer_scheme(self._columns[name]) != scheme:
                raise _unlike(infer_scheme(self._columns[name]), scheme)
        for name, value in data.items():
            self._columns[name] = self[name].index_put((rowids.to(torch.int64),), value)

    def append(self, data: Mapping[str, Tensor], num_rows: int | None = None) -> None:
        """Adds rows at the end; the initialiser fills columns that `data` lacks, and old rows of new columns.

        Args:
            data: the new rows, under the names of columns.
            num_rows: how many rows, where `data` may be empty.
        """
        if num_rows is None:
            num_rows = next((v.shape[0] for v in data.values()), 0)
        old, new = self._num_rows, self._num_rows + num_rows
        grown: dict[str, Tensor] = {}
        for name in dict.fromkeys((*self._columns, *data)):
            scheme = infer_scheme(self._columns[name] if name in self._columns else data[name])
            if name in data:
                tail = data[name]
                if tail.shape[0] != num_rows:
                    raise DGLError(f"Expected data to have {num_rows} rows, got {tail.shape[0]} on {name!r}.")
                if infer_scheme(tail) != scheme:
                    raise _unlike(scheme, infer_scheme(tail))
            else:
                tail = self._fresh(name, scheme, self[name].device, slice(old, new))
            head = (
                self[name] if name in self._columns else self._fresh(name, scheme, tail.device, slice(0, old))
            )
            grown[name] = torch.cat((head, tail))
        self._columns = grown
        self._num_rows = new

    def add_rows(self, num_rows: int) -> None:
        """Adds rows filled by the initialisers."""
        self.append({}, num_rows)

    # -- frames made of frames -----------------------------------------------------------------------

    def _with(self, columns: dict[str, Any], num_rows: int) -> Frame:
        frame = Frame(num_rows=num_rows)
        frame._columns = columns
        frame._initializers = self._initializers
        frame._default_initializer = self._default_initializer
        return frame

    def clone(self) -> Frame:
        """Another frame with the same tensors: columns set on one are not seen on the other."""
        return self._with(dict(self._columns), self._num_rows)

    def deepclone(self) -> Frame:
        """Another frame with copies of the tensors."""
        return self._with({name: self[name].clone() for name in self._columns}, self._num_rows)

    def subframe(self, rowids: Tensor) -> Frame:
        """The chosen rows of every column; each is gathered when it is first read."""
        return self._lazily(lambda x: x.index_select(0, rowids), num_rows=rowids.shape[0])

    def to(self, device: Any, **kwargs: Any) -> Frame:
        """The columns on another device; each moves when it is first read."""
        return self._lazily(lambda x: x.to(device, **kwargs))

    def cast(self, dtype: torch.dtype) -> Frame:
        """Floating columns in another floating dtype; others as they are."""
        return self._lazily(lambda x: x.to(dtype), dtype=dtype)

    def _lazily(
        self, build: Callable[[Tensor], Tensor], num_rows: int | None = None, dtype: torch.dtype | None = None
    ) -> Frame:
        rows = self._num_rows if num_rows is None else num_rows
        columns: dict[str, Any] = {}
        for name, column in self._columns.items():
            scheme = None if isinstance(column, LazyFeature) else infer_scheme(column)
            if scheme is None or (dtype is not None and not scheme.dtype.is_floating_point):
                columns[name] = column
            else:
                columns[name] = Column(column, Scheme(scheme.shape, dtype or scheme.dtype), rows, build)
        return self._with(columns, rows)

    def __reduce__(self) -> Any:
        columns = {name: self[name] for name in self._columns}
        return _restore, (columns, self._num_rows, self._initializers, self._default_initializer)


def _unlike(old: Scheme, new: Scheme) -> DGLError:
    return DGLError(f"Cannot update column of scheme {old} using feature of scheme {new}.")


def _restore(
    columns: dict[str, Any],
    num_rows: int,
    initializers: dict[str, Initializer],
    default: Initializer | None,
) -> Frame:
    frame = Frame(columns, num_rows)
    frame._initializers = initializers
    frame._default_initializer = default
    return frame
