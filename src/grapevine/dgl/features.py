"""Features of nodes and edges: the views, local scopes, initialisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from typing_extensions import Self

from grapevine.dgl.base import DGLError, is_all
from grapevine.dgl.frame import Frame, Initializer, Scheme
from grapevine.dgl.queries import QueryMethods
from grapevine.dgl.structure import EType
from grapevine.dgl.views import EdgeDataView, EdgeView, NodeDataView, NodeView


class FeatureMethods(QueryMethods):
    """`ndata`, `edata` and their relatives."""

    @property
    def nodes(self) -> NodeView:
        """Ids and features of nodes: `g.nodes()`, `g.nodes['user'].data['h']`, `g.nodes[[0, 2]].data`."""
        return NodeView(self, self.get_ntype_id)

    @property
    def srcnodes(self) -> NodeView:
        """As `nodes`, for source types."""
        return NodeView(self, self.get_ntype_id_from_src)

    @property
    def dstnodes(self) -> NodeView:
        """As `nodes`, for destination types."""
        return NodeView(self, self.get_ntype_id_from_dst)

    @property
    def edges(self) -> EdgeView:
        """Endpoints and features of edges: `g.edges()`, `g.edges['follows'].data['w']`, `g.edges[u, v].data`."""
        return EdgeView(self)

    @property
    def ndata(self) -> NodeDataView:
        """The features of all nodes; where there are several types, each value is a dict by type."""
        return self._node_data(list(range(len(self.ntypes))), self.ntypes)

    @property
    def srcdata(self) -> NodeDataView:
        """The features of the source nodes; of a graph over one set of nodes, the same as `ndata`."""
        types = self.srctypes
        return self._node_data([self._schema.src_ids[t] for t in types], types)

    @property
    def dstdata(self) -> NodeDataView:
        """The features of the destination nodes; of a graph over one set of nodes, the same as `ndata`."""
        types = self.dsttypes
        return self._node_data([self._schema.dst_ids[t] for t in types], types)

    def _node_data(self, ids: list[int], names: list[str]) -> NodeDataView:
        return NodeDataView(self, ids, names if len(ids) != 1 else None)

    @property
    def edata(self) -> EdgeDataView:
        """The features of all edges; where there are several types, each value is a dict by canonical type."""
        types = self.canonical_etypes
        return EdgeDataView(self, list(range(len(types))), types if len(types) != 1 else None)

    def _set_node_data(self, type_id: int, rows: Any, data: Mapping[str, Tensor]) -> None:
        """Sets features of some or all nodes of a type, checked for length and device."""
        frame = self._node_frames[type_id]
        ids = None if is_all(rows) else self._ids(rows, "u")
        self._set_rows(frame, ids, data, "node", "nodes (len(u))")

    def _set_edge_data(self, type_id: int, rows: Any, data: Mapping[str, Tensor]) -> None:
        """Sets features of some or all edges of a type, checked for length and device."""
        frame = self._edge_frames[type_id]
        ids = None if is_all(rows) else self._edge_argument(rows, type_id)
        self._set_rows(frame, ids, data, "edge", "edges")

    def _set_rows(
        self, frame: Frame, ids: Tensor | None, data: Mapping[str, Any], kind: str, counted: str
    ) -> None:
        wanted = frame.num_rows if ids is None else ids.shape[0]
        for key, value in data.items():
            if not isinstance(value, Tensor):
                raise DGLError(
                    f"expected the {kind} feature {key!r} as a tensor, got {type(value).__name__}; "
                    "do this instead: torch.as_tensor(...)"
                )
            rows = value.shape[0] if value.dim() else 0
            if rows != wanted:
                raise DGLError(
                    f"Expect number of features to match number of {counted}. Got {rows} and {wanted} instead."
                )
            if value.device != self._device:
                raise DGLError(
                    f'Cannot assign {kind} feature "{key}" on device {value.device} to a graph on '
                    f"device {self._device}. Call DGLGraph.to() to copy the graph to the same device."
                )
        if ids is None:
            frame.update(data)
        else:
            frame.update_row(ids, data)

    # -- scopes --------------------------------------------------------------------------------------

    def local_var(self) -> Self:
        """A graph with the same structure and tensors, whose features can be set without this graph noticing."""
        graph = self._shallow()
        graph._node_frames = [frame.clone() for frame in self._node_frames]
        graph._edge_frames = [frame.clone() for frame in self._edge_frames]
        return graph

    @contextmanager
    def local_scope(self) -> Iterator[None]:
        """Features set inside the `with` block are gone after it; changes in place of a tensor stay.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0], [1]))
            >>> with g.local_scope():
            ...     g.ndata["h"] = torch.ones(2)
            >>> "h" in g.ndata
            False
        """
        node_frames, edge_frames = self._node_frames, self._edge_frames
        self._node_frames = [frame.clone() for frame in node_frames]
        self._edge_frames = [frame.clone() for frame in edge_frames]
        try:
            yield
        finally:
            self._node_frames, self._edge_frames = node_frames, edge_frames

    # -- schemes and initialisers --------------------------------------------------------------------

    def node_attr_schemes(self, ntype: str | None = None) -> dict[str, Scheme]:
        """Row shape and dtype of every node feature of a type."""
        return self._node_frame(ntype).schemes

    def edge_attr_schemes(self, etype: str | EType | None = None) -> dict[str, Scheme]:
        """Row shape and dtype of every edge feature of a type."""
        return self._edge_frame(etype).schemes

    def set_n_initializer(
        self, initializer: Initializer, field: str | None = None, ntype: str | None = None
    ) -> None:
        """Sets what fills the rows of node features that nobody set.

        Args:
            initializer: called with (shape, dtype, device, slice of ids); returns a tensor.
            field: the feature; None means all that have none of their own.
            ntype: the node type.
        """
        self._node_frame(ntype).set_initializer(initializer, field)

    def set_e_initializer(
        self, initializer: Initializer, field: str | None = None, etype: str | EType | None = None
    ) -> None:
        """Sets what fills the rows of edge features that nobody set; arguments as of `set_n_initializer`."""
        self._edge_frame(etype).set_initializer(initializer, field)

    def get_node_storage(self, key: str, ntype: str | None = None) -> Tensor:
        """The tensor of one node feature."""
        return self._node_frame(ntype)[key]

    def get_edge_storage(self, key: str, etype: str | EType | None = None) -> Tensor:
        """The tensor of one edge feature."""
        return self._edge_frame(etype)[key]
