"""The names and the sizes of a graph's types."""

from __future__ import annotations

from typing import Any

import torch

from grapevine.dgl.structure import EType, GraphStructure
from grapevine.errors import require


class TypeMethods(GraphStructure):
    """Node types, edge types, the metagraph, and how many of each there are."""

    @property
    def ntypes(self) -> list[str]:
        """All node types; of bipartite graphs, the source types first."""
        return self._schema.ntypes

    @property
    def etypes(self) -> list[str]:
        """The name of every edge type; names may repeat."""
        return self._schema.etypes

    @property
    def canonical_etypes(self) -> list[EType]:
        """Every edge type as (source type, name, destination type)."""
        return self._schema.canonical_etypes

    @property
    def srctypes(self) -> list[str]:
        """The types that may send."""
        return sorted(self._schema.src_ids) if self._schema.is_unibipartite else self.ntypes

    @property
    def dsttypes(self) -> list[str]:
        """The types that may receive."""
        return sorted(self._schema.dst_ids) if self._schema.is_unibipartite else self.ntypes

    @property
    def is_unibipartite(self) -> bool:
        """True if no node type both sends and receives."""
        return self._schema.is_unibipartite

    @property
    def is_homogeneous(self) -> bool:
        """True for one node type and one edge type."""
        return len(self.ntypes) == 1 and len(self.etypes) == 1

    @property
    def idtype(self) -> torch.dtype:
        """The dtype of node and edge ids: int64 or int32."""
        return self._idtype

    @property
    def device(self) -> torch.device:
        """Where the graph is."""
        return self._device

    def metagraph(self) -> Any:
        """The graph of types as a `networkx.MultiDiGraph`: a node per node type, an edge per edge type."""
        meta = require("networkx").MultiDiGraph()
        for src, etype, dst in self.canonical_etypes:
            meta.add_edge(src, dst, etype)
        return meta

    # -- sizes ---------------------------------------------------------------------------------------

    def num_nodes(self, ntype: str | None = None) -> int:
        """The number of nodes, of one type or of all types together."""
        return sum(self._counts) if ntype is None else self._counts[self.get_ntype_id(ntype)]

    def num_src_nodes(self, ntype: str | None = None) -> int:
        """The number of nodes that may send, of one type or of all."""
        if ntype is None:
            return sum(self._counts[i] for i in self._schema.src_ids.values())
        return self._counts[self.get_ntype_id_from_src(ntype)]

    def num_dst_nodes(self, ntype: str | None = None) -> int:
        """The number of nodes that may receive, of one type or of all."""
        if ntype is None:
            return sum(self._counts[i] for i in self._schema.dst_ids.values())
        return self._counts[self.get_ntype_id_from_dst(ntype)]

    def num_edges(self, etype: str | EType | None = None) -> int:
        """The number of edges, of one type or of all types together."""
        if etype is None:
            return sum(relation.num_edges for relation in self._relations)
        return self._relation(etype).num_edges

    def number_of_nodes(self, ntype: str | None = None) -> int:
        """Older name of `num_nodes`."""
        return self.num_nodes(ntype)

    def number_of_src_nodes(self, ntype: str | None = None) -> int:
        """Older name of `num_src_nodes`."""
        return self.num_src_nodes(ntype)

    def number_of_dst_nodes(self, ntype: str | None = None) -> int:
        """Older name of `num_dst_nodes`."""
        return self.num_dst_nodes(ntype)

    def number_of_edges(self, etype: str | EType | None = None) -> int:
        """Older name of `num_edges`."""
        return self.num_edges(etype)
