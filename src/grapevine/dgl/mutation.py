"""Adding and removing nodes and edges in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.batching import BatchMethods
from grapevine.dgl.features import FeatureMethods
from grapevine.dgl.relabel import check_ids, without
from grapevine.dgl.structure import EType
from grapevine.dgl.subgraph import edge_subgraph, node_subgraph
from grapevine.edges import known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class MutationMethods(FeatureMethods, BatchMethods):
    """`add_nodes`, `add_edges`, `remove_nodes`, `remove_edges`.

    They change this graph only: graphs that share its structure or features keep theirs.
    """

    def add_nodes(self, num: int, data: Mapping[str, Tensor] | None = None, ntype: str | None = None) -> None:
        """Adds nodes without edges; forgets the sizes of the members of a batch.

        Args:
            num: how many.
            data: features of the new nodes; the initialisers fill those not given.
            ntype: the node type.

        Raises:
            DGLError: for a negative number, or if features do not fit.
        """
        type_id = self._single(ntype, "node")
        num = int(num)
        if num < 0:
            raise DGLError(f"expected a number of new nodes of 0 or more, got {num}")
        if num == 0:
            return
        counts = list(self._counts)
        counts[type_id] += num
        frame = self._node_frames[type_id].clone()
        frame.append(data or {}, num)
        self._node_frames = [frame if i == type_id else f for i, f in enumerate(self._node_frames)]
        self._counts = counts
        self._relations = [
            known_good(edges.src_index, edges.dst_index, (counts[src], counts[dst]))
            if type_id in (src, dst)
            else edges
            for edges, (src, dst) in zip(self._relations, self._schema.ends)
        ]
        self._reset_batch()

    def add_edges(
        self,
        u: Any,
        v: Any,
        data: Mapping[str, Tensor] | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """Adds edges after the last id, and nodes where an id is new; forgets the sizes of the members of a batch.

        Args:
            u: sources; one source may go with many destinations.
            v: destinations, likewise.
            data: features of the new edges; the initialisers fill those not given.
            etype: the edge type.

        Raises:
            DGLError: for ids that are negative or of different numbers, or if features do not fit.
        """
        type_id = self.get_etype_id(etype)
        src, dst = self._ids(u, "u").to(torch.int64), self._ids(v, "v").to(torch.int64)
        if len(src) == 0 or len(dst) == 0:
            return
        if len(src) != len(dst) and 1 not in (len(src), len(dst)):
            raise DGLError(
                "The number of source nodes and the number of destination nodes should be same, or one of them 1; "
                f"got {len(src)} and {len(dst)}."
            )
        src, dst = torch.broadcast_tensors(src, dst)
        if min(int(src.min()), int(dst.min())) < 0:
            raise DGLError("All IDs must be non-negative integers.")
        ends = self._schema.ends[type_id]
        for side, ids in zip(ends, (src, dst)):
            missing = int(ids.max()) + 1 - self._counts[side]
            if missing > 0:
                self._add_nodes_of(side, missing)
        old = self._relations[type_id]
        grown = known_good(
            torch.cat((old.src_index, src)),
            torch.cat((old.dst_index, dst)),
            (self._counts[ends[0]], self._counts[ends[1]]),
        )
        frame = self._edge_frames[type_id].clone()
        frame.append(data or {}, len(src))
        self._edge_frames = [frame if i == type_id else f for i, f in enumerate(self._edge_frames)]
        self._relations = [grown if i == type_id else r for i, r in enumerate(self._relations)]
        self._reset_batch()

    def _add_nodes_of(self, type_id: int, num: int) -> None:
        schema = self._schema
        side = "DST/" if schema.dst_ids.get(schema.ntypes[type_id]) == type_id else "SRC/"
        name = schema.ntypes[type_id]
        self.add_nodes(num, ntype=side + name if schema.is_unibipartite else name)

    def remove_edges(self, eids: Any, etype: str | EType | None = None, store_ids: bool = False) -> None:
        """Removes edges; those that stay keep their order.

        Args:
            eids: ids.
            etype: the edge type.
            store_ids: whether to keep the old ids in `edata[dgl.EID]`.

        Raises:
            DGLError: for ids that do not exist.
        """
        type_id = self.get_etype_id(etype)
        ids = self._ids(eids, "eids")
        if len(ids) == 0:
            return
        check_ids(ids, self._relations[type_id].num_edges, "edge")
        kept = {
            canonical: self._as_ids(without(ids if i == type_id else ids[:0], self._relations[i].num_edges))
            for i, canonical in enumerate(self.canonical_etypes)
        }
        if self._batch_num_edges is not None:
            canonical = self.canonical_etypes[type_id]
            left = _per_member(kept[canonical], self._batch_num_edges[canonical])
            self._batch_num_edges = {**self._batch_num_edges, canonical: left}
        part = edge_subgraph(cast("DGLGraph", self), kept, relabel_nodes=False, store_ids=store_ids)
        self._become(part)

    def remove_nodes(self, nids: Any, ntype: str | None = None, store_ids: bool = False) -> None:
        """Removes nodes and their edges; the nodes that stay keep their order.

        Args:
            nids: ids.
            ntype: the node type.
            store_ids: whether to keep the old ids in `ndata[dgl.NID]` and `edata[dgl.EID]`.

        Raises:
            DGLError: for ids that do not exist.
        """
        type_id = self._single(ntype, "node")
        ids = self._ids(nids, "nids")
        if len(ids) == 0:
            return
        check_ids(ids, self._counts[type_id], "node")
        name = self.ntypes[type_id]
        kept = {
            t: self._as_ids(without(ids if i == type_id else ids[:0], self._counts[i]))
            for i, t in enumerate(self.ntypes)
        }
        nodes, edges = self._batch_num_nodes, self._batch_num_edges
        part = node_subgraph(cast("DGLGraph", self), kept, store_ids=True)
        if nodes is not None:
            self._batch_num_nodes = {**nodes, name: _per_member(kept[name], nodes[name])}
        if edges is not None:
            self._batch_num_edges = {
                etype: _per_member(frame[EID], edges[etype])
                for etype, frame in zip(self.canonical_etypes, part._edge_frames)
            }
        if not store_ids:
            for frames, key in ((part._node_frames, NID), (part._edge_frames, EID)):
                for frame in frames:
                    del frame[key]
        self._become(part)

    def _single(self, ntype: str | None, kind: str) -> int:
        if ntype is None and len(self.ntypes) != 1:
            raise DGLError(
                f"{kind.capitalize()} type name must be specified if there are more than one {kind} types."
            )
        return self.get_ntype_id(ntype)

    def _become(self, other: DGLGraph) -> None:
        self._counts, self._relations = other._counts, other._relations
        self._node_frames, self._edge_frames = other._node_frames, other._edge_frames


def _per_member(kept: Tensor, sizes: Tensor) -> Tensor:
    """How many of the kept ids lie in each member of a batch."""
    owner = torch.bucketize(kept.to(sizes.dtype), sizes.cumsum(0), right=True)
    return torch.bincount(owner, minlength=len(sizes)).to(sizes.dtype)
