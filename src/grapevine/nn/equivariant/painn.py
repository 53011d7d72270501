"""PaiNN: scalars and vectors that exchange messages."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.nn.equivariant._vectors import direction, norm


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
