"""Graph isomorphism networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import sparse_features, sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


def _set_eps(layer: torch.nn.Module, learn: bool) -> None:
    eps = torch.empty(1)
    if learn:
        layer.register_parameter("eps", Parameter(eps))
    else:
        layer.register_buffer("eps", eps)


class GINConv(WeightedConv):
    r"""The graph isomorphism operator: a network on the sum of a node and its neighbours.

    .. math::
        \mathbf{x}^{\prime}_i = \mathrm{nn} \Bigl( (1 + \epsilon) \, \mathbf{x}_i
        + \sum_{j \in \mathcal{N}(i)} \mathbf{x}_j \Bigr)

    Args:
        nn: maps (N, F) to (N, F').
        eps: epsilon, or its first value.
        train_eps: learn epsilon.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are weights.
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = GINConv(torch.nn.Linear(16, 32))
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "How Powerful are Graph Neural Networks?" (arXiv:1810.00826).
    """

    eps: Tensor

    def __init__(
        self, nn: Callable[..., Tensor], eps: float = 0.0, train_eps: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.nn = nn
        self.initial_eps = eps
        _set_eps(self, train_eps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.nn)
        self.eps.data.fill_(self.initial_eps)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        out = self.propagate(edge_index, x=(source, target), edge_weight=sparse_values(edge_index), size=size)
        return self.nn(out if target is None else out.addcmul(1 + self.eps, target))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nn={self.nn})"


class GINEConv(MessagePassing):
    r"""The graph isomorphism operator with features of the edges.

    .. math::
        \mathbf{x}^{\prime}_i = \mathrm{nn} \Bigl( (1 + \epsilon) \, \mathbf{x}_i
        + \sum_{j \in \mathcal{N}(i)} \mathrm{relu}(\mathbf{x}_j + \mathbf{e}_{ji}) \Bigr)

    Args:
        nn: maps (N, F) to (N, F').
        eps: epsilon, or its first value.
        train_eps: learn epsilon.
        edge_dim: size of the edges' features D, which a linear map then takes to F; None where they have size F.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F), (N_dst, F), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src).
        edge_attr: features of the edges, (E, D).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: where sizes do not match, or F cannot be read off `nn`.

    Example:
        >>> conv = GINEConv(torch.nn.Linear(16, 32), edge_dim=4)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.randn(3, 4)).shape
        torch.Size([4, 32])

    Source: "Strategies for Pre-training Graph Neural Networks" (arXiv:1905.12265).
    """

    eps: Tensor

    def __init__(
        self,
        nn: torch.nn.Module,
        eps: float = 0.0,
        train_eps: bool = False,
        edge_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.nn = nn
        self.initial_eps = eps
        _set_eps(self, train_eps)
        self.lin: Linear | None = None
        if edge_dim is not None:
            first = nn[0] if isinstance(nn, torch.nn.Sequential) else nn
            channels = getattr(first, "in_features", getattr(first, "in_channels", None))
            if channels is None:
                raise GraphValueError(
                    f"expected the input size of nn as nn.in_channels or nn.in_features, got {type(first).__name__} "
                    "without either; pass an MLP, a Linear or a Sequential that begins with one"
                )
            self.lin = Linear(edge_dim, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.nn)
        self.eps.data.fill_(self.initial_eps)
        if self.lin is not None:
            self.lin.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_attr: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        if edge_attr is None:
            edge_attr = sparse_features(edge_index)
        if edge_attr is None:
            raise GraphValueError("expected edge_attr, got none; use GINConv where edges have no features")
        out = self.propagate(edge_index, x=(source, target), edge_attr=edge_attr, size=size)
        return self.nn(out if target is None else out.addcmul(1 + self.eps, target))

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        if self.lin is not None:
            edge_attr = self.lin(edge_attr)
        elif x_j.size(-1) != edge_attr.size(-1):
            raise GraphValueError(
                f"expected edge features of the nodes' size {x_j.size(-1)}, got {edge_attr.size(-1)}; "
                f"do this instead: GINEConv(nn, edge_dim={edge_attr.size(-1)})"
            )
        return (x_j + edge_attr).relu()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nn={self.nn})"
