"""Questions about the structure: endpoints, ids, neighbours, degrees."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import ALL, DGLError, is_all
from grapevine.dgl.metagraph import TypeMethods
from grapevine.dgl.structure import EType
from grapevine.edges import Edges
from grapevine.ops import Order, sort_rows

FORMS = ("uv", "eid", "all")


class QueryMethods(TypeMethods):
    """`edges`, `in_edges`, `edge_ids`, `in_degrees`, `successors` and so on.

    Ids come back in the graph's id type. Edges that are asked for by node come grouped by node in the order given,
    within a node in the order of their ids.
    """

    # -- all edges -----------------------------------------------------------------------------------

    def all_edges(self, form: str = "uv", order: str = "eid", etype: str | EType | None = None) -> Any:
        """The edges of one type.

        Args:
            form: "uv" for `(src, dst)`, "eid" for ids, "all" for `(src, dst, ids)`.
            order: "eid", or "srcdst": sorted by source, then destination.
            etype: the edge type.

        Returns:
            `(E,)` tensors in the graph's id type.
        """
        relation = self._relation(etype)
        if form not in FORMS:
            raise DGLError(f'Invalid form: {form}. Must be "all", "uv" or "eid".')
        if order == "eid" or order is None:
            ends = (relation.src_index, relation.dst_index)
            ids = None if form == "uv" else torch.arange(relation.num_edges, device=self._device)
        elif order == "srcdst":
            ids = relation.derived("srcdst", lambda: _by_src_dst(relation))
            ends = endpoints(relation, ids)
        else:
            raise DGLError(f'Invalid order: {order}. Must be "eid" or "srcdst".')
        return self._formed(*ends, ids, form)

    def _formed(self, src: Tensor, dst: Tensor, ids: Tensor | None, form: str) -> Any:
        if form == "uv":
            return self._as_ids(src), self._as_ids(dst)
        assert ids is not None
        if form == "eid":
            return self._as_ids(ids)
        if form == "all":
            return self._as_ids(src), self._as_ids(dst), self._as_ids(ids)
        raise DGLError(f'Invalid form: {form}. Must be "all", "uv" or "eid".')

    def find_edges(
        self, eid: Any, etype: str | EType | None = None, output_device: Any = None
    ) -> tuple[Tensor, Tensor]:
        """The endpoints of edges.

        Args:
            eid: edge ids.
            etype: the edge type.
            output_device: where the result goes; None means the graph's device.

        Raises:
            DGLError: for an id that does not exist.
        """
        ids = self._ids(eid, "eid")
        relation = self._relation(etype)
        bad = ids[(ids < 0) | (ids >= relation.num_edges)]
        if len(bad):
            raise DGLError(f"Invalid edge ID {int(bad[0])}; there are {relation.num_edges} edges.")
        ends = endpoints(relation, ids)
        src, dst = (self._as_ids(i if output_device is None else i.to(output_device)) for i in ends)
        return src, dst

    # -- edges by node -------------------------------------------------------------------------------

    def in_edges(self, v: Any, form: str = "uv", etype: str | EType | None = None) -> Any:
        """The edges that arrive at nodes.

        Args:
            v: destination ids.
            form: "uv", "eid" or "all", as of `edges`.
            etype: the edge type.
        """
        relation = self._relation(etype)
        nodes = self._node_argument(v, "v", relation.num_dst)
        rows, ids = rows_of_order(relation.by_dst, nodes)
        return self._formed(relation.src_index.index_select(0, ids), nodes.index_select(0, rows), ids, form)

    def out_edges(self, u: Any, form: str = "uv", etype: str | EType | None = None) -> Any:
        """The edges that leave nodes; arguments as of `in_edges`."""
        relation = self._relation(etype)
        nodes = self._node_argument(u, "u", relation.num_src)
        rows, ids = rows_of_order(relation.by_src, nodes)
        return self._formed(nodes.index_select(0, rows), relation.dst_index.index_select(0, ids), ids, form)

    def predecessors(self, v: int, etype: str | EType | None = None) -> Tensor:
        """The sources of the edges that arrive at a node; a node appears once per edge."""
        relation = self._relation(etype)
        node = self._one_node(v, relation.num_dst)
        return self._as_ids(relation.src_index[rows_of_order(relation.by_dst, node)[1]])

    def successors(self, v: int, etype: str | EType | None = None) -> Tensor:
        """The destinations of the edges that leave a node; a node appears once per edge."""
        relation = self._relation(etype)
        node = self._one_node(v, relation.num_src)
        return self._as_ids(relation.dst_index[rows_of_order(relation.by_src, node)[1]])

    def _one_node(self, node: Any, count: int) -> Tensor:
        ids = self._ids(node, "v")
        if bool(((ids < 0) | (ids >= count)).any()):
            raise DGLError(f"Non-existing node ID {node}")
        return ids

    def _node_argument(self, nodes: Any, name: str, count: int) -> Tensor:
        ids = self._ids(nodes, name)
        if ids.numel() and bool(((ids < 0) | (ids >= count)).any()):
            raise DGLError(f"{name} contains invalid node IDs; ids run from 0 to {count - 1}")
        return ids

    def in_degrees(self, v: Any = ALL, etype: str | EType | None = None) -> Any:
        """How many edges arrive at nodes.

        Args:
            v: ids, or all.
            etype: the edge type.

        Returns:
            an int for an int, else a tensor in the graph's id type.
        """
        relation = self._relation(etype)
        return self._degrees(relation.in_degrees(self._idtype), v, "v")

    def out_degrees(self, u: Any = ALL, etype: str | EType | None = None) -> Any:
        """How many edges leave nodes; arguments as of `in_degrees`."""
        relation = self._relation(etype)
        return self._degrees(relation.out_degrees(self._idtype), u, "u")

    def _degrees(self, degrees: Tensor, nodes: Any, name: str) -> Any:
        if is_all(nodes):
            return degrees.clone()  # the cached one must not be written to
        found = degrees[self._node_argument(nodes, name, len(degrees))]
        return int(found) if isinstance(nodes, Integral) else found

    # -- existence -----------------------------------------------------------------------------------

    def has_nodes(self, vid: Any, ntype: str | None = None) -> Any:
        """Which ids are nodes: a bool for an int, else a bool tensor.

        Raises:
            DGLError: for a negative id.
        """
        ids = self._ids(vid, "vid")
        if bool((ids < 0).any()):
            raise DGLError("All IDs must be non-negative integers.")
        there = ids < self._counts[self.get_ntype_id(ntype)]
        return bool(there) if isinstance(vid, Integral) else there

    def has_edges_between(self, u: Any, v: Any, etype: str | EType | None = None) -> Any:
        """Which pairs are joined by an edge: a bool for two ints, else a bool tensor; one side may be a single node."""
        relation = self._relation(etype)
        src, dst = self._pairs(u, v, relation)
        low, high, _ = _matches(relation, src, dst)
        return bool(high > low) if _are_ints(u, v) else high > low

    def edge_ids(
        self,
        u: Any,
        v: Any,
        return_uv: bool = False,
        etype: str | EType | None = None,
    ) -> Any:
        """The ids of edges given by their endpoints.

        Args:
            u: sources; one side may be a single node.
            v: destinations.
            return_uv: False returns one id per pair; True returns `(src, dst, ids)` with all edges of every pair.
            etype: the edge type.

        Raises:
            DGLError: if a pair is not joined and `return_uv` is False.
        """
        relation = self._relation(etype)
        src, dst = self._pairs(u, v, relation)
        low, high, perm = _matches(relation, src, dst)
        if return_uv:
            rows, ids = _ranges(low, high)
            return self._as_ids(src[rows]), self._as_ids(dst[rows]), self._as_ids(perm[ids])
        missing = (high == low).nonzero()
        if len(missing):
            first = int(missing[0])
            raise DGLError(f"Error: ({int(src[first])}, {int(dst[first])}) does not form a valid edge.")
        found = self._as_ids(perm[low])
        return int(found) if _are_ints(u, v) else found

    @property
    def is_multigraph(self) -> bool:
        """True if some pair of nodes is joined twice by the same type."""
        return any(_repeats(relation) for relation in self._relations)

    def _pairs(self, u: Any, v: Any, relation: Edges) -> tuple[Tensor, Tensor]:
        src = self._node_argument(u, "u", relation.num_src).to(torch.int64)
        dst = self._node_argument(v, "v", relation.num_dst).to(torch.int64)
        if len(src) != len(dst) and 1 not in (len(src), len(dst)):
            raise DGLError(f"expected as many sources as destinations, got {len(src)} and {len(dst)}")
        src, dst = torch.broadcast_tensors(src, dst)
        return src, dst

    # -- arguments of the other methods --------------------------------------------------------------

    def _edge_argument(self, edges: Any, type_id: int) -> Tensor:
        """Edge ids from ids or from a pair `(u, v)`."""
        if isinstance(edges, tuple):
            return self.edge_ids(
                self._ids(edges[0], "edges[0]"),
                self._ids(edges[1], "edges[1]"),
                etype=self.canonical_etypes[type_id],
            )
        return self._ids(edges, "edges")

    def _all_nodes(self, type_id: int) -> Tensor:
        return torch.arange(self._counts[type_id], dtype=self._idtype, device=self._device)


def _are_ints(u: Any, v: Any) -> bool:
    return isinstance(u, Integral) and isinstance(v, Integral)


def _by_src_dst(relation: Edges) -> Tensor:
    """The edge ids by source, then destination: two counting sorts, the less significant end first."""
    by_dst = relation.by_dst.edges()
    _, perm = sort_rows(relation.src_index.index_select(0, by_dst), relation.num_src)
    return by_dst if perm is None else by_dst.index_select(0, perm)


def sorted_pairs(relation: Edges) -> tuple[Tensor, Tensor]:
    """`src * num_dst + dst` of all edges, sorted, and the edge ids in that order; worked out once per graph."""

    def build() -> tuple[Tensor, Tensor]:
        perm = relation.derived("srcdst", lambda: _by_src_dst(relation))
        src, dst = endpoints(relation, perm)
        return src * max(relation.num_dst, 1) + dst, perm

    return relation.derived("pair keys", build)


def _matches(relation: Edges, src: Tensor, dst: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every pair, where its edges begin and end among the edges sorted by both ends, and the ids in that order."""
    keys, perm = sorted_pairs(relation)
    wanted = src * max(relation.num_dst, 1) + dst
    return torch.searchsorted(keys, wanted), torch.searchsorted(keys, wanted, right=True), perm


def _repeats(relation: Edges) -> bool:
    keys, _ = sorted_pairs(relation)
    return bool((keys[1:] == keys[:-1]).any())


def _ranges(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers `low[i] .. high[i] - 1` for every i one after the other, and the i of each."""
    counts = high - low
    rows = torch.repeat_interleave(counts)
    starts = counts.cumsum(0) - counts
    return rows, torch.arange(len(rows), device=low.device) + (low - starts).index_select(0, rows)


def endpoints(relation: Edges, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The sources and destinations of edges."""
    return relation.src_index.index_select(0, ids), relation.dst_index.index_select(0, ids)


def rows_of_order(order: Order, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """The edges of the given rows: the position in `nodes` and the id of each."""
    nodes = nodes.to(torch.int64)
    low, high = (order.ptr.index_select(0, i).to(torch.int64) for i in (nodes, nodes + 1))
    rows, positions = _ranges(low, high)
    return rows, positions if order.perm is None else order.perm.index_select(0, positions).to(torch.int64)
