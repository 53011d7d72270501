"""Neighbour sampling, one node after the other: the same draws as the compiled core."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

import torch

from grapevine.ops._draw import PHI, SLOT, Draw, mix
from grapevine.ops.sample_neighbors.contract import Relation, Sampled, SampleRequest

NO_WEIGHT = 0xFFFFFFFF


def pick(
    relation: Relation, first: int, last: int, whole: bool, k: int, replace: bool, draw: Draw
) -> list[int]:
    """Positions among first .. last - 1 of a row; `whole`: these are the entire row."""
    degree = last - first
    if degree <= 0 or k == 0:
        return []
    every = k < 0 or (not replace and degree <= k)
    if relation.weight is not None:
        weight = relation.weight[first:last].tolist()
        if every:
            return [first + i for i, w in enumerate(weight) if w > 0]
        return _weighted(relation, first, weight, whole, k, replace, draw)
    if every:
        return list(range(first, last))
    if replace:
        return [first + draw.below(degree) for _ in range(k)]
    chosen: dict[int, None] = {}  # Floyd: each subset equally likely
    for j in range(degree - k, degree):
        candidate = first + draw.below(j + 1)
        chosen[first + j if candidate in chosen else candidate] = None
    return list(chosen)


def _weighted(
    relation: Relation, first: int, weight: list[float], whole: bool, k: int, replace: bool, draw: Draw
) -> list[int]:
    assert relation.alias is not None
    alias = relation.alias[first : first + len(weight)].tolist()

    def by_alias() -> int:
        slot, rest = draw.split(len(alias))
        threshold, other = alias[slot] & 0xFFFFFFFF, (alias[slot] >> 32) & 0xFFFFFFFF
        return first + (slot if rest >> 32 < threshold else other)

    if not any(weight):
        return []
    if whole and replace:
        return [by_alias() for _ in range(k)]
    chosen: list[int] = []
    if (
        whole
    ):  # one after the other in proportion to weight: draw again what was drawn before, but not for ever
        for _ in range(4 * k + 16):
            candidate = by_alias()
            if candidate not in chosen:
                chosen.append(candidate)
            if len(chosen) == k:
                return chosen
    if replace:
        positions = [first + i for i, w in enumerate(weight) if w > 0]
        sums = list(accumulate(w for w in weight if w > 0))
        return [positions[min(bisect_right(sums, draw.unit() * sums[-1]), len(sums) - 1)] for _ in range(k)]
    # The rest: the least of exponential clocks, whose rates are the weights.
    rings = [(-math.log1p(-draw.unit()) / w, first + i) for i, w in enumerate(weight) if w > 0]
    left = sorted(ring for ring in rings if ring[1] not in chosen)
    return chosen + [position for _, position in left[: k - len(chosen)]]


def run(request: SampleRequest) -> Sampled:
    types, relations = range(len(request.num_nodes)), range(len(request.relations))
    node: list[list[int]] = [[] for _ in types]
    batch: list[list[int]] = [[] for _ in types]
    number: list[dict[tuple[int, int], int]] = [{} for _ in types]

    def place(kind: int, v: int, slot: int) -> int:
        key = (slot if request.disjoint else 0, v)
        if key not in number[kind]:
            number[kind][key] = len(node[kind])
            append(kind, v, slot)
        return number[kind][key]

    def append(kind: int, v: int, slot: int) -> None:
        node[kind].append(v)
        batch[kind].append(slot)

    slot = 0
    for kind, ids in request.seeds:
        for v in ids.tolist():
            number[kind].setdefault((slot if request.disjoint else 0, v), len(node[kind]))
            append(kind, v, slot)  # a seed that comes twice keeps both places
            slot += 1
    times = None if request.seed_time is None else request.seed_time.tolist()
    rows: list[list[int]] = [[] for _ in relations]
    cols: list[list[int]] = [[] for _ in relations]
    edges: list[list[int]] = [[] for _ in relations]
    nodes_per_hop = [[len(found)] for found in node]
    edges_per_hop: list[list[int]] = [[] for _ in relations]
    begin, end = [0 for _ in types], [len(found) for found in node]

    def edge_id(relation: Relation, position: int) -> int:
        return position if relation.edge is None else int(relation.edge[position])

    for hop in range(len(request.fanouts[0]) if request.fanouts else 0):
        for i, relation in enumerate(request.relations):
            hop_key = mix(request.key + PHI * (hop * len(relations) + i + 1))
            before, k = len(rows[i]), request.fanouts[i][hop]
            for local in range(begin[relation.target], end[relation.target]):
                v, slot = node[relation.target][local], batch[relation.target][local]
                first, last = (int(p) for p in relation.ptr[v : v + 2])
                row = (first, last)
                if times is not None and relation.time is not None:
                    last = first + bisect_right(relation.time[first:last].tolist(), times[slot])
                    first = max(first, last - k) if request.last and k >= 0 else first
                draw = Draw(mix(hop_key + PHI * v + (SLOT * slot if request.disjoint else 0)))
                for position in pick(relation, first, last, row == (first, last), k, request.replace, draw):
                    rows[i].append(place(relation.source, int(relation.index[position]), slot))
                    cols[i].append(local)
                    edges[i].append(edge_id(relation, position))
            edges_per_hop[i].append(len(rows[i]) - before)
        for kind in types:
            nodes_per_hop[kind].append(len(node[kind]) - end[kind])
            begin[kind], end[kind] = 0 if request.again else end[kind], len(node[kind])
    if request.induced:
        for i, relation in enumerate(request.relations):
            rows[i], cols[i], edges[i] = [], [], []
            for local, v in enumerate(node[relation.target]):
                slot = batch[relation.target][local] if request.disjoint else 0
                first, last = (int(p) for p in relation.ptr[v : v + 2])
                if times is not None and relation.time is not None:
                    last = first + bisect_right(relation.time[first:last].tolist(), times[slot])
                for position in range(first, last):
                    found = number[relation.source].get((slot, int(relation.index[position])))
                    if found is not None:
                        rows[i].append(found)
                        cols[i].append(local)
                        edges[i].append(edge_id(relation, position))
            edges_per_hop[i] = [len(rows[i])]
    return Sampled(
        [torch.tensor(found, dtype=torch.int64) for found in node],
        [torch.tensor(found, dtype=torch.int64) for found in batch] if request.disjoint else None,
        [torch.tensor([rows[i], cols[i]], dtype=torch.int64).view(2, -1) for i in relations],
        [torch.tensor(edges[i], dtype=torch.int64) for i in relations],
        nodes_per_hop,
        edges_per_hop,
    )
