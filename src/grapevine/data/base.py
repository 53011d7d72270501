"""`BaseData`: what every graph container can do, written over its list of storages."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, overload

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data.aliases import Level
from grapevine.data.roles import GROUPS, NODES, Role
from grapevine.data.storage import BaseStorage, EdgeStorage, NodeStorage
from grapevine.data.tensors import Tensors
from grapevine.errors import GraphTypeError, GraphValueError


class BaseData(Tensors):
    """A graph: a handful of storages, and what can be asked of or done to all of them.

    Subclasses may declare batching roles of their attributes in `__roles__`, or override `__cat_dim__` and
    `__inc__`.
    """

    __roles__: ClassVar[Mapping[str, Role]] = {}

    # What a container must say about itself -----------------------------------------------------------------

    @property
    def stores(self) -> Sequence[BaseStorage]:
        """All storages of the graph."""
        return [*self.node_stores, *self.edge_stores]

    @property
    def node_stores(self) -> Sequence[NodeStorage]:
        """The storages that describe nodes."""
        return []

    @property
    def edge_stores(self) -> Sequence[EdgeStorage]:
        """The storages that describe edges."""
        return []

    def stores_as(self, data: Self) -> Self:
        """Creates the storages that `data` has, empty."""
        return self

    def __getitem__(self, key: Any) -> Any:
        raise GraphTypeError(f"'{type(self).__name__}' object is not subscriptable")

    def _role_of(self, key: str, value: Any, store: BaseStorage | None) -> Role:
        """The declared role of an attribute, or that of the naming rules."""
        return Role()

    def _count_of(self, name: str, store: BaseStorage | None) -> int | Tensor:
        """How many things of the kind `name` this graph has: what ids of them are shifted by in a batch."""
        if store is not None and name in store:
            rows = store._rows(name)
            return int(store[name]) if rows is None else rows
        raise GraphValueError(
            f"expected a Role that points to an attribute of the graph, got points_to='{name}'; "
            f"do this instead: name one of {list(store or [])}, or '{NODES}'"
        )

    # Batching -----------------------------------------------------------------------------------------------

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the dimension along which an attribute is joined in a batch.

        Args:
            key: the attribute's name.
            value: its value.
            *args: the storage that holds it, where there is more than one.

        Returns:
            A dimension; `None` to stack along a new one; a pair to place sparse matrices on the block
            diagonal.
        """
        return self._role_of(key, value, args[0] if args else None).cat_dim

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns by how much an attribute of the graphs that follow in a batch is increased.

        Args:
            key: the attribute's name.
            value: its value.
            *args: the storage that holds it, where there is more than one.

        Returns:
            A number, or a tensor that broadcasts against `value`.
        """
        store: BaseStorage | None = args[0] if args else None
        target = self._role_of(key, value, store).points_to
        if target is None:
            return 0
        if target == GROUPS:
            return int(value.max()) + 1 if value.numel() > 0 else 0
        if isinstance(target, str):
            return self._count_of(target, store)
        return torch.tensor([[int(self._count_of(name, store))] for name in target])

    # Attributes ---------------------------------------------------------------------------------------------

    def keys(self) -> list[str]:
        """Returns the names of all attributes, each once."""
        return list(dict.fromkeys(key for store in self.stores for key in store))

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, key: str) -> bool:
        return any(key in store for store in self.stores)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def node_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per node."""
        return list(dict.fromkeys(key for store in self.node_stores for key in store.node_attrs()))

    def edge_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per edge."""
        return list(dict.fromkeys(key for store in self.edge_stores for key in store.edge_attrs()))

    def generate_ids(self) -> None:
        """Numbers the nodes (`n_id`) and edges (`e_id`) of every type."""
        for node_store in self.node_stores:
            node_store.n_id = torch.arange(node_store.num_nodes or 0)
        for edge_store in self.edge_stores:
            edge_store.e_id = torch.arange(edge_store.num_edges)

    def concat(self, data: Self) -> Self:
        """Returns this graph with the rows of another one appended to every attribute; ids stay."""
        out = copy.copy(self)
        for store, other in zip(out.stores, data.stores):
            store.concat(other)
        return out

    # Sizes --------------------------------------------------------------------------------------------------

    @property
    def num_nodes(self) -> int | None:
        """The number of nodes, over all types; `None` where a type does not tell."""
        counts = [store.num_nodes for store in self.node_stores]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def num_edges(self) -> int:
        """The number of edges, over all types; both directions of an undirected edge count."""
        return sum(store.num_edges for store in self.edge_stores)

    @property
    def node_offsets(self) -> dict[Any, int]:
        """The number of nodes of all types before each type."""
        offsets, total = {}, 0
        for store in self.node_stores:
            offsets[store._key] = total
            total += store.num_nodes or 0
        return offsets

    @overload
    def size(self) -> tuple[int | None, int | None]: ...

    @overload
    def size(self, dim: int) -> int | None: ...

    def size(self, dim: int | None = None) -> tuple[int | None, int | None] | int | None:
        """Returns the number of rows and columns of the adjacency matrix, or one of both."""
        num_nodes = self.num_nodes
        return (num_nodes, num_nodes) if dim is None else num_nodes

    # Edges --------------------------------------------------------------------------------------------------

    def is_sorted(self, sort_by_row: bool = True) -> bool:
        """Returns whether edges are ordered by source (`sort_by_row`) or by target."""
        return all(store.is_sorted(sort_by_row) for store in self.edge_stores)

    def sort(self, sort_by_row: bool = True) -> Self:
        """Returns the graph with edges and their attributes ordered by source (`sort_by_row`) or target."""
        out = copy.copy(self)
        for store in out.edge_stores:
            store.sort(sort_by_row)
        return out

    def is_coalesced(self) -> bool:
        """Returns whether edges are ordered and none is stored twice."""
        return all(store.is_coalesced() for store in self.edge_stores)

    def coalesce(self) -> Self:
        """Returns the graph with ordered edges, those stored twice merged (see `EdgeStorage.coalesce`)."""
        out = copy.copy(self)
        for store in out.edge_stores:
            store.coalesce()
        return out

    def has_isolated_nodes(self) -> bool:
        """Returns whether some node has no edge."""
        return any(store.has_isolated_nodes() for store in self.edge_stores)

    def has_self_loops(self) -> bool:
        """Returns whether some edge joins a node with itself."""
        return any(store.has_self_loops() for store in self.edge_stores)

    def contains_isolated_nodes(self) -> bool:
        """The older name of `has_isolated_nodes`."""
        return self.has_isolated_nodes()

    def contains_self_loops(self) -> bool:
        """The older name of `has_self_loops`."""
        return self.has_self_loops()

    def is_undirected(self) -> bool:
        """Returns whether every edge has its reverse with the same `edge_attr`."""
        return all(store.is_undirected() for store in self.edge_stores)

    def is_directed(self) -> bool:
        """Returns whether some edge lacks its reverse."""
        return not self.is_undirected()

    # Time ---------------------------------------------------------------------------------------------------

    def _select(self, level: Level, rows: dict[Any, Tensor]) -> Self:
        """The graph of the given rows of some storages (by their keys); edges follow their nodes."""
        out = copy.copy(self)
        for store in out.stores:
            if store._key in rows:
                store._select_rows(level, rows[store._key])
        return out

    def _select_by(self, attr: str, rows: Callable[[Tensor], Tensor | None]) -> Self:
        """The graph of the rows that `rows(values of attr)` names (ids, a mask, or `None` for all)."""
        out = self
        for level in ("node", "edge"):
            chosen = {
                store._key: index
                for store in out.stores
                if attr in store and store._level(attr) == level and (index := rows(store[attr])) is not None
            }
            out = out._select(level, chosen)
        return out

    def is_sorted_by_time(self) -> bool:
        """Returns whether `time` does not decrease, in every storage that has it."""
        return all(bool(torch.all(s.time[:-1] <= s.time[1:])) for s in self.stores if "time" in s)

    def sort_by_time(self) -> Self:
        """Returns the graph with nodes or edges, whichever `time` belongs to, ordered by `time`."""
        return self._select_by("time", lambda time: torch.sort(time, stable=True).indices)

    def snapshot(self, start_time: float, end_time: float, attr: str = "time") -> Self:
        """Returns the graph of the nodes or edges with `start_time <= attr <= end_time`.

        Args:
            start_time: the first time that counts.
            end_time: the last time that counts.
            attr: the attribute that holds the times, of nodes or of edges.
        """
        return self._select_by(attr, lambda time: (time >= start_time) & (time <= end_time))

    def up_to(self, end_time: float) -> Self:
        """Returns the graph of the nodes or edges, whichever have a `time`, up to `end_time` (inclusive)."""
        return self._select_by("time", lambda time: time <= end_time)

    # Tensors ------------------------------------------------------------------------------------------------

    def apply(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Replaces every tensor, in all attributes or in those named, by `func(tensor)`."""
        for store in self.stores:
            store.apply(func, *args)
        return self

    def apply_(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Calls the in-place function `func` on every tensor, in all attributes or in those named."""
        for store in self.stores:
            store.apply_(func, *args)
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether some attribute is a tensor on a CUDA device."""
        return any(
            isinstance(value, Tensor) and value.is_cuda for store in self.stores for value in store.values()
        )


def report(problems: Sequence[str], raise_on_error: bool) -> bool:
    """Raises the first of the problems found in a graph, or warns of all; returns whether there is none."""
    for problem in problems:
        if raise_on_error:
            raise GraphValueError(problem)
        warnings.warn(problem, stacklevel=3)
    return not problems


def edge_problems(edge_index: Tensor, num_src: int | None, num_dst: int | None, where: str) -> list[str]:
    """Lists what is wrong with the `edge_index` of a graph, in words.

    Args:
        edge_index: what should be int64 of shape (2, E).
        num_src: number of source nodes, if known.
        num_dst: number of target nodes, if known.
        where: what the edges belong to, for the messages.
    """
    name = f"'edge_index' of {where}"
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        hint = (
            "edge_index.t()"
            if edge_index.dim() == 2 and edge_index.size(1) == 2
            else "torch.stack([source, target])"
        )
        shape = list(edge_index.shape)
        return [f"{name} needs to be of shape [2, num_edges], got {shape}; do this instead: {hint}"]
    if edge_index.is_floating_point():
        return [f"{name} needs to hold integers, got {edge_index.dtype}; do this instead: edge_index.long()"]
    if edge_index.numel() == 0:
        return []
    problems = []
    if int(edge_index.min()) < 0:
        problems.append(
            f"{name} contains negative indices (found {int(edge_index.min())}); node ids start at 0"
        )
    for index, count, side in zip(edge_index, (num_src, num_dst), ("source", "destination")):
        if count is not None and int(index.max()) >= count:
            problems.append(
                f"{name} contains larger {side} indices than the number of nodes ({count}) allows "
                f"(found {int(index.max())}); node ids end at {count - 1}, or set 'num_nodes'"
            )
    return problems
