"""What `number_edges` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from grapevine.ops.sample_neighbors.contract import Sampled


class Numbering(Protocol):
    """A sample that grows by edges that were drawn elsewhere."""

    def count(self, kind: int) -> int:
        """How many nodes of a type there are so far."""
        ...

    def by_owner(
        self, kind: int, begin: int, end: int, bounds: Sequence[int], dtype: torch.dtype
    ) -> tuple[Tensor, Tensor | None, list[int]]:
        """Some nodes of a type, those of one owner after those of another, in their order otherwise.

        Args:
            kind: the type.
            begin: the first of the nodes.
            end: behind the last.
            bounds: owner r has the ids `bounds[r] ... bounds[r + 1] - 1`.
            dtype: of the result, int32 or int64.

        Returns:
            Their places among the ids of their owners; the seeds that they belong to, if subgraphs are disjoint; how
            many each owner has.
        """
        ...

    def take(
        self,
        relation: int,
        begin: int,
        bounds: Sequence[int],
        blocks: Sequence[tuple[int, Tensor]],
        known: bool,
    ) -> int:
        """Numbers the edges of consecutive nodes.

        Args:
            relation: which.
            begin: the first of the nodes that drew the edges.
            bounds: as in `by_owner`.
            blocks: for each owner, how many of the nodes it has, and what `pick_edges` drew for them in their order.
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
