"""Nearest neighbours under the names of approximate ones."""

from __future__ import annotations

from torch import Tensor

from grapevine.geometry import knn, knn_graph


def approx_knn(
    x: Tensor, y: Tensor, k: int, batch_x: Tensor | None = None, batch_y: Tensor | None = None
) -> Tensor:
    """For each point of y, the k nearest points of x.

    Args:
        x: (N, D).
        y: (M, D).
        k: number of neighbours.
        batch_x: (N,), the graph of each point; only points of the same graph are neighbours.
        batch_y: (M,).

    Returns:
        (2, pairs): indices into y above indices into x, ordered by y, then by distance.

    Departures from PyTorch Geometric: exact, as `knn`; pynndescent is not needed.

    Example:
        >>> import torch
        >>> approx_knn(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[4.0]]), k=2)
        tensor([[0, 0],
                [2, 1]])
    """
    return knn(x, y, k, batch_x, batch_y)


def approx_knn_graph(
    x: Tensor, k: int, batch: Tensor | None = None, loop: bool = False, flow: str = "source_to_target"
) -> Tensor:
    """An edge to every point from each of its k nearest ones.

    Args:
        x: (N, D).
        k: number of neighbours.
        batch: (N,), the graph of each point; only points of the same graph are joined.
        loop: count each point as its own neighbour.
        flow: "source_to_target" puts the centre below, "target_to_source" above.

    Returns:
        edge_index, (2, E).

    Departures from PyTorch Geometric: exact, as `knn_graph`; pynndescent is not needed.

    Example:
        >>> import torch
        >>> approx_knn_graph(torch.tensor([[0.0], [1.0], [5.0]]), k=1)
        tensor([[1, 0, 1],
                [0, 1, 2]])
    """
    return knn_graph(x, k, batch, loop, flow)
