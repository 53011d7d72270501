"""Equivariant convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class EGNNConv(nn.Module):
    r"""Updates features and coordinates such that rotations and shifts of the latter carry over.

    .. math::
        \mathbf{m}_{ji} = \phi_e ( \mathbf{h}_j, \mathbf{h}_i, \Vert \mathbf{x}_j - \mathbf{x}_i \Vert^2,
        \mathbf{a}_{ji} ), \quad
        \mathbf{x}'_i = \mathbf{x}_i + \mathrm{mean}_j
        \frac{\mathbf{x}_j - \mathbf{x}_i}{\Vert \mathbf{x}_j - \mathbf{x}_i \Vert} \phi_x(\mathbf{m}_{ji}), \quad
        \mathbf{h}'_i = \phi_h \Big( \mathbf{h}_i, \sum_j \mathbf{m}_{ji} \Big)

    Args:
        in_size: F.
        hidden_size: size of the messages.
        out_size: F'.
        edge_feat_size: F_e, features of an edge, if there are any.

    Forward:
        graph: a homogeneous graph.
        node_feat: (N, F).
        coord_feat: (N, X), usually X = 3.
        edge_feat: (E, F_e).

    Returns:
        features (N, F') and coordinates (N, X).

    Raises:
        DGLError: for missing edge features.

    Departures from the paper: differences are divided by their length.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> h, x = EGNNConv(4, 5, 2)(g, torch.ones(3, 4), torch.eye(3))
        >>> h.shape, x.shape
        (torch.Size([3, 2]), torch.Size([3, 3]))

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(self, in_size: int, hidden_size: int, out_size: int, edge_feat_size: int = 0) -> None:
        super().__init__()
        self.in_size = in_size
        self.hidden_size = hidden_size
        self.out_size = out_size
        self.edge_feat_size = edge_feat_size
        act = nn.SiLU()
        self.edge_mlp = nn.Sequential(
            nn.Linear(in_size * 2 + edge_feat_size + 1, hidden_size),
            act,
            nn.Linear(hidden_size, hidden_size),
            act,
        )
        self.node_mlp = nn.Sequential(
            nn.Linear(in_size + hidden_size, hidden_size), act, nn.Linear(hidden_size, out_size)
        )
        self.coord_mlp = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), act, nn.Linear(hidden_size, 1, bias=False)
        )

    def forward(
        self, graph: DGLGraph, node_feat: Tensor, coord_feat: Tensor, edge_feat: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.edge_feat_size > 0 and edge_feat is None:
            raise DGLError(f"Edge features must be provided: expected edge_feat (E, {self.edge_feat_size})")
        edges = graph._relation()
        apart = materialise(edges.src(coord_feat) - edges.dst(coord_feat))
        squared = apart.square().sum(dim=1, keepdim=True)
        parts = [edges.src(node_feat), edges.dst(node_feat), squared]
        if self.edge_feat_size > 0 and edge_feat is not None:
            parts.append(edge_feat)
        message = materialise(self.edge_mlp(torch.cat(parts, dim=-1)))
        towards = self.coord_mlp(message) * (apart / (squared.sqrt() + 1e-30))
        h = self.node_mlp(torch.cat([node_feat, edges.sum(message)], dim=-1))
        return h, coord_feat + edges.mean(towards)
