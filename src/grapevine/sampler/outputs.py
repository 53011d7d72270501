"""What samplers answer."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grapevine.data.aliases import EdgeType, NodeType


@dataclass
class SamplerOutput:
    """A sampled subgraph.

    Args:
        node: `(n,)` node ids, seeds first.
        row: `(e,)` local source of each edge, in [0, n).
        col: `(e,)` local destination of each edge.
        edge: `(e,)` edge ids.
        batch: `(n,)` the seed that each node belongs to, in disjoint batches.
        num_sampled_nodes: new nodes per hop, seeds first.
        num_sampled_edges: edges per hop.
        orig_row: the sources before `to_bidirectional(keep_orig_edges=True)`.
        orig_col: the destinations likewise.
        metadata: what the loader adds to the batch.
    """

    node: Tensor
    row: Tensor
    col: Tensor
    edge: Tensor | None
    batch: Tensor | None = None
    num_sampled_nodes: list[int] | None = None
    num_sampled_edges: list[int] | None = None
    orig_row: Tensor | None = None
    orig_col: Tensor | None = None
    metadata: Any = None

    @property
    def global_row(self) -> Tensor:
        """The source ids in the whole graph."""
        return self.node[self.row]

    @property
    def global_col(self) -> Tensor:
        """The destination ids in the whole graph."""
        return self.node[self.col]

    @property
    def seed_node(self) -> Tensor | None:
        """The seed that each node belongs to, by its id in the whole graph."""
        return None if self.batch is None else self.node[self.batch]

    def to_bidirectional(self, keep_orig_edges: bool = False) -> SamplerOutput:
        """Adds the reverse of every edge, without duplicates; a reverse keeps its edge's id.

        Args:
            keep_orig_edges: remember the edges as they were, and the numbers per hop.
        """
        out = copy.copy(self)
        if keep_orig_edges:
            out.orig_row, out.orig_col = self.row, self.col
        else:
            out.num_sampled_nodes = out.num_sampled_edges = None
        out.row, out.col, out.edge = _both_ways(self.row, self.col, self.row, self.col, self.edge)
        return out


@dataclass
class HeteroSamplerOutput:
    """A sampled heterogeneous subgraph: the fields of `SamplerOutput`, by node type or by edge type."""

    node: dict[NodeType, Tensor]
    row: dict[EdgeType, Tensor]
    col: dict[EdgeType, Tensor]
    edge: dict[EdgeType, Tensor | None] | None
    batch: dict[NodeType, Tensor] | None = None
    num_sampled_nodes: dict[NodeType, list[int]] | None = None
    num_sampled_edges: dict[EdgeType, list[int]] | None = None
    orig_row: dict[EdgeType, Tensor] | None = None
    orig_col: dict[EdgeType, Tensor] | None = None
    metadata: Any = None

    @property
    def global_row(self) -> dict[EdgeType, Tensor]:
        """The source ids in the whole graph."""
        return {key: self.node[key[0]][row] for key, row in self.row.items()}

    @property
    def global_col(self) -> dict[EdgeType, Tensor]:
        """The destination ids in the whole graph."""
        return {key: self.node[key[-1]][col] for key, col in self.col.items()}

    def to_bidirectional(self, keep_orig_edges: bool = False) -> HeteroSamplerOutput:
        """Adds reverse edges: to an edge type between nodes of one type itself, else to its reverse edge type.

        The reverse of `(a, r, b)` is `(b, rev_r, a)`, or the only edge type from b to a. Edge ids are dropped
        where edges were added, since a reverse edge has none of its own.
        """
        out = copy.copy(self)
        out.row, out.col = dict(self.row), dict(self.col)
        out.edge = None if self.edge is None else dict(self.edge)
        if keep_orig_edges:
            out.orig_row, out.orig_col = dict(self.row), dict(self.col)
        else:
            out.num_sampled_nodes = out.num_sampled_edges = None
        for key in [key for key in self.row if not key[1].startswith("rev_")]:
            reverse = self._reverse_type(key)
            if reverse is None:
                warnings.warn(
                    f"edge type {key} has no reverse edge type and stays as it is; add one (ToUndirected)",
                    stacklevel=2,
                )
                continue
            row, col, _ = _both_ways(self.row[key], self.col[key], self.row[reverse], self.col[reverse], None)
            out.row[key], out.col[key] = row, col
            if reverse != key:
                out.row[reverse], out.col[reverse] = col, row
            if out.edge is not None:
                out.edge[key] = out.edge[reverse] = None
        return out

    def _reverse_type(self, key: EdgeType) -> EdgeType | None:
        src, relation, dst = key
        if (dst, f"rev_{relation}", src) in self.row:
            return (dst, f"rev_{relation}", src)
        if src == dst:
            return key
        back = [other for other in self.row if (other[0], other[-1]) == (dst, src)]
        return back[0] if len(back) == 1 else None


def _both_ways(
    row: Tensor, col: Tensor, rev_row: Tensor, rev_col: Tensor, edge: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Edges and turned reverse edges, each once, by destination; an edge's own id wins over that of its reverse."""
    rows, cols = torch.cat([row, rev_col]), torch.cat([col, rev_row])
    width = int(rows.max()) + 1 if rows.numel() else 1
    key, order = torch.sort(cols * width + rows, stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = key[1:] != key[:-1]
    kept = order[first]
    return rows[kept], cols[kept], None if edge is None else torch.cat([edge, edge])[kept]
