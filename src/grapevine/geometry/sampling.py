"""Farthest point sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.ops import farthest_points


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
        ratio: of a graph's points that are chosen, rounded up; above 0, at most 1.
        random_start: begin with a random point, drawn from torch's generator; else with the first.
        batch_size: accepted for compatibility; it changes nothing.

    Returns:
        Indices of the chosen points, graph after graph, each in the order of choice; of points equally far the first.

    Raises:
        GraphValueError: for a batch that does not ascend, or another ratio.

    Departures from torch_cluster: no point is chosen twice, though others may lie at the same place.

    Example:
        >>> import torch
        >>> fps(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), ratio=0.5, random_start=False)
        tensor([0, 3])

    Source: "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space" (arXiv:1706.02413).
    """
    x = x.detach().flatten(1) if x.dim() > 1 else x.detach().view(-1, 1)
    if not 0 < ratio <= 1:
        raise GraphValueError(f"expected a ratio above 0 and at most 1, got {ratio}")
    if batch is None:
        size = torch.tensor([x.shape[0]])
    else:
        if batch.shape != x.shape[:1] or bool((batch[1:] < batch[:-1]).any()):
            raise GraphValueError(
                f"expected one graph id per point, {list(x.shape[:1])}, ascending; got {list(batch.shape)}; do this "
                "instead: order = batch.argsort(stable=True), then fps(x[order], batch[order], ...)"
            )
        size = torch.bincount(batch).cpu()
    count = (size.float() * ratio).ceil().long()
    start = (
        (torch.rand(len(size), dtype=torch.float64) * size).long()
        if random_start
        else size.new_zeros(len(size))
    )
    ptr = torch.cat([size.new_zeros(1), size.cumsum(0)])
    return farthest_points(x if x.dtype in (torch.float32, torch.float64) else x.float(), ptr, count, start)
