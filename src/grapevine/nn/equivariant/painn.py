"""PaiNN: scalars and vectors that exchange messages."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant._vectors import direction, norm
from grapevine.utils import scatter


class PaiNN(nn.Module):
    r"""PaiNN: atoms with scalars and vectors, which exchange messages and then change one another.

    .. math::
        (\mathbf{s}, \mathbf{v}) \leftarrow \mathrm{update}(\mathrm{message}(\mathbf{s}, \mathbf{v})), \quad
        E = \sum_i \mathrm{MLP}(\mathbf{s}_i)

    Args:
        hidden_channels: number of scalars, and of vectors, of an atom.
        num_layers: number of messages and updates.
        num_rbf: number of sines that describe a distance.
        cutoff: how far messages reach.
        out_channels: number of predictions.
        readout: "add" or "mean" over the atoms of a molecule.
        max_num_neighbors: at most so many neighbours, with a warning where that cuts; None for all.

    Forward:
        z: atomic numbers below 100, (N,).
        pos: (N, 3).
        batch: (N,), the molecule of each atom.

    Returns:
        (G, out_channels); forces by autograd are right.

    Raises:
        GraphValueError: for an unknown readout.

    Example:
        >>> import torch
        >>> model = PaiNN(hidden_channels=16, num_layers=2)
        >>> model(torch.tensor([8, 1, 1]), torch.randn(3, 3)).shape
        torch.Size([1, 1])

    Source: "Equivariant message passing for the prediction of tensorial properties and molecular spectra"
    (arXiv:2102.03150).
    """

    def __init__(
        self,
        hidden_channels: int = 128,
        num_layers: int = 3,
        num_rbf: int = 20,
        cutoff: float = 5.0,
        out_channels: int = 1,
        readout: str = "add",
        max_num_neighbors: int | None = None,
    ) -> None:
        super().__init__()
        if readout not in ("add", "sum", "mean"):
            raise GraphValueError(f"expected readout 'add' or 'mean', got {readout!r}")
        self.cutoff = cutoff
        self.readout = readout
        self.max_num_neighbors = max_num_neighbors
        self.embedding = nn.Embedding(100, hidden_channels)
        self.messages = nn.ModuleList(
            PaiNNMessage(hidden_channels, num_rbf, cutoff) for _ in range(num_layers)
        )
        self.updates = nn.ModuleList(PaiNNUpdate(hidden_channels) for _ in range(num_layers))
        self.mlp = nn.Sequential(
            nn.Linear(hidden_channels, hidden_channels // 2),
            nn.SiLU(),
            nn.Linear(hidden_channels // 2, out_channels),
        )

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        edge_index = radius_graph(pos, self.cutoff, batch, max_num_neighbors=self.max_num_neighbors)
        edges = Edges.of(edge_index, (z.shape[0], z.shape[0]))
        rel_pos = pos[edges.src_index] - pos[edges.dst_index]
        s = self.embedding(z)
        v = s.new_zeros(*s.shape, 3)
        for message, update in zip(self.messages, self.updates, strict=True):
            s, v = update(*message(s, v, edges, rel_pos))
        batch = torch.zeros_like(z) if batch is None else batch
        return scatter(self.mlp(s), batch, reduce=self.readout)


class PaiNNMessage(nn.Module):
    r"""PaiNN's message: filters of the distance act on neighbours' scalars and vectors, and on the direction to them.

    .. math::
        [\mathbf{a}, \mathbf{b}, \mathbf{c}]_{ij} &= \phi(\mathbf{s}_j) \odot \mathbf{W}(d_{ij})

        \mathbf{s}^{\prime}_i = \mathbf{s}_i + \sum_j \mathbf{a}_{ij}, \quad
        \mathbf{v}^{\prime}_i &= \mathbf{v}_i + \sum_j \mathbf{v}_j \odot \mathbf{b}_{ij}
        + \mathbf{c}_{ij} \otimes \frac{\mathbf{r}_{ij}}{d_{ij}}

    Args:
        channels: number of scalars, and of vectors, F.
        num_rbf: number of sines that describe a distance.
        cutoff: the distance where filters have faded to zero.

    Forward:
        s: (N, F).
        v: (N, F, 3).
        edges: `gv.Edges`, or an edge_index (2, E).
        rel_pos: r_ij = x_src - x_dst or its negative, (E, 3); the same in all layers.

    Returns:
        s' and v'.

    Example:
        >>> import torch
        >>> pair, r = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[1.0, 0, 0], [-1, 0, 0]])
        >>> s, v = PaiNNMessage(8)(torch.randn(2, 8), torch.zeros(2, 8, 3), pair, r)
        >>> s.shape, v.shape
        (torch.Size([2, 8]), torch.Size([2, 8, 3]))

    Source: "Equivariant message passing for the prediction of tensorial properties and molecular spectra"
    (arXiv:2102.03150).
    """

    def __init__(self, channels: int, num_rbf: int = 20, cutoff: float = 5.0) -> None:
        super().__init__()
        self.channels = channels
        self.cutoff = cutoff
        self.phi = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels))
        self.filters = nn.Linear(num_rbf, 3 * channels)
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.arange(1, num_rbf + 1) * (math.pi / cutoff))

    def forward(self, s: Tensor, v: Tensor, edges: Edges | Tensor, rel_pos: Tensor) -> tuple[Tensor, Tensor]:
        edges = Edges.of(edges, (s.shape[0], s.shape[0]))
        d = norm(rel_pos)
        # sin(n pi d / r) / d, whose limit at zero is n pi / r.
        waves = torch.where(d > 0, torch.sin(d * self.frequencies) / d.clamp(min=1e-9), self.frequencies)
        fade = 0.5 * (torch.cos(d * (math.pi / self.cutoff)) + 1) * (d < self.cutoff)
        w = self.filters(waves) * fade
        a, b, c = (edges.src(self.phi(s)) * edges.edge(w)).split(self.channels, dim=1)
        along = direction(rel_pos).unsqueeze(1)
        message = edges.src(v) * edges.edge(b.unsqueeze(-1)) + edges.edge(c.unsqueeze(-1) * along)
        return s + edges.sum(a), v + edges.sum(message)


class PaiNNUpdate(nn.Module):
    r"""PaiNN's update: a node's scalars and vectors change one another.

    .. math::
        [\mathbf{a}, \mathbf{b}, \mathbf{c}]_i &= \phi(\mathbf{s}_i, \|\mathbf{V} \mathbf{v}_i\|)

        \mathbf{s}^{\prime}_i = \mathbf{s}_i + \mathbf{a}_i
        + \mathbf{b}_i \odot \langle \mathbf{U} \mathbf{v}_i, \mathbf{V} \mathbf{v}_i \rangle, \quad
        \mathbf{v}^{\prime}_i &= \mathbf{v}_i + \mathbf{c}_i \odot \mathbf{U} \mathbf{v}_i

    Args:
        channels: number of scalars, and of vectors, F.

    Forward: s (N, F) and v (N, F, 3).

    Returns:
        s' and v'.

    Example:
        >>> import torch
        >>> PaiNNUpdate(8)(torch.randn(2, 8), torch.randn(2, 8, 3))[1].shape
        torch.Size([2, 8, 3])

    Source: arXiv:2102.03150.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.U = nn.Linear(channels, channels, bias=False)
        self.V = nn.Linear(channels, channels, bias=False)
        self.phi = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels)
        )

    def forward(self, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        across = v.transpose(1, 2)
        u, w = self.U(across).transpose(1, 2), self.V(across).transpose(1, 2)
        a, b, c = self.phi(torch.cat([s, norm(w).squeeze(-1)], dim=1)).chunk(3, dim=1)
        return s + a + b * (u * w).sum(-1), v + c.unsqueeze(-1) * u
