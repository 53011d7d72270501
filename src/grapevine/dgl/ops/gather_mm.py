"""Products of every row with a matrix of its own choice."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.dgl.ops.segment import segment_mm

__all__ = ["gather_mm"]


def gather_mm(a: Tensor, b: Tensor, *, idx_b: Tensor) -> Tensor:
    """Every row times the matrix chosen for it.

        c[i] = a[i] @ b[idx_b[i]]

    Args:
        a: `(N, D1)`.
        b: `(R, D1, D2)`.
        idx_b: `(N,)` integers in `[0, R)`.

    Returns:
        `(N, D2)`.

    Example:
        >>> gather_mm(torch.ones(2, 1), torch.tensor([[[2.0]], [[3.0]]]), idx_b=torch.tensor([1, 0])).flatten()
        tensor([3., 2.])
    """
    perm = idx_b.argsort(stable=True)
    lengths = torch.bincount(idx_b, minlength=b.shape[0])
    back = torch.empty_like(perm).index_copy_(0, perm, torch.arange(perm.shape[0], device=perm.device))
    return segment_mm(a.index_select(0, perm), b, lengths).index_select(0, back)
