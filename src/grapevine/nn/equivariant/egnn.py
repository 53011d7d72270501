"""E(n)-equivariant graph neural networks, in the three parameterisations of the published code."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._blocks import Block, in_blocks
from grapevine.nn.equivariant._vectors import norm
from grapevine.utils import scatter


class E_GCL(nn.Module):
    r"""The equivariant layer of EGNN: messages from features and distances move features and coordinates.

    .. math::
        \mathbf{m}_{ij} &= \phi_e(\mathbf{h}_i, \mathbf{h}_j, \|\mathbf{x}_i - \mathbf{x}_j\|^2, \mathbf{a}_{ij})

        \mathbf{x}^{\prime}_i &= \mathbf{x}_i
        + \mathrm{mean}_j\, (\mathbf{x}_i - \mathbf{x}_j)\, \phi_x(\mathbf{m}_{ij})

        \mathbf{h}^{\prime}_i &= \mathbf{h}_i + \phi_h(\mathbf{h}_i, \sum_j \mathbf{m}_{ij})

    Coordinates have any dimension. Dense graphs are computed in blocks of receiving nodes and once more in the backward
    pass, so that memory does not grow with the number of edges times features.

    Args:
        input_nf: size of h, F.
        output_nf: size of the new h.
        hidden_nf: size of messages.
        edges_in_d: size of the edge attributes a.
        act_fn: the nonlinearity; SiLU by default.
        residual: add h to its update (needs `input_nf == output_nf`).
        attention: weigh messages by :math:`\sigma(\phi_{inf}(\mathbf{m}_{ij}))`.
        normalize: divide x_i - x_j by its length: True by the length taken as a constant, "shifted" by the length + 1.
        coords_agg: "mean" or "sum" over the incoming edges.
        tanh: bound :math:`\phi_x` by a tanh.
        nodes_att_dim: size of the node attributes that :math:`\phi_h` reads.
        coords_weight: factor of the shift of coordinates.
        clamp: bound every component of :math:`(\mathbf{x}_i - \mathbf{x}_j)\phi_x` by this, None for no bound.
        velocity: learn :math:`\phi_v` and add :math:`\phi_v(\mathbf{h}_i)\,\mathbf{v}_i` to the shift.
        moves: False leaves the coordinates where they are, without :math:`\phi_x`.

    Forward:
        h: (N, F).
        edge_index: (2, E); **row 0 receives**, as in the published code: x_i is that of row 0. Or `gv.Edges`, from
            source to destination; or None for all pairs, in the order (0, 1), (0, 2), ...
        coord: (N, D).
        edge_attr: (E, edges_in_d).
        node_attr: (N, nodes_att_dim).
        vel: (N, D), for `velocity`.
        edge_mask: (E, 1), multiplies the messages.
        features: False computes the coordinates alone, and returns h as it came.

    Returns:
        The new h (N, output_nf), the new coordinates (N, D), and `edge_attr` as it came.

    Raises:
        GraphValueError: for a residual between different sizes, or an unknown `coords_agg`.

    Departures from the paper, all those of the published code: the gate acts on the message that :math:`\phi_x` sees
    too; C is one over the number of incoming edges; velocities keep their initial value.

    Example:
        >>> import torch
        >>> layer = E_GCL(8, 8, 16)
        >>> h, x, _ = layer(torch.randn(3, 8), torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.randn(3, 3))
        >>> h.shape, x.shape
        (torch.Size([3, 8]), torch.Size([3, 3]))

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        input_nf: int,
        output_nf: int,
        hidden_nf: int,
        edges_in_d: int = 0,
        act_fn: nn.Module | None = None,
        residual: bool = True,
        attention: bool = False,
        normalize: bool | str = False,
        coords_agg: str = "mean",
        tanh: bool = False,
        *,
        nodes_att_dim: int = 0,
        coords_weight: float = 1.0,
        clamp: float | None = None,
        velocity: bool = False,
        moves: bool = True,
    ) -> None:
        super().__init__()
        if residual and input_nf != output_nf:
            raise GraphValueError(
                f"expected equal sizes for a residual, got {input_nf} and {output_nf}; do this instead: residual=False"
            )
        if coords_agg not in ("mean", "sum"):
            raise GraphValueError(f"expected coords_agg 'mean' or 'sum', got {coords_agg!r}")
        act = nn.SiLU() if act_fn is None else act_fn
        self.input_nf = input_nf
        self.hidden_nf = hidden_nf
        self.residual = residual
        self.attention = attention
        self.normalize = normalize
        self.coords_agg = coords_agg
        self.coords_weight = coords_weight
        self.clamp = clamp
        self.tanh = tanh
        self.velocity = velocity
        self.moves = moves
        # Modules in the order of the published code, so that a seed gives its initial weights.
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * input_nf + 1 + edges_in_d, hidden_nf), act, nn.Linear(hidden_nf, hidden_nf), act
        )
        self.node_mlp = nn.Sequential(
            nn.Linear(hidden_nf + input_nf + nodes_att_dim, hidden_nf), act, nn.Linear(hidden_nf, output_nf)
        )
        if moves:
            last = nn.Linear(hidden_nf, 1, bias=False)
            nn.init.xavier_uniform_(last.weight, gain=0.001)
            bound = [nn.Tanh()] if tanh else []
            self.coord_mlp = nn.Sequential(nn.Linear(hidden_nf, hidden_nf), act, last, *bound)
        if attention:
            self.att_mlp = nn.Sequential(nn.Linear(hidden_nf, 1), nn.Sigmoid())
        if velocity:
            self.coord_mlp_vel = nn.Sequential(nn.Linear(input_nf, hidden_nf), act, nn.Linear(hidden_nf, 1))

    def forward(
        self,
        h: Tensor,
        edge_index: Tensor | Edges | None,
        coord: Tensor,
        edge_attr: Tensor | None = None,
        node_attr: Tensor | None = None,
        vel: Tensor | None = None,
        edge_mask: Tensor | None = None,
        features: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        edges = receiving(edge_index, h)
        arrived = [*self._arriving(edges, h, coord, edge_attr, edge_mask, features)]
        x = coord + self.coords_weight * arrived.pop() if self.moves else coord
        if self.velocity and vel is not None:
            x = x + self.coord_mlp_vel(h) * vel
        if not features:
            return h, x, edge_attr
        known = [h, *arrived] if node_attr is None else [h, *arrived, node_attr]
        new = self.node_mlp(torch.cat(known, dim=1))
        return h + new if self.residual else new, x, edge_attr

    def _shift(self, d: Tensor, s: Tensor) -> Tensor:
        """`(x_i - x_j) phi_x(m_ij)`, normalised and clamped as asked."""
        if self.normalize:
            length = norm(d)
            d = d / (length + 1) if self.normalize == "shifted" else d / (length.detach() + 1e-8)
        return d * s if self.clamp is None else (d * s).clamp(-self.clamp, self.clamp)

    def _arriving(
        self,
        edges: Edges,
        h: Tensor,
        coord: Tensor,
        edge_attr: Tensor | None,
        edge_mask: Tensor | None,
        features: bool,
    ) -> tuple[Tensor, ...]:
        """What arrives at every node: the sum of the messages if asked for, the mean (or sum) of the shifts if any."""
        first, act = cast("nn.Linear", self.edge_mlp[0]), self.edge_mlp[1]
        # phi_e's first layer, taken apart: products with h once per node instead of once per edge.
        sizes = [self.input_nf, self.input_nf, first.in_features - 2 * self.input_nf]
        to_dst, to_src, to_edge = first.weight.split(sizes, dim=1)
        h_dst, h_src = F.linear(h, to_dst, first.bias), F.linear(h, to_src)
        used = [self.edge_mlp[2]]
        used += [self.att_mlp[0]] if self.attention else []
        used += [self.coord_mlp[0], self.coord_mlp[2]] if self.moves else []

        def run(block: Block, *tensors: Any) -> tuple[Tensor, ...]:
            h_dst, h_src, x, a, mask, to_edge, *weights = tensors
            w, edges = iter(weights), block.edges
            d = edges.dst(block.rows(x)) - edges.src(x)
            r2 = d.square().sum(dim=1, keepdim=True)
            given = r2 if a is None else torch.cat([r2, block.of_edges(a)], dim=1)
            m = act(edges.dst(block.rows(h_dst)) + edges.src(h_src) + edges.edge(F.linear(given, to_edge)))
            m = act(F.linear(materialise(m), next(w), next(w)))
            if self.attention:
                m = torch.sigmoid(F.linear(m, next(w), next(w))) * m
            if mask is not None:
                m = m * block.of_edges(mask)
            out = [edges.sum(m)] if features else []
            if self.moves:
                s = F.linear(act(F.linear(m, next(w), next(w))), next(w))
                out.append(edges.reduce(self._shift(d, torch.tanh(s) if self.tanh else s), self.coords_agg))
            return tuple(out)

        weights = [t for linear in used for t in (linear.weight, linear.bias) if t is not None]
        read = (h_dst, h_src, coord, edge_attr, edge_mask, to_edge, *weights)
        return in_blocks(edges, run, self.hidden_nf, *read)


class E_GCL_vel(E_GCL):
    """`E_GCL` as the n-body experiments set it: velocities, shifts clamped to +-100, a recurrent update.

    Args:
        input_nf, output_nf, hidden_nf, edges_in_d, nodes_att_dim, act_fn: as in `E_GCL`.
        coords_weight, attention, tanh: as in `E_GCL`.
        recurrent: add h to its update.
        norm_diff: divide x_i - x_j by its length + 1.

    Forward: `(h, edge_index, coord, vel, edge_attr=None, node_attr=None, features=True)`.

    Example:
        >>> import torch
        >>> layer = E_GCL_vel(8, 8, 16)
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> layer(torch.randn(2, 8), pair, torch.randn(2, 3), torch.randn(2, 3))[1].shape
        torch.Size([2, 3])

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        input_nf: int,
        output_nf: int,
        hidden_nf: int,
        edges_in_d: int = 0,
        nodes_att_dim: int = 0,
        act_fn: nn.Module | None = None,
        recurrent: bool = True,
        coords_weight: float = 1.0,
        attention: bool = False,
        norm_diff: bool = False,
        tanh: bool = False,
    ) -> None:
        super().__init__(
            input_nf, output_nf, hidden_nf, edges_in_d, nn.ReLU() if act_fn is None else act_fn, recurrent,
            attention, "shifted" if norm_diff else False, "mean", tanh, nodes_att_dim=nodes_att_dim,
            coords_weight=coords_weight, clamp=100.0, velocity=True,
        )  # fmt: skip

    def forward(
        self,
        h: Tensor,
        edge_index: Tensor | Edges | None,
        coord: Tensor,
        vel: Tensor,
        edge_attr: Tensor | None = None,
        node_attr: Tensor | None = None,
        features: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        return super().forward(h, edge_index, coord, edge_attr, node_attr, vel, features=features)


class EGNN(nn.Module):
    """EGNN for features and coordinates (the published `egnn_clean`).

    Args:
        in_node_nf: size of the input features.
        hidden_nf: size of hidden features and messages.
        out_node_nf: size of the output features.
        in_edge_nf: size of the edge attributes.
        device: where the parameters shall live.
        act_fn: the nonlinearity; SiLU by default.
        n_layers: number of `E_GCL` layers.
        residual, attention, normalize, tanh: as in `E_GCL`.

    Forward:
        h: (N, in_node_nf).
        x: coordinates, (N, D).
        edges: (2, E), row 0 receives; or `gv.Edges`; or None for all pairs.
        edge_attr: (E, in_edge_nf).

    Returns:
        Features (N, out_node_nf), invariant under rotations, reflections and translations, and coordinates (N, D),
        equivariant.

    Example:
        >>> import torch
        >>> model = EGNN(in_node_nf=1, hidden_nf=32, out_node_nf=4, n_layers=2)
        >>> pairs = torch.tensor([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]])
        >>> h, x = model(torch.ones(3, 1), torch.randn(3, 3), pairs)
        >>> h.shape, x.shape
        (torch.Size([3, 4]), torch.Size([3, 3]))

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        in_node_nf: int,
        hidden_nf: int,
        out_node_nf: int,
        in_edge_nf: int = 0,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
        residual: bool = True,
        attention: bool = False,
        normalize: bool = False,
        tanh: bool = False,
    ) -> None:
        super().__init__()
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        self.embedding_in = nn.Linear(in_node_nf, hidden_nf)
        self.embedding_out = nn.Linear(hidden_nf, out_node_nf)
        for i in range(n_layers):
            layer = E_GCL(
                hidden_nf, hidden_nf, hidden_nf, in_edge_nf, act_fn, residual, attention, normalize, tanh=tanh
            )
            self.add_module(f"gcl_{i}", layer)
        self.to(device)

    def forward(
        self, h: Tensor, x: Tensor, edges: Tensor | Edges | None = None, edge_attr: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        edges = receiving(edges, h)
        h = self.embedding_in(h)
        for layer in _layers(self):
            h, x, _ = layer(h, edges, x, edge_attr)
        return self.embedding_out(h), x


class EGNN_vel(nn.Module):
    """EGNN with velocities: from positions and velocities to later positions (the published n-body model).

    Args:
        in_node_nf: size of the input features.
        in_edge_nf: size of the edge attributes.
        hidden_nf: size of hidden features and messages.
        device: where the parameters shall live.
        act_fn: the nonlinearity; SiLU by default.
        n_layers: number of layers.
        coords_weight, recurrent, norm_diff, tanh: as in `E_GCL_vel`.

    Forward:
        h: (N, in_node_nf); in the experiments the speed.
        x: positions, (N, D).
        edges: (2, E), row 0 receives; or `gv.Edges`; or None for all pairs.
        vel: velocities, (N, D).
        edge_attr: (E, in_edge_nf).

    Returns:
        Positions, (N, D).

    Example:
        >>> import torch
        >>> model = EGNN_vel(in_node_nf=1, in_edge_nf=1, hidden_nf=16, n_layers=2)
        >>> x, v, pair = torch.randn(2, 3), torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]])
        >>> model(v.norm(dim=1, keepdim=True), x, pair, v, torch.ones(2, 1)).shape
        torch.Size([2, 3])

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        in_node_nf: int,
        in_edge_nf: int,
        hidden_nf: int,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
        coords_weight: float = 1.0,
        recurrent: bool = False,
        norm_diff: bool = False,
        tanh: bool = False,
    ) -> None:
        super().__init__()
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        self.embedding = nn.Linear(in_node_nf, hidden_nf)
        act = nn.SiLU() if act_fn is None else act_fn
        for i in range(n_layers):
            layer = E_GCL_vel(
                hidden_nf, hidden_nf, hidden_nf, in_edge_nf, act_fn=act, recurrent=recurrent,
                coords_weight=coords_weight, norm_diff=norm_diff, tanh=tanh,
            )  # fmt: skip
            self.add_module(f"gcl_{i}", layer)
        self.to(device)

    def forward(
        self, h: Tensor, x: Tensor, edges: Tensor | Edges | None, vel: Tensor, edge_attr: Tensor | None = None
    ) -> Tensor:
        edges = receiving(edges, h)
        h = self.embedding(h)
        for i, layer in enumerate(_layers(self), start=1):  # nobody asks for the last features
            h, x, _ = layer(h, edges, x, vel, edge_attr, features=i < self.n_layers)
        return x


class EGNN_nbody(nn.Module):
    """EGNN of the n-body experiments without velocities: LeakyReLU(0.2), shifts clamped to +-100.

    Args:
        in_node_nf, in_edge_nf, hidden_nf, device, n_layers, coords_weight: as in `EGNN_vel`.
        act_fn: the nonlinearity; LeakyReLU(0.2) by default.

    Forward:
        h, x, edges, edge_attr: as in `EGNN`.

    Returns:
        Positions, (N, D).

    Example:
        >>> import torch
        >>> model = EGNN_nbody(in_node_nf=1, in_edge_nf=1, hidden_nf=16, n_layers=2)
        >>> model(torch.ones(2, 1), torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]]), torch.ones(2, 1)).shape
        torch.Size([2, 3])

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        in_node_nf: int,
        in_edge_nf: int,
        hidden_nf: int,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
        coords_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        self.embedding = nn.Linear(in_node_nf, hidden_nf)
        act = nn.LeakyReLU(0.2) if act_fn is None else act_fn
        for i in range(n_layers):
            layer = E_GCL(
                hidden_nf, hidden_nf, hidden_nf, in_edge_nf, act, coords_weight=coords_weight, clamp=100.0
            )
            self.add_module(f"gcl_{i}", layer)
        self.to(device)

    def forward(
        self, h: Tensor, x: Tensor, edges: Tensor | Edges | None = None, edge_attr: Tensor | None = None
    ) -> Tensor:
        edges = receiving(edges, h)
        h = self.embedding(h)
        for i, layer in enumerate(_layers(self), start=1):  # nobody asks for the last features
            h, x, _ = layer(h, edges, x, edge_attr, features=i < self.n_layers)
        return x


class EGNN_QM9(nn.Module):
    r"""EGNN for one property of a molecule (the published QM9 model): coordinates stay, atoms are summed.

    .. math::
        \hat{y} = \mathrm{MLP}_g\Big(\sum_i \mathrm{MLP}_n(\mathbf{h}_i^{(L)})\Big)

    Args:
        in_node_nf: size of the input features.
        in_edge_nf: size of the edge attributes.
        hidden_nf: size of hidden features and messages.
        device: where the parameters shall live.
        act_fn: the nonlinearity; SiLU by default.
        n_layers: number of layers.
        attention: weigh messages by a learned gate.
        node_attr: let every layer read the input features again.

    Forward:
        h0: (N, in_node_nf), zero in padded rows.
        x: (N, D).
        edges: (2, E), row 0 receives; or `gv.Edges`.
        edge_attr: (E, in_edge_nf) or None.
        node_mask: (N, 1), zero for padded rows; None without padding.
        edge_mask: (E, 1), zero for edges that shall not count; None for none.
        n_nodes: number of rows per molecule, where all have as many (padded).
        batch: (N,), the molecule of each atom, instead of `n_nodes`.

    Returns:
        (number of molecules,).

    Raises:
        GraphValueError: for neither or both of `n_nodes` and `batch`.

    Example:
        >>> import torch
        >>> model = EGNN_QM9(in_node_nf=15, in_edge_nf=0, hidden_nf=16, n_layers=2, attention=True)
        >>> pair, batch = torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 0])
        >>> model(torch.randn(2, 15), torch.randn(2, 3), pair, batch=batch).shape
        torch.Size([1])

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844).
    """

    def __init__(
        self,
        in_node_nf: int,
        in_edge_nf: int,
        hidden_nf: int,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
        attention: bool = False,
        node_attr: bool = True,
    ) -> None:
        super().__init__()
        act = nn.SiLU() if act_fn is None else act_fn
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        self.node_attr = node_attr
        self.embedding = nn.Linear(in_node_nf, hidden_nf)
        self.node_dec = nn.Sequential(nn.Linear(hidden_nf, hidden_nf), act, nn.Linear(hidden_nf, hidden_nf))
        self.graph_dec = nn.Sequential(nn.Linear(hidden_nf, hidden_nf), act, nn.Linear(hidden_nf, 1))
        for i in range(n_layers):
            layer = E_GCL(
                hidden_nf, hidden_nf, hidden_nf, in_edge_nf, act, attention=bool(attention), moves=False,
                nodes_att_dim=in_node_nf if node_attr else 0,
            )  # fmt: skip
            self.add_module(f"gcl_{i}", layer)
        self.to(device)

    def forward(
        self,
        h0: Tensor,
        x: Tensor,
        edges: Tensor | Edges,
        edge_attr: Tensor | None = None,
        node_mask: Tensor | None = None,
        edge_mask: Tensor | None = None,
        n_nodes: int | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        if (n_nodes is None) == (batch is None):
            raise GraphValueError(
                "expected either n_nodes (equal, padded molecules) or batch (one id per atom)"
            )
        edges = receiving(edges, h0)
        h = self.embedding(h0)
        for layer in _layers(self):
            h, _, _ = layer(h, edges, x, edge_attr, h0 if self.node_attr else None, edge_mask=edge_mask)
        h = self.node_dec(h)
        if node_mask is not None:
            h = h * node_mask
        pooled = h.view(-1, n_nodes, self.hidden_nf).sum(1) if batch is None else scatter(h, batch)
        out: Tensor = self.graph_dec(pooled).squeeze(1)
        return out


def receiving(edge_index: Tensor | Edges | tuple[Tensor, Tensor] | None, h: Tensor) -> Edges:
    """Edges from senders to receivers of an `edge_index` whose row 0 receives; without one, all pairs of two."""
    num_nodes = h.shape[0]
    if isinstance(edge_index, Edges):
        return edge_index
    if edge_index is None:
        pairs = torch.ones(num_nodes, num_nodes, dtype=torch.bool, device=h.device).fill_diagonal_(False)
        edge_index = pairs.nonzero().t()
    return Edges.of(edge_index, (num_nodes, num_nodes)).reverse()


def _layers(model: nn.Module) -> list[Any]:
    return [layer for name, layer in model.named_children() if name.startswith("gcl_")]
