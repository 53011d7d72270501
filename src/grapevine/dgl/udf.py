"""What user-defined functions are given: batches of edges, and of nodes with their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from torch import Tensor

from grapevine.dgl.frame import Frame
from grapevine.dgl.structure import EType, GraphStructure
from grapevine.edges import Edges

__all__ = ["EdgeBatch", "NodeBatch"]


class Rows(MutableMapping[str, Tensor]):
    """A frame as seen from the edges: each feature is read when it is asked for, lazily.

    Args:
        frame: the features.
        read: from a feature to one row per edge.
        keeps: True where a feature set here becomes one of the frame; else it is only seen in this batch.
    """

    __slots__ = ("_frame", "_keeps", "_read", "_seen")

    def __init__(self, frame: Frame, read: Callable[[Tensor], Tensor], keeps: bool = False) -> None:
        self._frame = frame
        self._read = read
        self._keeps = keeps
        self._seen: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        found = self._seen.get(name)
        if found is None:
            found = self._seen[name] = self._read(self._frame[name])
        return found

    def __setitem__(self, name: str, rows: Tensor) -> None:
        if self._keeps:
            self._frame[name] = rows
            rows = self._read(rows)
        self._seen[name] = rows

    def __delitem__(self, name: str) -> None:
        if self._keeps:
            del self._frame[name]
        self._seen.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._frame, *self._seen))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._frame or name in self._seen

    def __repr__(self) -> str:
        return repr(dict(self))


class EdgeBatch:
    """Some edges of one type, with the features of both ends and their own.

    Args:
        graph: the graph.
        relation: the edges.
        etype: their type.
        frames: of the sources, the destinations and the edges.
        eids: the ids to show; None means 0, 1, ...
        ends: the node ids to show, where they are not those of `relation`.
        keeps: True where features set on `data` shall stay.
    """

    __slots__ = ("_edge_rows", "_eids", "_ends", "_etype", "_frames", "_graph", "_keeps", "relation")

    def __init__(
        self,
        graph: GraphStructure,
        relation: Edges,
        etype: EType,
        frames: tuple[Frame, Frame, Frame],
        eids: Tensor | None = None,
        ends: tuple[Tensor, Tensor] | None = None,
        keeps: bool = False,
    ) -> None:
        self._graph = graph
        self.relation = relation
        self._etype = etype
        self._frames = frames
        self._eids = eids
        self._ends = ends
        self._keeps = keeps
        self._edge_rows: list[Rows | None] = [None, None, None]

    def _rows(self, side: int, read: Callable[[Tensor], Tensor], keeps: bool = False) -> Rows:
        rows = self._edge_rows[side]
        if rows is None:
            rows = self._edge_rows[side] = Rows(self._frames[side], read, keeps)
        return rows

    @property
    def src(self) -> Rows:
        """The sources' features, one row per edge."""
        return self._rows(0, self.relation.src)

    @property
    def dst(self) -> Rows:
        """The destinations' features, one row per edge."""
        return self._rows(1, self.relation.dst)

    @property
    def data(self) -> Rows:
        """The edges' own features."""
        return self._rows(2, self.relation.edge, self._keeps)

    def feature(self, target: str, name: str) -> Any:
        """A feature where it lives, not yet read along the edges: of `u`, `v` or `e`."""
        return self._frames["uve".index(target)][name]

    def edges(self) -> tuple[Tensor, Tensor, Tensor]:
        """Source ids, destination ids and edge ids."""
        u, v = self._ends or (self.relation.src_index, self.relation.dst_index)
        as_ids = self._graph._as_ids
        return as_ids(u), as_ids(v), as_ids(self._ids())

    def _ids(self) -> Tensor:
        if self._eids is None:
            index = self.relation.src_index
            self._eids = index.new_ones(index.shape).cumsum(0) - 1
        return self._eids

    def batch_size(self) -> int:
        """The number of edges."""
        return self.relation.num_edges

    def __len__(self) -> int:
        return self.batch_size()

    @property
    def canonical_etype(self) -> EType:
        """The type of the edges: source type, name, destination type."""
        return self._etype


class NodeBatch:
    """Some nodes of one type, with their features and, in a reduce function, their messages.

    Args:
        graph: the graph.
        nodes: their ids.
        ntype: their type.
        data: their features.
        msgs: their messages, `(nodes, messages per node, ...)` each.
    """

    __slots__ = ("_data", "_graph", "_msgs", "_nodes", "_ntype")

    def __init__(
        self,
        graph: GraphStructure,
        nodes: Tensor,
        ntype: str | None,
        data: MutableMapping[str, Tensor],
        msgs: dict[str, Any] | None = None,
    ) -> None:
        self._graph = graph
        self._nodes = nodes
        self._ntype = ntype
        self._data = data
        self._msgs = msgs

    @property
    def data(self) -> MutableMapping[str, Tensor]:
        """The nodes' features."""
        return self._data

    @property
    def mailbox(self) -> Any:
        """The messages, by name; None outside reduce functions."""
        return self._msgs

    def nodes(self) -> Tensor:
        """The ids of the nodes."""
        return self._nodes

    def batch_size(self) -> int:
        """The number of nodes."""
        return self._nodes.shape[0]

    def __len__(self) -> int:
        return self.batch_size()

    @property
    def ntype(self) -> str | None:
        """The type of the nodes."""
        return self._ntype
