"""Farthest point sampling."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def fps(
    x: Tensor,
    batch: Tensor | None = None,
    ratio: float = 0.5,
    random_start: bool = True,
    batch_size: int | None = None,
) -> Tensor:
    """Points that cover each graph: one after the other the one that is farthest from those already chosen.

    Args:
        x: (N, D).
        batch: (N,), the graph of each point, ascending.
        ratio: of a graph's points that are chosen, rounded up.
        random_start: begin with a random point; else with the first.
        batch_size: accepted for compatibility; it changes nothing.

    Returns:
        Indices of the chosen points, graph after graph, each in the order of choice.

    Example:
        >>> import torch
        >>> fps(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), ratio=0.5, random_start=False)
        tensor([0, 3])

    Source: "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space" (arXiv:1706.02413).
    """
    x = x.detach().view(-1, 1) if x.dim() == 1 else x.detach()
    sizes = [x.shape[0]] if batch is None else torch.bincount(batch).tolist()
    chosen: list[Tensor] = []
    first = 0
    for size in sizes:
        points = x[first : first + size]
        if size:
            start = int(torch.randint(size, ())) if random_start else 0
            chosen.append(first + _spread(points, math.ceil(ratio * size), start))
        first += size
    return torch.cat(chosen) if chosen else x.new_empty(0, dtype=torch.int64)


def _spread(points: Tensor, count: int, start: int) -> Tensor:
    found = torch.empty(count, dtype=torch.int64, device=points.device)
    apart = points.new_full((points.shape[0],), torch.inf)
    last: Tensor | int = start
    for i in range(count):
        found[i] = last
        apart = torch.minimum(apart, (points - points[last]).square().sum(1))
        last = apart.argmax()
    return found
