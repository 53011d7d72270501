"""SchNet: continuous filters between atoms, in PyTorch Geometric's parameterisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.errors import GraphValueError, require
from grapevine.geometry import radius_graph
from grapevine.utils import scatter

#: From positions (N, 3) and batch (N,) to edge_index (2, E) and distances (E,).
InteractionGraph = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class SchNet(nn.Module):
    r"""SchNet: atoms tell their neighbours what they are, through filters of the distance.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i + \mathrm{MLP}\Big(\sum_j \mathbf{W}_1 \mathbf{x}_j \odot
        c(d_{ij})\, h_{\Theta}(\exp(-\gamma (d_{ij} - \mathbf{\mu})^2))\Big), \quad
        c(d) = \tfrac{1}{2} (\cos \tfrac{\pi d}{r} + 1)

    Energies of atoms are summed; forces by autograd are right.

    Args:
        hidden_channels: size of an atom's features.
        num_filters: size of the filters.
        num_interactions: number of blocks.
        num_gaussians: number of centres mu.
        cutoff: the radius r.
        interaction_graph: makes the edges; within `cutoff` by default.
        max_num_neighbors: at most so many neighbours, with a warning where that cuts; None for all.
        readout: "add" or "mean" over the atoms of a molecule.
        dipole: predict the length of the dipole moment (needs ase, for the masses).
        mean, std: of the property, per atom.
        atomref: the property of single atoms, (100, 1).

    Forward:
        z: atomic numbers, (N,); 0 for padding.
        pos: (N, 3).
        batch: (N,), the molecule of each atom.

    Returns:
        (G, 1).

    Departures from PyTorch Geometric: all neighbours within the cutoff by default, not 32.

    Raises:
        GraphValueError: for an unknown readout.
        MissingDependencyError: for `dipole` without ase.

    Example:
        >>> import torch
        >>> model = SchNet(hidden_channels=16, num_filters=16, num_interactions=2)
        >>> model(torch.tensor([8, 1, 1]), torch.randn(3, 3)).shape
        torch.Size([1, 1])

    Source: "SchNet: A Continuous-filter Convolutional Neural Network for Modeling Quantum Interactions"
    (arXiv:1706.08566).
    """

    def __init__(
        self,
        hidden_channels: int = 128,
        num_filters: int = 128,
        num_interactions: int = 6,
        num_gaussians: int = 50,
        cutoff: float = 10.0,
        interaction_graph: InteractionGraph | None = None,
        max_num_neighbors: int | None = None,
        readout: str = "add",
        dipole: bool = False,
        mean: float | None = None,
        std: float | None = None,
        atomref: Tensor | None = None,
    ) -> None:
        super().__init__()
        if readout not in ("add", "sum", "mean"):
            raise GraphValueError(f"expected readout 'add' or 'mean', got {readout!r}")
        self.cutoff = cutoff
        self.max_num_neighbors = max_num_neighbors
        self.readout = "sum" if dipole else readout
        self.dipole = dipole
        self.mean = mean
        self.std = std
        if dipole:
            masses = torch.from_numpy(require("ase.data", "ase").atomic_masses)
            self.atomic_mass: Tensor
            self.register_buffer("atomic_mass", masses)
        self.embedding = nn.Embedding(100, hidden_channels, padding_idx=0)
        self.interaction_graph = self._within_cutoff if interaction_graph is None else interaction_graph
        self.distance_expansion = GaussianSmearing(0.0, cutoff, num_gaussians)
        self.interactions = nn.ModuleList(
            InteractionBlock(hidden_channels, num_gaussians, num_filters, cutoff)
            for _ in range(num_interactions)
        )
        self.lin1 = nn.Linear(hidden_channels, hidden_channels // 2)
        self.act = ShiftedSoftplus()
        self.lin2 = nn.Linear(hidden_channels // 2, 1)
        self.initial_atomref: Tensor | None
        self.register_buffer("initial_atomref", atomref)
        self.atomref = None if atomref is None else nn.Embedding(100, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers: Xavier's for weights, zero for biases."""
        self.embedding.reset_parameters()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.atomref is not None and self.initial_atomref is not None:
            self.atomref.weight.data.copy_(self.initial_atomref)

    def _within_cutoff(self, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        edge_index = radius_graph(pos, self.cutoff, batch, max_num_neighbors=self.max_num_neighbors)
        return edge_index, (pos[edge_index[0]] - pos[edge_index[1]]).norm(dim=-1)

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        batch = torch.zeros_like(z) if batch is None else batch
        edge_index, distance = self.interaction_graph(pos, batch)
        edges = Edges.of(edge_index, (z.shape[0], z.shape[0]))
        gaussians = self.distance_expansion(distance)
        h = self.embedding(z)
        for interaction in self.interactions:
            h = h + interaction(h, edges, distance, gaussians)
        h = self.lin2(self.act(self.lin1(h)))
        if self.dipole:
            mass = self.atomic_mass[z].view(-1, 1)
            centre = scatter(mass * pos, batch) / scatter(mass, batch)
            return scatter(h * (pos - centre[batch]), batch).norm(dim=-1, keepdim=True)
        if self.mean is not None and self.std is not None:
            h = h * self.std + self.mean
        if self.atomref is not None:
            h = h + self.atomref(z)
        return scatter(h, batch, reduce=self.readout)


class InteractionBlock(nn.Module):
    """A convolution, a nonlinearity and a linear map."""

    def __init__(self, hidden_channels: int, num_gaussians: int, num_filters: int, cutoff: float) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(num_gaussians, num_filters), ShiftedSoftplus(), nn.Linear(num_filters, num_filters)
        )
        self.conv = CFConv(hidden_channels, hidden_channels, num_filters, self.mlp, cutoff)
        self.act = ShiftedSoftplus()
        self.lin = nn.Linear(hidden_channels, hidden_channels)

    def forward(self, x: Tensor, edges: Edges | Tensor, distance: Tensor, gaussians: Tensor) -> Tensor:
        out: Tensor = self.lin(self.act(self.conv(x, edges, distance, gaussians)))
        return out


class CFConv(nn.Module):
    r"""The continuous-filter convolution.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_2 \sum_j \mathbf{W}_1 \mathbf{x}_j \odot c(d_{ij})\,
        h_{\Theta}(\mathbf{e}_{ij}) + \mathbf{b}

    Args:
        in_channels, out_channels: sizes of input and output.
        num_filters: size of the filters.
        nn: the network h from edge attributes to filters.
        cutoff: where c reaches zero.

    Forward: `(x, edge_index, edge_weight, edge_attr)`: features (N, F), edges, distances (E,) and attributes (E, G).
    """

    def __init__(
        self, in_channels: int, out_channels: int, num_filters: int, nn: torch.nn.Module, cutoff: float
    ) -> None:
        super().__init__()
        self.lin1 = torch.nn.Linear(in_channels, num_filters, bias=False)
        self.lin2 = torch.nn.Linear(num_filters, out_channels)
        self.nn = nn
        self.cutoff = cutoff

    def forward(
        self, x: Tensor, edge_index: Edges | Tensor, edge_weight: Tensor, edge_attr: Tensor
    ) -> Tensor:
        edges = Edges.of(edge_index, (x.shape[0], x.shape[0]))
        fade = 0.5 * (torch.cos(edge_weight * math.pi / self.cutoff) + 1.0)
        filters: Tensor = self.nn(edge_attr) * fade.view(-1, 1)
        out: Tensor = self.lin2(edges.sum(edges.edge(filters) * edges.src(self.lin1(x))))
        return out


class GaussianSmearing(nn.Module):
    """A distance as the heights of Gaussians around `num_gaussians` centres between `start` and `stop`."""

    def __init__(self, start: float = 0.0, stop: float = 5.0, num_gaussians: int = 50) -> None:
        super().__init__()
        offset = torch.linspace(start, stop, num_gaussians)
        self.coeff = -0.5 / float(offset[1] - offset[0]) ** 2
        self.offset: Tensor
        self.register_buffer("offset", offset)

    def forward(self, dist: Tensor) -> Tensor:
        return torch.exp(self.coeff * (dist.view(-1, 1) - self.offset.view(1, -1)).square())


class ShiftedSoftplus(nn.Module):
    """softplus(x) - ln 2, which is zero at zero."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x) - math.log(2.0)
