"""Numbering edges, one after the other."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from grapevine.ops.sample_neighbors.contract import Sampled


class _Numbering:
    def __init__(
        self, num_nodes: Sequence[int], ends: Sequence[tuple[int, int]], seeds: Sequence[tuple[int, Tensor]],
        disjoint: bool,
    ) -> None:  # fmt: skip
        self.ends, self.disjoint = ends, disjoint
        self.node: list[list[int]] = [[] for _ in num_nodes]
        self.slot: list[list[int]] = [[] for _ in num_nodes]
        self.number: list[dict[tuple[int, int], int]] = [{} for _ in num_nodes]
        self.edges: list[list[tuple[int, int, int]]] = [[] for _ in ends]
        slot = 0
        for kind, ids in seeds:
            for v in ids.tolist():
                self.number[kind].setdefault((slot if disjoint else 0, v), len(self.node[kind]))
                self.node[kind].append(v)
                self.slot[kind].append(slot)
                slot += 1

    def count(self, kind: int) -> int:
        return len(self.node[kind])

    def by_owner(
        self, kind: int, begin: int, end: int, bounds: Sequence[int], dtype: torch.dtype
    ) -> tuple[Tensor, Tensor | None, list[int]]:
        owner = [bisect_right(bounds, v) - 1 for v in self.node[kind][begin:end]]
        order = sorted(range(begin, end), key=lambda i: owner[i - begin])
        rows = [self.node[kind][i] - bounds[owner[i - begin]] for i in order]
        slots = torch.tensor([self.slot[kind][i] for i in order], dtype=dtype) if self.disjoint else None
        return torch.tensor(rows, dtype=dtype), slots, [owner.count(r) for r in range(len(bounds) - 1)]

    def take(
        self,
        relation: int,
        begin: int,
        bounds: Sequence[int],
        blocks: Sequence[tuple[int, Tensor]],
        known: bool,
    ) -> int:
        source, target = self.ends[relation]
        if known:
            self.edges[relation] = []
        before = len(self.edges[relation])
        drawn = [_edges(rows, block.tolist()) for rows, block in blocks]
        for i in range(begin, begin + sum(rows for rows, _ in blocks)):
            slot = self.slot[target][i] if self.disjoint else 0
            for neighbour, edge in next(drawn[bisect_right(bounds, self.node[target][i]) - 1]):
                key = (slot, neighbour)
                if key not in self.number[source]:
                    if known:
                        continue
                    self.number[source][key] = len(self.node[source])
                    self.node[source].append(key[1])
                    self.slot[source].append(slot)
                self.edges[relation].append((self.number[source][key], i, edge))
        return len(self.edges[relation]) - before

    def sampled(self, nodes_per_hop: list[list[int]], edges_per_hop: list[list[int]]) -> Sampled:
        tables = [torch.tensor(found, dtype=torch.int64).view(-1, 3).t().contiguous() for found in self.edges]
        return Sampled(
            [torch.tensor(found, dtype=torch.int64) for found in self.node],
            [torch.tensor(found, dtype=torch.int64) for found in self.slot] if self.disjoint else None,
            [table[:2] for table in tables],
            [table[2] for table in tables],
            nodes_per_hop,
            edges_per_hop,
        )


def _edges(rows: int, block: list[int]) -> Iterator[list[tuple[int, int]]]:
    """Row after row of what `pick_edges` drew."""
    pairs = iter(zip(block[rows : (len(block) + rows) // 2], block[(len(block) + rows) // 2 :]))
    return (list(itertools.islice(pairs, count)) for count in block[:rows])


def run(
    num_nodes: Sequence[int], ends: Sequence[tuple[int, int]], seeds: Sequence[tuple[int, Tensor]], disjoint: bool,
    dense_limit: int,
) -> _Numbering:  # fmt: skip
    return _Numbering(num_nodes, ends, seeds, disjoint)
