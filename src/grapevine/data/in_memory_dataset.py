"""`InMemoryDataset`: a dataset whose examples are held joined in memory and written to one file."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data import serialization
from grapevine.data.aliases import IndexType
from grapevine.data.base import BaseData
from grapevine.data.batch import Batch
from grapevine.data.collate import collate
from grapevine.data.data import Data
from grapevine.data.dataset import Dataset
from grapevine.data.nested import is_sequence
from grapevine.data.separate import separate
from grapevine.errors import GraphValueError


class InMemoryDataset(Dataset):
    """The base class of datasets that fit into memory: `process` ends with `self.save(graphs, path)`.

    The constructor of a subclass ends with `self.load(self.processed_paths[0])`.

    Args:
        root: the folder of the dataset.
        transform: applied to every example whenever it is read.
        pre_transform: applied to every example before it is written.
        pre_filter: says of every example whether it is written.
        log: whether to say on stderr when processing begins and ends.
        force_reload: whether to process again.

    Example:
        >>> class Paths(InMemoryDataset):
        ...     def __init__(self):
        ...         super().__init__()
        ...         graphs = [Data(x=torch.zeros(n, 1), y=torch.tensor([n % 2])) for n in (1, 2, 3)]
        ...         self.data, self.slices = self.collate(graphs)
        >>> dataset = Paths()
        >>> dataset, dataset[2], dataset.num_classes
        (Paths(3), Data(x=[3, 1], y=[1]), 2)
    """

    def __init__(
        self,
        root: str | None = None,
        transform: Callable[[Any], Any] | None = None,
        pre_transform: Callable[[Any], Any] | None = None,
        pre_filter: Callable[[Any], bool] | None = None,
        log: bool = True,
        force_reload: bool = False,
    ) -> None:
        super().__init__(root, transform, pre_transform, pre_filter, log, force_reload)
        self._data: Any = None
        self.slices: Mapping[Any, Any] | None = None
        self._data_list: MutableSequence[Any] | None = None

    # Examples -----------------------------------------------------------------------------------------------

    def len(self) -> int:
        if self.slices is None:
            return 1
        starts = _first_leaf(self.slices)
        if starts is not None:
            return len(starts) - 1
        counts = (
            store.__dict__.get("_num_nodes") for store in self._data.stores
        )  # graphs without attributes
        return next((len(count) for count in counts if count is not None), 0)

    def get(self, idx: int) -> BaseData:
        count = self.len()
        if self.slices is None or count == 1:
            return copy.copy(self._data)  # type: ignore[no-any-return]
        if self.__dict__.get("_data_list") is None:
            self._data_list = [None] * count
        assert self._data_list is not None
        if self._data_list[idx] is None:
            self._data_list[idx] = separate(type(self._data), self._data, idx, self.slices, decrement=False)
        return copy.copy(self._data_list[idx])  # type: ignore[no-any-return]

    def _first(self, count: int) -> list[BaseData]:
        cache, self._data_list = self._data_list, None
        graphs = super()._first(count)
        self._data_list = cache
        return graphs

    @property
    def num_classes(self) -> int:
        """The number of classes that the labels `y` tell."""
        return self._infer_num_classes(self._data.y) if self.transform is None else super().num_classes

    # Joined form and files ----------------------------------------------------------------------------------

    @staticmethod
    def collate(data_list: Sequence[BaseData]) -> tuple[Any, Any]:
        """Joins graphs without shifting their node ids; returns the joined graph and where each begins."""
        if len(data_list) == 1:
            return data_list[0], None
        data, slices, _ = collate(type(data_list[0]), data_list, increment=False, add_batch=False)
        return data, slices

    def _kept(self, graphs: Iterable[Any]) -> list[Any]:
        """The examples that `pre_filter` keeps, as `pre_transform` makes them: what `process` saves."""
        kept = (graph for graph in graphs if self.pre_filter is None or self.pre_filter(graph))
        return [graph if self.pre_transform is None else self.pre_transform(graph) for graph in kept]

    @classmethod
    def save(cls, data_list: Sequence[BaseData], path: str) -> None:
        """Writes graphs to a file that `load` can read; see `grapevine.data.serialization`."""
        data, slices = cls.collate(data_list)
        serialization.save((data.to_dict(), slices, serialization.class_name(type(data))), path)

    def load(self, path: str, data_cls: type[BaseData] = Data) -> None:
        """Reads the graphs of the dataset from a file that `save` wrote.

        Args:
            path: the file.
            data_cls: class of the graphs, if the file does not tell.
        """
        data, self.slices, *kind = serialization.load(path)
        cls: Any = serialization.class_of(kind[0]) if kind else data_cls
        self.data = cls.from_dict(data) if isinstance(data, dict) else data

    def copy(self, idx: IndexType | None = None) -> Self:
        """Returns a dataset with graphs of its own: all, or those that `idx` names."""
        indices = (self if idx is None else self.index_select(idx)).indices()
        out = copy.copy(self)
        out._indices, out._data_list = None, None
        out.data, out.slices = self.collate([self.get(i) for i in indices])
        return out

    @property
    def data(self) -> Any:
        """The joined graphs, with a warning: `dataset.x` and the like are meant for reading."""
        message = "It is not recommended to access the joined graphs `data` of an 'InMemoryDataset'."
        if self._indices is not None:
            message += " They are those of the whole dataset, while this one holds only some."
        if self._data_list is not None:
            message += " Graphs that were read before are read anew now, so that changes of `data` show."
            self._data_list = None
        message += (
            " Use `dataset._data` to silence this warning, or `dataset.x` and the like for single attributes."
        )
        warnings.warn(message, stacklevel=2)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value
        self._data_list = None

    def __getattr__(self, key: str) -> Any:
        data = self.__dict__.get("_data")
        if isinstance(data, Data) and key in data:
            inc = data.__inc__(key, data[key])
            if self._indices is None and isinstance(inc, int) and inc == 0:
                return data[key]
            return Batch.from_data_list([self.get(i) for i in self.indices()])[key]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{key}'")

    # Devices ------------------------------------------------------------------------------------------------

    def to(self, device: int | str | torch.device) -> Self:
        """Moves the whole dataset to a device.

        Raises:
            GraphValueError: if this is a part of a dataset, or graphs have been read from it.
        """
        if self._indices is not None or self._data_list is not None:
            why = (
                "a part of a dataset"
                if self._indices is not None
                else "a dataset whose graphs have been read"
            )
            raise GraphValueError(
                f"expected a whole dataset to move, got {why}; do this instead: dataset.copy().to(...)"
            )
        self._data.to(device)
        return self

    def cpu(self, *args: str) -> Self:
        """Moves the whole dataset to the CPU."""
        return self.to(torch.device("cpu"))

    def cuda(self, device: int | str | None = None) -> Self:
        """Moves the whole dataset to a CUDA device (the current one by default)."""
        return self.to(
            "cuda" if device is None else torch.device("cuda", device) if isinstance(device, int) else device
        )


def _first_leaf(slices: Any) -> Any:
    """The first tensor of begins within slices of any structure."""
    if isinstance(slices, Tensor):
        return slices
    inner = slices.values() if isinstance(slices, Mapping) else slices if is_sequence(slices) else ()
    return next((leaf for item in inner if (leaf := _first_leaf(item)) is not None), None)
