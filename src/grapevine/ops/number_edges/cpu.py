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

    def nodes(self, kind: int, begin: int, end: int) -> tuple[Tensor, Tensor | None]:
        ids = torch.empty(end - begin, dtype=torch.int64)
        slots = torch.empty_like(ids) if self.disjoint else None
        self.sample.read(kind, begin, end, ids.data_ptr(), _core.address(slots))
        return ids, slots

    def take(
        self, relation: int, begin: int, order: Tensor, ptr: Tensor, index: Tensor, edge: Tensor, known: bool
    ) -> int:
        order, ptr, index, edge = (t.contiguous() for t in (order, ptr, index, edge))
        addresses = [t.data_ptr() for t in (order, ptr, index, edge)]
        wide = ptr.dtype is torch.int64
        drawn = [relation, *self.ends[relation], begin, order.numel(), *addresses]
        return int(self.sample.take(drawn, wide, known))

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
