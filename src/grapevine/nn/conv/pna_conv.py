"""Principal neighbourhood aggregation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList, Sequential

from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.nn.aggr import DegreeScalerAggregation
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing
from grapevine.nn.resolver import activation_resolver
from grapevine.utils import degree


class PNAConv(MessagePassing):
    r"""Combines several reductions of the neighbourhood, each scaled by several functions of the degree.

    .. math::
        \mathbf{x}^{\prime}_i = \gamma_{\mathbf{\Theta}} \left( \mathbf{x}_i,
        \bigoplus_{j \in \mathcal{N}(i)} h_{\mathbf{\Theta}} (\mathbf{x}_i, \mathbf{x}_j) \right), \qquad
        \bigoplus = \begin{bmatrix} 1 \\ S(\mathbf{D}, \alpha = 1) \\ S(\mathbf{D}, \alpha = -1) \end{bmatrix} \otimes
        \begin{bmatrix} \mu \\ \sigma \\ \max \\ \min \end{bmatrix}

    Args:
        in_channels: features F of a node.
        out_channels: features F' of the output, a multiple of `towers`.
        aggregators: reductions: `"sum"`, `"mean"`, `"min"`, `"max"`, `"var"`, `"std"`.
        scalers: functions of the degree: `"identity"`, `"amplification"`, `"attenuation"`, `"linear"`,
            `"inverse_linear"`.
        deg: histogram of the in-degrees of the training set, (D,); see `get_degree_histogram`.
        edge_dim: features of an edge, if there are any.
        towers: number of towers T, each with networks of its own.
        pre_layers: layers of h.
        post_layers: layers of γ.
        divide_input: give each tower its share of the features, instead of all of them.
        act: activation between the layers.
        act_kwargs: its arguments.
        train_norm: learn the scalers' means over the training set.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, edge_dim).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for channels that are no multiple of `towers`.

    Example:
        >>> conv = PNAConv(4, 8, ["mean", "max"], ["identity", "linear"], deg=torch.tensor([1, 2]))
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "Principal Neighbourhood Aggregation for Graph Nets" (arXiv:2004.05718).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggregators: list[str],
        scalers: list[str],
        deg: Tensor,
        edge_dim: int | None = None,
        towers: int = 1,
        pre_layers: int = 1,
        post_layers: int = 1,
        divide_input: bool = False,
        act: str | Callable[..., Any] | None = "relu",
        act_kwargs: dict[str, Any] | None = None,
        train_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            aggr=DegreeScalerAggregation(aggregators, scalers, deg, train_norm), node_dim=0, **kwargs
        )
        if out_channels % towers or (divide_input and in_channels % towers):
            raise GraphValueError(
                f"expected out_channels, and in_channels where they are divided, to be multiples of towers={towers}, "
                f"got {out_channels} and {in_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.towers = towers
        self.divide_input = divide_input
        self.F_in = in_channels // towers if divide_input else in_channels
        self.F_out = out_channels // towers

        def network(inputs: int, outputs: int, layers: int) -> Sequential:
            modules: list[Any] = [Linear(inputs, outputs)]
            for _ in range(layers - 1):
                modules += [activation_resolver(act, **(act_kwargs or {})), Linear(outputs, outputs)]
            return Sequential(*modules)

        if edge_dim is not None:
            self.edge_encoder = Linear(edge_dim, self.F_in)
        self.pre_nns, self.post_nns = ModuleList(), ModuleList()
        for _ in range(towers):
            self.pre_nns.append(network((3 if edge_dim else 2) * self.F_in, self.F_in, pre_layers))
            reduced = len(aggregators) * len(scalers) * self.F_in
            self.post_nns.append(network(self.F_in + reduced, self.F_out, post_layers))
        self.lin = Linear(out_channels, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        if self.edge_dim is not None:
            self.edge_encoder.reset_parameters()
        for nn in (*self.pre_nns, *self.post_nns):
            reset(nn)
        self.lin.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None = None) -> Tensor:
        # (N, T, F_in), or (N, 1, F_in) where the towers share their input.
        x = x.view(-1, self.towers if self.divide_input else 1, self.F_in)
        out = self.propagate(edge_index, x=x, edge_attr=edge_attr)
        out = torch.cat([x.expand(-1, self.towers, -1), out], dim=-1)
        return self.lin(torch.cat([nn(out[:, t]) for t, nn in enumerate(self.post_nns)], dim=1))

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor | None) -> Tensor:
        # Several reductions read the message, so it is stored once.
        parts = [materialise(x_i), materialise(x_j)]
        if edge_attr is not None:
            parts.append(self.edge_encoder(edge_attr).unsqueeze(1).expand(-1, x_i.shape[1], -1))
        h = torch.cat(parts, dim=-1)
        return torch.stack(
            [nn(h[:, t if self.divide_input else 0]) for t, nn in enumerate(self.pre_nns)], dim=1
        )

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, towers={self.towers}, "
            f"edge_dim={self.edge_dim})"
        )

    @staticmethod
    def get_degree_histogram(loader: Iterable[Any]) -> Tensor:
        """Counts how many nodes have each in-degree, over all graphs of a loader: the argument `deg`.

        Args:
            loader: graphs with `edge_index` and `num_nodes`.

        Returns:
            int64 (D,).
        """
        counts = [degree(data.edge_index[1], data.num_nodes, torch.long).bincount() for data in loader]
        total = torch.zeros(max((len(count) for count in counts), default=1), dtype=torch.long)
        for count in counts:
            total[: len(count)] += count.to(total.device)
        return total
