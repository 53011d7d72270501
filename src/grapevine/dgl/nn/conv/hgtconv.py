"""Heterogeneous graph transformer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import by_type, expand_as_pair
from grapevine.dgl.nn.linear import TypedLinear
from grapevine.nn.conv._relations import mapped

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class HGTConv(nn.Module):
    r"""Attention among nodes of several types along edges of several types, on a graph made homogeneous.

    .. math::
        \mathbf{h}'_i = \sigma(s_{\tau(i)}) \, \mathbf{A}_{\tau(i)} \sum_{j \in \mathcal{N}(i)} \alpha_{ij} \,
        \mathbf{v}_j \mathbf{M}_{\phi(e)} + (1 - \sigma(s_{\tau(i)})) \, \mathbf{h}_i, \qquad
        \alpha_{ij} = \mathrm{softmax}_j \frac{\mu_{\phi(e)}}{\sqrt{D}} \, \mathbf{k}_j \mathbf{W}_{\phi(e)}
        \mathbf{q}^{\top}_i

    for each head, with keys, queries and values under the matrices of the nodes' types.

    Args:
        in_size: F.
        head_size: D.
        num_heads: H; the output has H D features. Where F is another number, a matrix maps the node's own features.
        num_ntypes: number of types of nodes.
        num_etypes: number of types of edges.
        dropout: probability with which a new feature is dropped in training.
        use_norm: normalise the output.

    Forward:
        g: a homogeneous graph, or a block.
        x: (N, F).
        ntype: integers (N,).
        etype: integers (E,).
        presorted: whether both ascend.

    Returns:
        (N_dst, H D).

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> types = torch.tensor([0, 0, 1])
        >>> HGTConv(4, 2, 3, num_ntypes=2, num_etypes=2)(g, torch.ones(3, 4), types, types).shape
        torch.Size([3, 6])

    Source: "Heterogeneous Graph Transformer" (arXiv:2003.01332).
    """

    def __init__(
        self,
        in_size: int,
        head_size: int,
        num_heads: int,
        num_ntypes: int,
        num_etypes: int,
        dropout: float = 0.2,
        use_norm: bool = False,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.head_size = head_size
        self.num_heads = num_heads
        self.sqrt_d = math.sqrt(head_size)
        self.use_norm = use_norm
        self.num_etypes = num_etypes
        width = head_size * num_heads
        self.linear_k = TypedLinear(in_size, width, num_ntypes)
        self.linear_q = TypedLinear(in_size, width, num_ntypes)
        self.linear_v = TypedLinear(in_size, width, num_ntypes)
        self.linear_a = TypedLinear(width, width, num_ntypes)
        self.relation_pri = nn.ParameterList(nn.Parameter(torch.ones(num_etypes)) for _ in range(num_heads))
        self.relation_att = nn.ModuleList(
            TypedLinear(head_size, head_size, num_etypes) for _ in range(num_heads)
        )
        self.relation_msg = nn.ModuleList(
            TypedLinear(head_size, head_size, num_etypes) for _ in range(num_heads)
        )
        self.skip = nn.Parameter(torch.ones(num_ntypes))
        self.drop = nn.Dropout(dropout)
        if use_norm:
            self.norm = nn.LayerNorm(width)
        if in_size != width:
            self.residual_w = nn.Parameter(torch.empty(in_size, width))
            nn.init.xavier_uniform_(self.residual_w)

    def forward(
        self, g: DGLGraph, x: Tensor, ntype: Tensor, etype: Tensor, *, presorted: bool = False
    ) -> Tensor:
        x_dst: Tensor = expand_as_pair(x, g)[1]
        dst_type: Tensor = expand_as_pair(ntype, g)[1]
        q = self.linear_q(x_dst, dst_type, presorted)
        k, v = self.linear_k(x, ntype, presorted), self.linear_v(x, ntype, presorted)

        # Sources are listed anew for each type of edge that they have, so that each such pair is mapped once.
        backward = by_type(g._relation().reverse(), etype, self.num_etypes)
        edges, source = backward.sent.reverse(), backward.merge.dst_index
        prior = torch.stack(list(self.relation_pri), dim=1) / self.sqrt_d  # (T, H)
        sizes = torch.tensor(backward.sizes, device=x.device)

        def by_relation(rows: Tensor, maps: nn.ModuleList) -> Tensor:
            matrices = torch.stack([cast("TypedLinear", linear).W for linear in maps], dim=1)  # (T, H, D, D)
            return self._heads(mapped(rows.index_select(0, source), backward.sizes, matrices))

        k = by_relation(k, self.relation_att) * prior.repeat_interleave(sizes, dim=0).unsqueeze(-1)
        v = by_relation(v, self.relation_msg)
        alpha = edges.softmax((edges.src(k) * edges.dst(self._heads(q))).sum(-1))
        h = edges.sum(edges.edge(alpha).unsqueeze(-1) * edges.src(v)).flatten(1)

        h = self.drop(self.linear_a(h, dst_type, presorted))
        share = torch.sigmoid(self.skip[dst_type]).unsqueeze(-1)
        own = x_dst if x_dst.shape == h.shape else x_dst @ self.residual_w
        h = share * h + (1 - share) * own
        return self.norm(h) if self.use_norm else h

    def _heads(self, x: Tensor) -> Tensor:
        """(N, H D) -> (N, H, D)."""
        return x.view(-1, self.num_heads, self.head_size)
