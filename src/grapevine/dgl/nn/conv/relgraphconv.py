"""Relational graph convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn._graphs import by_type, relu_gain
from grapevine.dgl.nn.linear import TypedLinear
from grapevine.nn.conv._relations import mapped

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class RelGraphConv(nn.Module):
    r"""Sums the neighbours, each under the matrix of its relation.

    .. math::
        \mathbf{h}'_i = \sigma \Big( \sum_{r} \sum_{j \in \mathcal{N}_r(i)} e_{ji} \mathbf{h}_j \mathbf{W}_r
        + \mathbf{h}_i \mathbf{W}_0 + \mathbf{b} \Big)

    Args:
        in_feat: F.
        out_feat: F'.
        num_rels: number of relations.
        regularizer, num_bases: of the matrices, see `TypedLinear`; as many bases as relations by default.
        bias: learn a shift.
        activation: of the output.
        self_loop: add the node's own features, under a matrix of their own.
        dropout: probability with which an output is dropped in training.
        layer_norm: normalise the sum.

    Forward:
        g: a homogeneous graph, or a block.
        feat: (N, F).
        etypes: integers (E,), the relation of each edge.
        norm: weights of the edges, (E, 1); 1 by default, so that a sum is taken, not a mean.
        presorted: accepted; relations are sorted once per graph in any case.

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for weights of another shape.
        GraphIndexError: for a relation out of range.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> RelGraphConv(4, 2, num_rels=2)(g, torch.ones(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([3, 2])

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """

    def __init__(
        self,
        in_feat: int,
        out_feat: int,
        num_rels: int,
        regularizer: str | None = None,
        num_bases: int | None = None,
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
        self_loop: bool = True,
        dropout: float = 0.0,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        if regularizer is not None and num_bases is None:
            num_bases = num_rels
        self.linear_r = TypedLinear(in_feat, out_feat, num_rels, regularizer, num_bases)
        self.bias = bias
        self.activation = activation
        self.self_loop = self_loop
        self.layer_norm = layer_norm
        if bias:
            self.h_bias = nn.Parameter(torch.zeros(out_feat))
        if layer_norm:
            self.layer_norm_weight = nn.LayerNorm(out_feat, elementwise_affine=True)
        if self_loop:
            self.loop_weight = nn.Parameter(torch.empty(in_feat, out_feat))
            nn.init.xavier_uniform_(self.loop_weight, gain=relu_gain())
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        g: DGLGraph,
        feat: Tensor,
        etypes: Tensor,
        norm: Tensor | None = None,
        *,
        presorted: bool = False,
    ) -> Tensor:
        edges = g._relation()
        # Features are summed for each relation and destination first, so that each pair is mapped once.
        by_relation = by_type(edges, etypes, self.linear_r.num_types)
        sent = by_relation.sent.src(feat)
        if norm is not None:
            if norm.numel() != edges.num_edges:
                raise DGLError(
                    f"expected norm of shape ({edges.num_edges}, 1), a weight per edge; got {list(norm.shape)}"
                )
            sent = norm.view(-1, 1) * sent
        pairs = mapped(by_relation.sent.sum(sent), by_relation.sizes, self.linear_r.matrices())
        h = by_relation.merge.sum(by_relation.merge.src(pairs))
        if self.layer_norm:
            h = self.layer_norm_weight(h)
        if self.bias:
            h = h + self.h_bias
        if self.self_loop:
            h = h + feat[: edges.num_dst] @ self.loop_weight
        if self.activation:
            h = self.activation(h)
        return self.dropout(h)
