"""The parts of DimeNet and DimeNet++."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._grouped import Groups, at_edges
from grapevine.nn.equivariant.bessel import bessel_scales, bessel_zeros, legendre, spherical_bessel
from grapevine.nn.inits import glorot_orthogonal

Act = Callable[[Tensor], Tensor]


class Envelope(nn.Module):
    """1 / x, bent so that it and its first derivatives are zero at x = 1, and beyond."""

    def __init__(self, exponent: int) -> None:
        super().__init__()
        self.p = exponent + 1

    def forward(self, x: Tensor) -> Tensor:
        p = self.p
        a, b, c = -(p + 1) * (p + 2) / 2, p * (p + 2), -p * (p + 1) / 2
        return (1 / x + x.pow(p - 1) * (a + x * (b + x * c))) * (x < 1)


class BesselBasisLayer(nn.Module):
    """A distance as `num_radial` sine waves over their distance, with frequencies that are learned: (E,) -> (E, K)."""

    def __init__(self, num_radial: int, cutoff: float = 5.0, envelope_exponent: int = 5) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.envelope = Envelope(envelope_exponent)
        self.freq = nn.Parameter(torch.empty(num_radial))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Multiples of pi: waves with a node at the cutoff."""
        with torch.no_grad():
            self.freq.copy_(math.pi * torch.arange(1, self.freq.numel() + 1))

    def forward(self, dist: Tensor) -> Tensor:
        x = dist.unsqueeze(-1) / self.cutoff
        out: Tensor = self.envelope(x) * (self.freq * x).sin()
        return out


class SphericalBasisLayer(nn.Module):
    """Waves in a ball, in their two factors.

    Forward: distances (E,) and cosines (T,).

    Returns:
        Radial parts (E, L, K) and angular ones (T, L).
    """

    def __init__(
        self, num_spherical: int, num_radial: int, cutoff: float = 5.0, envelope_exponent: int = 5
    ) -> None:
        super().__init__()
        self.num_spherical = num_spherical
        self.num_radial = num_radial
        self.cutoff = cutoff
        self.envelope = Envelope(envelope_exponent)

    def forward(self, dist: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor]:
        x = dist.view(-1, 1, 1) / self.cutoff
        sizes = self.num_spherical, self.num_radial
        zeros, scales = bessel_zeros(*sizes).to(x), bessel_scales(*sizes).to(x)
        l = torch.arange(self.num_spherical, device=x.device, dtype=x.dtype)
        angular = legendre(self.num_spherical, cosine) * ((2 * l + 1) / (4 * math.pi)).sqrt()
        return self.envelope(x) * scales * spherical_bessel(x * zeros), angular


class EmbeddingBlock(nn.Module):
    """The first message along each edge: its atoms and its length."""

    def __init__(self, num_radial: int, hidden_channels: int, act: Act) -> None:
        super().__init__()
        self.act = act
        self.emb = nn.Embedding(95, hidden_channels)
        self.lin_rbf = nn.Linear(num_radial, hidden_channels)
        self.lin = nn.Linear(3 * hidden_channels, hidden_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform numbers of variance 1 for the elements."""
        nn.init.uniform_(self.emb.weight, -math.sqrt(3), math.sqrt(3))
        self.lin_rbf.reset_parameters()
        self.lin.reset_parameters()

    def forward(self, z: Tensor, rbf: Tensor, edges: Edges) -> Tensor:
        x = self.emb(z)
        length = self.act(self.lin_rbf(rbf))
        out: Tensor = materialise(
            self.act(self.lin(torch.cat([edges.dst(x), edges.src(x), edges.edge(length)], dim=-1)))
        )
        return out


class Block(nn.Module):
    """A module whose linear maps start orthogonal, without bias."""

    def reset_parameters(self) -> None:
        """Orthogonal matrices of Glorot's variance, biases of zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                glorot_orthogonal(module.weight, scale=2.0)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class ResidualLayer(Block):
    """x + MLP(x)."""

    def __init__(self, hidden_channels: int, act: Act) -> None:
        super().__init__()
        self.act = act
        self.lin1 = nn.Linear(hidden_channels, hidden_channels)
        self.lin2 = nn.Linear(hidden_channels, hidden_channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.act(self.lin2(self.act(self.lin1(x))))


class _Interaction(Block):
    """What both kinds of interaction begin and end with."""

    def _own(self, hidden_channels: int, act: Act) -> None:
        self.act = act
        self.lin_kj = nn.Linear(hidden_channels, hidden_channels)
        self.lin_ji = nn.Linear(hidden_channels, hidden_channels)

    def _residual(self, hidden_channels: int, before: int, after: int) -> None:
        self.layers_before_skip = nn.ModuleList(
            ResidualLayer(hidden_channels, self.act) for _ in range(before)
        )
        self.lin = nn.Linear(hidden_channels, hidden_channels)
        self.layers_after_skip = nn.ModuleList(ResidualLayer(hidden_channels, self.act) for _ in range(after))
        self.reset_parameters()

    def _updated(self, x: Tensor, heard: Tensor) -> Tensor:
        h = self.act(self.lin_ji(x)) + heard
        for layer in self.layers_before_skip:
            h = layer(h)
        h = self.act(self.lin(h)) + x
        for layer in self.layers_after_skip:
            h = layer(h)
        return h


def of_angles(weight: Tensor, radial: Tensor, angular: Tensor, triplets: Edges) -> Tensor:
    """A linear map of the products of radial (E, L, K) and angular (T, L) parts: (B, L K) -> (T, B).

    The radial side is mapped once per edge, so that nothing of size T x L K exists.
    """
    per_edge = torch.einsum("elk,blk->elb", radial, weight.unflatten(1, radial.shape[1:]))
    return at_edges(Groups.by_src(triplets), angular, per_edge)


class InteractionBlock(_Interaction):
    """DimeNet's interaction. Forward: messages (E, F), their radial basis, the angular one's two factors, triplets."""

    def __init__(
        self,
        hidden_channels: int,
        num_bilinear: int,
        num_spherical: int,
        num_radial: int,
        num_before_skip: int,
        num_after_skip: int,
        act: Act,
    ) -> None:
        super().__init__()
        self.lin_rbf = nn.Linear(num_radial, hidden_channels, bias=False)
        self.lin_sbf = nn.Linear(num_spherical * num_radial, num_bilinear, bias=False)
        self._own(hidden_channels, act)
        self.W = nn.Parameter(torch.empty(hidden_channels, num_bilinear, hidden_channels))
        self._residual(hidden_channels, num_before_skip, num_after_skip)

    def reset_parameters(self) -> None:
        """As of every block; normal numbers for the bilinear map."""
        super().reset_parameters()
        nn.init.normal_(self.W, std=2 / self.W.shape[0])

    def forward(self, x: Tensor, rbf: Tensor, radial: Tensor, angular: Tensor, triplets: Edges) -> Tensor:
        x_kj = self.act(self.lin_kj(x)) * self.lin_rbf(rbf)
        sbf = of_angles(self.lin_sbf.weight, radial, angular, triplets)
        products = triplets.sum(triplets.src(x_kj.unsqueeze(1)) * triplets.edge(sbf.unsqueeze(2)))
        return self._updated(x, torch.einsum("ejl,ijl->ei", products, self.W))


class InteractionPPBlock(_Interaction):
    """DimeNet++'s interaction. Forward: as `InteractionBlock`."""

    def __init__(
        self,
        hidden_channels: int,
        int_emb_size: int,
        basis_emb_size: int,
        num_spherical: int,
        num_radial: int,
        num_before_skip: int,
        num_after_skip: int,
        act: Act,
    ) -> None:
        super().__init__()
        self.lin_rbf1 = nn.Linear(num_radial, basis_emb_size, bias=False)
        self.lin_rbf2 = nn.Linear(basis_emb_size, hidden_channels, bias=False)
        self.lin_sbf1 = nn.Linear(num_spherical * num_radial, basis_emb_size, bias=False)
        self.lin_sbf2 = nn.Linear(basis_emb_size, int_emb_size, bias=False)
        self._own(hidden_channels, act)
        self.lin_down = nn.Linear(hidden_channels, int_emb_size, bias=False)
        self.lin_up = nn.Linear(int_emb_size, hidden_channels, bias=False)
        self._residual(hidden_channels, num_before_skip, num_after_skip)

    def forward(self, x: Tensor, rbf: Tensor, radial: Tensor, angular: Tensor, triplets: Edges) -> Tensor:
        x_kj = self.act(self.lin_kj(x)) * self.lin_rbf2(self.lin_rbf1(rbf))
        x_kj = self.act(self.lin_down(x_kj))
        sbf = self.lin_sbf2(of_angles(self.lin_sbf1.weight, radial, angular, triplets))
        heard = triplets.sum(triplets.src(x_kj) * triplets.edge(sbf))
        return self._updated(x, self.act(self.lin_up(heard)))


class OutputBlock(Block):
    """From messages to predictions of atoms; `out_emb_channels` is the size between, None for that of a message."""

    def __init__(
        self,
        num_radial: int,
        hidden_channels: int,
        out_emb_channels: int | None,
        out_channels: int,
        num_layers: int,
        act: Act,
        output_initializer: str = "zeros",
    ) -> None:
        super().__init__()
        if output_initializer not in ("zeros", "glorot_orthogonal"):
            raise GraphValueError(
                f"expected output_initializer 'zeros' or 'glorot_orthogonal', got {output_initializer!r}"
            )
        self.act = act
        self.output_initializer = output_initializer
        self.lin_rbf = nn.Linear(num_radial, hidden_channels, bias=False)
        width = hidden_channels if out_emb_channels is None else out_emb_channels
        self.lin_up = None if out_emb_channels is None else nn.Linear(hidden_channels, width, bias=False)
        self.lins = nn.ModuleList(nn.Linear(width, width) for _ in range(num_layers))
        self.lin = nn.Linear(width, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As of every block; zeros for the last map, if so asked."""
        super().reset_parameters()
        if self.output_initializer == "zeros":
            nn.init.zeros_(self.lin.weight)

    def forward(self, x: Tensor, rbf: Tensor, edges: Edges) -> Tensor:
        h = edges.sum(edges.edge(self.lin_rbf(rbf)) * edges.edge(x))
        h = h if self.lin_up is None else self.lin_up(h)
        for lin in self.lins:
            h = self.act(lin(h))
        out: Tensor = self.lin(h)
        return out
