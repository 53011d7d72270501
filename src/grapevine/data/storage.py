"""Storages of nodes, of edges, and of both: what the attributes tell about the graph."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, overload

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from grapevine import graph
from grapevine.data.aliases import EdgeType, Level, NodeType
from grapevine.data.base_storage import BaseStorage, MissingAttributeError
from grapevine.data.nested import select
from grapevine.data.roles import ADJACENCY_NAMES, EDGE_NAMES, NODE_NAMES
from grapevine.errors import GraphValueError
from grapevine.graph import is_sparse

__all__ = ["BaseStorage", "EdgeStorage", "GlobalStorage", "MissingAttributeError", "NodeStorage"]


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
        declared = self._declared()
        return any(
            key in telling or "node" in key or (key in declared and declared[key].level == "node")
            for key in self._mapping
        )

    @property
    def num_nodes(self) -> int | None:
        """The number of nodes: as stored, else as node-level attributes or the adjacency matrix tell.

        Where nothing tells, the largest index plus one is taken, with a warning; `None` if there are no edges
        either.
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
            f"Unable to accurately infer 'num_nodes' from the attributes {list(self)}. Isolated nodes at the "
            f"end would be missed; set '{where}.num_nodes = ...' to be sure and to silence this warning",
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
    """The attributes of one edge type, edges as `edge_index` (2, E), `adj` (rows are sources) or `adj_t`."""

    _holds_edges: ClassVar[bool] = True

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
                f"'{type(self).__name__}' object has no attribute 'edge_index', 'adj' or 'adj_t'; "
                f"it holds {list(self)}"
            )
        stored: Tensor | None = self._mapping.get("edge_index")
        return self._weighted_edges()[0] if stored is None else stored

    @edge_index.setter
    def edge_index(self, edge_index: Tensor | None) -> None:
        self["edge_index"] = edge_index

    @property
    def num_edges(self) -> int:
        """The number of edges: as stored, else as edge-level attributes or the adjacency tell, else 0."""
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
        ends = (self._key[0], self._key[-1]) if dim is None else ((self._key[0], self._key[-1])[dim],)
        counts = [stores[end].num_nodes if end in stores else None for end in ends]
        return (counts[0], counts[1]) if dim is None else counts[0]

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

        Floating-point attributes of edges are merged by `reduce`; for others (ids, types, masks, names) the
        first of the merged edges counts, since a sum of ids means nothing.
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
            if isinstance(value, Tensor)
            and (value.is_floating_point() or key == "edge_attr")
            and self._cat_dim(key) == 0
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
            return int(graph.index_to_mask(self.edge_index[1], num_nodes).sum()) < num_nodes
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
