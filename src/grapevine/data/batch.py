"""`Batch`: many graphs as one graph, side by side and not connected."""

from __future__ import annotations

import types
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import torch
from typing_extensions import Self

from grapevine.data.aliases import IndexType, Scalar
from grapevine.data.base import BaseData
from grapevine.data.collate import collate, required
from grapevine.data.data import Data
from grapevine.data.indexing import is_scalar, position, positions
from grapevine.data.separate import separate
from grapevine.errors import GraphValueError


class Batch(BaseData):
    """Many graphs as one graph: attributes joined, node ids shifted, `batch` telling the graph of every node.

    A batch is also an instance of the class of its graphs: a batch of `Data` is a `DataBatch`, and so on.
    Which attributes are shifted, and along which dimension they are joined, is the matter of
    `grapevine.data.roles`.

    Example:
        >>> graph = Data(x=torch.zeros(3, 1), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> batch = Batch.from_data_list([graph, graph])
        >>> batch
        DataBatch(x=[6, 1], edge_index=[2, 4], batch=[6], ptr=[3])
        >>> batch.edge_index
        tensor([[0, 1, 3, 4],
                [1, 2, 4, 5]])
        >>> batch[1].edge_index
        tensor([[0, 1],
                [1, 2]])
    """

    _data_cls: ClassVar[type[BaseData] | None] = None  # the class of the graphs
    _num_graphs: int
    _slice_dict: dict[Any, Any]  # where each graph begins, for each attribute
    _inc_dict: dict[Any, Any]  # what was added to it

    def __new__(cls, *args: Any, _base_cls: type[BaseData] = Data, **kwargs: Any) -> Self:
        classes: tuple[Any, Any] = (cls, _base_cls)
        made: Self = super().__new__(batch_class(*classes))
        return made

    def __init__(self, *args: Any, _base_cls: type[BaseData] = Data, **kwargs: Any) -> None:
        base: Any = self._data_cls or Data
        unset = [name for name in required(base)[len(args) :] if name not in kwargs]
        super().__init__(*args, **dict.fromkeys(unset), **kwargs)

    @classmethod
    def from_data_list(
        cls,
        data_list: Sequence[BaseData],
        follow_batch: Sequence[str] | None = None,
        exclude_keys: Sequence[str] | None = None,
    ) -> Self:
        """Joins graphs into a batch.

        Args:
            data_list: graphs of one class with the same attributes, at least one.
            follow_batch: attributes for which to add `{name}_batch` and `{name}_ptr`, as there are `batch`
                (the graph of every node) and `ptr` (where each graph begins) for nodes.
            exclude_keys: attributes to leave out.

        Raises:
            GraphKeyError: if a graph lacks a type or an attribute of the first one.
        """
        graphs = list(data_list)
        add_batch = not (graphs and isinstance(graphs[0], Batch))
        out, slices, incs = collate(cls, graphs, True, add_batch, follow_batch, exclude_keys)
        out._num_graphs, out._slice_dict, out._inc_dict = len(graphs), slices, incs
        return out

    def get_example(self, idx: Scalar) -> BaseData:
        """Returns one graph, as it was before it was joined."""
        slices: dict[Any, Any] | None = getattr(self, "_slice_dict", None)
        if slices is None or self._data_cls is None:
            raise GraphValueError(
                "expected a batch made by 'Batch.from_data_list()', got one put together by hand, which does "
                "not know where its graphs begin; do this instead: Batch.from_data_list(graphs)"
            )
        return separate(self._data_cls, self, position(idx, self.num_graphs), slices, self._inc_dict)

    def index_select(self, idx: IndexType) -> list[BaseData]:
        """Returns some graphs: `idx` is a slice, or a list, tuple, tensor or array of integers or bools."""
        return [self.get_example(i) for i in positions(idx, self.num_graphs)]

    def __getitem__(self, idx: Any) -> Any:
        if is_scalar(idx):
            return self.get_example(idx)
        if isinstance(idx, str) or (isinstance(idx, tuple) and idx and isinstance(idx[0], str)):
            return super().__getitem__(idx)  # an attribute or a type
        return self.index_select(idx)

    def to_data_list(self) -> list[BaseData]:
        """Returns all graphs, as they were before they were joined."""
        return [self.get_example(i) for i in range(self.num_graphs)]

    @property
    def num_graphs(self) -> int:
        """The number of graphs."""
        known: int | None = getattr(self, "_num_graphs", None)
        if known is not None:
            return known
        ptr, batch = getattr(self, "ptr", None), getattr(self, "batch", None)
        if ptr is not None:
            return int(ptr.numel()) - 1
        if batch is not None:
            return int(batch.max()) + 1
        raise GraphValueError("Can not infer the number of graphs; do this instead: set 'batch' or 'ptr'")

    @property
    def batch_size(self) -> int:
        """The same as `num_graphs`."""
        return self.num_graphs

    def __len__(self) -> int:
        return self.num_graphs

    def __reduce__(self) -> Any:
        cls = type(self)
        own = next(base for base in cls.__mro__ if issubclass(base, Batch) and base._data_cls is None)
        return _blank_batch, (own, self._data_cls), self.__dict__.copy()


@cache
def batch_class(cls: type[Any], base: type[Any]) -> type[Any]:
    """Returns the class of batches of `base`, made once: a `Batch` that is a `base` too."""
    if cls._data_cls is not None:
        return cls
    if issubclass(base, Batch):  # a batch of batches is a batch of their graphs
        return base
    made = types.new_class(
        f"{base.__name__}{cls.__name__}",
        (cls, base),
        {},
        lambda body: body.update(_data_cls=base, __module__=__name__),
    )
    torch.serialization.add_safe_globals([made])
    return made


def _blank_batch(cls: type[Batch], base: type[BaseData]) -> Batch:
    """An empty batch, to be filled when unpickling."""
    return cls.__new__(cls, _base_cls=base)
