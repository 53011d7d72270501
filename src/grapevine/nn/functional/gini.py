"""A penalty for weights that are spread evenly."""

from __future__ import annotations

import torch
from torch import Tensor


def gini(w: Tensor) -> Tensor:
    r"""The Gini coefficient of each row, on average: 0 where all its entries are equal, 1 where all but one are zero.

    .. math:: \overline{\sum_{j, k} \frac{|w_{ij} - w_{ik}|}{2 (n^2 - n) \, \overline{|w_i|}}}

    Args:
        w: (R, n).

    Example:
        >>> gini(torch.tensor([[0.0, 0.0, 6.0], [1.0, 1.0, 1.0]]))
        tensor(0.5000)

    Source: "Improving Molecular Graph Neural Network Explainability with Orthonormalization and Induced Sparsity"
    (arXiv:2105.04854).
    """
    n = w.size(-1)
    # Among sorted entries the k-th one (from 0) is subtracted n - 1 - k times, and k times the others from it.
    signs = 2 * torch.arange(n, device=w.device, dtype=w.dtype) - (n - 1)
    differences = 2 * (w.sort(dim=-1).values * signs).sum(dim=-1)
    scale = 2 * (n * n - n) * w.abs().mean(dim=-1) + torch.finfo(w.dtype).eps
    return (differences / scale).mean()
