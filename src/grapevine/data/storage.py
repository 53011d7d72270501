"""Storages: dictionaries of attributes that know what their rows describe (nodes, edges, or the graph as a whole)."""

from __future__ import annotations

import copy
import warnings
import weakref
from collections import namedtuple
from collections.abc import Callable, Collection, ItemsView, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from itertools import chain
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from grapevine import graph
from grapevine.data.aliases import EdgeType, Level, NodeType
from grapevine.data.nested import map_tensors, select
from grapevine.data.roles import ADJACENCY_NAMES, EDGE_NAMES, NODE_NAMES, Role
from grapevine.errors import GraphKeyError, GraphTypeError, GrapevineError, GraphValueError
from grapevine.graph import is_sparse


class MissingAttributeError(GrapevineError, AttributeError):
    """An attribute that a graph does not have."""


class BaseStorage(MutableMapping[str, Any]):
    """A dictionary whose items are also attributes: `storage.x` and `storage["x"]` are the same.

    Names that begin with an underscore are private: set as attributes they are no items, so they are neither listed
    nor batched. Assigning `None` removes an item.

    Args:
        _mapping: the first items.
        **kwargs: more items, and private attributes such as `_parent` (the graph, held weakly) and `_key` (the node
            or edge type).

    Example:
        >>> storage = BaseStorage(x=1, _hidden=2)
        >>> storage.y = 3
        >>> storage, storage._hidden
        ({'x': 1, 'y': 3}, 2)
    """

    _mapping: dict[str, Any]
    _parent: Callable[[], Any]

    def __init__(self, _mapping: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.__dict__["_mapping"] = {}
        for key, value in chain((_mapping or {}).items(), kwargs.items()):
            setattr(self, key, value)

    # Items and attributes --------------------------------------------------------------------------------------

    @property
    def _key(self) -> Any:
        return None

    def __getattr__(self, key: str) -> Any:
        mapping = self.__dict__.get("_mapping", {})
        if key in mapping:
            return mapping[key]
        raise MissingAttributeError(
            f"'{type(self).__name__}' object has no attribute '{key}'; it holds {list(mapping)}"
        )

    def __setattr__(self, key: str, value: Any) -> None:
        descriptor = getattr(type(self), key, None)
        if isinstance(descriptor, property) and descriptor.fset is not None:
            descriptor.fset(self, value)
        elif key == "_parent":
            self.__dict__[key] = weakref.ref(value)
        elif key.startswith("_"):
            self.__dict__[key] = value
        else:
            self[key] = value

    def __delattr__(self, key: str) -> None:
        if key.startswith("_"):
            del self.__dict__[key]
        else:
            del self[key]

    def __getitem__(self, key: str) -> Any:
        if key not in self._mapping:
            raise GraphKeyError(f"expected one of {list(self._mapping)}, got '{key}'")
        return self._mapping[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Returns an item, or `default` where there is none."""
        return self._mapping.get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        if value is None:
            self._mapping.pop(key, None)
        else:
            self._mapping[key] = value

    def __delitem__(self, key: str) -> None:
        self._mapping.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._mapping

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._mapping))

    def __len__(self) -> int:
        return len(self._mapping)

    def __repr__(self) -> str:
        return repr(self._mapping)

    def _subset(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {key: self._mapping[key] for key in names or self._mapping if key in self._mapping}

    def keys(self, *args: str) -> KeysView[str]:
        """Returns the names of all items, or of those among `args` that exist; later changes do not show."""
        return self._subset(args).keys()

    def values(self, *args: str) -> ValuesView[Any]:
        """Returns the values of all items, or of those among `args` that exist."""
        return self._subset(args).values()

    def items(self, *args: str) -> ItemsView[str, Any]:
        """Returns all items, or those among `args` that exist."""
        return self._subset(args).items()

    # Copies ------------------------------------------------------------------------------------------------------

    def __copy__(self) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        out.__dict__["_mapping"] = dict(self._mapping)
        return out

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        out.__dict__["_mapping"] = copy.deepcopy(self._mapping, memo)
        return out

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if state.get("_parent") is not None:
            state["_parent"] = state["_parent"]()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.__dict__.get("_parent") is not None:
            self.__dict__["_parent"] = weakref.ref(self.__dict__["_parent"])

    def to_dict(self) -> dict[str, Any]:
        """Returns the items as a dictionary, with what is private to batching where there is any."""
        hidden = {key: self.__dict__[key] for key in ("_num_nodes", "_roles") if key in self.__dict__}
        return {**self._mapping, **hidden}

    def to_namedtuple(self) -> Any:
        """Returns the items as a named tuple."""
        return namedtuple(f"{type(self).__name__}Tuple", list(self))(**self._mapping)  # type: ignore[misc]

    # Tensors -----------------------------------------------------------------------------------------------------

    def apply(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Replaces every tensor, in all items or in those named, by `func(tensor)`."""
        for key, value in self.items(*args):
            self[key] = map_tensors(value, func)
        return self

    def apply_(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Calls the in-place function `func` on every tensor, in all items or in those named."""
        for value in self.values(*args):
            map_tensors(value, func)
        return self

    def to(self, device: int | str | torch.device, *args: str, non_blocking: bool = False) -> Self:
        """Moves all items, or those named, to a device."""
        return self.apply(lambda x: x.to(device=device, non_blocking=non_blocking), *args)

    def cpu(self, *args: str) -> Self:
        """Moves all items, or those named, to the CPU."""
        return self.apply(lambda x: x.cpu(), *args)

    def cuda(self, device: int | str | None = None, *args: str, non_blocking: bool = False) -> Self:
        """Moves all items, or those named, to a CUDA device."""
        return self.apply(lambda x: x.cuda(device, non_blocking=non_blocking), *args)

    def clone(self, *args: str) -> Self:
        """Returns a deep copy."""
        return copy.deepcopy(self)

    def contiguous(self, *args: str) -> Self:
        """Lays all items, or those named, out contiguously."""
        return self.apply(lambda x: x.contiguous(), *args)

    def pin_memory(self, *args: str) -> Self:
        """Copies all items, or those named, to pinned memory."""
        return self.apply(lambda x: x.pin_memory(), *args)

    def share_memory_(self, *args: str) -> Self:
        """Moves all items, or those named, to shared memory."""
        return self.apply(lambda x: x.share_memory_(), *args)

    def detach_(self, *args: str) -> Self:
        """Detaches all items, or those named, from the autograd graph in place."""
        return self.apply(lambda x: x.detach_(), *args)

    def detach(self, *args: str) -> Self:
        """Replaces all items, or those named, by detached tensors."""
        return self.apply(lambda x: x.detach(), *args)

    def requires_grad_(self, *args: str, requires_grad: bool = True) -> Self:
        """Records operations on all items, or those named, for autograd."""
        return self.apply(lambda x: x.requires_grad_(requires_grad=requires_grad), *args)

    def record_stream(self, stream: torch.cuda.Stream, *args: str) -> Self:
        """Keeps the memory of all items, or those named, until the work queued on `stream` is done."""
        return self.apply_(lambda x: x.record_stream(stream), *args)

    # Roles and rows ----------------------------------------------------------------------------------------------

    def declare(self, **roles: Role) -> Self:
        """Declares the batching roles of attributes, which then win over the naming rules; see `Role`."""
        self.__dict__["_roles"] = {**self.__dict__.get("_roles", {}), **roles}
        return self

    def _role(self, key: str) -> Role | None:
        """Returns the declared role of an attribute: on this storage, else on the class of the graph."""
        own: Role | None = self.__dict__.get("_roles", {}).get(key)
        if own is not None:
            return own
        parent = self.__dict__.get("_parent")
        declared: Mapping[str, Role] = getattr(type(parent()), "__roles__", {}) if parent is not None else {}
        return declared.get(key)

    def _cat_dim(self, key: str) -> int | tuple[int, ...] | None:
        """Returns the dimension along which an attribute is joined with that of other graphs."""
        dim: int | tuple[int, ...] | None = self._parent().__cat_dim__(key, self[key], self)
        return dim

    def _rows(self, key: str) -> int | None:
        """How many items an attribute holds along the dimension along which it is joined, if that is one number."""
        value = self._mapping[key]
        if isinstance(value, list | tuple):
            return len(value)
        if not isinstance(value, Tensor | np.ndarray) or value.ndim == 0:
            return None
        dim = self._cat_dim(key)
        return int(value.shape[dim]) if isinstance(dim, int) else None

    def _revealed(self, level: Level, names: Collection[str], word: str) -> int | None:
        """The number of rows of the first array that reveals it: by its role, by a known name, or by a word in it."""
        arrays = [key for key, value in self._mapping.items() if isinstance(value, Tensor | np.ndarray)]
        declared = [key for key in arrays if (role := self._role(key)) is not None and role.level == level]
        for key in chain(declared, (k for k in arrays if k in names), (k for k in arrays if word in k)):
            rows = self._rows(key)
            if rows is not None:
                return rows
        return None

    def _counts(self) -> dict[Level, int | None]:
        """Returns the number of rows of each level that this storage describes."""
        return {}

    def _level(self, key: str, counts: Mapping[Level, int | None] | None = None) -> Level | None:
        """Returns whether an attribute describes nodes, edges, or (None) neither.

        A declared level decides. Otherwise the number of its rows is compared with the number of nodes and of edges;
        where both are the same, names with "edge" in them belong to edges.

        Args:
            key: the attribute's name.
            counts: what `_counts()` returned, where many attributes are asked for.
        """
        role = self._role(key)
        if role is not None and role.level is not None:
            return role.level
        rows = self._rows(key)
        if rows is None:
            return None
        fitting = [level for level, count in (counts or self._counts()).items() if count == rows]
        if len(fitting) == 2:
            return "edge" if "edge" in key else "node"
        return fitting[0] if fitting else None

    def _levels(self) -> dict[str, Level | None]:
        """Returns the level of every attribute."""
        counts = self._counts()
        return {key: self._level(key, counts) for key in self}

    def is_node_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per node."""
        return self._level(key) == "node"

    def is_edge_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per edge."""
        return self._level(key) == "edge"

    def node_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per node."""
        return [key for key, level in self._levels().items() if level == "node"]

    def edge_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per edge."""
        return [key for key, level in self._levels().items() if level == "edge"]

    def _select_rows(self, level: Level, index_or_mask: Tensor) -> Self:
        """Keeps the given rows of all attributes of a level, in place; edges that point to nodes are not renumbered."""
        for key in [key for key, found in self._levels().items() if found == level]:
            self[key] = select(self[key], index_or_mask, self._cat_dim(key))
        return self

    def concat(self, other: Self) -> Self:
        """Appends the rows of another storage with the same attributes, in place."""
        if set(self) != set(other):
            raise MissingAttributeError(
                f"expected two storages with the same attributes, got {sorted(self)} and {sorted(other)}; "
                "do this instead: remove or add the ones that differ"
            )
        for key, value in self.items():
            if key in ("num_nodes", "num_edges") or isinstance(value, list):
                self[key] = value + other[key]
            elif isinstance(value, Tensor):
                dim = self._cat_dim(key)
                self[key] = torch.cat([value, other[key]], dim=dim if isinstance(dim, int) else 0)
            else:
                raise GraphTypeError(
                    f"expected tensors or lists to concatenate, got {type(value).__name__} for '{key}'; "
                    f"do this instead: del data['{key}'] first, or store it as a tensor"
                )
        return self


class NodeStorage(BaseStorage):
    """The attributes of one node type."""

    @property
    def _key(self) -> NodeType:
        key = self.__dict__.get("_key")
        if not isinstance(key, str):
            raise GraphValueError(f"expected a node type (a string) as '_key', got {key!r}")
        return key

    def _counts(self) -> dict[Level, int | None]:
        return {"node": self.num_nodes}

    @property
    def can_infer_num_nodes(self) -> bool:
        """Whether some attribute tells the number of nodes, if only as a lower bound."""
        telling = {"num_nodes", "x", "pos", "batch", "adj", "adj_t", "edge_index", "face"}
        return any(
            key in telling or "node" in key or ((role := self._role(key)) is not None and role.level == "node")
            for key in self._mapping
        )

    @property
    def num_nodes(self) -> int | None:
        """The number of nodes: as stored, else as node-level attributes or the adjacency matrix tell.

        Where nothing tells, the largest index plus one is taken, with a warning; `None` if there are no edges either.
        """
        if "num_nodes" in self._mapping:
            stored: int = self._mapping["num_nodes"]
            return stored
        rows = self._revealed("node", NODE_NAMES, "node")
        if rows is not None:
            return rows
        for key, dim in zip(ADJACENCY_NAMES, (0, 1)):
            if isinstance(self.get(key), Tensor):
                return int(self[key].shape[dim])
        where = "data" if self._key is None else f"data[{self._key!r}]"
        warnings.warn(
            f"Unable to accurately infer 'num_nodes' from the attributes {list(self)}. Isolated nodes at the end would "
            f"be missed; set '{where}.num_nodes = ...' to be sure and to silence this warning",
            stacklevel=2,
        )
        for key in ("edge_index", "face"):
            index = self.get(key)
            if isinstance(index, Tensor):
                return int(index.max()) + 1 if index.numel() > 0 else 0
        return None

    @num_nodes.setter
    def num_nodes(self, num_nodes: int | None) -> None:
        self["num_nodes"] = num_nodes

    @property
    def num_node_features(self) -> int:
        """The number of columns of `x`; 1 if it is a vector, 0 if there is none."""
        return _num_columns(self.get("x"))

    @property
    def num_features(self) -> int:
        """The same as `num_node_features`."""
        return self.num_node_features


class EdgeStorage(BaseStorage):
    """The attributes of one edge type: `edge_index` (2, E), or a sparse matrix `adj` (rows are sources) or `adj_t`."""

    @property
    def _key(self) -> EdgeType:
        key = self.__dict__.get("_key")
        if not isinstance(key, tuple) or len(key) != 3:
            raise GraphValueError(f"expected an edge type (source, relation, target) as '_key', got {key!r}")
        return key

    def _counts(self) -> dict[Level, int | None]:
        return {"edge": self.num_edges}

    @property
    def _adjacency(self) -> dict[str, Tensor]:
        return {key: value for key, value in self.items(*ADJACENCY_NAMES) if is_sparse(value)}

    def _weighted_edges(self) -> tuple[Tensor, Tensor | None]:
        """Edges as (2, E) and their attributes, of the adjacency matrix where there is one."""
        for key, value in self._adjacency.items():
            index, weight = graph.to_edge_index(value)
            return (index.flip(0) if key == "adj_t" else index), weight
        return self.edge_index, self.get("edge_attr")

    @property
    def edge_index(self) -> Tensor:
        """The edges (2, E), read from `adj` or `adj_t` where there is no `edge_index`."""
        if "edge_index" not in self._mapping and not self._adjacency:
            raise MissingAttributeError(
                f"'{type(self).__name__}' object has no attribute 'edge_index', 'adj' or 'adj_t'; it holds {list(self)}"
            )
        stored: Tensor | None = self._mapping.get("edge_index")
        return self._weighted_edges()[0] if stored is None else stored

    @edge_index.setter
    def edge_index(self, edge_index: Tensor | None) -> None:
        self["edge_index"] = edge_index

    @property
    def num_edges(self) -> int:
        """The number of edges: as stored, else as edge-level attributes or the adjacency matrix tell, else 0."""
        if "num_edges" in self._mapping:
            stored: int = self._mapping["num_edges"]
            return stored
        rows = self._revealed("edge", EDGE_NAMES, "edge")
        if rows is not None:
            return rows
        return next((int(value._nnz()) for value in self._adjacency.values()), 0)

    @property
    def num_edge_features(self) -> int:
        """The number of columns of `edge_attr`; 1 if it is a vector, 0 if there is none."""
        return _num_columns(self.get("edge_attr"))

    @property
    def num_features(self) -> int:
        """The same as `num_edge_features`."""
        return self.num_edge_features

    @overload
    def size(self) -> tuple[int | None, int | None]: ...

    @overload
    def size(self, dim: int) -> int | None: ...

    def size(self, dim: int | None = None) -> tuple[int | None, int | None] | int | None:
        """Returns the number of source and of target nodes, or one of both."""
        stores = self._parent()._node_store_dict
        source, target = (
            stores[key].num_nodes if key in stores else None for key in (self._key[0], self._key[-1])
        )
        return (source, target) if dim is None else (source, target)[dim]

    def is_bipartite(self) -> bool:
        """Returns whether sources and targets are of different types."""
        return self._key is not None and self._key[0] != self._key[-1]

    def is_sorted(self, sort_by_row: bool = True) -> bool:
        """Returns whether edges are ordered by source (`sort_by_row`) or by target."""
        if "edge_index" not in self:
            return True
        index = self.edge_index[0 if sort_by_row else 1]
        return bool(torch.all(index[:-1] <= index[1:]))

    def sort(self, sort_by_row: bool = True) -> Self:
        """Orders the edges and all edge-level attributes, in place."""
        if "edge_index" in self:
            index = self.edge_index
            order = torch.arange(index.size(1), device=index.device)
            self._select_rows("edge", graph.sort_edge_index(index, order, sort_by_row=sort_by_row)[1])
        return self

    def is_coalesced(self) -> bool:
        """Returns whether edges are ordered and none is stored twice."""
        for value in self._adjacency.values():
            return value.is_coalesced() if value.layout == torch.sparse_coo else True
        if "edge_index" not in self:
            return True
        merged = graph.coalesce(self.edge_index)
        return merged.shape == self.edge_index.shape and torch.equal(merged, self.edge_index)

    def coalesce(self, reduce: str = "sum") -> Self:
        """Orders the edges and merges those stored twice, in place.

        Floating-point attributes of edges are merged by `reduce`; for others (ids, types, masks, names) the first of
        the merged edges counts, since a sum of ids means nothing.
        """
        for key, value in self._adjacency.items():
            self[key] = value.coalesce() if value.layout == torch.sparse_coo else value
        if "edge_index" not in self:
            return self
        index = self.edge_index
        attrs = [key for key in self.edge_attrs() if key != "edge_index"]
        merged = {
            key: value
            for key, value in self.items(*attrs)
            if isinstance(value, Tensor) and (value.is_floating_point() or key == "edge_attr") and self._cat_dim(key) == 0
        }
        order = torch.arange(index.size(1), device=index.device)
        first = graph.coalesce(index, order, reduce="min")[1]
        coalesced, values = graph.coalesce(index, list(merged.values()), reduce=reduce)
        for key in attrs:
            if key not in merged:
                self[key] = select(self[key], first, self._cat_dim(key))
        self.update(zip(merged, values), edge_index=coalesced)
        return self

    def has_isolated_nodes(self) -> bool:
        """Returns whether some node has no edge (of a bipartite edge type: some target has none)."""
        num_nodes = self.size(1)
        if num_nodes is None:
            raise GraphValueError("Unable to infer 'num_nodes'; do this instead: data.num_nodes = ...")
        if self.is_bipartite():
            return self.edge_index[1].unique().numel() < num_nodes
        return graph.contains_isolated_nodes(self.edge_index, num_nodes)

    def has_self_loops(self) -> bool:
        """Returns whether some edge joins a node with itself."""
        return not self.is_bipartite() and graph.contains_self_loops(self.edge_index)

    def is_undirected(self) -> bool:
        """Returns whether every edge has its reverse with the same `edge_attr`."""
        if self.is_bipartite():
            return False
        index, attr = self._weighted_edges()
        return graph.is_undirected(index, attr, num_nodes=self.size(0))

    def is_directed(self) -> bool:
        """Returns whether some edge lacks its reverse."""
        return not self.is_undirected()


class GlobalStorage(NodeStorage, EdgeStorage):
    """The attributes of a graph with one node type and one edge type."""

    @property
    def _key(self) -> Any:
        return None

    def _counts(self) -> dict[Level, int | None]:
        return {"node": self.num_nodes, "edge": self.num_edges}

    @property
    def num_features(self) -> int:
        """The same as `num_node_features`."""
        return self.num_node_features

    @overload
    def size(self) -> tuple[int | None, int | None]: ...

    @overload
    def size(self, dim: int) -> int | None: ...

    def size(self, dim: int | None = None) -> tuple[int | None, int | None] | int | None:
        """Returns the number of rows and columns of the adjacency matrix, or one of both."""
        num_nodes = self.num_nodes
        return (num_nodes, num_nodes) if dim is None else num_nodes


def _num_columns(features: Any) -> int:
    if not isinstance(features, Tensor | np.ndarray):
        return 0
    return 1 if features.ndim == 1 else int(features.shape[-1])
