"""Nodes and edges for which a predicate holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import ALL, DGLError, is_all
from grapevine.dgl.messages import MessageMethods
from grapevine.dgl.structure import EType

MASK = "_mask"


class FilterMethods(MessageMethods):
    """`filter_nodes` and `filter_edges`."""

    def filter_nodes(
        self, predicate: Callable[[Any], Tensor], nodes: Any = ALL, ntype: str | None = None
    ) -> Tensor:
        """The ids of the nodes for which a predicate holds.

        Args:
            predicate: from a batch of nodes to a bool per node.
            nodes: the ids to look at, or all.
            ntype: the node type.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0, 1], [1, 2]))
            >>> g.ndata["h"] = torch.tensor([1.0, -1.0, 2.0])
            >>> g.filter_nodes(lambda nodes: nodes.data["h"] > 0)
            tensor([0, 2])
        """
        type_id = self.get_ntype_id(ntype)
        ids = None if is_all(nodes) else self._node_argument(nodes, "nodes", self._counts[type_id])
        scratch = self.local_var()
        scratch.apply_nodes(lambda batch: {MASK: predicate(batch)}, ALL if ids is None else ids, ntype)
        return self._where(scratch._node_frames[type_id][MASK], ids)

    def filter_edges(
        self, predicate: Callable[[Any], Tensor], edges: Any = ALL, etype: str | EType | None = None
    ) -> Tensor:
        """The ids of the edges for which a predicate holds.

        Args:
            predicate: from a batch of edges to a bool per edge.
            edges: the ids, or the pair `(u, v)`, to look at, or all.
            etype: the edge type.

        Example:
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0, 1], [1, 1]))
            >>> g.filter_edges(lambda edges: edges.edges()[0] == edges.edges()[1])
            tensor([1])
        """
        type_id = self.get_etype_id(etype)
        ids = None if is_all(edges) else self._edge_argument(edges, type_id)
        if ids is not None and len(ids):
            count = self._relations[type_id].num_edges
            if int(ids.min()) < 0 or int(ids.max()) >= count:
                raise DGLError(f"Invalid edge ID in {ids.tolist()}; ids run from 0 to {count - 1}")
        scratch = self.local_var()
        scratch.apply_edges(
            lambda batch: {MASK: predicate(batch)},
            ALL if ids is None else ids,
            self.canonical_etypes[type_id],
        )
        return self._where(scratch._edge_frames[type_id][MASK], ids)

    def _where(self, mask: Tensor, ids: Tensor | None) -> Tensor:
        if ids is None:
            return self._as_ids(mask.to(torch.bool).nonzero().reshape(-1))
        return ids[mask[ids].to(torch.bool)]
