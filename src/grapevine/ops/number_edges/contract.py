"""What `number_edges` returns."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from grapevine.ops.sample_neighbors.contract import Sampled


class Numbering(Protocol):
    """A sample that grows by edges that were drawn elsewhere."""

    def count(self, kind: int) -> int:
        """How many nodes of a type there are so far."""
        ...

    def nodes(self, kind: int, begin: int, end: int) -> tuple[Tensor, Tensor | None]:
        """Ids of some nodes of a type, and the seeds that they belong to, if subgraphs are disjoint."""
        ...

    def take(
        self, relation: int, begin: int, order: Tensor, ptr: Tensor, index: Tensor, edge: Tensor, known: bool
    ) -> int:
        """Numbers the edges of consecutive nodes.

        Args:
            relation: which.
            begin: the first of the nodes that drew the edges.
            order: `(n,)` int64: the edges of node `begin + i` are those of row `order[i]`.
            ptr: `(n + 1,)` where rows begin, int32 or int64 as `index` and `edge`.
            index: `(e,)` neighbours.
            edge: `(e,)` edge ids.
            known: start the relation anew, and leave out edges from nodes that are not there yet.

        Returns:
            How many edges were taken.
        """
        ...

    def sampled(self, nodes_per_hop: list[list[int]], edges_per_hop: list[list[int]]) -> Sampled:
        """The whole sample.

        Args:
            nodes_per_hop: by type, as the caller counted them.
            edges_per_hop: by relation, likewise.
        """
        ...
