"""Feature-wise linear modulation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleList, ReLU

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


class FiLMConv(MessagePassing):
    r"""Messages that the receiving node scales and shifts, feature by feature, for each type of edges.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{r} \mathrm{mean}_{j \in \mathcal{N}_r(i)} \sigma ( \boldsymbol{\gamma}_{r,i} \odot
        \mathbf{W}_r \mathbf{x}_j + \boldsymbol{\beta}_{r,i} ), \qquad
        \boldsymbol{\beta}_{r,i} \, \Vert \, \boldsymbol{\gamma}_{r,i} = g_r(\mathbf{x}_i)

    where a self-loop is a type of its own.

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        num_relations: number of types of edges R.
        nn: g, which maps (N, F) to (N, 2 F'), copied for each type; a linear map if None.
        act: activation sigma; None: none.
        aggr: aggregation of the neighbours, "mean", "add", "max", ...
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are the types.
        edge_type: type of each edge, int64 (E,) in [0, R); not needed for R = 1.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for R > 1 without `edge_type`.

    Example:
        >>> conv = FiLMConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "GNN-FiLM: Graph Neural Networks with Feature-wise Linear Modulation" (arXiv:1906.12192).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        num_relations: int = 1,
        nn: torch.nn.Module | None = None,
        act: Callable[[Tensor], Tensor] | None = ReLU(),  # noqa: B008 (it has no state)
        aggr: str = "mean",
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_relations = max(num_relations, 1)
        self.act = act
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels

        def film(bias: bool) -> torch.nn.Module:
            return Linear(target, 2 * out_channels, bias=bias) if nn is None else copy.deepcopy(nn)

        self.lins, self.films = ModuleList(), ModuleList()
        for _ in range(self.num_relations):
            self.lins.append(Linear(source, out_channels, bias=False))
            self.films.append(film(bias=True))
        self.lin_skip = Linear(target, out_channels, bias=False)
        self.film_skip = film(bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin, film in zip(self.lins, self.films):
            reset(lin)
            reset(film)
        self.lin_skip.reset_parameters()
        reset(self.film_skip)

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor | Edges, edge_type: Tensor | None = None
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        beta, gamma = self.film_skip(target).split(self.out_channels, dim=-1)
        out = self.message(self.lin_skip(target), beta, gamma)
        for edges, lin, film in zip(self._relations(edge_index, edge_type), self.lins, self.films):
            beta, gamma = film(target).split(self.out_channels, dim=-1)
            out = out + self.propagate(edges, x=lin(source), beta=beta, gamma=gamma)
        return out

    def message(self, x_j: Tensor, beta_i: Tensor, gamma_i: Tensor) -> Tensor:
        m = gamma_i * x_j + beta_i
        return m if self.act is None else self.act(m)

    def _relations(self, adjacency: Tensor | Edges, edge_type: Tensor | None) -> list[Any]:
        """The edges of each type."""
        if self.num_relations == 1:
            return [adjacency]
        pairs = adjacency
        if isinstance(adjacency, Edges):
            pairs = adjacency.edge_index
        elif is_torch_sparse_tensor(adjacency):
            pairs, values = to_edge_index(adjacency)
            pairs, edge_type = pairs.flip(0), values if edge_type is None else edge_type
        if edge_type is None:
            raise GraphValueError(f"expected edge_type for num_relations={self.num_relations}, got none")
        assert isinstance(pairs, Tensor)
        return [pairs[:, edge_type == relation] for relation in range(self.num_relations)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_relations={self.num_relations})"
