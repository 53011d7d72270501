"""Tables of examples on disk, read one by one."""

from __future__ import annotations

import math
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data.aliases import IndexType
from grapevine.data.indexing import is_scalar
from grapevine.data.serialization import dumps, loads
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError


@dataclass(frozen=True)
class TensorInfo:
    """A column of tensors.

    Attributes:
        dtype: of all of them.
        size: their shape; at most one entry is -1, for "any".
    """

    dtype: torch.dtype
    size: tuple[int, ...] = (-1,)

    def __post_init__(self) -> None:
        if list(self.size).count(-1) > 1:
            raise GraphValueError(f"expected a size with at most one -1, got {self.size}")


class Database(ABC):
    """Examples by number, on disk.

    The schema says what a row holds: one entry, or a tuple or dictionary of entries. An entry is `int`, `float`,
    `str`, tensors (a `TensorInfo`, or a dictionary ``dict(dtype=..., size=...)``), or `object`: anything that
    `grapevine.data.serialization` can write. Tensors of a known type are stored as plain bytes.

    Args:
        schema: of a row.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> table = SQLiteDatabase(f"{folder}/t.db", "t", {"x": dict(dtype=torch.float, size=(-1, 2)), "y": int})
        >>> table[0] = {"x": torch.ones(3, 2), "y": 7}
        >>> table[0]["x"].shape, table[0]["y"], len(table)
        (torch.Size([3, 2]), 7, 1)
        >>> table.close()
    """

    def __init__(self, schema: Any = object) -> None:
        self.schema: dict[str | int, Any] = {
            key: TensorInfo(value["dtype"], tuple(value.get("size", (-1,)))) if _is_tensor(value) else value
            for key, value in _columns(schema).items()
        }

    @abstractmethod
    def close(self) -> None:
        """Closes the connection; the next access opens it again."""

    @abstractmethod
    def _insert(self, rows: Iterable[tuple[int, list[Any]]]) -> None:
        """Writes encoded rows by number."""

    @abstractmethod
    def _get(self, numbers: Sequence[int]) -> dict[int, Sequence[Any]]:
        """Reads the encoded rows that are there."""

    @abstractmethod
    def __len__(self) -> int: ...

    def insert(self, index: int, data: Any) -> None:
        """Writes a row under a new number."""
        self._insert([(int(index), self._encoded(data))])

    def multi_insert(
        self, indices: IndexType | range, data_list: Sequence[Any], batch_size: int | None = None
    ) -> None:
        """Writes rows under new numbers, `batch_size` at a time."""
        numbers = self._numbers(indices)
        if len(numbers) != len(data_list):
            raise GraphValueError(
                f"expected a row for each of {len(numbers)} numbers, got {len(data_list)} rows"
            )
        for chunk in _chunks(range(len(numbers)), batch_size):
            self._insert((numbers[i], self._encoded(data_list[i])) for i in chunk)

    def get(self, index: int) -> Any:
        """Reads a row.

        Raises:
            GraphIndexError: if there is none of that number.
        """
        return self.multi_get([int(index)])[0]

    def multi_get(self, indices: IndexType | range, batch_size: int | None = None) -> list[Any]:
        """Reads rows in the order of `indices`, `batch_size` at a time."""
        out = []
        for chunk in _chunks(self._numbers(indices), batch_size):
            found = self._get(chunk)
            for number in chunk:
                if number not in found:
                    raise GraphIndexError(
                        f"expected the number of a row, got {number}, which the table lacks"
                    )
                out.append(self._decoded(found[number]))
        return out

    def _numbers(self, indices: IndexType | range) -> Sequence[int]:
        if isinstance(indices, slice):
            # new rows may lie behind the end
            stop = len(self) if indices.stop is None else indices.stop
            return range(indices.start or 0, stop, indices.step or 1)
        if isinstance(indices, Tensor | np.ndarray):
            return [int(i) for i in indices.tolist()]
        return indices

    def __getitem__(self, key: Any) -> Any:
        return self.get(int(key)) if is_scalar(key) else self.multi_get(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if is_scalar(key):
            self.insert(int(key), value)
        else:
            self.multi_insert(key, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"

    # Rows and columns ---------------------------------------------------------------------------------------

    def _encoded(self, row: Any) -> list[Any]:
        columns: Mapping[str | int, Any] = {0: row} if set(self.schema) == {0} else _columns(row)
        if set(columns) != set(self.schema):
            raise GraphValueError(f"expected a row with the entries {[*self.schema]}, got {[*columns]}")
        return [_encode(columns[key], kind, key) for key, kind in self.schema.items()]

    def _decoded(self, values: Sequence[Any]) -> Any:
        row = {key: _decode(v, kind) for (key, kind), v in zip(self.schema.items(), values, strict=True)}
        if 0 not in row:
            return row
        return row[0] if len(row) == 1 else tuple(row.values())


def _is_tensor(kind: Any) -> bool:
    return isinstance(kind, dict) and "dtype" in kind and set(kind) <= {"dtype", "size"}


def _columns(value: Any) -> Mapping[str | int, Any]:
    if isinstance(value, dict) and not _is_tensor(value):
        return value
    return dict(enumerate(value)) if isinstance(value, tuple | list) else {0: value}


def _chunks(numbers: Sequence[int], size: int | None) -> Iterator[Sequence[int]]:
    size = len(numbers) if size is None else size
    return (numbers[i : i + size] for i in range(0, len(numbers), max(size, 1)))


def _encode(value: Any, kind: Any, key: str | int) -> Any:
    if isinstance(kind, TensorInfo):
        if not isinstance(value, Tensor) or value.dtype is not kind.dtype:
            got = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise GraphTypeError(f"expected a tensor of {kind.dtype} in column {key!r}, got {got}")
        fits = value.dim() == len(kind.size) and all(w in (-1, n) for w, n in zip(kind.size, value.shape))
        if not fits:
            raise GraphValueError(
                f"expected shape {list(kind.size)} in column {key!r} (-1: any), got {list(value.shape)}"
            )
        return value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    if kind in (int, float, str):
        if not isinstance(value, int | float if kind is float else kind):
            raise GraphTypeError(f"expected {kind.__name__} in column {key!r}, got {type(value).__name__}")
        return value
    return dumps(value)


def _decode(value: Any, kind: Any) -> Any:
    if isinstance(kind, TensorInfo):
        flat = (
            torch.frombuffer(bytearray(value), dtype=kind.dtype)
            if value
            else torch.empty(0, dtype=kind.dtype)
        )
        rest = math.prod(n for n in kind.size if n != -1)
        return flat.view([(flat.numel() // rest if rest else 0) if n == -1 else n for n in kind.size])
    if kind is float:  # SQLite knows no nan
        return math.nan if value is None else float(value)
    return value if kind in (int, str) else loads(value)


class SQLiteDatabase(Database):
    """Examples by number, as rows of an SQLite table.

    Every process opens a connection of its own, so that workers of a data loader may share the object.

    Args:
        path: the file; made if it is not there.
        name: of the table.
        schema: of a row; see `Database`.

    Raises:
        GraphValueError: for a name that SQL does not take.
    """

    def __init__(self, path: str, name: str, schema: Any = object) -> None:
        super().__init__(schema)
        if not name.isidentifier():
            raise GraphValueError(
                f"expected letters, digits and underscores as the name of a table, got {name!r}"
            )
        self.path = path
        self.name = name
        self._names = [f"COL_{key}" for key in self.schema]
        self._connection: sqlite3.Connection | None = None
        self._process: int | None = None
        types = {int: "INTEGER NOT NULL", float: "FLOAT", str: "TEXT NOT NULL"}
        kinds = (types.get(kind, "BLOB NOT NULL") for kind in self.schema.values())
        columns = ", ".join(f'"{column}" {kind}' for column, kind in zip(self._names, kinds))
        with self.connection as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (id INTEGER PRIMARY KEY, {columns})")

    @property
    def connection(self) -> sqlite3.Connection:
        """This process's connection."""
        if self._connection is None or self._process != os.getpid():
            self._connection = sqlite3.connect(self.path)
            self._process = os.getpid()
        return self._connection

    def close(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}

    def _insert(self, rows: Iterable[tuple[int, list[Any]]]) -> None:
        places = ", ".join("?" * (1 + len(self._names)))
        with self.connection as connection:  # all of them, or none
            connection.executemany(
                f"INSERT INTO {self.name} VALUES ({places})", ((number, *row) for number, row in rows)
            )

    def _get(self, numbers: Sequence[int]) -> dict[int, Sequence[Any]]:
        found: dict[int, Sequence[Any]] = {}
        for chunk in _chunks(sorted(set(numbers)), 500):
            places = ", ".join("?" * len(chunk))
            query = f"SELECT * FROM {self.name} WHERE id IN ({places})"
            found.update((row[0], row[1:]) for row in self.connection.execute(query, chunk))
        return found

    def __len__(self) -> int:
        return int(self.connection.execute(f"SELECT COUNT(*) FROM {self.name}").fetchone()[0])
