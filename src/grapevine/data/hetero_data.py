"""`HeteroData`: a graph with several types of nodes and edges."""

from __future__ import annotations

import copy
import warnings
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from typing_extensions import Self

import grapevine.data.homogeneous as homogeneous
from grapevine import graph
from grapevine.data.aliases import DEFAULT_RELATION, EdgeType, Level, NodeType
from grapevine.data.base import BaseData, edge_problems, report
from grapevine.data.components import components
from grapevine.data.nested import describe, select
from grapevine.data.roles import NODES, Role, named_role
from grapevine.data.storage import BaseStorage, EdgeStorage, MissingAttributeError, NodeStorage
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from grapevine.graph import is_sparse

if TYPE_CHECKING:
    from grapevine.data.data import Data


class HeteroData(BaseData):
    """A graph with several types of nodes and edges, each with attributes of its own.

    Node types are strings; edge types are triples (source type, relation, target type), which may be
    shortened to (source type, target type) or to the relation where that is unique. What is asked for and
    does not exist yet is created empty. Attributes of the graph as a whole are set on the object itself.

    Args:
        _mapping: types with a dictionary of attributes each, and attributes of the graph.
        **kwargs: the same; edge types are written `source__relation__target`.

    Example:
        >>> data = HeteroData()
        >>> data["paper"].x = torch.zeros(3, 8)
        >>> data["author"].x = torch.zeros(2, 4)
        >>> data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 1], [0, 1, 2]])
        >>> data
        HeteroData(
          paper={ x=[3, 8] },
          author={ x=[2, 4] },
          (author, writes, paper)={ edge_index=[2, 3] }
        )
        >>> data["writes"].num_edges, list(data.x_dict)
        (3, ['paper', 'author'])
    """

    _global_store: BaseStorage
    _node_store_dict: dict[NodeType, NodeStorage]
    _edge_store_dict: dict[EdgeType, EdgeStorage]

    def __init__(self, _mapping: Mapping[Any, Any] | None = None, **kwargs: Any) -> None:
        self.__dict__["_global_store"] = BaseStorage(_parent=self)
        self.__dict__["_node_store_dict"] = {}
        self.__dict__["_edge_store_dict"] = {}
        for key, value in chain((_mapping or {}).items(), kwargs.items()):
            if not isinstance(value, Mapping):
                setattr(self, key, value)
            elif isinstance(key, str) and "__" in key:
                self[tuple(key.split("__"))].update(value)
            else:
                self[key].update(value)

    @classmethod
    def from_dict(cls, mapping: Mapping[Any, Any]) -> Self:
        """Creates a graph from a dictionary of storages, such as `to_dict` returns."""
        out = cls()
        for key, value in mapping.items():
            store: BaseStorage
            if key == "_global_store":
                store = out._global_store
            else:
                store = out.get_node_store(key) if isinstance(key, str) else out.get_edge_store(*key)
            for name, item in value.items():
                setattr(store, name, item)
        return out

    # Attributes ---------------------------------------------------------------------------------------------

    def __getattr__(self, key: str) -> Any:
        if key in ("_global_store", "_node_store_dict", "_edge_store_dict"):  # while copying or unpickling
            raise AttributeError(key)
        if key in self._global_store or hasattr(self._global_store, key):
            return getattr(self._global_store, key)
        if key.endswith("_dict"):
            return self.collect(key.removesuffix("_dict"))
        raise MissingAttributeError(
            f"'{type(self).__name__}' has no attribute '{key}'; its types are {self.metadata()}"
        )

    def __setattr__(self, key: str, value: Any) -> None:
        descriptor = getattr(type(self), key, None)
        if isinstance(descriptor, property) and descriptor.fset is not None:
            descriptor.fset(self, value)
        else:
            self._refuse_type(key)
            setattr(self._global_store, key, value)

    def __delattr__(self, key: str) -> None:
        delattr(self._global_store, key)

    def __getitem__(self, *args: Any) -> Any:
        key = self._to_canonical(*args)
        if isinstance(key, str) and key in self._global_store:
            return self._global_store[key]
        return self.get_node_store(key) if isinstance(key, str) else self.get_edge_store(*key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._refuse_type(key)
        self._global_store[key] = value

    def __delitem__(self, *args: Any) -> None:
        key = self._to_canonical(*args)
        if isinstance(key, tuple):
            self._edge_store_dict.pop(key, None)
        elif key in self._node_store_dict:
            del self._node_store_dict[key]
        else:
            del self._global_store[key]

    def _refuse_type(self, key: str) -> None:
        for types, kind in ((self._node_store_dict, "a node"), (self._edge_store_dict, "an edge")):
            if key in types:
                raise MissingAttributeError(
                    f"'{key}' is already present as {kind} type; do this instead: data['{key}'].update(...)"
                )

    def __copy__(self) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        out.__dict__["_global_store"] = copy.copy(self._global_store)
        for name in ("_node_store_dict", "_edge_store_dict"):
            out.__dict__[name] = {key: copy.copy(store) for key, store in self.__dict__[name].items()}
        return out._adopt()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        out = memo[id(self)] = type(self).__new__(type(self))
        out.__dict__.update({key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()})
        return out._adopt()

    def _adopt(self) -> Self:
        for store in self.stores:
            store._parent = self
        return self

    def __repr__(self) -> str:
        items = chain(
            self._global_store.items(), self._node_store_dict.items(), self._edge_store_dict.items()
        )
        lines = ",\n".join(describe(key, value, indent=2) for key, value in items)
        return f"{type(self).__name__}(\n{lines}\n)" if lines else f"{type(self).__name__}()"

    def to_dict(self) -> dict[Any, Any]:
        """Returns the storages as dictionaries: `_global_store`, node types, edge types."""
        stores = chain(self._node_store_dict.items(), self._edge_store_dict.items())
        return {"_global_store": self._global_store.to_dict()} | {
            key: store.to_dict() for key, store in stores
        }

    def to_namedtuple(self) -> Any:
        """Returns a named tuple of named tuples; edge types are written `source__relation__target`."""
        fields: dict[str, Any] = dict(self._global_store)
        fields |= {key: store.to_namedtuple() for key, store in self.node_items()}
        fields |= {"__".join(key): store.to_namedtuple() for key, store in self.edge_items()}
        return namedtuple("DataTuple", list(fields))(**fields)

    def update(self, data: HeteroData) -> Self:
        """Sets all attributes of another graph, of all its types, on this graph."""
        for store in data.stores:
            (self._global_store if store._key is None else self[store._key]).update(store)
        return self

    def set_value_dict(self, key: str, value_dict: Mapping[Any, Any]) -> Self:
        """Sets one attribute of several types.

        Args:
            key: the attribute's name.
            value_dict: its value for each type.

        Example:
            >>> HeteroData().set_value_dict("x", {"paper": torch.zeros(2, 1)})["paper"].num_nodes
            2
        """
        for subtype, value in (value_dict or {}).items():
            self[subtype][key] = value
        return self

    def collect(self, key: str, allow_empty: bool = False) -> dict[Any, Any]:
        """Returns one attribute of all types that have it; `data.x_dict` is short for `data.collect("x")`.

        Args:
            key: the attribute's name.
            allow_empty: whether to return an empty dictionary instead of raising.

        Raises:
            GraphKeyError: if no type has it.
        """
        missing = object()
        stores = chain(self._node_store_dict.items(), self._edge_store_dict.items())
        found = {subtype: getattr(store, key, missing) for subtype, store in stores}
        found = {subtype: value for subtype, value in found.items() if value is not missing}
        if not found and not allow_empty:
            raise GraphKeyError(
                f"Tried to collect '{key}' but no node or edge type has it; "
                f"the attributes are {self.keys()}; do this instead: data[type].{key} = ..."
            )
        return found

    # Storages and types -------------------------------------------------------------------------------------

    @property
    def stores(self) -> Sequence[BaseStorage]:
        return [self._global_store, *self._node_store_dict.values(), *self._edge_store_dict.values()]

    @property
    def node_stores(self) -> list[NodeStorage]:
        return list(self._node_store_dict.values())

    @property
    def edge_stores(self) -> list[EdgeStorage]:
        return list(self._edge_store_dict.values())

    @property
    def node_types(self) -> list[NodeType]:
        """The node types."""
        return list(self._node_store_dict)

    @property
    def edge_types(self) -> list[EdgeType]:
        """The edge types."""
        return list(self._edge_store_dict)

    def node_items(self) -> list[tuple[NodeType, NodeStorage]]:
        """Returns all node types with their storages."""
        return list(self._node_store_dict.items())

    def edge_items(self) -> list[tuple[EdgeType, EdgeStorage]]:
        """Returns all edge types with their storages."""
        return list(self._edge_store_dict.items())

    def metadata(self) -> tuple[list[NodeType], list[EdgeType]]:
        """Returns the node types and the edge types."""
        return self.node_types, self.edge_types

    @property
    def input_type(self) -> NodeType | EdgeType | None:
        """The type of the seeds of a sampled graph: that which has `input_id`."""
        stores: Iterator[tuple[Any, BaseStorage]] = chain(
            self._node_store_dict.items(), self._edge_store_dict.items()
        )
        return next((key for key, store in stores if "input_id" in store), None)

    def stores_as(self, data: HeteroData) -> Self:
        for node_type in data.node_types:
            self.get_node_store(node_type)
        for edge_type in data.edge_types:
            self.get_edge_store(*edge_type)
        return self

    def _to_canonical(self, *args: Any) -> NodeType | EdgeType:
        """The node type, edge type or attribute that a query means."""
        key = args[0] if len(args) == 1 else args
        if isinstance(key, str):
            named = [edge_type for edge_type in self._edge_store_dict if edge_type[1] == key]
            return named[0] if key not in self._node_store_dict and len(named) == 1 else key
        if isinstance(key, tuple) and len(key) == 2:
            joining = [e for e in self._edge_store_dict if (e[0], e[-1]) == key]
            if len(joining) > 1:
                raise GraphKeyError(
                    f"expected one edge type from {key[0]!r} to {key[1]!r}, got {joining}; name one"
                )
            return joining[0] if joining else (key[0], DEFAULT_RELATION, key[1])
        if isinstance(key, tuple) and len(key) == 3:
            return cast(EdgeType, key)
        raise GraphTypeError(
            f"expected a node type, a relation, (source, target) or (source, relation, target), got {key!r}"
        )

    def get_node_store(self, key: NodeType) -> NodeStorage:
        """Returns the storage of a node type, created where there is none."""
        if key not in self._node_store_dict:
            _warn_of_underscores(key)
            self._node_store_dict[key] = NodeStorage(_parent=self, _key=key)
        return self._node_store_dict[key]

    def get_edge_store(self, src: NodeType, rel: str, dst: NodeType) -> EdgeStorage:
        """Returns the storage of an edge type, created where there is none."""
        key = (src, rel, dst)
        if key not in self._edge_store_dict:
            _warn_of_underscores(rel)
            self._edge_store_dict[key] = EdgeStorage(_parent=self, _key=key)
        return self._edge_store_dict[key]

    def rename(self, name: NodeType, new_name: NodeType) -> Self:
        """Renames a node type, in place, and the edge types that join it."""
        store = self._node_store_dict.pop(name)
        store.__dict__["_key"] = new_name
        self._node_store_dict[new_name] = store
        for edge_type in self.edge_types:
            if name in (edge_type[0], edge_type[-1]):
                edge_store = self._edge_store_dict.pop(edge_type)
                src, dst = (new_name if end == name else end for end in (edge_type[0], edge_type[-1]))
                edge_store.__dict__["_key"] = (src, edge_type[1], dst)
                self._edge_store_dict[src, edge_type[1], dst] = edge_store
        return self

    # Roles and sizes ----------------------------------------------------------------------------------------

    def _role_of(self, key: str, value: Any, store: BaseStorage | None) -> Role:
        declared = None if store is None else store._declared().get(key)
        return declared or named_role(key, value, holds_ids=isinstance(store, EdgeStorage) and "index" in key)

    def _count_of(self, name: str, store: BaseStorage | None) -> int | Tensor:
        if name == NODES and isinstance(store, EdgeStorage):
            sizes = store.size()
            if None in sizes:
                raise GraphValueError(
                    f"Unable to infer 'num_nodes' of both ends of edge type {store._key}; "
                    "do this instead: data[node_type].num_nodes = ..."
                )
            return torch.tensor([[size] for size in sizes])
        if name == NODES and isinstance(store, NodeStorage):
            return store.num_nodes or 0
        if name in self._node_store_dict:
            return self._node_store_dict[name].num_nodes or 0
        return super()._count_of(name, store)

    @property
    def num_node_features(self) -> dict[NodeType, int]:
        """The number of columns of `x` of each node type."""
        return {key: store.num_node_features for key, store in self._node_store_dict.items()}

    @property
    def num_features(self) -> dict[NodeType, int]:
        """The same as `num_node_features`."""
        return self.num_node_features

    @property
    def num_edge_features(self) -> dict[EdgeType, int]:
        """The number of columns of `edge_attr` of each edge type."""
        return {key: store.num_edge_features for key, store in self._edge_store_dict.items()}

    def has_isolated_nodes(self) -> bool:
        """Returns whether some node has no edge of any type."""
        return graph.contains_isolated_nodes(homogeneous.homogeneous_edge_index(self), self.num_nodes)

    def is_undirected(self) -> bool:
        """Returns whether every edge has its reverse, of any type."""
        return graph.is_undirected(homogeneous.homogeneous_edge_index(self), num_nodes=self.num_nodes)

    def validate(self, raise_on_error: bool = True) -> bool:
        """Checks that edge types join existing node types and their edges join existing nodes.

        Args:
            raise_on_error: whether to raise instead of warning.

        Returns:
            Whether all is well; a node type without any edge type only warns.

        Raises:
            GraphValueError: if something is wrong and `raise_on_error`.
        """
        name, problems = f"'{type(self).__name__}'", []
        ends = {end for src, _, dst in self.edge_types for end in (src, dst)}
        if dangling := sorted(ends - set(self.node_types)):
            problems.append(
                f"The node types {dangling} are referenced in edge types but do not exist as node types"
            )
        if lonely := sorted(set(self.node_types) - ends):
            warnings.warn(f"The node types {lonely} are isolated, no edge type references them", stacklevel=2)
        for (src, rel, dst), store in self._edge_store_dict.items():
            sizes = store.size()
            for end, size in zip((src, dst), sizes):
                if size is None and end not in dangling:
                    problems.append(f"'num_nodes' is undefined in node type '{end}' of {name}")
            if "edge_index" in store:
                problems += edge_problems(store.edge_index, *sizes, f"edge type {(src, rel, dst)} of {name}")
        return report(problems, raise_on_error)

    # Subgraphs ----------------------------------------------------------------------------------------------

    def subgraph(self, subset_dict: Mapping[NodeType, Tensor]) -> Self:
        """Returns the graph induced by some nodes of some types, which are numbered anew in the order given.

        Args:
            subset_dict: distinct node ids (n,) or a bool mask (N,) for each node type to cut; others stay
                whole.

        Returns:
            A new graph.

        Example:
            >>> data = HeteroData({"a": {"x": torch.zeros(3, 1)}, "b": {"num_nodes": 2}})
            >>> data["a", "b"].edge_index = torch.tensor([[0, 1, 2], [0, 1, 1]])
            >>> data.subgraph({"a": torch.tensor([2, 1])})["a", "b"].edge_index
            tensor([[1, 0],
                    [1, 1]])
        """
        out = copy.copy(self)
        for node_type, nodes in subset_dict.items():
            store = out[node_type]
            store._select_rows("node", nodes)
            if "num_nodes" in store:
                store.num_nodes = int(nodes.sum()) if nodes.dtype == torch.bool else nodes.numel()
        for edge_type, old in self._edge_store_dict.items():
            src, dst = subset_dict.get(edge_type[0]), subset_dict.get(edge_type[-1])
            if src is None and dst is None:
                continue
            store = out._edge_store_dict[edge_type]
            if "edge_index" in old:
                sizes = [self[end].num_nodes or 0 for end in (edge_type[0], edge_type[-1])]
                kept = [torch.arange(n) if nodes is None else nodes for n, nodes in zip(sizes, (src, dst))]
                device = old.edge_index.device
                found = graph.bipartite_subgraph(
                    (kept[0].to(device), kept[1].to(device)),
                    old.edge_index,
                    relabel_nodes=True,
                    size=(sizes[0], sizes[1]),
                    return_edge_mask=True,
                )
                edge_index, _, edges = cast(tuple[Tensor, None, Tensor], found)
                store._select_rows("edge", edges)
                store.edge_index = edge_index
            for key, (rows, cols) in {"adj": (src, dst), "adj_t": (dst, src)}.items():
                for dim, chosen in enumerate((rows, cols)):
                    if is_sparse(store.get(key)) and chosen is not None:
                        store[key] = select(store[key], chosen, dim)
        return out

    def edge_subgraph(self, subset_dict: Mapping[EdgeType, Tensor]) -> Self:
        """Returns the graph of some edges of some types; all nodes are kept.

        Args:
            subset_dict: edge ids (e,) or a bool mask (E,) for each edge type to cut; others stay whole.
        """
        out = copy.copy(self)
        for edge_type, edges in subset_dict.items():
            out[edge_type]._select_rows("edge", edges)
        return out

    def node_type_subgraph(self, node_types: Sequence[NodeType]) -> Self:
        """Returns the graph of some node types and the edge types between them."""
        out = copy.copy(self)
        for edge_type in self.edge_types:
            if edge_type[0] not in node_types or edge_type[-1] not in node_types:
                del out[edge_type]
        for node_type in self.node_types:
            if node_type not in node_types:
                del out[node_type]
        return out

    def edge_type_subgraph(self, edge_types: Sequence[Any]) -> Self:
        """Returns the graph of some edge types and the node types that they join."""
        kept = [cast(EdgeType, self._to_canonical(edge_type)) for edge_type in edge_types]
        ends = {end for edge_type in kept for end in (edge_type[0], edge_type[-1])}
        out = copy.copy(self)
        for edge_type in self.edge_types:
            if edge_type not in kept:
                del out[edge_type]
        for node_type in self.node_types:
            if node_type not in ends:
                del out[node_type]
        return out

    def _select(self, level: Level, rows: dict[Any, Tensor]) -> Self:
        if level == "node":
            return self.subgraph({key: index for key, index in rows.items() if isinstance(key, str)})
        return super()._select(level, rows)

    def connected_components(self) -> list[Self]:
        """Returns one graph for each connected component, in the order in which the edges mention them."""
        slices = homogeneous.node_slices(self)
        groups = components(homogeneous.homogeneous_edge_index(self), self.num_nodes or 0)
        return [
            self.subgraph(
                {key: g[(g >= start) & (g < stop)] - start for key, (start, stop) in slices.items()}
            )
            for g in groups
        ]

    def to_homogeneous(
        self,
        node_attrs: list[str] | None = None,
        edge_attrs: list[str] | None = None,
        add_node_type: bool = True,
        add_edge_type: bool = True,
        dummy_values: bool = True,
    ) -> Data:
        """Lays all types out in one graph without types; see `grapevine.data.homogeneous.to_homogeneous`."""
        return homogeneous.to_homogeneous(
            self, node_attrs, edge_attrs, add_node_type, add_edge_type, dummy_values
        )


def _warn_of_underscores(name: str) -> None:
    if "__" in name:
        warnings.warn(
            f"the type name '{name}' contains double underscores '__', which also separate the parts of an "
            f"edge type in keyword arguments; do this instead: use '{name.replace('__', '_')}'",
            stacklevel=3,
        )
