"""Clusters of points that lie in the same cell of a grid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.utils.repeat import repeat


def voxel_grid(
    pos: Tensor,
    size: float | list[float] | Tensor,
    batch: Tensor | None = None,
    start: float | list[float] | Tensor | None = None,
    end: float | list[float] | Tensor | None = None,
) -> Tensor:
    """The cell of a regular grid that each point lies in; each graph has a grid of its own.

    Args:
        pos: positions, (N, D).
        size: edge lengths of a cell, one for all axes or one for each.
        batch: the graph of each point, int64 (N,); one graph if None.
        start: the corner where the grids begin; the smallest coordinates by default.
        end: where they end; the largest coordinates by default.

    Returns:
        (N,) int64.

    Example:
        >>> voxel_grid(torch.tensor([[0.0, 0.0], [11.0, 9.0], [2.0, 8.0]]), size=5)
        tensor([0, 5, 3])

    Source: "Dynamic Edge-Conditioned Filters in Convolutional Neural Networks on Graphs" (arXiv:1704.02901).
    """
    pos = pos.view(pos.size(0), -1)
    first = pos.amin(dim=0) if start is None else _per_axis(start, pos)
    last = pos.amax(dim=0) if end is None else _per_axis(end, pos)
    width = _per_axis(size, pos)
    count = ((last - first) / width).long() + 1
    stride = torch.cat([count.new_ones(1), count]).cumprod(0)
    cell = (((pos - first) / width).long() * stride[:-1]).sum(dim=1)
    return cell if batch is None else cell + batch * stride[-1]


def _per_axis(value: Any, pos: Tensor) -> Tensor:
    return torch.as_tensor(repeat(value, pos.size(1)), dtype=pos.dtype, device=pos.device)
