"""What every transform is, and how several become one."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.utils import select


class BaseTransform(ABC):
    """A function from graphs to graphs that leaves its argument as it was.

    Subclasses write `forward`, which receives a shallow copy: attributes may be replaced, but tensors must
    not be changed in place.

    Example:
        >>> from grapevine.data import Data
        >>> class Double(BaseTransform):
        ...     def forward(self, data):
        ...         data.x = 2 * data.x
        ...         return data
        >>> Double()(Data(x=torch.ones(1, 2))).x
        tensor([[2., 2.]])
    """

    def __call__(self, data: Any) -> Any:
        return self.forward(copy.copy(data))

    @abstractmethod
    def forward(self, data: Any) -> Any:
        """Returns the transformed graph; `data` is a shallow copy that may be changed."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def needed(data: Any, key: str, transform: BaseTransform) -> Any:
    """Returns an attribute that a transform cannot do without.

    Raises:
        GraphValueError: if the graph lacks it.
    """
    if key not in data:
        name = type(transform).__name__
        raise GraphValueError(
            f"expected a graph with 'data.{key}' for {name}, got one with {list(data.keys())}; "
            f"do this instead: set 'data.{key}' before {name}"
        )
    return data[key]


def count_nodes(data: Any, transform: BaseTransform) -> int:
    """Returns the number of nodes, which a transform cannot do without.

    Raises:
        GraphValueError: if nothing in the graph tells it.
    """
    num_nodes: int | None = data.num_nodes
    if num_nodes is None:
        raise GraphValueError(
            f"expected a graph that tells its number of nodes for {type(transform).__name__}, got one with "
            f"{list(data.keys())}; do this instead: set 'data.num_nodes'"
        )
    return num_nodes


def select_rows(store: Any, keys: Iterable[str], index: Tensor) -> None:
    """Keeps the given rows of attributes, along the dimension that the graph joins them, in place."""
    for key in keys:
        store[key] = select(store[key], index, store._parent().__cat_dim__(key, store[key], store))


def append_columns(old: Tensor | None, new: Tensor, cat: bool = True) -> Tensor:
    """Returns the columns `new` behind `old`, in the floating point type of `old`, or instead of it."""
    if old is None or not cat:
        return new
    old = old.view(-1, 1) if old.dim() == 1 else old
    dtype = old.dtype if old.is_floating_point() else new.dtype  # never rounds coordinates to integers
    return torch.cat([old, new.to(old.device, dtype)], dim=-1)


class Compose(BaseTransform):
    """Applies transforms one after the other.

    Args:
        transforms: callables; one that returns a list (such as `RandomLinkSplit`) hands each item to the
            next.

    Example:
        >>> from grapevine.transforms import AddSelfLoops, ToUndirected
        >>> Compose([ToUndirected(), AddSelfLoops()])
        Compose([
          ToUndirected(),
          AddSelfLoops()
        ])
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = transforms

    def forward(self, data: Any) -> Any:
        for transform in self.transforms:
            data = [transform(d) for d in data] if isinstance(data, list | tuple) else transform(data)
        return data

    def __repr__(self) -> str:
        return _lines(self, self.transforms)


class ComposeFilters:
    """Keeps what every filter keeps.

    Args:
        filters: callables that return whether to keep a graph; of a list of graphs, all must be kept.
    """

    def __init__(self, filters: Sequence[Callable[..., bool]]) -> None:
        self.filters = filters

    def __call__(self, data: Any) -> bool:
        graphs = data if isinstance(data, list | tuple) else [data]
        return all(keep(graph) for keep in self.filters for graph in graphs)

    def __repr__(self) -> str:
        return _lines(self, self.filters)


def _lines(composed: object, parts: Sequence[object]) -> str:
    body = ",\n".join(f"  {part}" for part in parts)
    return f"{type(composed).__name__}([\n{body}\n])"


class ToDevice(BaseTransform):
    """Moves a graph to a device.

    Args:
        device: the destination.
        attrs: names of the attributes to move; None moves all.
        non_blocking: whether copies from pinned memory run asynchronously.
    """

    def __init__(self, device: int | str, attrs: list[str] | None = None, non_blocking: bool = False) -> None:
        self.device = device
        self.attrs = attrs or []
        self.non_blocking = non_blocking

    def forward(self, data: Any) -> Any:
        return data.to(self.device, *self.attrs, non_blocking=self.non_blocking)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.device})"
