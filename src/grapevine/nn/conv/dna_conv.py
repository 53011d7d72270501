"""Dynamic neighbourhood aggregation: each edge attends to what its source was in former layers."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.inits import kaiming_uniform, uniform


class GroupedLinear(torch.nn.Module):
    """A linear map of each group of features on its own.

    Args:
        in_channels: size of the input, a multiple of `groups`.
        out_channels: size of the output, a multiple of `groups`.
        groups: G.
        bias: learn a shift.

    Forward:
        x: (*, in_channels).

    Returns:
        (*, out_channels).

    Raises:
        GraphValueError: for sizes that are no multiples.
    """

    bias: Tensor | None

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise GraphValueError(
                f"expected sizes that are multiples of groups={groups}, got {in_channels} and {out_channels}"
            )
        self.groups = groups
        self.weight = Parameter(torch.empty(groups, in_channels // groups, out_channels // groups))
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        kaiming_uniform(self.weight, fan=self.weight.size(1), a=math.sqrt(5))
        uniform(self.weight.size(1), self.bias)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.unflatten(-1, (self.groups, -1)).unsqueeze(-2)  # (*, G, 1, F / G)
        out = (parts @ self.weight).flatten(-3)
        return out if self.bias is None else out + self.bias


class MultiHead(torch.nn.Module):
    """The maps to queries, keys and values of `DNAConv`.

    Args:
        channels: features F, a multiple of `heads` and `groups`.
        heads: number of heads.
        groups: of the linear maps.
        dropout: probability with which an attention is dropped in training.
        bias: learn shifts.

    Raises:
        GraphValueError: for channels that are no multiple, or numbers of heads and groups of which none divides the
            other.
    """

    def __init__(self, channels: int, heads: int, groups: int, dropout: float, bias: bool) -> None:
        super().__init__()
        if channels % heads or max(heads, groups) % min(heads, groups):
            raise GraphValueError(
                f"expected heads that divide the {channels} channels, and groups that divide the heads or the other "
                f"way round, got {heads} heads and {groups} groups"
            )
        self.heads = heads
        self.groups = groups
        self.dropout = dropout
        self.lin_q, self.lin_k, self.lin_v = (
            GroupedLinear(channels, channels, groups, bias) for _ in range(3)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for lin in (self.lin_q, self.lin_k, self.lin_v):
            lin.reset_parameters()


class DNAConv(NormalizedConv):
    r"""Each node asks each neighbour for the features, of all its former layers, that suit it best.

    .. math::
        \mathbf{x}_i^{\prime} = \sum_j \hat{a}_{ji} \, \operatorname{Attention} \left( \mathbf{x}_i^{(L)}
        \mathbf{\Theta}_Q, \; [\mathbf{x}_j^{(1)}, \dots, \mathbf{x}_j^{(L)}] \mathbf{\Theta}_K, \;
        [\mathbf{x}_j^{(1)}, \dots, \mathbf{x}_j^{(L)}] \mathbf{\Theta}_V \right)

    with GCN's weights :math:`\hat{a}`, and attentions that sum up to less than one where nothing suits.

    Args:
        channels: features F, a multiple of `heads` and `groups`.
        heads: number of heads.
        groups: of features, in all linear maps.
        dropout: probability with which an attention is dropped in training.
        cached: keep the normalised graph of the first call, whatever graph comes later.
        normalize: weight the edges by degree, with self-loops.
        add_self_loops: False: without them.
        bias: learn shifts.
        kwargs: of `MessagePassing`.

    Forward:
        x: features of the former layers, (N, L, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_weight: weights, (E,).

    Returns:
        (N, F).

    Raises:
        GraphValueError: for features of another shape.

    Departures from PyTorch Geometric: linear maps are applied once per node, not once per edge.

    Example:
        >>> conv = DNAConv(8, heads=2)
        >>> conv(torch.randn(4, 3, 8), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 8])

    Source: "Just Jump: Towards Dynamic Neighborhood Aggregation in Graph Neural Networks" (arXiv:1904.04849).
    """

    def __init__(
        self,
        channels: int,
        heads: int = 1,
        groups: int = 1,
        dropout: float = 0.0,
        cached: bool = False,
        normalize: bool = True,
        add_self_loops: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(node_dim=0, **{"aggr": "add", **kwargs})
        self.channels = channels
        self.bias = bias
        self.cached = cached
        self.normalize = normalize
        self.add_self_loops = add_self_loops
        self.multi_head = MultiHead(channels, heads, groups, dropout, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        self.multi_head.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        if x.dim() != 3:
            raise GraphValueError(
                f"expected features of shape (nodes, layers, channels), got {list(x.shape)}; for one layer: x[:, None]"
            )
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        maps = self.multi_head

        def by_head(values: Tensor) -> Tensor:  # (N, L, F) -> (N, H, L, F / H)
            return values.unflatten(-1, (maps.heads, -1)).transpose(1, 2)

        query, key, value = by_head(maps.lin_q(x[:, -1:])), by_head(maps.lin_k(x)), by_head(maps.lin_v(x))
        query = query / math.sqrt(query.size(-1))
        return self.propagate(edge_index, query=query, key=key, value=value, edge_weight=edge_weight)

    def message(self, query_i: Tensor, key_j: Tensor, value_j: Tensor, edge_weight: Tensor | None) -> Tensor:
        alpha = restricted_softmax((query_i * key_j).sum(dim=-1))  # (E, H, L)
        alpha = F.dropout(alpha, p=self.multi_head.dropout, training=self.training)
        out = (alpha.unsqueeze(-1) * value_j).sum(dim=-2).flatten(1)
        return out if edge_weight is None else edge_weight.view(-1, 1) * out

    def __repr__(self) -> str:
        heads, groups = self.multi_head.heads, self.multi_head.groups
        return f"{type(self).__name__}({self.channels}, heads={heads}, groups={groups})"


def restricted_softmax(score: Tensor) -> Tensor:
    r"""A softmax beside a silent score of 0, :math:`e^{s_l} / (1 + \sum_k e^{s_k})`, over the last dim.

    Example:
        >>> restricted_softmax(torch.tensor([0.0, 0.0, 0.0]))
        tensor([0.2500, 0.2500, 0.2500])
    """
    highest = score.detach().amax(dim=-1, keepdim=True).clamp(min=0.0)
    weight = (score - highest).exp()
    return weight / (weight.sum(dim=-1, keepdim=True) + (-highest).exp())
