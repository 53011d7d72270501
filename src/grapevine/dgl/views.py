"""`g.ndata`, `g.edata`, `g.nodes[...]`, `g.edges[...]`: dict-like views of a graph's frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from grapevine.dgl.base import ALL, DGLError, is_all
from grapevine.dgl.frame import Frame, LazyFeature

if TYPE_CHECKING:
    from grapevine.dgl.features import FeatureMethods
    from grapevine.dgl.structure import EType

WHOLE = slice(None)


class Space(NamedTuple):
    """What `g.nodes[...]` and `g.edges[...]` return."""

    data: DataView


class DataView(MutableMapping[str, Any]):
    """The features of one type, or of several.

    Of several, every value is a dict from type to tensor, without the types that lack the feature. Looks its frames up
    at each access, so it stays true inside `local_scope()`.

    Args:
        graph: whose frames.
        ids: type ids.
        names: the keys under which several types appear; None for one type.
        rows: ids, or `ALL`.
    """

    __slots__ = ("_graph", "_ids", "_names", "_rows")

    def __init__(
        self, graph: FeatureMethods, ids: list[int], names: list[Any] | None = None, rows: Any = ALL
    ) -> None:
        self._graph = graph
        self._ids = ids
        self._names = names
        self._rows = rows

    @abstractmethod
    def _frames(self) -> list[Frame]:
        """The frames of the graph by type id."""

    @abstractmethod
    def _type_id(self, name: Any) -> int:
        """The id of a type."""

    @abstractmethod
    def _store(self, type_id: int, data: Mapping[str, Tensor]) -> None:
        """Sets the view's rows."""

    @abstractmethod
    def _select(self, rows: Any) -> Tensor:
        """The ids that an argument means."""

    def _frame(self, type_id: int) -> Frame:
        frame = self._frames()[type_id]
        return frame if is_all(self._rows) else frame.subframe(self._select(self._rows))

    def _each(self) -> list[tuple[Any, Frame]]:
        assert self._names is not None
        return [(name, self._frame(i)) for name, i in zip(self._names, self._ids)]

    def __getitem__(self, key: str) -> Any:
        if self._names is None:
            return self._frame(self._ids[0])[key]
        return {name: frame[key] for name, frame in self._each() if key in frame}

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, LazyFeature):
            self._frames()[self._ids[0]][key] = value
        elif self._names is None:
            if isinstance(value, Mapping):
                raise DGLError("expected a tensor, because there is one type here; got a dict of types")
            self._store(self._ids[0], {key: value})
        else:
            if not isinstance(value, Mapping):
                raise DGLError(
                    f"expected a dict from type to tensor, because there are several types here; got "
                    f"{type(value).__name__}; do this instead: {{{self._names[0]!r}: tensor}}"
                )
            for name, data in value.items():
                self._store(self._type_id(name), {key: data})

    def __delitem__(self, key: str) -> None:
        frames = self._frames()
        if self._names is None:
            del frames[self._ids[0]][key]
        else:
            for i in self._ids:
                frames[i].pop(key, None)

    def _merged(self) -> Mapping[str, Any]:
        if self._names is None:
            return self._frame(self._ids[0])
        merged: dict[str, dict[Any, Any]] = {}
        for name, frame in self._each():
            for key in frame:
                merged.setdefault(key, {})[name] = frame[key]
        return merged

    def __len__(self) -> int:
        return len(self._merged())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._merged()))

    def __contains__(self, key: object) -> bool:
        frames = self._frames()
        return any(key in frames[i] for i in self._ids)

    def __repr__(self) -> str:
        return repr(dict(self._merged()))


class NodeDataView(DataView):
    """Features of nodes."""

    __slots__ = ()

    def _frames(self) -> list[Frame]:
        return self._graph._node_frames

    def _type_id(self, name: Any) -> int:
        return self._graph.get_ntype_id(name)

    def _store(self, type_id: int, data: Mapping[str, Tensor]) -> None:
        self._graph._set_node_data(type_id, self._rows, data)

    def _select(self, rows: Any) -> Tensor:
        return self._graph._ids(rows, "u")


class EdgeDataView(DataView):
    """Features of edges."""

    __slots__ = ()

    def _frames(self) -> list[Frame]:
        return self._graph._edge_frames

    def _type_id(self, name: Any) -> int:
        return self._graph.get_etype_id(name)

    def _store(self, type_id: int, data: Mapping[str, Tensor]) -> None:
        self._graph._set_edge_data(type_id, self._rows, data)

    def _select(self, rows: Any) -> Tensor:
        return self._graph._edge_argument(rows, self._ids[0])


class NodeView:
    """`g.nodes`: call it for ids, index it with a type, with ids, or with (ids, type) for features."""

    __slots__ = ("_graph", "_type_id")

    def __init__(self, graph: FeatureMethods, type_id: Callable[[str | None], int]) -> None:
        self._graph = graph
        self._type_id = type_id

    def __getitem__(self, key: Any) -> Space:
        rows, ntype = ALL, None
        if isinstance(key, slice):
            _check_whole(key)
        elif isinstance(key, tuple):
            rows, ntype = key
        elif key is None or isinstance(key, str):
            ntype = key
        else:
            rows = key
        return Space(NodeDataView(self._graph, [self._type_id(ntype)], rows=rows))

    def __call__(self, ntype: str | None = None) -> Tensor:
        return self._graph._all_nodes(self._type_id(ntype))


class EdgeView:
    """`g.edges`: call it for endpoints, index it with a type, with ids, or with the pair (u, v) for features."""

    __slots__ = ("_graph",)

    def __init__(self, graph: FeatureMethods) -> None:
        self._graph = graph

    def __getitem__(self, key: Any) -> Space:
        rows: Any = ALL
        etype: str | EType | None = None
        if isinstance(key, slice):
            _check_whole(key)
        elif key is None or isinstance(key, str) or (isinstance(key, tuple) and len(key) == 3):
            etype = key
        else:
            rows = key
        return Space(EdgeDataView(self._graph, [self._graph.get_etype_id(etype)], rows=rows))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._graph.all_edges(*args, **kwargs)


def _check_whole(key: slice) -> None:
    if key != WHOLE:
        raise DGLError('Currently only full slice ":" is supported')
