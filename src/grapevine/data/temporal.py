"""`TemporalData`: a graph as a stream of events, each with a source, a target, a time and a message."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data.aliases import Level
from grapevine.data.base import BaseData
from grapevine.data.indexing import is_scalar, positions
from grapevine.data.nested import describe, select
from grapevine.data.roles import NODES, Role, named_role
from grapevine.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from grapevine.errors import GraphTypeError


class EventStorage(GlobalStorage):
    """The attributes of a stream of events; `src` and `dst` hold the edges."""

    def _counts(self) -> dict[Level, int | None]:
        return {"edge": self.num_edges}

    @property
    def edge_index(self) -> Tensor:
        """The source and target of every event (2, E)."""
        if "edge_index" in self._mapping:
            stored: Tensor = self._mapping["edge_index"]
            return stored
        return torch.stack([self.src, self.dst])

    @edge_index.setter
    def edge_index(self, edge_index: Tensor | None) -> None:
        self["edge_index"] = edge_index

    @property
    def num_edges(self) -> int:
        """The number of events."""
        return int(self.src.size(0))

    @property
    def num_nodes(self) -> int | None:
        """The largest node id plus one."""
        return max((int(ids.max()) + 1 for ids in (self.src, self.dst) if ids.numel() > 0), default=0)

    @num_nodes.setter
    def num_nodes(self, num_nodes: int | None) -> None:
        self["num_nodes"] = num_nodes


class TemporalData(BaseData):
    """A graph as a stream of events, ordered by time.

    Indexing selects events: `events[:100]`, `events[mask]`, `events[ids]`; a name selects an attribute.

    Args:
        src: source node of each event (E,), int64.
        dst: target node of each event (E,), int64.
        t: time of each event (E,).
        msg: message of each event (E, F).
        **kwargs: further attributes.

    Example:
        >>> src, dst, t = torch.tensor([[0, 1, 2], [1, 2, 0], [1, 5, 9]])
        >>> events = TemporalData(src, dst, t)
        >>> events[events.t > 1]
        TemporalData(src=[2], dst=[2], t=[2])
        >>> events.num_events, events.num_nodes
        (3, 3)
    """

    __roles__ = {"src": Role("edge", points_to=NODES), "dst": Role("edge", points_to=NODES)}
    _store: EventStorage

    def __init__(
        self,
        src: Tensor | None = None,
        dst: Tensor | None = None,
        t: Tensor | None = None,
        msg: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        self.__dict__["_store"] = EventStorage(_parent=self)
        for key, value in {"src": src, "dst": dst, "t": t, "msg": msg, **kwargs}.items():
            setattr(self, key, value)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Creates a stream from a dictionary of attributes, such as `to_dict` returns."""
        return cls(**mapping)

    # Attributes and events ----------------------------------------------------------------------------------

    def __getattr__(self, key: str) -> Any:
        if key == "_store":  # not built yet: while copying or unpickling
            raise AttributeError(key)
        return getattr(self._store, key)

    def __setattr__(self, key: str, value: Any) -> None:
        setattr(self._store, key, value)

    def __delattr__(self, key: str) -> None:
        delattr(self._store, key)

    def __getitem__(self, idx: Any) -> Any:
        return self._store[idx] if isinstance(idx, str) else self.index_select(idx)

    def __setitem__(self, key: str, value: Any) -> None:
        self._store[key] = value

    def __delitem__(self, key: str) -> None:
        del self._store[key]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(self.num_events))

    def __len__(self) -> int:
        return self.num_events

    def __call__(self, *args: str) -> Iterator[tuple[str, Any]]:
        """Iterates over the names and values of all attributes, or of those named."""
        return iter(self._store.items(*args))

    def __copy__(self) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        out.__dict__["_store"] = copy.copy(self._store)
        out._store._parent = out
        return out

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        out = memo[id(self)] = type(self).__new__(type(self))
        out.__dict__.update({key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()})
        out._store._parent = out
        return out

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(describe(key, value) for key, value in self._store.items())})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the attributes as a dictionary."""
        return self._store.to_dict()

    def to_namedtuple(self) -> Any:
        """Returns the attributes as a named tuple."""
        return self._store.to_namedtuple()

    def index_select(self, idx: Any) -> Self:
        """Returns the stream of some events: `idx` is an integer, a slice, or many integers or bools."""
        out, num_events = copy.copy(self), self.num_events
        if is_scalar(idx):
            idx = [int(idx)]
        if isinstance(idx, slice) and not any(isinstance(bound, float) for bound in (idx.start, idx.stop)):
            for key in [key for key in self._store if self._store._rows(key) == num_events]:
                out[key] = self._store[key][idx]  # a view, no copy
            return out
        events = torch.tensor(positions(idx, num_events), dtype=torch.int64)
        for key in [key for key in self._store if self._store._rows(key) == num_events]:
            out[key] = select(self._store[key], events)
        return out

    def train_val_test_split(
        self, val_ratio: float = 0.15, test_ratio: float = 0.15
    ) -> tuple[Self, Self, Self]:
        """Splits the stream by time: the last events are for testing, those before them for validation.

        Args:
            val_ratio: share of the events for validation, in [0, 1].
            test_ratio: share of the events for testing, in [0, 1].
        """
        shares = [1.0 - val_ratio - test_ratio, 1.0 - test_ratio]
        val_time, test_time = np.quantile(self.t.cpu().numpy(), shares)
        val, test = int((self.t <= val_time).sum()), int((self.t <= test_time).sum())
        return self[:val], self[val:test], self[test:]

    # Storages and roles -------------------------------------------------------------------------------------

    @property
    def stores(self) -> Sequence[BaseStorage]:
        return [self._store]

    @property
    def node_stores(self) -> Sequence[NodeStorage]:
        return [self._store]

    @property
    def edge_stores(self) -> Sequence[EdgeStorage]:
        return [self._store]

    def _role_of(self, key: str, value: Any, store: BaseStorage | None) -> Role:
        return self._store._declared().get(key) or named_role(key, value, holds_ids=False)

    def _count_of(self, name: str, store: BaseStorage | None) -> int | Tensor:
        return self.num_nodes if name == NODES else super()._count_of(name, self._store)

    @property
    def num_nodes(self) -> int:
        """The largest node id plus one."""
        return self._store.num_nodes or 0

    @property
    def num_events(self) -> int:
        """The number of events."""
        return self._store.num_edges

    @property
    def num_edges(self) -> int:
        """The number of events: each is an edge."""
        return self._store.num_edges

    @property
    def edge_index(self) -> Tensor:
        """The source and target of every event (2, E)."""
        return self._store.edge_index

    @overload
    def size(self) -> tuple[int | None, int | None]: ...

    @overload
    def size(self, dim: int) -> int | None: ...

    def size(self, dim: int | None = None) -> tuple[int | None, int | None] | int | None:
        """Returns the numbers of source and target ids (the largest id plus one each), or one of both."""
        size = (int(self.src.max()) + 1, int(self.dst.max()) + 1)
        return size if dim is None else size[dim]

    def coalesce(self) -> Self:
        raise GraphTypeError(
            "expected a graph without times to coalesce, got a stream of events, whose times cannot merge; "
            "do this instead: Data(edge_index=events.edge_index).coalesce()"
        )
