"""Products of sparse matrices that are given by their entries."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.utils import coalesce, cumsum, degree

Entries = tuple[Tensor, Tensor]  # of a sparse matrix: rows and columns (2, E), values (E,)


def sparse_product(a: Entries, b: Entries, size: int) -> Entries:
    """The entries of `A @ B`, sorted by row and column, where A has `size` columns and B as many rows.

    Example:
        >>> index = torch.tensor([[0, 1], [1, 0]])
        >>> sparse_product((index, torch.tensor([2.0, 3.0])), (index, torch.tensor([5.0, 7.0])), size=2)
        (tensor([[0, 1],
                [0, 1]]), tensor([14., 15.]))
    """
    (rows, inner), (b_rows, columns) = a[0], b[0]
    order = b_rows.argsort(stable=True)
    count = degree(b_rows, size, torch.long)
    partners = count[inner]  # each entry of A meets the entries in one row of B
    left = torch.arange(inner.numel(), device=inner.device).repeat_interleave(partners)
    nth = torch.arange(left.numel(), device=inner.device) - cumsum(partners)[left]
    right = order[cumsum(count)[inner[left]] + nth]
    return coalesce(torch.stack([rows[left], columns[right]]), a[1][left] * b[1][right])
