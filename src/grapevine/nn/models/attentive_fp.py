"""Attentive FP, for molecules."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import GRUCell, Linear, ModuleList, Parameter

from grapevine.nn.conv._attention import attend
from grapevine.nn.conv.gat_conv import GATConv
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.nn.pool.glob import global_add_pool
from grapevine.utils import softmax


class GATEConv(MessagePassing):
    r"""Attention that sees the features of the edges.

    .. math::
        \alpha_{ji} = \operatorname{softmax}_j \left( \phi \left( \mathbf{a}_l \cdot \phi(\mathbf{W}_1
        [\mathbf{x}_j \, \Vert \, \mathbf{e}_{ji}]) + \mathbf{a}_r \cdot \mathbf{x}_i \right) \right), \qquad
        \mathbf{x}_i^{\prime} = \sum_j \alpha_{ji} \mathbf{W}_2 \mathbf{x}_j + \mathbf{b}

    Args:
        in_channels: features F.
        out_channels: features F' (= F: they are added where the layer is used).
        edge_dim: features of an edge D.
        dropout: probability with which an attention is dropped in training.

    Forward:
        x: (N, F).
        edge_index: (2, E), or `gv.Edges`.
        edge_attr: (E, D).

    Returns:
        (N, F').
    """

    def __init__(self, in_channels: int, out_channels: int, edge_dim: int, dropout: float = 0.0) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.dropout = dropout
        self.att_l = Parameter(torch.empty(1, out_channels))
        self.att_r = Parameter(torch.empty(1, in_channels))
        self.lin1 = Linear(in_channels + edge_dim, out_channels, bias=False)
        self.lin2 = Linear(out_channels, out_channels, bias=False)
        self.bias = Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for weight in (self.att_l, self.att_r, self.lin1.weight, self.lin2.weight):
            glorot(weight)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Any, edge_attr: Tensor) -> Tensor:
        def attention() -> Tensor:
            root = (x @ self.att_r.t()).squeeze(-1)
            return self.edge_updater(edge_index, x=x, root=root, edge_attr=edge_attr)

        out, _ = attend(self, edge_index, attention, x=x)
        return out + self.bias

    def edge_update(
        self,
        x_j: Tensor,
        root_i: Tensor,
        edge_attr: Tensor,
        index: Tensor,
        ptr: Tensor | None,
        dim_size: int | None,
    ) -> Tensor:
        h = F.leaky_relu(self.lin1(torch.cat([x_j, edge_attr], dim=-1)))
        alpha = F.leaky_relu((h * self.att_l).sum(dim=-1) + root_i)
        alpha = softmax(alpha, index, ptr, dim_size)
        return F.dropout(alpha, p=self.dropout, training=self.training)

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return self.lin2(x_j) * alpha.unsqueeze(-1)


class AttentiveFP(torch.nn.Module):
    r"""Atoms attend to their neighbours, then the molecule to its atoms; gated recurrent units remember.

    .. math::
        \mathbf{x}_i \leftarrow \operatorname{GRU}(\operatorname{GAT}(\mathbf{X}, \mathbf{A})_i, \mathbf{x}_i), \qquad
        \mathbf{g} = \sum_i \mathbf{x}_i, \qquad
        \mathbf{g} \leftarrow \operatorname{GRU}(\operatorname{GAT}(\mathbf{X} \to \mathbf{g}), \mathbf{g})

    Args:
        in_channels: features of an atom F.
        hidden_channels: features inside.
        out_channels: size of the output F'.
        edge_dim: features of a bond D.
        num_layers: rounds among the atoms.
        num_timesteps: rounds of the molecule.
        dropout: probability with which something is dropped in training.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), or `gv.Edges`.
        edge_attr: features of the bonds, (E, D).
        batch: the graph of each node, int64 (N,).

    Returns:
        (B, F').

    Example:
        >>> model = AttentiveFP(4, 8, 2, edge_dim=3, num_layers=2, num_timesteps=2)
        >>> edge_index, batch = torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 0])
        >>> model(torch.randn(2, 4), edge_index, torch.randn(2, 3), batch).shape
        torch.Size([1, 2])

    Source: "Pushing the Boundaries of Molecular Representation for Drug Discovery with the Graph Attention
    Mechanism" (doi:10.1021/acs.jmedchem.9b00959).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        edge_dim: int,
        num_layers: int,
        num_timesteps: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.num_layers = num_layers
        self.num_timesteps = num_timesteps
        self.dropout = dropout

        def attention() -> GATConv:
            return GATConv(
                hidden_channels, hidden_channels, dropout=dropout, add_self_loops=False, negative_slope=0.01
            )

        def memory() -> GRUCell:
            return GRUCell(hidden_channels, hidden_channels)

        self.lin1 = Linear(in_channels, hidden_channels)
        self.gate_conv = GATEConv(hidden_channels, hidden_channels, edge_dim, dropout)
        self.gru = memory()
        self.atom_convs, self.atom_grus = ModuleList(), ModuleList()
        for _ in range(num_layers - 1):
            self.atom_convs.append(attention())
            self.atom_grus.append(memory())
        self.mol_conv = attention()
        self.mol_conv.explain = False  # its edges join atoms with their molecule: no edges of the graph
        self.mol_gru = memory()
        self.lin2 = Linear(hidden_channels, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        rounds = [layer for pair in zip(self.atom_convs, self.atom_grus) for layer in pair]
        for layer in (self.lin1, self.gate_conv, self.gru, *rounds, self.mol_conv, self.mol_gru, self.lin2):
            layer.reset_parameters()  # type: ignore[operator]

    def forward(self, x: Tensor, edge_index: Any, edge_attr: Tensor, batch: Tensor) -> Tensor:
        x = F.leaky_relu(self.lin1(x))
        x = self.gru(self._dropped(F.elu(self.gate_conv(x, edge_index, edge_attr))), x).relu()
        for conv, gru in zip(self.atom_convs, self.atom_grus):
            x = gru(self._dropped(F.elu(conv(x, edge_index))), x).relu()

        belongs = torch.stack([torch.arange(batch.size(0), device=batch.device), batch])
        out = global_add_pool(x, batch).relu()
        for _ in range(self.num_timesteps):
            out = self.mol_gru(self._dropped(F.elu(self.mol_conv((x, out), belongs))), out).relu()
        found: Tensor = self.lin2(self._dropped(out))
        return found

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, p=self.dropout, training=self.training)

    def __repr__(self) -> str:
        names = ("in_channels", "hidden_channels", "out_channels", "edge_dim", "num_layers", "num_timesteps")
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"
