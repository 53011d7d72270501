"""Continuous-filter convolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import Feat

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class ShiftedSoftplus(nn.Module):
    r"""The activation :math:`\mathrm{softplus}(x) - \log(\mathrm{shift})`.

    Args:
        beta, threshold: see `torch.nn.Softplus`.
        shift: positive.

    Example:
        >>> import torch
        >>> ShiftedSoftplus()(torch.zeros(1))
        tensor([0.])
    """

    def __init__(self, beta: int = 1, shift: int = 2, threshold: int = 20) -> None:
        super().__init__()
        self.shift = shift
        self.softplus = nn.Softplus(beta=beta, threshold=threshold)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.softplus(inputs) - math.log(float(self.shift))


class CFConv(nn.Module):
    r"""Multiplies each neighbour by a filter that a network makes of the edge, SchNet's convolution.

    .. math::
        \mathbf{h}'_i = g \Big( \sum_{j \in \mathcal{N}(i)} \mathbf{W} \mathbf{h}_j \odot f(\mathbf{e}_{ji}) \Big)

    Args:
        node_in_feats: F.
        edge_in_feats: F_e.
        hidden_feats: size of the filters.
        out_feats: F'.

    Forward:
        g: a graph of one relation, or a block.
        node_feats: (N, F), or a pair for sources and destinations.
        edge_feats: (E, F_e).

    Returns:
        (N_dst, F').

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> CFConv(4, 3, 5, 2)(g, torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([3, 2])

    Source: "SchNet: A continuous-filter convolutional neural network for modeling quantum interactions"
    (arXiv:1706.08566).
    """

    def __init__(self, node_in_feats: int, edge_in_feats: int, hidden_feats: int, out_feats: int) -> None:
        super().__init__()
        self.project_edge = nn.Sequential(
            nn.Linear(edge_in_feats, hidden_feats),
            ShiftedSoftplus(),
            nn.Linear(hidden_feats, hidden_feats),
            ShiftedSoftplus(),
        )
        self.project_node = nn.Linear(node_in_feats, hidden_feats)
        self.project_out = nn.Sequential(nn.Linear(hidden_feats, out_feats), ShiftedSoftplus())

    def forward(self, g: DGLGraph, node_feats: Feat, edge_feats: Tensor) -> Tensor:
        edges = g._relation()
        source = self.project_node(node_feats[0] if isinstance(node_feats, tuple) else node_feats)
        return self.project_out(edges.sum(edges.src(source) * edges.edge(self.project_edge(edge_feats))))
