"""GNNFF: forces along the edges between atoms, without an energy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant._vectors import norm
from grapevine.nn.equivariant.dimenet import triplets_of
from grapevine.nn.equivariant.schnet import GaussianSmearing, ShiftedSoftplus
from grapevine.nn.inits import reset


class GNNFF(nn.Module):
    r"""GNNFF: atoms and edges tell one another what they are, then each edge pulls at its atom.

    .. math::
        \mathbf{x}^{\prime}_i &= \tanh \Big( \mathbf{x}_i + \sum_j g(\mathbf{x}_i \, \Vert \, \mathbf{e}_{ji}) \Big),
        \qquad g(\mathbf{z}) = \sigma(\mathbf{W}_1 \mathbf{z}) \odot \tanh(\mathbf{W}_2 \mathbf{z})

        \mathbf{e}^{\prime}_{ji} &= \tanh \Big( \mathbf{e}_{ji} + g(\mathbf{x}_i \odot \mathbf{x}_j) + \sum_k
        g(\mathbf{x}_i \, \Vert \, \mathbf{x}_j \, \Vert \, \mathbf{x}_k \, \Vert \, \mathbf{e}_{ji} \, \Vert \,
        \mathbf{e}_{kj}) \Big)

        \mathbf{F}_i &= \sum_j \mathrm{MLP}(\mathbf{e}_{ji}) \, \frac{\mathbf{p}_i - \mathbf{p}_j}{\Vert \mathbf{p}_i -
        \mathbf{p}_j \Vert}

    with batch normalisations, left out here. Forces turn with the molecule; they need not be those of an energy.

    Args:
        hidden_node_channels: features of an atom.
        hidden_edge_channels: features of an edge; the first are Gaussians of its length, from 0 to 5.
        num_layers: number of blocks.
        cutoff: how far messages reach.
        max_num_neighbors: at most so many neighbours, with a warning where that cuts; None for all.

    Forward:
        z: atomic numbers below 95, int64 (N,).
        pos: positions, (N, 3).
        batch: the molecule of each atom, (N,); one molecule if None.

    Returns:
        forces, (N, 3).

    Departures from PyTorch Geometric: a row for each atom, also for the last ones without neighbours; of too many
    neighbours the nearest are kept.

    Example:
        >>> model = GNNFF(hidden_node_channels=8, hidden_edge_channels=8, num_layers=2).eval()
        >>> model(torch.tensor([8, 1, 1]), torch.randn(3, 3)).shape
        torch.Size([3, 3])

    Source: "Accurate and scalable graph neural network force field and molecular dynamics with direct force
    architecture", npj Computational Materials 7 (2021).
    """

    def __init__(
        self,
        hidden_node_channels: int,
        hidden_edge_channels: int,
        num_layers: int,
        cutoff: float = 5.0,
        max_num_neighbors: int | None = 32,
    ) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.max_num_neighbors = max_num_neighbors
        nodes, edges = hidden_node_channels, hidden_edge_channels
        self.node_emb = nn.Sequential(
            nn.Embedding(95, nodes),
            ShiftedSoftplus(),
            nn.Linear(nodes, nodes),
            ShiftedSoftplus(),
            nn.Linear(nodes, nodes),
        )
        self.edge_emb = GaussianSmearing(0.0, 5.0, edges)
        self.node_blocks = nn.ModuleList(NodeBlock(nodes, edges) for _ in range(num_layers))
        self.edge_blocks = nn.ModuleList(EdgeBlock(nodes, edges) for _ in range(num_layers))
        self.force_predictor = nn.Sequential(
            nn.Linear(edges, edges),
            ShiftedSoftplus(),
            nn.Linear(edges, edges),
            ShiftedSoftplus(),
            nn.Linear(edges, 1),
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for part in (self.node_emb, self.node_blocks, self.edge_blocks, self.force_predictor):
            reset(part)

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        found = radius_graph(pos, self.cutoff, batch, max_num_neighbors=self.max_num_neighbors)
        edges = Edges.of(found, (z.shape[0], z.shape[0]))
        triplets = triplets_of(edges)
        between = pos[edges.dst_index] - pos[edges.src_index]
        length = norm(between)

        x, e = self.node_emb(z), self.edge_emb(length)
        for node_block, edge_block in zip(self.node_blocks, self.edge_blocks, strict=True):
            x = node_block(x, e, edges)
            e = edge_block(x, e, edges, triplets)
        return edges.sum(edges.edge(self.force_predictor(e) * between / length))


def gated(z: Tensor) -> Tensor:
    """One half of the features, between -1 and 1, weighted by the other, between 0 and 1: (..., 2 F) -> (..., F)."""
    weight, core = z.chunk(2, dim=-1)
    return weight.sigmoid() * core.tanh()


class NodeBlock(nn.Module):
    """Atoms listen to their edges. Forward: atoms (N, F), edges (E, D), and which edge goes where."""

    def __init__(self, hidden_node_channels: int, hidden_edge_channels: int) -> None:
        super().__init__()
        wide = 2 * hidden_node_channels
        self.lin_c1 = nn.Linear(hidden_node_channels + hidden_edge_channels, wide)
        self.bn_c1 = nn.BatchNorm1d(wide)
        self.bn = nn.BatchNorm1d(hidden_node_channels)

    def forward(self, x: Tensor, e: Tensor, edges: Edges) -> Tensor:
        m = gated(self.bn_c1(self.lin_c1(torch.cat([edges.dst(x), edges.edge(e)], dim=-1))))
        return (x + self.bn(edges.sum(m))).tanh()


class EdgeBlock(nn.Module):
    """Edges listen to their atoms and to the edges that arrive at their source.

    Forward: atoms (N, F), edges (E, D), which edge goes where, and the edges of edges, k -> j to j -> i.
    """

    def __init__(self, hidden_node_channels: int, hidden_edge_channels: int) -> None:
        super().__init__()
        wide = 2 * hidden_edge_channels
        self.lin_c2 = nn.Linear(hidden_node_channels, wide)
        self.lin_c3 = nn.Linear(3 * hidden_node_channels + 2 * hidden_edge_channels, wide)
        self.bn_c2 = nn.BatchNorm1d(wide)
        self.bn_c3 = nn.BatchNorm1d(wide)
        self.bn_c2_2 = nn.BatchNorm1d(hidden_edge_channels)
        self.bn_c3_2 = nn.BatchNorm1d(hidden_edge_channels)

    def forward(self, x: Tensor, e: Tensor, edges: Edges, triplets: Edges) -> Tensor:
        x_i, x_j = x[edges.dst_index], x[edges.src_index]
        c2 = self.bn_c2_2(gated(self.bn_c2(self.lin_c2(x_i * x_j))))
        at, of = triplets.dst, triplets.src  # what the edges j -> i know, and the edges k -> j
        z = self.bn_c3(self.lin_c3(torch.cat([at(x_i), at(x_j), of(x_j), at(e), of(e)], dim=-1)))
        c3 = self.bn_c3_2(triplets.sum(gated(z)))
        return (e + c2 + c3).tanh()
