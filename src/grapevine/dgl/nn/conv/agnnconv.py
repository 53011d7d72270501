"""Attention-based propagation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import ChecksInDegrees, Feat, check_in_degrees, expand_as_pair

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class AGNNConv(ChecksInDegrees):
    r"""Sums the neighbours, each weighted by the softmax of its cosine similarity to the node.

    .. math::
        \mathbf{h}'_i = \sum_{j \in \mathcal{N}(i)} \mathrm{softmax}_j ( \beta \cos ( \mathbf{h}_j, \mathbf{h}_i ) )
        \, \mathbf{h}_j

    Args:
        init_beta: first :math:`\beta`.
        learn_beta: learn it.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, *, F), or a pair for sources and destinations of one width.

    Returns:
        (N_dst, *, F).

    Raises:
        DGLError: for nodes without in-edges.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> AGNNConv()(g, torch.ones(3, 4)).shape
        torch.Size([3, 4])

    Source: "Attention-based Graph Neural Network for Semi-Supervised Learning" (arXiv:1803.03735).
    """

    beta: Tensor

    def __init__(
        self, init_beta: float = 1.0, learn_beta: bool = True, allow_zero_in_degree: bool = False
    ) -> None:
        super().__init__()
        self._allow_zero_in_degree = allow_zero_in_degree
        beta = torch.tensor([float(init_beta)])
        if learn_beta:
            self.beta = nn.Parameter(beta)
        else:
            self.register_buffer("beta", beta)

    def forward(self, graph: DGLGraph, feat: Feat) -> Tensor:
        check_in_degrees(graph, self._allow_zero_in_degree)
        edges = graph._relation()
        source, target = expand_as_pair(feat, graph)
        cosine = (edges.src(F.normalize(source, dim=-1)) * edges.dst(F.normalize(target, dim=-1))).sum(
            -1, keepdim=True
        )
        return edges.sum(edges.edge(edges.softmax(self.beta * cosine)) * edges.src(source))
