"""GCN, and the normalisation by degrees that many layers share with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine import engine
from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.graph.loops import add_remaining_self_loops, last_loops
from grapevine.graph.num_nodes import maybe_num_nodes
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index, to_torch_sparse_tensor
from grapevine.nn.conv._derived import kept, self_looped, sparse_values
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import zeros
from grapevine.utils import scatter


def gcn_norm(
    edge_index: Tensor | Edges,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    improved: bool = False,
    add_self_loops: bool = True,
    flow: str = "source_to_target",
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor | None]:
    r"""Weights the edges by the degrees of both ends.

    .. math:: \hat{\mathbf{D}}^{-1/2} (\mathbf{A} + \mathbf{I}) \hat{\mathbf{D}}^{-1/2}

    Args:
        edge_index: (2, E), `gv.Edges`, or a square `torch.sparse` adjacency (N_dst, N_src).
        edge_weight: (E,); ones by default, for a sparse adjacency its values.
        num_nodes: N.
        improved: self-loops weigh 2 instead of 1; has an effect only where the edges have weights.
        add_self_loops: give a self-loop to every node that has none.
        flow: the end at which the degree is counted: "source_to_target": the second.
        dtype: of the weights where there are none yet.

    Returns:
        `edge_index` with the self-loops of nodes 0 to N - 1 at its end, and its weights; for a sparse adjacency that
        adjacency with these values, and None.

    Example:
        >>> gcn_norm(torch.tensor([[0, 1], [1, 0]]))
        (tensor([[0, 1, 0, 1],
            [1, 0, 0, 1]]), tensor([0.5000, 0.5000, 0.5000, 0.5000]))

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """
    if isinstance(edge_index, Edges):
        num_nodes = max(edge_index.size)
        return gcn_norm(edge_index.edge_index, edge_weight, num_nodes, improved, add_self_loops, flow, dtype)
    if is_torch_sparse_tensor(edge_index):
        adjacency = edge_index
        pairs, values = to_edge_index(adjacency)
        pairs, weight = gcn_norm(
            pairs.flip(0),
            values if edge_weight is None else edge_weight,
            adjacency.size(0),
            improved,
            add_self_loops,
        )
        size = (adjacency.size(0), adjacency.size(1))
        return to_torch_sparse_tensor(pairs.flip(0), weight, size, layout=adjacency.layout), None
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    if add_self_loops:
        edge_index, edge_weight = add_remaining_self_loops(
            edge_index, edge_weight, 2.0 if improved else 1.0, num_nodes
        )
    if edge_weight is None:
        edge_weight = torch.ones(edge_index.size(1), dtype=dtype, device=edge_index.device)
    source, target = edge_index if flow == "source_to_target" else edge_index.flip(0)
    degree = scatter(edge_weight, target, 0, num_nodes, "sum")
    return edge_index, _scaled(edge_weight, degree, source, target)


def _scaled(weight: Tensor, degree: Tensor, source: Tensor, target: Tensor) -> Tensor:
    scale = degree.pow(-0.5)
    scale = scale.masked_fill(scale == float("inf"), 0.0)
    return scale.index_select(0, source) * weight * scale.index_select(0, target)


class NormalizedConv(WeightedConv):
    """Base of the layers that propagate along the edges as weighted by `gcn_norm`."""

    improved = False
    add_self_loops = True
    normalize = True
    cached = False
    in_order = False  # whether edges must stay in the order in which they came
    _cached_edge_index: tuple[Tensor | Edges, Tensor | None] | None = None

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        self._cached_edge_index = None

    def weighted(
        self, edge_index: Tensor | Edges, edge_weight: Tensor | None, x: Tensor
    ) -> tuple[Tensor | Edges, Tensor | None]:
        """The edges to send along, with their weights: normalised, if the layer is to do so."""
        if not self.normalize:
            return edge_index, sparse_values(edge_index) if edge_weight is None else edge_weight
        if self._cached_edge_index is not None:
            return self._cached_edge_index
        found = self._normalized(edge_index, edge_weight, x.size(self.node_dim), x.dtype)
        if self.cached:
            self._cached_edge_index = found
        return found

    def _normalized(
        self, adjacency: Tensor | Edges, weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> tuple[Tensor | Edges, Tensor]:
        """`gcn_norm`, computed once per graph where the weights depend on nothing else."""
        forward = self.flow == "source_to_target"
        edges = Edges.of(adjacency, (num_nodes, num_nodes))
        edges = edges if forward else edges.reverse()
        if weight is None:
            weight = sparse_values(adjacency, unless_ones=not self.improved)
        fill = 2.0 if self.improved and weight is not None else 1.0
        if engine.computes_now():
            pair, weight = self._on_the_fly(edges, weight, fill, dtype)
            return pair if forward else pair.flip(0), weight
        loops = "remaining" if self.add_self_loops else "none"
        derived = self_looped(edges, loops, in_order=self.in_order or self.explain)
        graph = derived.edges
        if weight is None:
            weight = kept(graph, ("gcn_norm", dtype), lambda: _by_degree(graph, dtype))
        else:
            weight = derived.carried(weight, fill)
            weight = _scaled(weight, graph.sum(weight), graph.src_index, graph.dst_index)
        return graph if forward else graph.reverse(), weight

    def _on_the_fly(
        self, edges: Edges, weight: Tensor | None, fill: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """The same in ops that tracers know."""
        src, dst, num_nodes = edges.src_index, edges.dst_index, edges.num_dst
        if weight is None:
            weight = torch.ones(src.shape[0], dtype=dtype, device=src.device)
        exact = self.in_order or self.explain or self.aggr not in ("add", "sum")
        if self.add_self_loops and exact:
            (src, dst), found = add_remaining_self_loops(edges.edge_index, weight, fill, num_nodes)
            assert found is not None
            weight = found
        elif self.add_self_loops:
            # No shape may depend on values: loops that are there stay, with weight 0, which a sum does not notice.
            loop = src == dst
            nodes = torch.arange(num_nodes, device=src.device)
            # Edges that are no loops are counted at a node of their own, which is dropped.
            own = last_loops(torch.where(loop, src, num_nodes), num_nodes + 1)[:num_nodes]
            # -1, the last entry, where a node has no loop yet.
            new = torch.cat([weight, weight.new_full((1,), fill)])[own]
            weight = torch.cat([weight.masked_fill(loop, 0.0), new])
            src, dst = torch.cat([src, nodes]), torch.cat([dst, nodes])
        degree = engine.plain.reduce(dst, num_nodes, weight, "sum")
        return torch.stack((src, dst)), _scaled(weight, degree, src, dst)


def _by_degree(graph: Edges, dtype: torch.dtype) -> Tensor:
    wide = torch.promote_types(dtype, torch.float32)
    ones = torch.ones(graph.num_edges, dtype=wide, device=graph.device)
    return _scaled(ones, graph.in_degrees(wide), graph.src_index, graph.dst_index).to(dtype)


class GCNConv(NormalizedConv):
    r"""The graph convolution: features of the neighbours and the node itself, weighted by degree and transformed.

    .. math::
        \mathbf{X}^{\prime} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}
        \mathbf{X} \mathbf{W}^{\top}
        + \mathbf{b}, \qquad \hat{\mathbf{A}} = \mathbf{A} + \mathbf{I}, \quad \hat{D}_{ii} = \sum_j \hat{A}_{ij}

    Args:
        in_channels: size of the input F; -1: that of the first input.
        out_channels: size of the output F'.
        improved: self-loops weigh 2, where edges have weights.
        cached: keep the normalised graph of the first call, whatever graph comes later.
        add_self_loops: give a self-loop to every node that has none; by default where `normalize` is set.
        normalize: weight the edges by degree.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values are the weights.
        edge_weight: weights, (E,).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for `add_self_loops` without `normalize`, and for a pair of features.

    Departures: self-loops of a sparse adjacency are treated as those of an `edge_index`.

    Example:
        >>> conv = GCNConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        if add_self_loops is None:
            add_self_loops = normalize
        if add_self_loops and not normalize:
            raise GraphValueError(
                "expected normalize=True with add_self_loops=True, got normalize=False; "
                "add them to the graph instead: edge_index, edge_weight = add_self_loops(edge_index, edge_weight)"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.improved = improved
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self.lin = Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        self.lin.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        if isinstance(x, (tuple, list)):
            raise GraphValueError(
                f"{type(self).__name__} expected one tensor of features, got a {type(x).__name__}: it is not for "
                "bipartite graphs; use SAGEConv or GraphConv"
            )
        edge_index, edge_weight = self.weighted(edge_index, edge_weight, x)
        if x.size(-1) < self.out_channels and self.is_linear:  # fewer features travel
            out = self.lin(self.propagate(edge_index, x=x, edge_weight=edge_weight))
        else:
            out = self.propagate(edge_index, x=self.lin(x), edge_weight=edge_weight)
        return out if self.bias is None else out + self.bias
