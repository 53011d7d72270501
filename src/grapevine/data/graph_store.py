"""`GraphStore`: edges of a graph that live elsewhere, asked for by edge type and layout."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from torch import Tensor

from grapevine.data.feature_store import Cast
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.graph import index2ptr, index_sort, ptr2index

Ends: TypeAlias = tuple[Tensor, Tensor]
ByType: TypeAlias = dict[Any, Any]


class EdgeLayout(Enum):
    """How edges are stored.

    ``coo``: row and column of each edge; ``csr``: row pointers and columns; ``csc``: rows and column pointers.
    """

    COO = "coo"
    CSC = "csc"
    CSR = "csr"


@dataclass
class EdgeAttr(Cast):
    """Which edges are meant.

    Attributes:
        edge_type: (source type, relation, target type), or None where there is one kind only.
        layout: an `EdgeLayout` or its name.
        is_sorted: whether edges come sorted by target; always so for CSC, never for CSR.
        size: numbers of source and target nodes; None: one more than the largest id.

    Raises:
        GraphValueError: for CSR edges that are said to be sorted by target, and unknown layouts.
    """

    edge_type: Any
    layout: EdgeLayout
    is_sorted: bool = False
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        try:
            self.layout = EdgeLayout(self.layout)
        except ValueError:
            names = [layout.value for layout in EdgeLayout]
            raise GraphValueError(f"expected a layout of {names}, got {self.layout!r}") from None
        if self.layout is EdgeLayout.CSR and self.is_sorted:
            raise GraphValueError("expected is_sorted=False for CSR edges, which are sorted by source")
        self.is_sorted = self.is_sorted or self.layout is EdgeLayout.CSC


class GraphStore(ABC):
    """The base class of places where edges live: in memory, on disk, behind a network.

    Define `_put_edge_index`, `_get_edge_index`, `_remove_edge_index` and `get_all_edge_attrs`. Edges do not change
    once they are stored.

    Args:
        edge_attr_cls: the class of descriptions, `EdgeAttr` if None.
    """

    def __init__(self, edge_attr_cls: type[EdgeAttr] | None = None) -> None:
        super().__init__()
        self.__dict__["_edge_attr_cls"] = edge_attr_cls or EdgeAttr

    # To be defined ------------------------------------------------------------------------------------------

    @abstractmethod
    def _put_edge_index(self, edge_index: Ends, edge_attr: EdgeAttr) -> bool:
        """Writes edges; returns whether that was possible."""

    @abstractmethod
    def _get_edge_index(self, edge_attr: EdgeAttr) -> Ends | None:
        """Reads edges; None if there are none of this type and layout."""

    @abstractmethod
    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        """Removes edges; returns whether there were any."""

    @abstractmethod
    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        """Descriptions of all that is stored."""

    # What callers use ---------------------------------------------------------------------------------------

    def _described(self, *args: Any, **kwargs: Any) -> EdgeAttr:
        attr: EdgeAttr = self.__dict__["_edge_attr_cls"].cast(*args, **kwargs)
        return attr

    def put_edge_index(self, edge_index: Ends, *args: Any, **kwargs: Any) -> bool:
        """Writes edges.

        Args:
            edge_index: the two tensors of the layout, rows first.
            *args: an `EdgeAttr`, or its fields.
            **kwargs: fields of an `EdgeAttr`.

        Returns:
            Whether that was possible.
        """
        return self._put_edge_index(edge_index, self._described(*args, **kwargs))

    def get_edge_index(self, *args: Any, **kwargs: Any) -> Ends:
        """Reads edges, in the layout that they were written in.

        Raises:
            GraphKeyError: if there are none of this type and layout.
        """
        attr = self._described(*args, **kwargs)
        edge_index = self._get_edge_index(attr)
        if edge_index is None:
            raise GraphKeyError(f"no edges for {attr}; stored are {self.get_all_edge_attrs()}")
        return edge_index

    def remove_edge_index(self, *args: Any, **kwargs: Any) -> bool:
        """Removes edges; returns whether there were any."""
        return self._remove_edge_index(self._described(*args, **kwargs))

    def coo(self, edge_types: Sequence[Any] | None = None, store: bool = False) -> tuple[Any, Any, Any]:
        """Returns rows, columns and permutation of the edges, by type where they have one.

        Args:
            edge_types: which; None means all.
            store: whether to store what had to be converted.

        Returns:
            The two tensors of the layout, and the order of the edges as they were stored (None: unchanged); three
            dictionaries by edge type, or three tensors where edges have no type.

        Raises:
            GraphKeyError: for an edge type that is not stored.
        """
        return self._converted(EdgeLayout.COO, edge_types, store)

    def csr(self, edge_types: Sequence[Any] | None = None, store: bool = False) -> tuple[Any, Any, Any]:
        """Returns row pointers, columns and permutation of the edges; see `coo`."""
        return self._converted(EdgeLayout.CSR, edge_types, store)

    def csc(self, edge_types: Sequence[Any] | None = None, store: bool = False) -> tuple[Any, Any, Any]:
        """Returns rows, column pointers and permutation of the edges; see `coo`."""
        return self._converted(EdgeLayout.CSC, edge_types, store)

    def _converted(
        self, layout: EdgeLayout, edge_types: Sequence[Any] | None, store: bool
    ) -> tuple[Any, Any, Any]:
        best: dict[Any, EdgeAttr] = {}  # of each type, the one that is easiest to convert
        order = [layout, EdgeLayout.COO, EdgeLayout.CSC, EdgeLayout.CSR]
        for attr in self.get_all_edge_attrs():
            known = best.get(attr.edge_type)
            if known is None or order.index(attr.layout) < order.index(known.layout):
                best[attr.edge_type] = attr
        if edge_types is not None:
            missing = [kind for kind in edge_types if kind not in best]
            if missing:
                raise GraphKeyError(f"no edges of the types {missing}; stored are {[*best]}")
            best = {kind: attr for kind, attr in best.items() if kind in edge_types}
        if None in best:
            return self._to_layout(best[None], layout, store)
        out: tuple[ByType, ByType, ByType] = ({}, {}, {})
        for kind, attr in best.items():
            for part, value in zip(out, self._to_layout(attr, layout, store), strict=True):
                part[kind] = value
        return out

    def _to_layout(
        self, attr: EdgeAttr, layout: EdgeLayout, store: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        row, col = self.get_edge_index(attr)
        if attr.layout is layout:
            return row, col, None
        perm = None
        if attr.layout is EdgeLayout.CSR:
            row = ptr2index(row)
        elif attr.layout is EdgeLayout.CSC:
            col = ptr2index(col)
        if layout is EdgeLayout.CSR:
            size = attr.size[0] if attr.size is not None else _count(row)
            row, perm = index_sort(row, size, stable=True)
            row, col = index2ptr(row, size), col[perm]
        elif layout is EdgeLayout.CSC:
            size = attr.size[1] if attr.size is not None else _count(col)
            if not attr.is_sorted:
                col, perm = index_sort(col, size, stable=True)
                row = row[perm]
            col = index2ptr(col, size)
        if store:
            new = copy.copy(attr)
            new.layout, new.is_sorted = layout, layout is EdgeLayout.CSC or (perm is None and attr.is_sorted)
            self.put_edge_index((row, col), new)
        return row, col, perm

    def __setitem__(self, key: Any, value: Ends) -> None:
        self.put_edge_index(value, key)

    def __getitem__(self, key: Any) -> Ends:
        return self.get_edge_index(key)

    def __delitem__(self, key: Any) -> None:
        self.remove_edge_index(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _count(index: Tensor) -> int:
    return int(index.max()) + 1 if index.numel() else 0
