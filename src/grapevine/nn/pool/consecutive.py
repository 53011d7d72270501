"""Numbers of clusters."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.utils import scatter


def consecutive_cluster(src: Tensor) -> tuple[Tensor, Tensor]:
    """Renumbers clusters from 0 on, without gaps.

    Args:
        src: cluster of each node, int64 (N,).

    Returns:
        the new numbers, int64 (N,), and the last node of each cluster, int64 (C,).

    Example:
        >>> [out.tolist() for out in consecutive_cluster(torch.tensor([7, 2, 7]))]
        [[1, 0, 1], [1, 2]]
    """
    unique, cluster = src.unique(return_inverse=True)
    nodes = torch.arange(src.numel(), device=src.device)
    return cluster, scatter(nodes, cluster, 0, unique.numel(), reduce="max")
