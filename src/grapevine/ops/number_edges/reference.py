"""Numbering edges, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

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

    def nodes(self, kind: int, begin: int, end: int) -> tuple[Tensor, Tensor | None]:
        slots = torch.tensor(self.slot[kind][begin:end], dtype=torch.int64) if self.disjoint else None
        return torch.tensor(self.node[kind][begin:end], dtype=torch.int64), slots

    def take(
        self, relation: int, begin: int, order: Tensor, ptr: Tensor, index: Tensor, edge: Tensor, known: bool
    ) -> int:
        source, target = self.ends[relation]
        if known:
            self.edges[relation] = []
        before = len(self.edges[relation])
        for i, row in enumerate(order.tolist(), begin):
            slot = self.slot[target][i] if self.disjoint else 0
            for position in range(int(ptr[row]), int(ptr[row + 1])):
                key = (slot, int(index[position]))
                if key not in self.number[source]:
                    if known:
                        continue
                    self.number[source][key] = len(self.node[source])
                    self.node[source].append(key[1])
                    self.slot[source].append(slot)
                self.edges[relation].append((self.number[source][key], i, int(edge[position])))
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


def run(
    num_nodes: Sequence[int], ends: Sequence[tuple[int, int]], seeds: Sequence[tuple[int, Tensor]], disjoint: bool,
    dense_limit: int,
) -> _Numbering:  # fmt: skip
    return _Numbering(num_nodes, ends, seeds, disjoint)
