"""The networks that the n-body experiments compare EGNN with, in the published parameterisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.nn.equivariant._vectors import norm
from grapevine.nn.equivariant.egnn import receiving


class GNN(nn.Module):
    r"""A plain message passing network on positions and velocities as features; not equivariant.

    .. math::
        \mathbf{m}_{ij} = \phi_e(\mathbf{h}_i, \mathbf{h}_j, \mathbf{a}_{ij}), \quad
        \mathbf{h}^{\prime}_i = \mathbf{h}_i + \phi_h(\mathbf{h}_i, \sum_j \mathbf{m}_{ij})

    Args:
        input_dim: size of the input features; 6 for positions and velocities.
        hidden_nf: size of hidden features and messages.
        device: where the parameters shall live.
        act_fn: the nonlinearity; SiLU by default.
        n_layers: number of layers.
        attention: weigh messages by a learned gate.
        recurrent: add h to its update.

    Forward:
        nodes: (N, input_dim).
        edges: (2, E), row 0 receives; or `gv.Edges`.
        edge_attr: (E, 1).

    Returns:
        Positions, (N, 3).

    Example:
        >>> import torch
        >>> GNN(6, 16)(torch.randn(2, 6), torch.tensor([[0, 1], [1, 0]]), torch.ones(2, 1)).shape
        torch.Size([2, 3])

    Source: "E(n) Equivariant Graph Neural Networks" (arXiv:2102.09844), section 5.1.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_nf: int,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
        attention: bool = False,
        recurrent: bool = False,
    ) -> None:
        super().__init__()
        act = nn.SiLU() if act_fn is None else act_fn
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        for i in range(n_layers):
            self.add_module(f"gcl_{i}", _Layer(hidden_nf, act, bool(attention), recurrent))
        self.decoder = nn.Sequential(nn.Linear(hidden_nf, hidden_nf), act, nn.Linear(hidden_nf, 3))
        self.embedding = nn.Sequential(nn.Linear(input_dim, hidden_nf))
        self.to(device)

    def forward(self, nodes: Tensor, edges: Tensor | Edges, edge_attr: Tensor) -> Tensor:
        edges = receiving(edges, nodes)
        h = self.embedding(nodes)
        for i in range(self.n_layers):
            h = self.get_submodule(f"gcl_{i}")(h, edges, edge_attr)
        out: Tensor = self.decoder(h)
        return out


class _Layer(nn.Module):
    def __init__(self, hidden_nf: int, act: nn.Module, attention: bool, recurrent: bool) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * hidden_nf + 1, hidden_nf), act, nn.Linear(hidden_nf, hidden_nf), act
        )
        if attention:
            gate = nn.Sequential(nn.Linear(hidden_nf, hidden_nf), act, nn.Linear(hidden_nf, 1), nn.Sigmoid())
            self.att_mlp = gate
        self.node_mlp = nn.Sequential(
            nn.Linear(2 * hidden_nf, hidden_nf), act, nn.Linear(hidden_nf, hidden_nf)
        )

    def forward(self, h: Tensor, edges: Edges, edge_attr: Tensor) -> Tensor:
        ends = torch.cat([edges.dst(h), edges.src(h)], dim=1)
        m = self.edge_mlp(torch.cat([ends, edges.edge(edge_attr)], dim=1))
        if "att_mlp" in self._modules:
            m = m * self.att_mlp((edges.dst(h) - edges.src(h)).abs())
        new: Tensor = self.node_mlp(torch.cat([h, edges.sum(m)], dim=1))
        return h + new if self.recurrent else new


class RF_vel(nn.Module):
    r"""The radial field network with velocities: coordinates move along differences, there are no features.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i + \mathrm{mean}_j\,
        (\mathbf{x}_i - \mathbf{x}_j)\, \phi(\|\mathbf{x}_i - \mathbf{x}_j\|, \mathbf{a}_{ij})
        + \phi_v(\|\mathbf{v}_i\|)\, \mathbf{v}_i

    Args:
        hidden_nf: size of the hidden layers.
        edge_attr_nf: size of the edge attributes.
        device: where the parameters shall live.
        act_fn: the nonlinearity; SiLU by default.
        n_layers: number of layers.

    Forward:
        vel_norm: (N, 1).
        x: (N, D).
        edges: (2, E), row 0 receives; or `gv.Edges`.
        vel: (N, D).
        edge_attr: (E, edge_attr_nf).

    Returns:
        Positions, (N, D).

    Example:
        >>> import torch
        >>> x, v, pair = torch.randn(2, 3), torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]])
        >>> RF_vel(16, edge_attr_nf=1)(v.norm(dim=1, keepdim=True), x, pair, v, torch.ones(2, 1)).shape
        torch.Size([2, 3])

    Source: "Equivariant Flows: sampling configurations for multi-body systems with symmetric energies"
    (arXiv:1910.00753), as compared in arXiv:2102.09844.
    """

    def __init__(
        self,
        hidden_nf: int,
        edge_attr_nf: int = 0,
        device: torch.device | str = "cpu",
        act_fn: nn.Module | None = None,
        n_layers: int = 4,
    ) -> None:
        super().__init__()
        act = nn.SiLU() if act_fn is None else act_fn
        self.hidden_nf = hidden_nf
        self.n_layers = n_layers
        for i in range(n_layers):
            self.add_module(f"gcl_{i}", _RadialField(hidden_nf, edge_attr_nf, act))
        self.to(device)

    def forward(
        self, vel_norm: Tensor, x: Tensor, edges: Tensor | Edges, vel: Tensor, edge_attr: Tensor | None = None
    ) -> Tensor:
        edges = receiving(edges, x)
        for i in range(self.n_layers):
            x = self.get_submodule(f"gcl_{i}")(x, vel_norm, vel, edges, edge_attr)
        return x


class _RadialField(nn.Module):
    def __init__(self, nf: int, edge_attr_nf: int, act: nn.Module) -> None:
        super().__init__()
        self.coord_mlp_vel = nn.Sequential(nn.Linear(1, nf), act, nn.Linear(nf, 1))
        last = nn.Linear(nf, 1, bias=False)
        nn.init.xavier_uniform_(last.weight, gain=0.001)
        self.phi = nn.Sequential(nn.Linear(1 + edge_attr_nf, nf), act, last, nn.Tanh())

    def forward(
        self, x: Tensor, vel_norm: Tensor, vel: Tensor, edges: Edges, edge_attr: Tensor | None
    ) -> Tensor:
        d = edges.dst(x) - edges.src(x)
        known = norm(d)
        if edge_attr is not None:
            known = torch.cat([known, edges.edge(edge_attr)], dim=1)
        moved: Tensor = x + edges.mean(d * self.phi(known)) + vel * self.coord_mlp_vel(vel_norm)
        return moved
