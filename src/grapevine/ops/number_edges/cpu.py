"""Numbering edges in the compiled core: its sampler without its draws."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.sample_neighbors.contract import Sampled
from grapevine.ops.sample_neighbors.cpu import written


class _Numbering:
    def __init__(
        self, num_nodes: Sequence[int], ends: Sequence[tuple[int, int]], seeds: Sequence[tuple[int, Tensor]],
        disjoint: bool, dense_limit: int,
    ) -> None:  # fmt: skip
        assert _core.core is not None
        self.ends, self.disjoint = ends, disjoint
        self.sample = _core.core.sample_neighbors(
            list(num_nodes),
            [[source, target, 0, 0, 0, 0, 1, 0, 0, 0] for source, target in ends],
            [[kind, ids.numel(), ids.data_ptr()] for kind, ids in seeds],
            0, 0, False, disjoint, False, False, False, dense_limit,
        )  # fmt: skip

    def count(self, kind: int) -> int:
        return int(self.sample.count(kind))

    def by_owner(
        self, kind: int, begin: int, end: int, bounds: Sequence[int], dtype: torch.dtype
    ) -> tuple[Tensor, Tensor | None, list[int]]:
        rows = torch.empty(end - begin, dtype=dtype)
        slots = torch.empty_like(rows) if self.disjoint else None
        counts = self.sample.by_owner(
            kind, begin, end, bounds, dtype is torch.int64, rows.data_ptr(), _core.address(slots)
        )
        return rows, slots, counts

    def take(
        self,
        relation: int,
        begin: int,
        bounds: Sequence[int],
        blocks: Sequence[tuple[int, Tensor]],
        known: bool,
    ) -> int:
        held = [block.contiguous() for _, block in blocks]
        drawn = [[block.data_ptr(), rows, block.numel()] for (rows, _), block in zip(blocks, held)]
        wide = held[0].dtype is torch.int64
        return int(self.sample.take([relation, *self.ends[relation], begin], bounds, drawn, wide, known))

    def sampled(self, nodes_per_hop: list[list[int]], edges_per_hop: list[list[int]]) -> Sampled:
        return written(self.sample, nodes_per_hop, edges_per_hop, self.disjoint)


def reasons(*_: object) -> list[str]:
    return [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []


def run(
    num_nodes: Sequence[int], ends: Sequence[tuple[int, int]], seeds: Sequence[tuple[int, Tensor]], disjoint: bool,
    dense_limit: int,
) -> _Numbering:  # fmt: skip
    seeds = [(kind, ids.contiguous()) for kind, ids in seeds]
    return _Numbering(num_nodes, ends, seeds, disjoint, dense_limit)
