"""Graph convolution with a matrix for each type of edge."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.nn.conv._relations import Relations, mapped, relations, relations_of
from grapevine.nn.inits import glorot, zeros
from grapevine.nn.message_passing import MessagePassing


class RGCNConv(MessagePassing):
    r"""Reduces the neighbours of each relation, maps each result by the relation's matrix, and sums these up.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{\Theta}_{\mathrm{root}} \mathbf{x}_i + \sum_{r \in \mathcal{R}}
        \sum_{j \in \mathcal{N}_r(i)} \frac{1}{|\mathcal{N}_r(i)|} \mathbf{\Theta}_r \mathbf{x}_j

    Args:
        in_channels: features F of a node; a pair for sources and destinations; the number of nodes, where they have
            numbers instead of features.
        out_channels: features F' of the output.
        num_relations: number of relations R.
        num_bases: make the matrices from that many shared ones.
        num_blocks: make the matrices block-diagonal, of that many blocks.
        aggr: reduction within a relation.
        root_weight: add the map of the node's own features.
        is_sorted: accepted for compatibility; edges are sorted by type once per graph.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F); or numbers of nodes, int64 (N,), for which the matrices hold the features; None: the
            numbers 0 to F - 1; or a pair of these for sources and destinations, the second of which is no None.
        edge_index: int64 (2, E), or any other adjacency.
        edge_type: relation of each edge, int64 (E,) in [0, R); None: the values of a sparse adjacency.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for `num_bases` with `num_blocks`, blocks that do not fit, or numbers of nodes with blocks.
        GraphIndexError: for a relation outside the range.

    Example:
        >>> conv = RGCNConv(4, 8, num_relations=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1])).shape
        torch.Size([3, 8])

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """

    comp: Tensor | None
    root: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        num_relations: int,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        aggr: str = "mean",
        root_weight: bool = True,
        is_sorted: bool = False,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", aggr)
        super().__init__(node_dim=0, **kwargs)
        if num_bases is not None and num_blocks is not None:
            raise GraphValueError("expected num_bases or num_blocks, got both; leave one of them out")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_relations = num_relations
        self.num_bases = num_bases
        self.num_blocks = num_blocks
        self.is_sorted = is_sorted
        self.in_channels_l, target = (
            (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        )

        blocks = num_blocks or 1
        if self.in_channels_l % blocks or out_channels % blocks:
            raise GraphValueError(
                f"expected in_channels and out_channels to be multiples of num_blocks={num_blocks}, got "
                f"{self.in_channels_l} and {out_channels}"
            )
        block = (self.in_channels_l // blocks, out_channels // blocks)
        shape = block if num_blocks is None else (num_blocks, *block)
        self.weight = Parameter(torch.empty(num_relations if num_bases is None else num_bases, *shape))
        comp = None if num_bases is None else Parameter(torch.empty(num_relations, num_bases))
        self.register_parameter("comp", comp)
        self.register_parameter("root", Parameter(torch.empty(target, out_channels)) if root_weight else None)
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        glorot(self.weight)
        glorot(self.comp)
        glorot(self.root)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | None | tuple[Tensor | None, Tensor],
        edge_index: Any,
        edge_type: Tensor | None = None,
    ) -> Tensor:
        source, target = x if isinstance(x, tuple) else (x, x)
        num_src = self.in_channels_l if source is None else source.shape[0]
        edges = Edges.of(edge_index, (num_src, num_src if target is None else target.shape[0]))
        edges = edges if self.flow == "source_to_target" else edges.reverse()
        graph = relations(edges, relations_of(edge_index, edge_type), self.num_relations)

        if source is not None and source.is_floating_point():
            h = mapped(self._to_pairs(graph.sent, source), graph.sizes, self._matrices())
        else:
            h = self._to_pairs(self._numbered(graph, source), self._matrices().flatten(0, 1))
        out = graph.merge.sum(graph.merge.src(h))

        if self.root is not None:
            if target is None:
                out = out + self.root
            else:
                out = out + (target @ self.root if target.is_floating_point() else self.root[target])
        return out if self.bias is None else out + self.bias

    def _matrices(self) -> Tensor:
        """The matrix of each relation, (R, F, F'); with blocks (R, B, F / B, F' / B)."""
        if self.comp is None:
            return self.weight
        return (self.comp @ self.weight.flatten(1)).view(self.num_relations, *self.weight.shape[1:])

    def _to_pairs(self, sent: Edges, x: Tensor) -> Tensor:
        sent = sent if self.flow == "source_to_target" else sent.reverse()
        return self.propagate(sent, x=x, size=sent.size)

    def _numbered(self, graph: Relations, number: Tensor | None) -> Edges:
        """The edges to the pairs from rows of the matrices, one below another: F of them for each relation."""
        if self.num_blocks is not None:
            raise GraphValueError(
                "expected features with num_blocks, got numbers of nodes; use num_bases, or one-hot features"
            )

        def build() -> Edges:
            node = graph.sent.src_index
            row = graph.type * self.in_channels_l + (node if number is None else number[node])
            size = (self.num_relations * self.in_channels_l, graph.sent.num_dst)
            return Edges.of(torch.stack([row, graph.sent.dst_index]), size)

        return build() if number is not None or must_be_plain() else graph.sent.derived("numbered", build)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, num_relations={self.num_relations})"


class FastRGCNConv(RGCNConv):
    r"""`RGCNConv` for sums and means; both run all relations at once here, so that there is no faster one.

    Raises:
        GraphValueError: for another `aggr` than `"add"`, `"sum"` or `"mean"`.

    Departures from PyTorch Geometric: the numbers of nodes that are given as `x` count, not their places in it.

    Example:
        >>> conv = FastRGCNConv(4, 8, num_relations=2)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 1])).shape
        torch.Size([3, 8])
    """

    def forward(
        self,
        x: Tensor | None | tuple[Tensor | None, Tensor],
        edge_index: Any,
        edge_type: Tensor | None = None,
    ) -> Tensor:
        if self.aggr not in ("add", "sum", "mean"):
            raise GraphValueError(f"expected aggr 'add', 'sum' or 'mean', got {self.aggr!r}; use RGCNConv")
        return super().forward(x, edge_index, edge_type)
