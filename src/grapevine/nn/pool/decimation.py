"""Random subsets of each graph."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.utils import cumsum


def decimation_indices(ptr: Tensor, decimation_factor: float) -> tuple[Tensor, Tensor]:
    """Draws a share of the rows of each graph, at least one.

    Args:
        ptr: where each graph begins, int64 (B + 1,).
        decimation_factor: at least 1; graph b keeps its number of rows divided by this, rounded down.

    Returns:
        the kept rows, int64 (K,), and where each graph begins among them, int64 (B + 1,).

    Raises:
        GraphValueError: for a factor below 1.

    Example:
        >>> rows, ptr = decimation_indices(torch.tensor([0, 6, 7]), 2)
        >>> ptr.tolist()
        [0, 3, 4]

    Source: "RandLA-Net: Efficient Semantic Segmentation of Large-Scale Point Clouds" (arXiv:1911.11236).
    """
    if decimation_factor < 1:
        raise GraphValueError(f"expected a decimation_factor of at least 1, got {decimation_factor}")
    count = ptr.diff()
    kept = torch.div(count, decimation_factor, rounding_mode="floor").long().clamp(min=1)
    rows = [
        start + torch.randperm(num, device=ptr.device)[:share]
        for start, num, share in zip(ptr.tolist(), count.tolist(), kept.tolist())
    ]
    return torch.cat(rows), cumsum(kept)
