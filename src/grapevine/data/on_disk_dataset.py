"""`OnDiskDataset`: examples in a database, for data that does not fit into memory."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Callable, Sequence
from typing import Any

from grapevine.data.aliases import IndexType
from grapevine.data.database import Database, SQLiteDatabase
from grapevine.data.dataset import Dataset
from grapevine.data.indexing import positions
from grapevine.errors import GraphTypeError, GraphValueError


class OnDiskDataset(Dataset):
    """The base class of datasets whose examples stay on disk until they are read.

    Define `process`, which calls `append` or `extend`, or add examples from outside. A subclass with a schema other
    than `object` defines `serialize` and `deserialize`, and is faster: see `Database` for what a schema may be.

    Args:
        root: the folder of the dataset; the database is `root/processed/sqlite.db`.
        transform: applied to every example whenever it is read.
        pre_filter: for `process` to say which examples are written.
        backend: ``"sqlite"``.
        schema: what a row of the database holds.
        log: whether to say on stderr when processing begins and ends.

    Raises:
        GraphValueError: for another backend.

    Example:
        >>> import tempfile
        >>> from grapevine.data import Data
        >>> dataset = OnDiskDataset(tempfile.mkdtemp())
        >>> dataset.extend([Data(num_nodes=n) for n in (2, 5, 9)])
        >>> dataset[1], len(dataset[1:])
        (Data(num_nodes=5), 2)
        >>> dataset.close()
    """

    BACKENDS = ("sqlite",)

    def __init__(
        self,
        root: str,
        transform: Callable[[Any], Any] | None = None,
        pre_filter: Callable[[Any], bool] | None = None,
        backend: str = "sqlite",
        schema: Any = object,
        log: bool = True,
    ) -> None:
        if backend not in self.BACKENDS:
            raise GraphValueError(f"expected a backend of {self.BACKENDS}, got {backend!r}")
        self.backend = backend
        self.schema = schema
        self._db: Database | None = None
        self._numel: int | None = None
        super().__init__(root, transform, pre_filter=pre_filter, log=log)

    @property
    def processed_file_names(self) -> str:
        return f"{self.backend}.db"

    def _process(self) -> None:
        path = self.processed_paths[0]
        existed = osp.exists(path)
        try:
            super()._process()
        except BaseException:
            self.close()
            if not existed and osp.exists(path):  # half of the examples must not pass for all of them
                os.remove(path)
            raise

    @property
    def db(self) -> Database:
        """The database; opened at first use."""
        if self._db is None:
            os.makedirs(self.processed_dir, exist_ok=True)
            self._db = SQLiteDatabase(self.processed_paths[0], type(self).__name__, self.schema)
        return self._db

    def close(self) -> None:
        """Closes the connection to the database; the next access opens it again."""
        if self._db is not None:
            self._db.close()

    def serialize(self, data: Any) -> Any:
        """Returns the row of the database that an example becomes."""
        return self._as_is(data, "serialize")

    def deserialize(self, data: Any) -> Any:
        """Returns the example that a row of the database stands for."""
        return self._as_is(data, "deserialize")

    def _as_is(self, data: Any, name: str) -> Any:
        if self.schema is not object:
            raise GraphTypeError(
                f"expected '{type(self).__name__}' to define '{name}', as its schema is not object; do this "
                "instead: override it, from examples to rows and back"
            )
        return data

    def append(self, data: Any) -> None:
        """Adds an example at the end."""
        self.extend([data])

    def extend(self, data_list: Sequence[Any], batch_size: int | None = None) -> None:
        """Adds examples at the end, written `batch_size` at a time."""
        start = self.len()
        rows = [self.serialize(data) for data in data_list]
        self.db.multi_insert(range(start, start + len(rows)), rows, batch_size)
        self._numel = start + len(rows)

    def get(self, idx: int) -> Any:
        return self.deserialize(self.db.get(idx))

    def multi_get(self, indices: IndexType | range, batch_size: int | None = None) -> list[Any]:
        """Reads many examples of this dataset at once, transformed.

        Args:
            indices: as in ``dataset[indices]``.
            batch_size: how many to ask the database for at a time.
        """
        mine = self.indices()
        chosen = [mine[i] for i in positions(indices, len(mine))]
        examples = [self.deserialize(row) for row in self.db.multi_get(chosen, batch_size)]
        return examples if self.transform is None else [self.transform(data) for data in examples]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """What torch's data loader asks for a batch."""
        return self.multi_get(indices)

    def len(self) -> int:
        if self._numel is None:
            self._numel = len(self.db)
        return self._numel

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"
