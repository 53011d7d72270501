"""Random walks, one step after the other: the same draws as the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops._draw import PHI, Draw, mix


def run(
    ptr: Tensor, index: Tensor, edge: Tensor | None, start: Tensor, length: int, p: float, q: float,
    restart: float, key: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    ceiling = max(1 / p, 1.0, 1 / q)
    walks = [[v] for v in start.tolist()]
    taken: list[list[int]] = [[] for _ in walks]

    def row(v: int) -> tuple[int, int]:
        return int(ptr[v]), int(ptr[v + 1])

    for step in range(length):
        step_key = mix(key + PHI * (step + 1))
        for i, walk in enumerate(walks):
            draw = Draw(mix(step_key + PHI * i))
            first, last = row(walk[-1])
            if restart > 0 and draw.unit() < restart:
                walk.append(walk[0])
                taken[i].append(-1)
                continue
            if first == last:
                walk.append(walk[-1])
                taken[i].append(-1)
                continue
            position = first + draw.below(last - first)
            while step > 0 and (p != 1 or q != 1):
                before, u = walk[-2], int(index[position])
                joined = bool((index[slice(*row(before))] == u).any())
                if draw.unit() * ceiling < (1 / p if u == before else 1.0 if joined else 1 / q):
                    break
                position = first + draw.below(last - first)
            walk.append(int(index[position]))
            taken[i].append(position if edge is None else int(edge[position]))
    shape = (len(walks), length)
    nodes = torch.tensor(walks, dtype=torch.int64).view(shape[0], length + 1)
    return nodes, torch.tensor(taken, dtype=torch.int64).view(shape)
