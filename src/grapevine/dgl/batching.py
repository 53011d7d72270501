"""How many graphs a batched graph holds, and how large each is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.structure import EType, GraphStructure


class BatchMethods(GraphStructure):
    """`batch_size` and the sizes of the members; a graph that was never batched is a batch of one."""

    @property
    def batch_size(self) -> int:
        """The number of member graphs."""
        return len(self.batch_num_nodes(self._schema.ntypes[0]))

    def batch_num_nodes(self, ntype: str | None = None) -> Tensor:
        """`(B,)`: the number of nodes of every member, of one type."""
        types = self._schema.ntypes
        if ntype is not None and ntype not in types:
            raise DGLError(f"Expect ntype in {types}, got {ntype}")
        if ntype is None:
            if len(types) != 1:
                raise DGLError("Node type name must be specified if there are more than one node types.")
            ntype = types[0]
        if self._batch_num_nodes is None:
            return torch.tensor([self._counts[self.get_ntype_id(ntype)]], device=self._device)
        return self._batch_num_nodes[ntype]

    def batch_num_edges(self, etype: str | EType | None = None) -> Tensor:
        """`(B,)`: the number of edges of every member, of one type."""
        canonical = self.to_canonical_etype(etype)
        if self._batch_num_edges is None:
            return torch.tensor([self._relation(canonical).num_edges], device=self._device)
        return self._batch_num_edges[canonical]

    def set_batch_num_nodes(self, val: Tensor | Mapping[str, Tensor]) -> None:
        """Says how many nodes every member has, after an operation that forgot it.

        Args:
            val: `(B,)`, or a dict by type.
        """
        if not isinstance(val, Mapping):
            if len(self._schema.ntypes) != 1:
                raise DGLError("Must provide a dictionary when there are multiple node types.")
            val = {self._schema.ntypes[0]: val}
        self._batch_num_nodes = dict(val)

    def set_batch_num_edges(self, val: Tensor | Mapping[EType, Tensor]) -> None:
        """Says how many edges every member has, after an operation that forgot it.

        Args:
            val: `(B,)`, or a dict by canonical type.
        """
        if not isinstance(val, Mapping):
            if len(self._schema.etypes) != 1:
                raise DGLError("Must provide a dictionary when there are multiple edge types.")
            val = {self._schema.canonical_etypes[0]: val}
        self._batch_num_edges = dict(val)

    def _reset_batch(self) -> None:
        self._batch_num_nodes = None
        self._batch_num_edges = None
