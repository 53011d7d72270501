"""`torch_cluster`: graphs of points, answered with `grapevine.geometry`.

Departures from torch_cluster: `radius` and `radius_graph` cut at 32 neighbours like it, but keep the nearest, with a
warning; pairs are ordered by centre, then by distance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine import geometry
from grapevine.geometry import knn, knn_graph, nearest
from grapevine.nn.pool import voxel_grid

#: The version of torch_cluster that programs see when they ask.
__version__ = "1.6.3"

__all__ = ["fps", "grid_cluster", "knn", "knn_graph", "nearest", "radius", "radius_graph"]


def fps(
    src: Tensor,
    batch: Tensor | None = None,
    ratio: float | Tensor | None = None,
    random_start: bool = True,
    batch_size: int | None = None,
    ptr: Tensor | list[int] | None = None,
) -> Tensor:
    """Farthest point sampling, see `grapevine.geometry.fps`.

    Args:
        src: `(N, D)` points.
        batch: `(N,)` graph of each point, ascending; or
        ptr: `(B + 1,)` where each graph begins.
        ratio: the part that is chosen, 0.5 by default.
        random_start: begin with a random point; else with the first.
        batch_size: accepted for compatibility.

    Example:
        >>> fps(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), random_start=False)
        tensor([0, 3])
    """
    if ptr is not None:
        sizes = torch.as_tensor(ptr, device=src.device).diff()
        batch = torch.repeat_interleave(torch.arange(len(sizes), device=src.device), sizes)
    return geometry.fps(src, batch, 0.5 if ratio is None else float(ratio), random_start, batch_size)


def radius(
    x: Tensor,
    y: Tensor,
    r: float,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    max_num_neighbors: int = 32,
    num_workers: int = 1,
    batch_size: int | None = None,
    ignore_same_index: bool = False,
) -> Tensor:
    """For each point of y, the points of x at most r away, see `grapevine.geometry.radius`.

    Example:
        >>> radius(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.4]]), r=1.0)
        tensor([[0, 0],
                [0, 1]])
    """
    return geometry.radius(
        x, y, r, batch_x, batch_y, max_num_neighbors, num_workers, batch_size, ignore_same_index
    )


def radius_graph(
    x: Tensor,
    r: float,
    batch: Tensor | None = None,
    loop: bool = False,
    max_num_neighbors: int = 32,
    flow: str = "source_to_target",
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """An edge to each point from the points at most r away, see `grapevine.geometry.radius_graph`.

    Example:
        >>> radius_graph(torch.tensor([[0.0], [1.0], [5.0]]), r=1.5)
        tensor([[1, 0],
                [0, 1]])
    """
    return geometry.radius_graph(x, r, batch, loop, max_num_neighbors, flow, num_workers, batch_size)


def grid_cluster(pos: Tensor, size: Tensor, start: Tensor | None = None, end: Tensor | None = None) -> Tensor:
    """The cell of a regular grid that each point lies in, counted along the first axis first.

    Args:
        pos: `(N, D)` points.
        size: `(D,)` edge lengths of a cell.
        start: `(D,)` corner of the grid; the smallest coordinates by default.
        end: `(D,)` the opposite corner; the largest coordinates by default.

    Returns:
        `(N,)` int64.

    Example:
        >>> grid_cluster(torch.tensor([[0.0, 0.0], [11.0, 9.0], [2.0, 8.0]]), torch.tensor([5.0, 5.0]))
        tensor([0, 5, 3])
    """
    wide = pos.to(torch.promote_types(pos.dtype, size.dtype))
    return voxel_grid(wide, size, None, start, end)
