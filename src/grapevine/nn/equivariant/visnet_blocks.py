"""The parts of ViSNet."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._vectors import norm


def cosine_cutoff(distance: Tensor, cutoff: float) -> Tensor:
    """From 1 at distance 0 down to 0 at the cutoff, and beyond, along half a wave."""
    return 0.5 * (torch.cos(distance * (math.pi / cutoff)) + 1.0) * (distance < cutoff)


class ExpNormalSmearing(nn.Module):
    """A distance as the heights of Gaussians over `exp(-5 d / cutoff)`, faded out at the cutoff: (E,) -> (E, K).

    Args:
        cutoff: where all fade to zero.
        num_rbf: number of Gaussians K.
        trainable: learn their centres and widths.
    """

    means: Tensor
    betas: Tensor

    def __init__(self, cutoff: float = 5.0, num_rbf: int = 128, trainable: bool = True) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.num_rbf = num_rbf
        for name in ("means", "betas"):
            value = torch.empty(num_rbf)
            if trainable:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Centres evenly from the cutoff to distance 0, widths of two gaps."""
        first = math.exp(-self.cutoff)
        with torch.no_grad():
            self.means.copy_(torch.linspace(first, 1, self.num_rbf))
            self.betas.fill_((2 / self.num_rbf * (1 - first)) ** -2)

    def forward(self, dist: Tensor) -> Tensor:
        dist = dist.unsqueeze(-1)
        off = torch.exp(-5.0 / self.cutoff * dist) - self.means
        return cosine_cutoff(dist, self.cutoff) * torch.exp(-self.betas * off.square())


class VecLayerNorm(nn.Module):
    """Scales vectors of each degree so that their lengths go from 0 to 1 among the channels: (N, 3 or 8, F), the same.

    Args:
        hidden_channels: F.
        trainable: learn a weight for each channel.
        norm_type: "max_min", or None for the weights alone.
    """

    weight: Tensor

    def __init__(self, hidden_channels: int, trainable: bool, norm_type: str | None = "max_min") -> None:
        super().__init__()
        if norm_type not in ("max_min", None):
            raise GraphValueError(f"expected vecnorm_type 'max_min' or None, got {norm_type!r}")
        self.norm_type = norm_type
        if trainable:
            self.weight = nn.Parameter(torch.ones(hidden_channels))
        else:
            self.register_buffer("weight", torch.ones(hidden_channels))

    def reset_parameters(self) -> None:
        """Weights of 1."""
        nn.init.ones_(self.weight)

    def forward(self, vec: Tensor) -> Tensor:
        if self.norm_type is not None:
            degrees = vec.split([3, 5] if vec.shape[1] == 8 else 3, dim=1)
            vec = torch.cat([_from_zero_to_one(part) for part in degrees], dim=1)
        return vec * self.weight


def _from_zero_to_one(vec: Tensor) -> Tensor:
    length = norm(vec.transpose(1, 2)).transpose(1, 2).clamp(min=1e-12)  # (N, 1, F)
    low, high = -(-length).amax(-1, keepdim=True), length.amax(-1, keepdim=True)
    spread = torch.where(high == low, 1.0, high - low)
    return (length - low) / spread * (vec / length)


class NeighborEmbedding(nn.Module):
    """Adds to an atom's embedding those of its neighbours, filtered by distance.

    Forward: elements (N,), embeddings (N, F), the edges, their lengths (E,) and radial functions (E, K); loops say
    nothing.
    """

    def __init__(self, hidden_channels: int, num_rbf: int, cutoff: float, max_z: int = 100) -> None:
        super().__init__()
        self.embedding = nn.Embedding(max_z, hidden_channels)
        self.distance_proj = nn.Linear(num_rbf, hidden_channels)
        self.combine = nn.Linear(hidden_channels * 2, hidden_channels)
        self.cutoff = cutoff

    def forward(self, z: Tensor, x: Tensor, edges: Edges, distance: Tensor, rbf: Tensor) -> Tensor:
        fade = cosine_cutoff(distance, self.cutoff) * (edges.src_index != edges.dst_index)
        filters = self.distance_proj(rbf) * fade.unsqueeze(-1)
        heard = edges.sum(edges.src(self.embedding(z)) * edges.edge(filters))
        out: Tensor = self.combine(torch.cat([x, heard], dim=1))
        return out


class EdgeEmbedding(nn.Module):
    """The first features of an edge: both ends' sum, filtered by distance. Forward: edges, (E, K), (N, F)."""

    def __init__(self, num_rbf: int, hidden_channels: int) -> None:
        super().__init__()
        self.edge_proj = nn.Linear(num_rbf, hidden_channels)

    def forward(self, edges: Edges, rbf: Tensor, x: Tensor) -> Tensor:
        out: Tensor = materialise((edges.dst(x) + edges.src(x)) * edges.edge(self.edge_proj(rbf)))
        return out


class ViS_MP(nn.Module):
    r"""ViSNet's message: scalars by attention, vectors by gates, edges by the angles between them.

    .. math::
        \mathbf{m}_{ij} &= \mathrm{SiLU}((\mathbf{q}_i \odot \mathbf{k}_j) \cdot \mathbf{d}^k_{ij})\, c(r_{ij})\;
        \mathbf{v}_j \odot \mathbf{d}^v_{ij}, \qquad
        [\mathbf{s}^1, \mathbf{s}^2]_{ij} = \mathrm{SiLU}(\mathbf{W}_s \mathbf{m}_{ij})

        \Delta\mathbf{x}_i &= \langle \mathbf{u}^1_i, \mathbf{u}^2_i \rangle \odot \mathbf{o}^2_i + \mathbf{o}^3_i,
        \qquad [\mathbf{o}^1, \mathbf{o}^2, \mathbf{o}^3]_i = \mathbf{W}_o \sum_j \mathbf{m}_{ij}

        \Delta\vec{\mathbf{v}}_i &= \mathbf{u}^3_i \odot \mathbf{o}^1_i + \sum_j \vec{\mathbf{v}}_j \odot
        \mathbf{s}^1_{ij} + \mathbf{Y}_{ij} \otimes \mathbf{s}^2_{ij}

        \Delta\mathbf{f}_{ij} &= \mathrm{SiLU}(\mathbf{W}_f \mathbf{f}_{ij}) \odot
        \langle \mathrm{Rej}(\mathbf{W}_t \vec{\mathbf{v}}_i), \mathrm{Rej}(\mathbf{W}_r \vec{\mathbf{v}}_j) \rangle

    Rej takes away the component along :math:`\mathbf{Y}_{ij}`, and :math:`\mathbf{u} = \mathbf{W}_u \vec{\mathbf{v}}`.

    Args:
        num_heads: heads of the attention.
        hidden_channels: F.
        cutoff: where the attention c fades to zero.
        vecnorm_type, trainable_vecnorm: as for `ViSNet`.
        last_layer: leave the edges as they are.

    Forward:
        x: scalars, (N, F).
        vec: vectors, (N, L, F).
        edges: `gv.Edges`.
        r_ij: lengths, (E,).
        f_ij: features of the edges, (E, F).
        d_ij: spherical harmonics Y, (E, L).

    Returns:
        what is to be added to x, to vec and to f_ij (None in the last layer).

    Raises:
        GraphValueError: where the heads do not divide the channels.
    """

    #: Whether the edges learn from the vectors at one end too.
    vertex = False

    def __init__(
        self,
        num_heads: int,
        hidden_channels: int,
        cutoff: float,
        vecnorm_type: str | None,
        trainable_vecnorm: bool,
        last_layer: bool = False,
    ) -> None:
        super().__init__()
        if hidden_channels % num_heads:
            raise GraphValueError(
                f"expected hidden_channels to be a multiple of num_heads={num_heads}, got {hidden_channels}"
            )
        F = hidden_channels
        self.num_heads = num_heads
        self.cutoff = cutoff
        self.last_layer = last_layer
        self.act = nn.SiLU()
        self.layernorm = nn.LayerNorm(F)
        self.vec_layernorm = VecLayerNorm(F, trainable_vecnorm, vecnorm_type)
        self.vec_proj = nn.Linear(F, F * 3, bias=False)
        self.q_proj = nn.Linear(F, F)
        self.k_proj = nn.Linear(F, F)
        self.v_proj = nn.Linear(F, F)
        self.dk_proj = nn.Linear(F, F)
        self.dv_proj = nn.Linear(F, F)
        self.s_proj = nn.Linear(F, F * 2)
        if not last_layer:
            self.f_proj = nn.Linear(F, F * (2 if self.vertex else 1))
            self.w_src_proj = nn.Linear(F, F, bias=False)
            self.w_trg_proj = nn.Linear(F, F, bias=False)
        self.o_proj = nn.Linear(F, F * 3)
        if self.vertex and not last_layer:
            self.t_src_proj = nn.Linear(F, F, bias=False)
            self.t_trg_proj = nn.Linear(F, F, bias=False)

    def forward(
        self, x: Tensor, vec: Tensor, edges: Edges, r_ij: Tensor, f_ij: Tensor, d_ij: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        x, vec = self.layernorm(x), self.vec_layernorm(vec)
        m = self._messages(x, edges, r_ij, f_ij)
        s1, s2 = self.act(self.s_proj(m)).unsqueeze(1).chunk(2, dim=-1)
        o1, o2, o3 = self.o_proj(edges.sum(edges.edge(m))).chunk(3, dim=-1)
        u1, u2, u3 = self.vec_proj(vec).chunk(3, dim=-1)
        heard = edges.sum(edges.src(vec) * edges.edge(s1) + edges.edge(s2) * edges.edge(d_ij.unsqueeze(2)))
        dx = (u1 * u2).sum(1) * o2 + o3
        df = None if self.last_layer else materialise(self._angles(vec, edges, f_ij, d_ij))
        return dx, u3 * o1.unsqueeze(1) + heard, df

    def _messages(self, x: Tensor, edges: Edges, r_ij: Tensor, f_ij: Tensor) -> Tensor:
        q, k, v, dk, dv = (
            rows.unflatten(-1, (self.num_heads, -1))
            for rows in (
                self.q_proj(x),
                self.k_proj(x),
                self.v_proj(x),
                self.act(self.dk_proj(f_ij)),
                self.act(self.dv_proj(f_ij)),
            )
        )
        attention = self.act((edges.dst(q) * edges.src(k) * edges.edge(dk)).sum(-1))
        attention = attention * edges.edge(cosine_cutoff(r_ij, self.cutoff).unsqueeze(-1))
        out: Tensor = materialise(edges.src(v) * edges.edge(dv) * attention.unsqueeze(-1))
        return out.flatten(1)

    def _angles(self, vec: Tensor, edges: Edges, f_ij: Tensor, d_ij: Tensor) -> Tensor:
        f = edges.edge(self.act(self.f_proj(f_ij)))
        return f * rejected(
            edges.dst(_last(self.w_trg_proj(vec))),
            edges.src(_last(self.w_src_proj(vec))),
            edges.edge(d_ij.unsqueeze(1)),
        )


class ViS_MP_Vertex(ViS_MP):
    """As `ViS_MP`, where the edges also learn from two maps of the vectors at their destination."""

    vertex = True

    def _angles(self, vec: Tensor, edges: Edges, f_ij: Tensor, d_ij: Tensor) -> Tensor:
        f1, f2 = self.act(self.f_proj(f_ij)).chunk(2, dim=-1)
        d = edges.edge(d_ij.unsqueeze(1))
        w_trg, t_trg = edges.dst(_last(self.w_trg_proj(vec))), edges.dst(_last(self.t_trg_proj(vec)))
        w_src, t_src = edges.src(_last(self.w_src_proj(vec))), edges.dst(_last(self.t_src_proj(vec)))
        return edges.edge(f1) * rejected(w_trg, w_src, d) + edges.edge(f2) * rejected(t_trg, t_src, d)


def _last(vec: Tensor) -> Tensor:
    """(N, L, F) -> (N, F, L): what is summed over comes last."""
    return vec.transpose(1, 2)


def rejected(a: Tensor, b: Tensor, d: Tensor) -> Tensor:
    r"""The product of what is left of a and b without their components along d, which is not normalised.

    .. math::
        \langle \mathbf{a} - \langle \mathbf{a}, \mathbf{d} \rangle \mathbf{d}, \;
        \mathbf{b} - \langle \mathbf{b}, \mathbf{d} \rangle \mathbf{d} \rangle
        = \langle \mathbf{a}, \mathbf{b} \rangle - (2 - \langle \mathbf{d}, \mathbf{d} \rangle)
        \langle \mathbf{a}, \mathbf{d} \rangle \langle \mathbf{b}, \mathbf{d} \rangle

    Args:
        a, b: (E, F, L).
        d: (E, 1, L).

    Returns:
        (E, F).
    """
    return (a * b).sum(-1) + ((d * d).sum(-1) - 2) * (a * d).sum(-1) * (b * d).sum(-1)


class GatedEquivariantBlock(nn.Module):
    """Scalars and the lengths of vectors become scalars, and gates for vectors: (N, F), (N, L, F), both of F' then."""

    def __init__(
        self,
        hidden_channels: int,
        out_channels: int,
        intermediate_channels: int | None = None,
        scalar_activation: bool = False,
    ) -> None:
        super().__init__()
        between = hidden_channels if intermediate_channels is None else intermediate_channels
        self.vec1_proj = nn.Linear(hidden_channels, hidden_channels, bias=False)
        self.vec2_proj = nn.Linear(hidden_channels, out_channels, bias=False)
        self.update_net = nn.Sequential(
            nn.Linear(hidden_channels * 2, between), nn.SiLU(), nn.Linear(between, out_channels * 2)
        )
        self.act = nn.SiLU() if scalar_activation else nn.Identity()

    def forward(self, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        length = norm(_last(self.vec1_proj(v))).squeeze(-1)
        x, gate = self.update_net(torch.cat([x, length], dim=-1)).chunk(2, dim=-1)
        return self.act(x), gate.unsqueeze(1) * self.vec2_proj(v)
