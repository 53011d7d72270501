"""Graph attention with a matrix for each type of edge."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.nn.conv._attention import with_weights
from grapevine.nn.conv._relations import Relations, mapped, relations, relations_of
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import constant, glorot, ones, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import degree

_MECHANISMS = ("within-relation", "across-relation")
_MODES = ("additive-self-attention", "multiplicative-self-attention")


class RGATConv(MessagePassing):
    r"""Sums the neighbours, mapped by their relation's matrix and weighted by attention.

    With :math:`\mathbf{g}^{(r)}_i = \mathbf{W}^{(r)} \mathbf{x}_i`, queries :math:`\mathbf{q}^{(r)}_i = \mathbf{Q}
    \mathbf{g}^{(r)}_i`, keys :math:`\mathbf{k}^{(r)}_j = \mathbf{K} \mathbf{g}^{(r)}_j` and edge features mapped to
    :math:`\mathbf{s}_{ij}`:

    .. math::
        \mathbf{x}^{\prime}_i = \sum_r \sum_{j \in \mathcal{N}_r(i)} \alpha^{(r)}_{ij} \mathbf{g}^{(r)}_j, \qquad
        \alpha = \mathrm{softmax}(\mathbf{a}), \qquad
        \mathbf{a}^{(r)}_{ij} = \mathrm{LeakyReLU}(\mathbf{q}^{(r)}_i + \mathbf{k}^{(r)}_j + \mathbf{s}_{ij})
        \quad \text{or} \quad \mathbf{q}^{(r)}_i \cdot \mathbf{k}^{(r)}_j \cdot \mathbf{s}_{ij}

    Args:
        in_channels: features F of a node.
        out_channels: features F' per head.
        num_relations: number of relations R.
        num_bases: make the matrices from that many shared ones.
        num_blocks: make the matrices block-diagonal, of that many blocks.
        mod: how to let the number d of neighbours through the softmax: `"additive"`: α + w; `"f-additive"`: α + 1;
            `"scaled"`: times ψ(d); `"f-scaled"`: times d; None: not at all.
        attention_mechanism: `"across-relation"`: one softmax over all edges that arrive at a node;
            `"within-relation"`: one for each relation.
        attention_mode: `"additive-self-attention"` or `"multiplicative-self-attention"`, as above.
        heads: number of heads H.
        dim: number of scores D per head; 1 for additive attention.
        concat: concatenate the heads, instead of averaging them.
        negative_slope: of the leaky ReLU.
        dropout: probability with which an attention weight is dropped in training; not beside a `mod`.
        edge_dim: features of an edge, if there are any.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        edge_type: relation of each edge, int64 (E,) in [0, R); None: the values of a sparse adjacency.
        edge_attr: edge features, (E, edge_dim) or (E,).
        size: accepted for compatibility.
        return_attention_weights: True or False, rather than None: return the weights too.

    Returns:
        (N, H D F'), or (N, D F') without `concat`; with `return_attention_weights` beside it `(edge_index, alpha)`
        with the weights (E, H D).

    Raises:
        GraphValueError: for options that do not fit together.

    Example:
        >>> conv = RGATConv(4, 8, num_relations=2, heads=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1])).shape
        torch.Size([3, 16])

    Source: "Relational Graph Attention Networks" (arXiv:1904.05811), "Improving Attention Mechanism in Graph Neural
    Networks via Cardinality Preservation" (arXiv:1907.02204).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_relations: int,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        mod: str | None = None,
        attention_mechanism: str = "across-relation",
        attention_mode: str = "additive-self-attention",
        heads: int = 1,
        dim: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        edge_dim: int | None = None,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(node_dim=0, **kwargs)
        inner = heads * out_channels
        if attention_mechanism not in _MECHANISMS:
            raise GraphValueError(
                f"expected attention_mechanism among {_MECHANISMS}, got {attention_mechanism!r}"
            )
        if attention_mode not in _MODES:
            raise GraphValueError(f"expected attention_mode among {_MODES}, got {attention_mode!r}")
        if attention_mode == _MODES[0] and dim > 1:
            raise GraphValueError(f"expected dim=1 with {_MODES[0]!r}, got {dim}; use {_MODES[1]!r}")
        if dropout > 0.0 and mod is not None:
            raise GraphValueError(f"expected mod=None with dropout, got {mod!r}")
        if num_bases is not None and num_blocks is not None:
            raise GraphValueError("expected num_bases or num_blocks, got both; leave one of them out")
        if num_blocks is not None and (in_channels % num_blocks or inner % num_blocks):
            raise GraphValueError(
                f"expected in_channels and heads * out_channels to be multiples of num_blocks={num_blocks}, got "
                f"{in_channels} and {inner}"
            )
        self.heads = heads
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.mod = mod
        self.concat = concat
        self.attention_mode = attention_mode
        self.attention_mechanism = attention_mechanism
        self.dim = dim
        self.edge_dim = edge_dim
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_relations = num_relations
        self.num_bases = num_bases
        self.num_blocks = num_blocks

        def parameter(*shape: int) -> Parameter:
            return Parameter(torch.empty(shape))

        self.q, self.k = parameter(inner, heads * dim), parameter(inner, heads * dim)
        self.register_parameter(
            "bias", parameter((heads if concat else 1) * dim * out_channels) if bias else None
        )
        self.lin_edge = (
            None if edge_dim is None else Linear(edge_dim, inner, bias=False, weight_initializer="glorot")
        )
        self.register_parameter("e", None if edge_dim is None else parameter(inner, heads * dim))
        if num_bases is not None:
            self.att = parameter(num_relations, num_bases)
            self.basis = parameter(num_bases, in_channels, inner)
        elif num_blocks is not None:
            self.weight = parameter(num_relations, num_blocks, in_channels // num_blocks, inner // num_blocks)
        else:
            self.weight = parameter(num_relations, in_channels, inner)
        self.w = Parameter(torch.ones(out_channels))
        self.l1, self.b1 = parameter(1, out_channels), parameter(1, out_channels)
        self.l2, self.b2 = parameter(out_channels, out_channels), parameter(1, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for weight in (self.weight,) if self.num_bases is None else (self.basis, self.att):
            glorot(weight)
        glorot(self.q)
        glorot(self.k)
        zeros(self.bias)
        ones(self.l1)
        zeros(self.b1)
        constant(self.l2, 1 / self.out_channels)
        zeros(self.b2)
        glorot(self.lin_edge)
        glorot(self.e)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_type: Tensor | None = None,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        edges = Edges.of(edge_index, (x.shape[0], x.shape[0]))
        edges = edges if self.flow == "source_to_target" else edges.reverse()
        edge_type = relations_of(edge_index, edge_type)
        arriving = relations(edges, edge_type, self.num_relations)
        leaving = relations(edges.reverse(), edge_type, self.num_relations)
        g = self._mapped(x, leaving)  # one row for each pair (relation, node)
        alpha = self._scores(
            self._mapped(x, arriving) @ self.q, g @ self.k, _between(leaving, arriving), edge_attr
        )
        across = self.attention_mechanism == "across-relation"
        alpha = (edges if across else _between(leaving, arriving)).softmax(alpha)

        sent = leaving.sent.reverse()
        sent = sent if self.flow == "source_to_target" else sent.reverse()
        g = g.view(-1, self.heads, 1, self.out_channels)
        out = self.propagate(
            sent, x=g, alpha=self._modified(alpha, edges.dst_index, x.shape[0]), size=sent.size
        )
        if self.mod == "scaled":
            arrivals = degree(edges.dst_index, x.shape[0], x.dtype).unsqueeze(1)
            psi = (arrivals @ self.l1 + self.b1).relu() @ self.l2 + self.b2
            out = out * psi.view(-1, 1, 1, self.out_channels)
        out = out.flatten(1) if self.concat else out.mean(1).flatten(1)
        out = out if self.bias is None else out + self.bias
        return out if return_attention_weights is None else (out, with_weights(edge_index, edge_index, alpha))

    def _mapped(self, x: Tensor, pairs: Relations) -> Tensor:
        """The features of the node of each pair (relation, node), mapped by the relation's matrix."""
        matrices: Tensor
        if self.num_bases is None:
            matrices = self.weight
        else:
            matrices = (self.att @ self.basis.flatten(1)).view(self.num_relations, *self.basis.shape[1:])
        return mapped(x.index_select(0, pairs.merge.dst_index), pairs.sizes, matrices)

    def _scores(self, query: Tensor, key: Tensor, between: Edges, edge_attr: Tensor | None) -> Tensor:
        """The score of each edge, (E, H D)."""
        query, key = between.dst(query), between.src(key)
        additive = self.attention_mode == "additive-self-attention"
        score = query + key if additive else query * key
        if edge_attr is not None:
            if self.lin_edge is None:
                raise GraphValueError(
                    "expected no edge_attr without edge_dim; build the layer with edge_dim=..."
                )
            edge_attr = edge_attr.view(-1, 1) if edge_attr.dim() == 1 else edge_attr
            of_edge = self.lin_edge(edge_attr) @ self.e
            score = score + of_edge if additive else score * of_edge
        return F.leaky_relu(score, self.negative_slope) if additive else score

    def _modified(self, alpha: Tensor, index: Tensor, num_nodes: int) -> Tensor:
        """What the mapped features are multiplied by, (E, H, D, 1) or (E, H, D, F')."""
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        if self.mod == "f-additive":
            alpha = torch.where(alpha > 0, alpha + 1, alpha)
        elif self.mod == "f-scaled":
            alpha = alpha * degree(index, num_nodes, alpha.dtype)[index].unsqueeze(1)
        alpha = alpha.view(-1, self.heads, self.dim, 1)
        return alpha + self.w if self.mod == "additive" else alpha

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha * x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"


def _between(leaving: Relations, arriving: Relations) -> Edges:
    """The edges from the pairs (relation, source) to the pairs (relation, destination)."""

    def build() -> Edges:
        size = (leaving.sent.num_dst, arriving.sent.num_dst)
        return Edges.of(torch.stack([leaving.sent.dst_index, arriving.sent.dst_index]), size)

    return build() if must_be_plain() else leaving.sent.derived("between", build)
