"""Features of points from those of the nearest others."""

from __future__ import annotations

from torch import Tensor

from grapevine.edges import Edges
from grapevine.geometry import knn


def knn_interpolate(
    x: Tensor,
    pos_x: Tensor,
    pos_y: Tensor,
    batch_x: Tensor | None = None,
    batch_y: Tensor | None = None,
    k: int = 3,
    num_workers: int = 1,
) -> Tensor:
    r"""The mean features of the k nearest points, weighted by the inverse square of their distance.

    .. math::
        \mathbf{f}_y = \frac{\sum_{x} w_{xy} \mathbf{f}_x}{\sum_{x} w_{xy}}, \qquad
        w_{xy} = \frac{1}{\max(\| \mathbf{p}_x - \mathbf{p}_y \|^2, 10^{-16})}

    Args:
        x: features, (N, F).
        pos_x: their positions, (N, D).
        pos_y: where features are asked for, (M, D).
        batch_x: graph of each x, int64 (N,).
        batch_y: graph of each y, int64 (M,).
        k: how many points.
        num_workers: threads for the search.

    Returns:
        (M, F). Gradients reach `x`, not the positions.

    Example:
        >>> import torch
        >>> pos_x = torch.tensor([[0.0], [2.0]])
        >>> knn_interpolate(torch.tensor([[0.0], [10.0]]), pos_x, torch.tensor([[1.0], [2.0]]), k=2)
        tensor([[ 5.],
                [10.]])

    Source: "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space" (arXiv:1706.02413).
    """
    target, source = knn(pos_x, pos_y, k, batch_x, batch_y, num_workers=num_workers)
    gap = (pos_x.detach()[source] - pos_y.detach()[target]).square().sum(dim=-1, keepdim=True)
    weight = 1.0 / gap.clamp(min=1e-16)
    edges = Edges((source, target), size=(pos_x.size(0), pos_y.size(0)))
    return edges.sum(edges.edge(weight) * edges.src(x)) / edges.sum(weight)
