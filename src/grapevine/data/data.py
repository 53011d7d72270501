"""`Data`: a graph with one kind of nodes and one kind of edges."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import torch
from torch import Tensor
from typing_extensions import Self

import grapevine.data.homogeneous as homogeneous
from grapevine import graph
from grapevine.data.aliases import EdgeType, Level, NodeType
from grapevine.data.base import BaseData, edge_problems, report
from grapevine.data.components import components
from grapevine.data.nested import describe, select
from grapevine.data.roles import NODES, Role, named_role
from grapevine.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from grapevine.errors import GraphValueError

if TYPE_CHECKING:
    from grapevine.data.hetero_data import HeteroData

T = TypeVar("T")


class _Known(Generic[T]):
    """An attribute that every graph may have: `None` where this one has not."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, data: None, owner: type) -> Self: ...

    @overload
    def __get__(self, data: Data, owner: type) -> T | None: ...

    def __get__(self, data: Data | None, owner: type) -> Self | T | None:
        if data is None:
            return self
        value: T | None = data._store.get(self.name)
        return value

    def __set__(self, data: Data, value: T | None) -> None:
        data._store[self.name] = value


class Data(BaseData):
    """A graph with one kind of nodes and one kind of edges, and any attributes.

    Attributes are read and written as `data.x` or `data["x"]`; assigning `None` removes one. How they are
    joined when graphs are batched follows from their names (see `grapevine.data.roles`) unless
    `data.declare(...)` says it.

    Args:
        x: node features (N, F).
        edge_index: edges (2, E), int64 in [0, N): sources, then targets.
        edge_attr: edge features (E, D).
        y: labels of the graph or of its nodes, of any shape.
        pos: node positions (N, dimensions).
        time: timestamps of nodes (N,) or edges (E,).
        **kwargs: further attributes.

    Example:
        >>> data = Data(x=torch.zeros(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> data.name = "path"
        >>> data
        Data(x=[3, 2], edge_index=[2, 2], name='path')
        >>> data.num_nodes, data.num_edges, data.is_undirected()
        (3, 2, False)
    """

    _store: GlobalStorage

    def __init__(
        self,
        x: Tensor | None = None,
        edge_index: Tensor | None = None,
        edge_attr: Tensor | None = None,
        y: Tensor | float | None = None,
        pos: Tensor | None = None,
        time: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        self.__dict__["_store"] = GlobalStorage(_parent=self)
        given = {"x": x, "edge_index": edge_index, "edge_attr": edge_attr, "y": y, "pos": pos, "time": time}
        for key, value in {**given, **kwargs}.items():
            if value is not None or key in kwargs:
                setattr(self, key, value)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Creates a graph from a dictionary of attributes, such as `to_dict` returns."""
        return cls(**mapping)

    # Attributes ---------------------------------------------------------------------------------------------

    x = _Known[Tensor]()
    edge_index = _Known[Tensor]()
    edge_weight = _Known[Tensor]()
    edge_attr = _Known[Tensor]()
    y = _Known[Any]()
    pos = _Known[Tensor]()
    batch = _Known[Tensor]()
    time = _Known[Tensor]()
    face = _Known[Tensor]()

    def __getattr__(self, key: str) -> Any:
        if key == "_store":  # not built yet: while copying or unpickling
            raise AttributeError(key)
        return getattr(self._store, key)

    def __setattr__(self, key: str, value: Any) -> None:
        descriptor = getattr(type(self), key, None)
        if isinstance(descriptor, property) and descriptor.fset is not None:
            descriptor.fset(self, value)
        else:
            setattr(self._store, key, value)

    def __delattr__(self, key: str) -> None:
        delattr(self._store, key)

    def __getitem__(self, key: str) -> Any:
        return self._store[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._store[key] = value

    def __delitem__(self, key: str) -> None:
        del self._store[key]

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._store.items())

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
        nested = any(isinstance(value, Mapping) for value in self._store.values())
        lines = [describe(key, value, indent=2 if nested else 0) for key, value in self._store.items()]
        inside = "\n" + ",\n".join(lines) + "\n" if nested else ", ".join(lines)
        return f"{type(self).__name__}({inside})"

    def declare(self, **roles: Role) -> Self:
        """Declares the batching roles of attributes, which then win over the naming rules.

        Args:
            **roles: a `Role` for each attribute.

        Returns:
            The graph itself.

        Example:
            >>> data = Data(x=torch.zeros(2, 1), y=torch.tensor([3, 4]))
            >>> data.declare(y=Role("graph", cat_dim=None)).node_attrs()
            ['x']
        """
        self._store.declare(**roles)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Returns the attributes as a dictionary."""
        return self._store.to_dict()

    def to_namedtuple(self) -> Any:
        """Returns the attributes as a named tuple."""
        return self._store.to_namedtuple()

    def update(self, data: Data | Mapping[str, Any]) -> Self:
        """Sets all attributes of another graph or dictionary on this graph."""
        for key, value in data.items():
            self[key] = value
        return self

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
        return self._store._declared().get(key) or named_role(
            key, value, holds_ids="index" in key or key == "face"
        )

    def _count_of(self, name: str, store: BaseStorage | None) -> int | Tensor:
        if name != NODES:
            return super()._count_of(name, self._store)
        num_nodes = self.num_nodes
        if num_nodes is None:
            raise GraphValueError(
                "Unable to infer 'num_nodes' for a batch of graphs; do this: data.num_nodes = ..."
            )
        return num_nodes

    def is_node_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per node."""
        return self._store.is_node_attr(key)

    def is_edge_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per edge."""
        return self._store.is_edge_attr(key)

    @property
    def num_nodes(self) -> int | None:
        """The number of nodes (see `NodeStorage.num_nodes`)."""
        return self._store.num_nodes

    @num_nodes.setter
    def num_nodes(self, num_nodes: int | None) -> None:
        self._store.num_nodes = num_nodes

    @property
    def num_node_features(self) -> int:
        """The number of columns of `x`; 1 if it is a vector, 0 if there is none."""
        return self._store.num_node_features

    @property
    def num_features(self) -> int:
        """The same as `num_node_features`."""
        return self._store.num_node_features

    @property
    def num_edge_features(self) -> int:
        """The number of columns of `edge_attr`; 1 if it is a vector, 0 if there is none."""
        return self._store.num_edge_features

    @property
    def num_node_types(self) -> int:
        """The number of node types that `node_type` tells, 1 without it."""
        return int(self["node_type"].max()) + 1 if "node_type" in self else 1

    @property
    def num_edge_types(self) -> int:
        """The number of edge types that `edge_type` tells, 1 without it."""
        return int(self["edge_type"].max()) + 1 if "edge_type" in self else 1

    @property
    def num_faces(self) -> int | None:
        """The number of triangles of a mesh, the columns of `face`; `None` without it."""
        return None if self.face is None else int(self.face.size(-1))

    def validate(self, raise_on_error: bool = True) -> bool:
        """Checks that the number of nodes is known and that the edges join existing nodes.

        Args:
            raise_on_error: whether to raise instead of warning.

        Returns:
            Whether all is well.

        Raises:
            GraphValueError: if something is wrong and `raise_on_error`.
        """
        name, num_nodes = f"'{type(self).__name__}'", self.num_nodes
        problems = (
            [] if num_nodes is not None else [f"'num_nodes' is undefined in {name}; set data.num_nodes"]
        )
        if self.edge_index is not None:
            problems += edge_problems(self.edge_index, num_nodes, num_nodes, name)
        return report(problems, raise_on_error)

    # Subgraphs ----------------------------------------------------------------------------------------------

    def subgraph(self, subset: Tensor | Sequence[int]) -> Self:
        """Returns the graph induced by some nodes, which are numbered anew in the order given.

        Args:
            subset: distinct node ids (n,), or a bool mask (N,).

        Returns:
            A new graph; attributes of the graph as a whole are kept.

        Example:
            >>> data = Data(x=torch.arange(3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]))
            >>> data.subgraph([2, 0]).edge_index
            tensor([[0],
                    [1]])
        """
        nodes = subset if isinstance(subset, Tensor) else torch.tensor(subset, dtype=torch.int64)
        store, out = self._store, copy.copy(self)
        counts, edges = store._counts(), None
        levels = {key: store._level(key, counts) for key in store}
        if levels.get("edge_index") == "edge":
            out.edge_index, _, edges = graph.subgraph(
                nodes, store.edge_index, relabel_nodes=True, num_nodes=counts["node"], return_edge_mask=True
            )
        for key, value in store.items():
            if key == "num_nodes":
                out.num_nodes = int(nodes.sum()) if nodes.dtype == torch.bool else nodes.numel()
            elif levels[key] == "node" or store._cat_dim(key) == (0, 1):
                out[key] = select(value, nodes, store._cat_dim(key))
            elif levels[key] == "edge" and key != "edge_index" and edges is not None:
                out[key] = select(value, edges, store._cat_dim(key))
        return out

    def edge_subgraph(self, subset: Tensor) -> Self:
        """Returns the graph of some edges; all nodes are kept.

        Args:
            subset: edge ids (e,), or a bool mask (E,).
        """
        out = copy.copy(self)
        out._store._select_rows("edge", subset)
        return out

    def _select(self, level: Level, rows: dict[Any, Tensor]) -> Self:
        if level == "node" and rows:
            return self.subgraph(rows[None])
        return super()._select(level, rows)

    def connected_components(self) -> list[Self]:
        """Returns one graph for each connected component, in the order in which the edges mention them.

        Example:
            >>> data = Data(x=torch.zeros(3, 1), edge_index=torch.tensor([[0], [2]]))
            >>> data.connected_components()
            [Data(x=[2, 1], edge_index=[2, 1]), Data(x=[1, 1], edge_index=[2, 0])]
        """
        return [self.subgraph(nodes) for nodes in components(self._store.edge_index, self.num_nodes or 0)]

    def to_heterogeneous(
        self,
        node_type: Tensor | None = None,
        edge_type: Tensor | None = None,
        node_type_names: list[NodeType] | None = None,
        edge_type_names: list[EdgeType] | None = None,
    ) -> HeteroData:
        """Splits nodes and edges by their type; see `grapevine.data.homogeneous.to_heterogeneous`."""
        return homogeneous.to_heterogeneous(self, node_type, edge_type, node_type_names, edge_type_names)
