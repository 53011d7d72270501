"""DimeNet and DimeNet++: messages that know the angle at which the message before them came in."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from grapevine.edges import Edges, known_good
from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant._vectors import direction, norm
from grapevine.nn.equivariant.dimenet_blocks import (
    Act,
    BesselBasisLayer,
    EmbeddingBlock,
    InteractionBlock,
    InteractionPPBlock,
    OutputBlock,
    SphericalBasisLayer,
)
from grapevine.nn.resolver import activation_resolver
from grapevine.utils import scatter


class DimeNetBase(nn.Module):
    """What DimeNet and DimeNet++ share: the messages' graph, distances, angles, and the order of the blocks."""

    def __init__(
        self,
        hidden_channels: int,
        num_spherical: int,
        num_radial: int,
        cutoff: float,
        max_num_neighbors: int | None,
        envelope_exponent: int,
        act: Act,
        output_blocks: Iterable[nn.Module],
        interaction_blocks: Iterable[nn.Module],
    ) -> None:
        super().__init__()
        if num_spherical < 2:
            raise GraphValueError(f"expected num_spherical of at least 2, got {num_spherical}")
        self.cutoff = cutoff
        self.max_num_neighbors = max_num_neighbors
        self.rbf = BesselBasisLayer(num_radial, cutoff, envelope_exponent)
        self.sbf = SphericalBasisLayer(num_spherical, num_radial, cutoff, envelope_exponent)
        self.emb = EmbeddingBlock(num_radial, hidden_channels, act)
        self.output_blocks = nn.ModuleList(output_blocks)
        self.interaction_blocks = nn.ModuleList(interaction_blocks)
        self.num_blocks = len(self.interaction_blocks)

    def reset_parameters(self) -> None:
        """Draws new numbers: orthogonal matrices of Glorot's variance; zero for biases and outputs."""
        for block in (self.rbf, self.emb, *self.output_blocks, *self.interaction_blocks):
            block.reset_parameters()

    def cosines(self, vectors: Tensor, triplets: Edges) -> Tensor:
        """The cosine between the two edges of each triplet, (T,); `vectors` (E, 3) go along the edges."""
        u = direction(vectors)
        return materialise((triplets.src(u) * triplets.dst(u)).sum(-1))

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        size = z.shape[0], z.shape[0]
        edge_index = radius_graph(pos, self.cutoff, batch, max_num_neighbors=self.max_num_neighbors)
        edges = Edges.of(edge_index, size)
        triplets = triplets_of(edges)
        vectors = pos[edges.dst_index] - pos[edges.src_index]
        distance = norm(vectors).squeeze(-1)
        rbf = self.rbf(distance)
        radial, angular = self.sbf(distance, self.cosines(vectors, triplets))
        x = self.emb(z, rbf, edges)
        out = self.output_blocks[0](x, rbf, edges)
        for interaction, output in zip(self.interaction_blocks, self.output_blocks[1:], strict=True):
            x = interaction(x, rbf, radial, angular, triplets)
            out = out + output(x, rbf, edges)
        return out.sum(dim=0) if batch is None else scatter(out, batch)


class DimeNet(DimeNetBase):
    r"""DimeNet: a message from j to i hears those from k to j, through functions of the angle between them.

    .. math::
        \mathbf{m}^{\prime}_{ji} = f\Big(\mathbf{m}_{ji}, \sum_{k \neq i} \mathbf{W}
        \big(\mathbf{e}(d_{ji}) \odot \mathbf{m}_{kj}, \mathbf{a}(d_{kj}, \theta_{kji})\big)\Big), \quad
        \mathbf{a}_{ln}(d, \theta) = j_l(z_{ln} d / r)\, Y_l(\theta)

    Energies of atoms are summed; forces by autograd are right, for atoms in a line too.

    Args:
        hidden_channels: size of a message.
        out_channels: number of predictions.
        num_blocks: number of interactions.
        num_bilinear: size that the angular basis is reduced to.
        num_spherical: number of angular functions, at least 2.
        num_radial: number of radial functions.
        cutoff: the radius r.
        max_num_neighbors: at most so many neighbours, with a warning where that cuts; None for all.
        envelope_exponent: how flat the radial functions end at the cutoff.
        num_before_skip, num_after_skip: residual layers in an interaction, before and after its own skip connection.
        num_output_layers: hidden layers of each output.
        act: activation, or its name.
        output_initializer: "zeros", or "glorot_orthogonal", for the last layers.

    Forward:
        z: atomic numbers below 95, (N,).
        pos: (N, 3), no two atoms at one place.
        batch: (N,), the molecule of each atom.

    Returns:
        (G, out_channels); (out_channels,) without `batch`.

    Departures from PyTorch Geometric: all neighbours within the cutoff by default, not 32. Bases have their exact
    zeros and norms, and keep their digits near zero. The bilinear map acts on sums of messages, once per message, not
    once per angle. `from_qm9_pretrained`, which needs TensorFlow, is left out.

    Raises:
        GraphValueError: for less than two angular functions, or an unknown initialiser.

    Example:
        >>> import torch
        >>> model = DimeNet(16, 1, num_blocks=1, num_bilinear=4, num_spherical=3, num_radial=2)
        >>> model(torch.tensor([8, 1, 1]), torch.randn(3, 3)).shape
        torch.Size([1])

    Source: "Directional Message Passing for Molecular Graphs" (arXiv:2003.03123).
    """

    def __init__(
        self,
        hidden_channels: int,
        out_channels: int,
        num_blocks: int,
        num_bilinear: int,
        num_spherical: int,
        num_radial: int,
        cutoff: float = 5.0,
        max_num_neighbors: int | None = None,
        envelope_exponent: int = 5,
        num_before_skip: int = 1,
        num_after_skip: int = 2,
        num_output_layers: int = 3,
        act: str | Act = "swish",
        output_initializer: str = "zeros",
    ) -> None:
        activation = activation_resolver(act)
        skips = num_before_skip, num_after_skip, activation
        super().__init__(
            hidden_channels, num_spherical, num_radial, cutoff, max_num_neighbors, envelope_exponent, activation,
            (
                OutputBlock(
                    num_radial, hidden_channels, None, out_channels, num_output_layers, activation, output_initializer
                )
                for _ in range(num_blocks + 1)
            ),
            (
                InteractionBlock(hidden_channels, num_bilinear, num_spherical, num_radial, *skips)
                for _ in range(num_blocks)
            ),
        )  # fmt: skip

    def cosines(self, vectors: Tensor, triplets: Edges) -> Tensor:
        """Of the angles at i, between j and k, as in the published code."""
        u = direction(vectors)
        both = materialise(triplets.src(vectors) + triplets.dst(vectors))
        return materialise((triplets.dst(u) * triplets.edge(direction(both))).sum(-1))


class DimeNetPlusPlus(DimeNetBase):
    r"""DimeNet++: DimeNet with smaller messages between angles, and a product for its bilinear map.

    .. math::
        \mathbf{m}^{\prime}_{ji} = f\Big(\mathbf{m}_{ji}, \mathbf{W}_{\uparrow} \sum_{k \neq i}
        \mathbf{W}_{\downarrow} (\mathbf{e}(d_{ji}) \odot \mathbf{m}_{kj}) \odot
        \mathbf{W}_2 \mathbf{W}_1 \mathbf{a}(d_{kj}, \theta_{kji})\Big)

    Args:
        hidden_channels: size of a message.
        out_channels: number of predictions.
        num_blocks: number of interactions.
        int_emb_size: size of a message between angles.
        basis_emb_size: size that the bases are reduced to.
        out_emb_channels: size of an atom's features in the outputs.
        num_spherical, num_radial, cutoff, max_num_neighbors, envelope_exponent, num_before_skip, num_after_skip,
        num_output_layers, act, output_initializer: see `DimeNet`.

    Forward:
        z: atomic numbers below 95, (N,).
        pos: (N, 3), no two atoms at one place.
        batch: (N,), the molecule of each atom.

    Returns:
        (G, out_channels); (out_channels,) without `batch`.

    Departures from PyTorch Geometric: see `DimeNet`; the two are no subclasses of one another.

    Example:
        >>> import torch
        >>> model = DimeNetPlusPlus(16, 1, 1, int_emb_size=8, basis_emb_size=4, out_emb_channels=8,
        ...                         num_spherical=3, num_radial=2)
        >>> model(torch.tensor([8, 1, 1]), torch.randn(3, 3), torch.tensor([0, 0, 0])).shape
        torch.Size([1, 1])

    Source: "Fast and Uncertainty-Aware Directional Message Passing for Non-Equilibrium Molecules" (arXiv:2011.14115).
    """

    def __init__(
        self,
        hidden_channels: int,
        out_channels: int,
        num_blocks: int,
        int_emb_size: int,
        basis_emb_size: int,
        out_emb_channels: int,
        num_spherical: int,
        num_radial: int,
        cutoff: float = 5.0,
        max_num_neighbors: int | None = None,
        envelope_exponent: int = 5,
        num_before_skip: int = 1,
        num_after_skip: int = 2,
        num_output_layers: int = 3,
        act: str | Act = "swish",
        output_initializer: str = "zeros",
    ) -> None:
        activation = activation_resolver(act)
        sizes = hidden_channels, int_emb_size, basis_emb_size, num_spherical, num_radial
        skips = num_before_skip, num_after_skip, activation
        outputs = num_radial, hidden_channels, out_emb_channels, out_channels, num_output_layers, activation
        super().__init__(
            hidden_channels, num_spherical, num_radial, cutoff, max_num_neighbors, envelope_exponent, activation,
            (OutputBlock(*outputs, output_initializer) for _ in range(num_blocks + 1)),
            (InteractionPPBlock(*sizes, *skips) for _ in range(num_blocks)),
        )  # fmt: skip


def triplets_of(edges: Edges) -> Edges:
    """Which messages hear which: an edge from k -> j to j -> i for every two edges of `edges` with k other than i.

    Args:
        edges: over atoms.

    Returns:
        Edges whose nodes are the edges of `edges`.

    Example:
        >>> import torch, grapevine as gv
        >>> path = gv.Edges(torch.tensor([[0, 1, 2], [1, 2, 1]]), num_nodes=3)
        >>> triplets_of(path).edge_index.tolist()  # 0 -> 1 is heard by 1 -> 2; so is not 2 -> 1, which goes back
        [[0], [1]]
    """
    return edges.derived("triplets", lambda: _triplets(edges))


def _triplets(edges: Edges) -> Edges:
    order = edges.by_dst
    ptr = order.ptr.long()
    j = edges.src_index
    count = ptr.diff()[j]  # edges that arrive where this one starts
    ji = torch.repeat_interleave(count)
    rank = torch.arange(len(ji), device=ji.device) - (count.cumsum(0) - count)[ji]
    kj = ptr[j[ji]] + rank
    kj = kj if order.perm is None else order.perm.long()[kj]
    onward = j[kj] != edges.dst_index[ji]
    return known_good(kj[onward], ji[onward], (edges.num_edges, edges.num_edges))
