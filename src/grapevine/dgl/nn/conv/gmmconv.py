"""Gaussian mixture model convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import (
    ChecksInDegrees,
    Feat,
    check_in_degrees,
    expand_as_pair,
    init_linear,
    relu_gain,
)
from grapevine.dgl.nn.conv.nnconv import check_aggregator, residual_map

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GMMConv(ChecksInDegrees):
    r"""Weighs the neighbours by Gaussians of the edge's pseudo-coordinates, each with a matrix of its own.

    .. math::
        \mathbf{h}'_i = \sum_{k=1}^{K} \mathrm{aggregate}_{j \in \mathcal{N}(i)} \, w_k(\mathbf{u}_{ij}) \mathbf{W}_k
        \mathbf{h}_j + \mathbf{b}, \qquad
        w_k(\mathbf{u}) = \exp \left( -\tfrac{1}{2} \Vert \mathbf{\sigma}^{-1}_k (\mathbf{u} - \mathbf{\mu}_k) \Vert^2
        \right)

    Args:
        in_feats: F; a pair for sources and destinations.
        out_feats: F'.
        dim: D, of the pseudo-coordinates.
        n_kernels: K.
        aggregator_type: "sum", "mean" or "max".
        residual: add the node's own features, under a linear map where F is not F'.
        bias: learn a shift.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.
        pseudo: pseudo-coordinates, (E, D).

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for nodes without in-edges.
        GraphKeyError: for another aggregator.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GMMConv(4, 2, dim=3, n_kernels=2)(g, torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([3, 2])

    Source: "Geometric Deep Learning on Graphs and Manifolds using Mixture Model CNNs" (arXiv:1611.08402).
    """

    bias: Tensor | None
    res_fc: nn.Module | None

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        out_feats: int,
        dim: int,
        n_kernels: int,
        aggregator_type: str = "sum",
        residual: bool = False,
        bias: bool = True,
        allow_zero_in_degree: bool = False,
    ) -> None:
        super().__init__()
        self._in_src_feats, self._in_dst_feats = expand_as_pair(in_feats)
        self._out_feats = out_feats
        self._dim = dim
        self._n_kernels = n_kernels
        self._allow_zero_in_degree = allow_zero_in_degree
        self._aggregator_type = check_aggregator(aggregator_type)
        self.mu = nn.Parameter(torch.empty(n_kernels, dim))
        self.inv_sigma = nn.Parameter(torch.empty(n_kernels, dim))
        self.fc = nn.Linear(self._in_src_feats, n_kernels * out_feats, bias=False)
        self.res_fc = residual_map(residual, self._in_dst_feats, out_feats)
        if bias:
            self.bias = nn.Parameter(torch.empty(out_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        gain = relu_gain()
        init_linear(self.fc, gain)
        init_linear(self.res_fc, gain)
        nn.init.normal_(self.mu, 0, 0.1)
        nn.init.ones_(self.inv_sigma)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, graph: DGLGraph, feat: Feat, pseudo: Tensor) -> Tensor:
        check_in_degrees(graph, self._allow_zero_in_degree)
        edges = graph._relation()
        source, target = expand_as_pair(feat, graph)
        x = self.fc(source).view(-1, self._n_kernels, self._out_feats)
        offset = (pseudo.view(-1, 1, self._dim) - self.mu) * self.inv_sigma
        weight = (-0.5 * offset.square().sum(-1, keepdim=True)).exp()  # (E, K, 1)
        out = edges.reduce(edges.edge(weight) * edges.src(x), self._aggregator_type).sum(1)
        if self.res_fc is not None:
            out = out + self.res_fc(target)
        return out if self.bias is None else out + self.bias
