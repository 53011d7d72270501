"""Messages between local frames: vectors turned into the receiver's view, weighed by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.errors import GraphValueError


class FrameAttention(nn.Module):
    r"""Neighbours' scalars and vectors, seen from the receiver's own frame and weighed by attention.

    .. math::
        \mathbf{u}_{ij} &= \mathbf{R}_i^{\top} [\mathbf{v}_j, \mathbf{x}_j - \mathbf{x}_i], \quad
        \alpha_{ij} = \mathrm{softmax}_j\, \phi(\mathbf{s}_i, \mathbf{s}_j, \mathbf{u}_{ij}, \mathbf{a}_{ij})

        \mathbf{s}^{\prime}_i &= \sum_j \alpha_{ij} \mathbf{W}_s [\mathbf{s}_j, \mathbf{u}_{ij}], \quad
        \mathbf{v}^{\prime}_i = \mathbf{R}_i \sum_j \alpha_{ij} \mathbf{W}_v \mathbf{u}_{ij}

    In a frame of its own, a node may treat components of vectors as plain numbers: no rotation of the whole
    changes them.

    Args:
        scalars: number of scalar features S; a multiple of `heads`.
        vectors: number of vector features V; a multiple of `heads`.
        heads: attention heads H.
        edge_dim: size of the edge attributes.
        hidden: size of the hidden layer of phi.

    Forward:
        s: (N, S).
        v: (N, V, 3), in the frame of the world.
        x: positions, (N, 3).
        frames: rotations R, (N, 3, 3), whose columns are a node's own axes.
        edges: `gv.Edges`, or an edge_index (2, E).
        edge_attr: (E, edge_dim).

    Returns:
        s' (N, S), which no rotation or translation changes, and v' (N, V, 3), which turns with them; zero where nothing
        arrives.

    Raises:
        GraphValueError: where the heads do not divide the features.

    Example:
        >>> import torch
        >>> layer = FrameAttention(8, 4, heads=2)
        >>> frames = torch.eye(3).expand(5, 3, 3)
        >>> ring = torch.stack([torch.arange(5), (torch.arange(5) + 1) % 5])
        >>> s, v = layer(torch.randn(5, 8), torch.randn(5, 4, 3), torch.randn(5, 3), frames, ring)
        >>> s.shape, v.shape
        (torch.Size([5, 8]), torch.Size([5, 4, 3]))

    Source: invariant point attention in "Highly accurate protein structure prediction with AlphaFold"
    (doi:10.1038/s41586-021-03819-2) and the attention of "SE(3)-Transformers" (arXiv:2006.10503), in their
    simplest form.
    """

    def __init__(
        self, scalars: int, vectors: int, heads: int = 4, edge_dim: int = 0, hidden: int = 64
    ) -> None:
        super().__init__()
        if scalars % heads or vectors % heads:
            raise GraphValueError(f"expected features that {heads} heads divide, got {scalars} and {vectors}")
        self.heads = heads
        seen = 3 * (vectors + 1)
        self.score = nn.Sequential(
            nn.Linear(2 * scalars + seen + edge_dim, hidden), nn.SiLU(), nn.Linear(hidden, heads)
        )
        self.to_scalars = nn.Linear(scalars + seen, scalars, bias=False)
        self.to_vectors = nn.Linear(vectors + 1, vectors, bias=False)

    def forward(
        self,
        s: Tensor,
        v: Tensor,
        x: Tensor,
        frames: Tensor,
        edges: Edges | Tensor,
        edge_attr: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        edges = Edges.of(edges, (s.shape[0], s.shape[0]))
        src, dst = edges.src_index, edges.dst_index
        # Row vectors times R: components along the receiver's axes.
        arrows = torch.cat([v[src], (x[src] - x[dst]).unsqueeze(1)], dim=1)
        u = arrows @ frames[dst]
        known = [edges.dst(s), edges.src(s), edges.edge(u.flatten(1))]
        known += [] if edge_attr is None else [edges.edge(edge_attr)]
        attention = edges.softmax(self.score(torch.cat(known, dim=1)))
        scalars = self.to_scalars(torch.cat([s[src], u.flatten(1)], dim=1))
        vectors = self.to_vectors(u.transpose(1, 2)).transpose(1, 2)
        new_s, new_v = self._attended(edges, attention, scalars), self._attended(edges, attention, vectors)
        return new_s, new_v @ frames.transpose(1, 2)

    def _attended(self, edges: Edges, attention: Tensor, m: Tensor) -> Tensor:
        heads = m.reshape(m.shape[0], self.heads, -1)
        out = edges.sum(attention.unsqueeze(-1) * edges.edge(heads))
        return out.reshape(out.shape[0], *m.shape[1:])


def frames_of(n: Tensor, ca: Tensor, c: Tensor) -> Tensor:
    """The frame of each residue from three of its atoms, by Gram and Schmidt: the first axis points from CA to C.

    Args:
        n, ca, c: positions, (..., 3).

    Returns:
        Rotations whose columns are the axes, (..., 3, 3).

    Example:
        >>> import torch
        >>> n, ca, c = torch.tensor([0.0, 1.0, 0.0]), torch.zeros(3), torch.tensor([2.0, 0.0, 0.0])
        >>> frames_of(n, ca, c).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

    Source: AlphaFold (doi:10.1038/s41586-021-03819-2), algorithm 21.
    """
    first = torch.nn.functional.normalize(c - ca, dim=-1)
    other = n - ca
    second = other - (other * first).sum(dim=-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
