"""ViSNet: scalars and vectors of atoms, and the angles between them without a sum over triplets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant._vectors import norm
from grapevine.nn.equivariant.harmonics import spherical_harmonics
from grapevine.nn.equivariant.visnet_blocks import (
    EdgeEmbedding,
    ExpNormalSmearing,
    GatedEquivariantBlock,
    NeighborEmbedding,
    VecLayerNorm,
    ViS_MP,
    ViS_MP_Vertex,
)
from grapevine.utils import scatter


class ViSNet(nn.Module):
    r"""ViSNet: messages between scalars and vectors of atoms; edges learn from the angles between vectors.

    .. math::
        y = \mu + \sum_i \sigma \, \mathrm{gated}(\mathbf{x}_i, \vec{\mathbf{v}}_i) + y_0(z_i), \qquad
        \mathbf{F}_i = - \frac{\partial y}{\partial \mathbf{p}_i}

    Scalars x do not change when the molecule is turned, vectors turn with it; see `visnet_blocks.ViS_MP` for a layer.

    Args:
        lmax: largest degree of the spherical harmonics, 1 or 2.
        vecnorm_type: "max_min" scales the vectors of an atom in every layer; None: they stay.
        trainable_vecnorm: learn a weight for each channel of the vectors.
        num_heads: heads of the attention.
        num_layers: number of layers.
        hidden_channels: scalars of an atom, F, and vectors.
        num_rbf: radial functions of a distance.
        trainable_rbf: learn their places and widths.
        max_z: number of elements.
        cutoff: how far messages reach.
        max_num_neighbors: at most so many neighbours of an atom, itself among them, with a warning where that cuts;
            None for all.
        vertex: let edges learn from the vectors at one end too.
        atomref: the property of single atoms, (max_z,) or (max_z, 1).
        reduce_op: "sum" or "mean" over the atoms of a molecule.
        mean, std: of the property.
        derivative: return forces too.

    Forward:
        z: atomic numbers, int64 (N,).
        pos: positions, (N, 3).
        batch: the molecule of each atom, (N,); one molecule if None.

    Returns:
        y, (G, 1), and the forces -dy/dpos, (N, 3), or None without `derivative`.

    Raises:
        GraphValueError: for an unknown `lmax`, `vecnorm_type` or `reduce_op`, or heads that do not divide the channels.

    Departures from PyTorch Geometric: of too many neighbours the nearest are kept; `pos` stays as it was given.

    Example:
        >>> model = ViSNet(num_layers=2, hidden_channels=16, derivative=True)
        >>> y, forces = model(torch.tensor([8, 1, 1]), torch.randn(3, 3))
        >>> y.shape, forces.shape
        (torch.Size([1, 1]), torch.Size([3, 3]))

    Source: "Enhancing Geometric Representations for Molecules with Equivariant Vector-Scalar Interactive Message
    Passing" (arXiv:2210.16518).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        lmax: int = 1,
        vecnorm_type: str | None = None,
        trainable_vecnorm: bool = False,
        num_heads: int = 8,
        num_layers: int = 6,
        hidden_channels: int = 128,
        num_rbf: int = 32,
        trainable_rbf: bool = False,
        max_z: int = 100,
        cutoff: float = 5.0,
        max_num_neighbors: int | None = 32,
        vertex: bool = False,
        atomref: Tensor | None = None,
        reduce_op: str = "sum",
        mean: float = 0.0,
        std: float = 1.0,
        derivative: bool = False,
    ) -> None:
        super().__init__()
        if reduce_op not in ("sum", "add", "mean"):
            raise GraphValueError(f"expected reduce_op 'sum' or 'mean', got {reduce_op!r}")
        self.representation_model = ViSNetBlock(
            lmax=lmax,
            vecnorm_type=vecnorm_type,
            trainable_vecnorm=trainable_vecnorm,
            num_heads=num_heads,
            num_layers=num_layers,
            hidden_channels=hidden_channels,
            num_rbf=num_rbf,
            trainable_rbf=trainable_rbf,
            max_z=max_z,
            cutoff=cutoff,
            max_num_neighbors=max_num_neighbors,
            vertex=vertex,
        )
        self.output_model = EquivariantScalar(hidden_channels)
        self.prior_model = Atomref(atomref, max_z)
        self.reduce_op = reduce_op
        self.derivative = derivative
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers: Xavier's for weights, zero for biases."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding | nn.LayerNorm | VecLayerNorm | ExpNormalSmearing):
                module.reset_parameters()
        self.prior_model.reset_parameters()

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        batch = torch.zeros_like(z) if batch is None else batch
        if self.derivative and not pos.requires_grad:
            pos = pos.detach().requires_grad_()
        x = self.output_model(*self.representation_model(z, pos, batch)) * self.std
        y = scatter(self.prior_model(x, z), batch, reduce=self.reduce_op) + self.mean
        if not self.derivative:
            return y, None
        (slope,) = torch.autograd.grad(y.sum(), pos, create_graph=True)
        return y, -slope


class ViSNetBlock(nn.Module):
    """From molecules to scalars (N, F) and vectors (N, 3 or 8, F) of their atoms. Arguments as for `ViSNet`."""

    def __init__(
        self,
        lmax: int = 1,
        vecnorm_type: str | None = None,
        trainable_vecnorm: bool = False,
        num_heads: int = 8,
        num_layers: int = 6,
        hidden_channels: int = 128,
        num_rbf: int = 32,
        trainable_rbf: bool = False,
        max_z: int = 100,
        cutoff: float = 5.0,
        max_num_neighbors: int | None = 32,
        vertex: bool = False,
    ) -> None:
        super().__init__()
        if lmax not in (1, 2):
            raise GraphValueError(f"expected lmax 1 or 2, got {lmax}")
        self.lmax = lmax
        self.cutoff = cutoff
        self.max_num_neighbors = max_num_neighbors
        self.embedding = nn.Embedding(max_z, hidden_channels)
        self.distance_expansion = ExpNormalSmearing(cutoff, num_rbf, trainable_rbf)
        self.neighbor_embedding = NeighborEmbedding(hidden_channels, num_rbf, cutoff, max_z)
        self.edge_embedding = EdgeEmbedding(num_rbf, hidden_channels)
        layer = ViS_MP_Vertex if vertex else ViS_MP
        self.vis_mp_layers = nn.ModuleList(
            layer(num_heads, hidden_channels, cutoff, vecnorm_type, trainable_vecnorm, number == num_layers)
            for number in range(1, num_layers + 1)
        )
        self.out_norm = nn.LayerNorm(hidden_channels)
        self.vec_out_norm = VecLayerNorm(hidden_channels, trainable_vecnorm, vecnorm_type)

    def forward(self, z: Tensor, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        found = radius_graph(pos, self.cutoff, batch, loop=True, max_num_neighbors=self.max_num_neighbors)
        edges = Edges.of(found, (z.shape[0], z.shape[0]))
        between = pos[edges.src_index] - pos[edges.dst_index]
        r_ij = norm(between).squeeze(-1)
        d_ij = spherical_harmonics(range(1, self.lmax + 1), between, normalization="norm")
        rbf = self.distance_expansion(r_ij)

        x = self.neighbor_embedding(z, self.embedding(z), edges, r_ij, rbf)
        vec = x.new_zeros(x.shape[0], d_ij.shape[1], x.shape[1])
        f_ij = self.edge_embedding(edges, rbf, x)
        for layer in self.vis_mp_layers:
            dx, dvec, df = layer(x, vec, edges, r_ij, f_ij, d_ij)
            x, vec = x + dx, vec + dvec
            f_ij = f_ij if df is None else f_ij + df
        return self.out_norm(x), self.vec_out_norm(vec)


class EquivariantScalar(nn.Module):
    """Scalars and vectors of atoms to one number each, (N, 1)."""

    def __init__(self, hidden_channels: int) -> None:
        super().__init__()
        self.output_network = nn.ModuleList(
            [
                GatedEquivariantBlock(hidden_channels, hidden_channels // 2, scalar_activation=True),
                GatedEquivariantBlock(hidden_channels // 2, 1),
            ]
        )

    def forward(self, x: Tensor, v: Tensor) -> Tensor:
        for layer in self.output_network:
            x, v = layer(x, v)
        return x + 0 * v.sum()  # every parameter takes part, as DistributedDataParallel wants


class Atomref(nn.Module):
    """Adds the property of single atoms. Forward: (N, 1) and the elements (N,)."""

    initial_atomref: Tensor

    def __init__(self, atomref: Tensor | None = None, max_z: int = 100) -> None:
        super().__init__()
        atomref = torch.zeros(max_z) if atomref is None else torch.as_tensor(atomref)
        self.register_buffer("initial_atomref", atomref.view(-1, 1))
        self.atomref = nn.Embedding(len(atomref), 1)

    def reset_parameters(self) -> None:
        """The values given."""
        with torch.no_grad():
            self.atomref.weight.copy_(self.initial_atomref)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        out: Tensor = x + self.atomref(z)
        return out
