"""A penalty for features of a graph's nodes that are not orthogonal."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.graph import to_dense_batch


def bro(x: Tensor, batch: Tensor, p: int | str = 2) -> Tensor:
    r"""How far the nodes of each graph are from having orthonormal features, on average over the graphs.

    .. math:: \frac{1}{B} \sum_{b} \| \mathbf{H}_b \mathbf{H}_b^{\top} - \mathbf{I} \|_p

    Args:
        x: features H, (N, F).
        batch: the graph of each node, int64 (N,), ascending.
        p: the norm, of the entries (a number), or of the matrix ("fro", "nuc").

    Example:
        >>> bro(torch.eye(4), torch.tensor([0, 0, 1, 1]))
        tensor(0.)

    Source: "Improving Molecular Graph Neural Network Explainability with Orthonormalization and Induced Sparsity"
    (arXiv:2105.04854).
    """
    dense, mask = to_dense_batch(x, batch)
    filled = mask.any(dim=1)  # numbers of graphs may leave gaps
    dense, mask = dense[filled], mask[filled]
    gap = dense @ dense.transpose(1, 2) - torch.diag_embed(mask.to(x.dtype))
    return torch.norm(gap, p=p, dim=(1, 2)).mean()
