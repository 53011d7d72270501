"""Chebyshev spectral convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.base import dgl_warning
from grapevine.dgl.nn._graphs import degree_scale, per_node

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class ChebConv(nn.Module):
    r"""A Chebyshev polynomial of the scaled Laplacian, with a matrix for each of its k terms.

    .. math::
        \mathbf{H}' = \sigma \Big( \sum_{t=0}^{k-1} \mathbf{Z}_t \mathbf{W}_t + \mathbf{b} \Big), \quad
        \mathbf{Z}_0 = \mathbf{H}, \quad \mathbf{Z}_1 = \tilde{\mathbf{L}} \mathbf{H}, \quad
        \mathbf{Z}_t = 2 \tilde{\mathbf{L}} \mathbf{Z}_{t-1} - \mathbf{Z}_{t-2}, \quad
        \tilde{\mathbf{L}} = \frac{2}{\lambda_{max}} \left( \mathbf{I} - \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}
        \right) - \mathbf{I}

    with in-degrees D of at least 1.

    Args:
        in_feats: F.
        out_feats: F'.
        k: number of terms.
        activation: of the output, or None.
        bias: learn a shift.

    Forward:
        graph: a homogeneous graph, or a batch of them.
        feat: (N, F).
        lambda_max: largest eigenvalue of each Laplacian: a list or (B,) or (B, 1); 2, with a warning, if None.

    Returns:
        (N, F').

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> ChebConv(4, 2, k=3)(g, torch.ones(3, 4), lambda_max=[2.0]).shape
        torch.Size([3, 2])

    Source: "Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering" (arXiv:1606.09375).
    """

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        k: int,
        activation: Callable[[Tensor], Tensor] | None = F.relu,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._k = k
        self._in_feats = in_feats
        self._out_feats = out_feats
        self.activation = activation
        self.linear = nn.Linear(k * in_feats, out_feats, bias)

    def forward(
        self, graph: DGLGraph, feat: Tensor, lambda_max: Tensor | list[float] | None = None
    ) -> Tensor:
        if lambda_max is None:
            dgl_warning(
                "lambda_max is not provided, using default value of 2. "
                "Please use dgl.laplacian_lambda_max to compute the eigenvalues."
            )
            lambda_max = [2.0] * graph.batch_size
        if isinstance(lambda_max, list):
            lambda_max = torch.tensor(lambda_max).to(feat)
        edges = graph._relation()
        scale = 2 / per_node(graph, lambda_max.view(-1, 1))
        root = degree_scale(edges, -0.5, feat)

        def laplacian(z: Tensor) -> Tensor:
            return (scale - 1) * z - scale * root * edges.sum(edges.src(root * z))

        terms = [feat]
        if self._k > 1:
            terms.append(laplacian(feat))
        for _ in range(2, self._k):
            terms.append(2 * laplacian(terms[-1]) - terms[-2])
        out = self.linear(torch.cat(terms, dim=1))
        return self.activation(out) if self.activation else out
