"""The table of layers that `test_layers.py` compares with their counterparts in torch_geometric.

One line a layer and variant: how to make it from the namespace of either library, and what to call it with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from tests.nn.peer import BIPARTITE, SQUARE, Graph, integers, normal, uniform
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

Inputs = Callable[[Graph, Any], Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """A layer to compare.

    Attributes:
        name: of the case.
        make: the layer, from `grapevine.nn.conv` or `torch_geometric.nn`.
        inputs: its arguments, from a graph and its adjacency.
        graphs: the graphs to call it on.
        per_edge: whether some argument has a row per edge, so that the edges must keep their order.
        train: compare in training mode (random numbers start from the same seed).
        start: compare the initial numbers.
    """

    name: str
    make: Callable[[Any], torch.nn.Module]
    inputs: Inputs
    graphs: Sequence[Graph] = tuple(SQUARE)
    per_edge: bool = False
    train: bool = False
    start: bool = True

    def __repr__(self) -> str:
        return self.name


def nodes(channels: int) -> Inputs:
    """Node features and the adjacency."""
    return lambda g, edges: (g.features(channels), edges)


def both(source: int, target: int) -> Inputs:
    """Features of sources and destinations, and the adjacency."""
    return lambda g, edges: (g.pair(source, target), edges)


def with_attr(inputs: Inputs, *channels: int) -> Inputs:
    """`inputs`, then edge features."""
    return lambda g, edges: (*inputs(g, edges), g.edge_features(*channels))


def with_types(inputs: Inputs, num_types: int) -> Inputs:
    """`inputs`, then edge types."""
    return lambda g, edges: (*inputs(g, edges), types(g, num_types))


def types(g: Graph, num_types: int) -> Tensor:
    """A type for each edge; the last one stands nowhere."""
    return integers(max(num_types - 1, 1), g.edge_index.size(1), seed=5)


def numbers(high: int) -> Inputs:
    """Numbers of nodes instead of features, and the adjacency."""
    return lambda g, edges: (integers(high, g.num_src, seed=6), edges)


def one_dim(g: Graph, edges: Any) -> Sequence[Any]:
    """Node features, the adjacency, and one number per edge."""
    return g.features(6), edges, uniform(g.edge_index.size(1))


def mlp(*channels: int) -> Sequential:
    """Linear maps with ReLUs in between, the same for both libraries."""
    torch.manual_seed(7)
    modules: list[torch.nn.Module] = []
    for inputs, outputs in pairwise(channels):
        modules += [Linear(inputs, outputs), ReLU()]
    return Sequential(*modules[:-1])


def without_target(g: Graph, edges: Any) -> Sequence[Any]:
    """Features of the sources alone, and the numbers of both sides."""
    return (g.features(6), None), edges, None, (g.num_src, g.num_dst)


MULTIPLICATIVE = "multiplicative-self-attention"
DEGREES = torch.tensor([3, 5, 9, 4, 2])
PNA = (
    ["mean", "min", "max", "std", "var", "sum"],
    ["identity", "amplification", "attenuation", "linear", "inverse_linear"],
)

ATTENTION = [
    Case("gat", lambda nn: nn.GATConv(6, 4), nodes(6)),
    Case("gat_heads", lambda nn: nn.GATConv(6, 4, heads=3, negative_slope=0.1, residual=True), nodes(6)),
    Case("gat_mean", lambda nn: nn.GATConv(6, 4, heads=2, concat=False, bias=False, residual=True), nodes(6)),
    Case(
        "gat_lazy", lambda nn: nn.GATConv(-1, 4, heads=2, edge_dim=-1), with_attr(nodes(6), 3), per_edge=True
    ),
    Case("gat_no_loops", lambda nn: nn.GATConv(6, 4, heads=2, add_self_loops=False), nodes(6)),
    Case("gat_max", lambda nn: nn.GATConv(6, 4, heads=2, aggr="max"), nodes(6)),
    Case("gat_edge", lambda nn: nn.GATConv(6, 4, heads=2, edge_dim=3), with_attr(nodes(6), 3), per_edge=True),
    Case("gat_edge_1d", lambda nn: nn.GATConv(6, 4, edge_dim=1, fill_value=0.5), one_dim, per_edge=True),
    Case(
        "gat_edge_max",
        lambda nn: nn.GATConv(6, 4, edge_dim=3, fill_value="max"),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gat_edge_fill",
        lambda nn: nn.GATConv(6, 4, edge_dim=3, fill_value=torch.tensor([1.0, 2.0, 3.0])),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gat_edge_no_loops",
        lambda nn: nn.GATConv(6, 4, edge_dim=3, add_self_loops=False),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gat_reversed",
        lambda nn: nn.GATConv(6, 4, heads=2, edge_dim=3, flow="target_to_source"),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("gat_dropout", lambda nn: nn.GATConv(6, 4, heads=2, dropout=0.4), nodes(6), train=True),
    Case("gat_pair", lambda nn: nn.GATConv((6, 5), 4, heads=2, residual=True), both(6, 5), BIPARTITE),
    Case(
        "gat_pair_no_loops",
        lambda nn: nn.GATConv((6, 5), 4, heads=2, add_self_loops=False),
        both(6, 5),
        BIPARTITE,
    ),
    Case(
        "gat_pair_shared",
        lambda nn: nn.GATConv(6, 4, heads=2, edge_dim=3),
        with_attr(both(6, 6), 3),
        BIPARTITE[::2],
        per_edge=True,
    ),
    Case(
        "gat_pair_source", lambda nn: nn.GATConv((6, 5), 4, add_self_loops=False), without_target, BIPARTITE
    ),
    Case("gat_pair_source_loops", lambda nn: nn.GATConv((6, 5), 4), without_target, BIPARTITE),
    Case(
        "gat_weights", lambda nn: nn.GATConv(6, 4, heads=2), lambda g, e: (g.features(6), e, None, None, True)
    ),
    Case("gatv2", lambda nn: nn.GATv2Conv(6, 4), nodes(6)),
    Case("gatv2_heads", lambda nn: nn.GATv2Conv(6, 4, heads=3, residual=True), nodes(6)),
    Case(
        "gatv2_mean",
        lambda nn: nn.GATv2Conv(6, 4, heads=2, concat=False, bias=False, residual=True),
        nodes(6),
    ),
    Case("gatv2_shared", lambda nn: nn.GATv2Conv(6, 4, heads=2, share_weights=True), nodes(6)),
    Case(
        "gatv2_lazy",
        lambda nn: nn.GATv2Conv(-1, 4, heads=2, edge_dim=-1),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gatv2_edge",
        lambda nn: nn.GATv2Conv(6, 4, heads=2, edge_dim=3),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gatv2_edge_1d", lambda nn: nn.GATv2Conv(6, 4, edge_dim=1, fill_value="add"), one_dim, per_edge=True
    ),
    Case("gatv2_no_loops", lambda nn: nn.GATv2Conv(6, 4, heads=2, add_self_loops=False), nodes(6)),
    Case("gatv2_dropout", lambda nn: nn.GATv2Conv(6, 4, heads=2, dropout=0.4), nodes(6), train=True),
    Case("gatv2_pair", lambda nn: nn.GATv2Conv((6, 5), 4, heads=2, residual=True), both(6, 5), BIPARTITE),
    Case(
        "gatv2_pair_edge",
        lambda nn: nn.GATv2Conv((6, 5), 4, edge_dim=3, add_self_loops=False),
        with_attr(both(6, 5), 3),
        BIPARTITE,
        per_edge=True,
    ),
    Case(
        "gatv2_weights", lambda nn: nn.GATv2Conv(6, 4, heads=2), lambda g, e: (g.features(6), e, None, True)
    ),
    Case("transformer", lambda nn: nn.TransformerConv(6, 4), nodes(6)),
    Case("transformer_heads", lambda nn: nn.TransformerConv(6, 4, heads=3, beta=True), nodes(6)),
    Case(
        "transformer_mean",
        lambda nn: nn.TransformerConv(6, 4, heads=2, concat=False, beta=True, bias=False),
        nodes(6),
    ),
    Case(
        "transformer_no_root",
        lambda nn: nn.TransformerConv(6, 4, heads=2, root_weight=False, beta=True),
        nodes(6),
    ),
    Case("transformer_lazy", lambda nn: nn.TransformerConv(-1, 4, heads=2, beta=True), nodes(6)),
    Case(
        "transformer_edge",
        lambda nn: nn.TransformerConv(6, 4, heads=2, edge_dim=3),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "transformer_dropout", lambda nn: nn.TransformerConv(6, 4, heads=2, dropout=0.4), nodes(6), train=True
    ),
    Case("transformer_pair", lambda nn: nn.TransformerConv((6, 5), 4, heads=2), both(6, 5), BIPARTITE),
    Case(
        "transformer_pair_edge",
        lambda nn: nn.TransformerConv((6, 5), 4, beta=True, edge_dim=3),
        with_attr(both(6, 5), 3),
        BIPARTITE,
        per_edge=True,
    ),
    Case(
        "transformer_weights",
        lambda nn: nn.TransformerConv(6, 4, heads=2),
        lambda g, e: (g.features(6), e, None, True),
    ),
]

PER_EDGE_NETWORK = [
    Case("nn", lambda nn: nn.NNConv(6, 4, mlp(3, 8, 24)), with_attr(nodes(6), 3), per_edge=True),
    Case(
        "nn_mean",
        lambda nn: nn.NNConv(6, 4, mlp(3, 24), aggr="mean", bias=False),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "nn_max",
        lambda nn: nn.NNConv(6, 4, mlp(3, 24), aggr="max", root_weight=False),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "nn_pair",
        lambda nn: nn.NNConv((6, -1), 4, mlp(3, 24)),
        with_attr(both(6, 5), 3),
        BIPARTITE,
        per_edge=True,
    ),
    Case(
        "nn_pair_source",
        lambda nn: nn.NNConv((6, 5), 4, mlp(3, 24)),
        lambda g, e: ((g.features(6), None), e, g.edge_features(3), (g.num_src, g.num_dst)),
        BIPARTITE,
        per_edge=True,
    ),
    Case("pna", lambda nn: nn.PNAConv(6, 4, *PNA, deg=DEGREES), nodes(6)),
    Case(
        "pna_edge",
        lambda nn: nn.PNAConv(6, 4, *PNA, deg=DEGREES, edge_dim=3, pre_layers=2, post_layers=2),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "pna_towers",
        lambda nn: nn.PNAConv(6, 4, *PNA, deg=DEGREES, edge_dim=3, towers=2, act="tanh", pre_layers=2),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "pna_divided",
        lambda nn: nn.PNAConv(
            6,
            4,
            ["mean", "max"],
            ["linear"],
            deg=DEGREES,
            edge_dim=3,
            towers=2,
            divide_input=True,
            train_norm=True,
        ),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("pointnet", lambda nn: nn.PointNetConv(), lambda g, e: (g.features(6), g.features(3, seed=9), e)),
    Case(
        "pointnet_alone",
        lambda nn: nn.PointNetConv(mlp(3, 4), mlp(4, 5)),
        lambda g, e: (None, g.features(3), e),
    ),
    Case(
        "pointnet_sum",
        lambda nn: nn.PointNetConv(mlp(9, 8, 4), mlp(4, 5), aggr="sum", add_self_loops=False),
        lambda g, e: (g.features(6), g.features(3, seed=9), e),
    ),
    Case(
        "pointnet_pair",
        lambda nn: nn.PointNetConv(mlp(9, 8, 4), mlp(4, 5)),
        lambda g, e: ((g.features(6), None), g.pair(3, 3), e),
        BIPARTITE,
    ),
]

RELATIONS = [
    Case("rgcn", lambda nn: nn.RGCNConv(6, 4, 4), with_types(nodes(6), 4), per_edge=True),
    Case("rgcn_bases", lambda nn: nn.RGCNConv(6, 4, 4, num_bases=3), with_types(nodes(6), 4), per_edge=True),
    Case(
        "rgcn_blocks",
        lambda nn: nn.RGCNConv(6, 4, 4, num_blocks=2, bias=False),
        with_types(nodes(6), 4),
        per_edge=True,
    ),
    Case(
        "rgcn_sum",
        lambda nn: nn.RGCNConv(6, 4, 4, aggr="sum", root_weight=False),
        with_types(nodes(6), 4),
        per_edge=True,
    ),
    Case("rgcn_max", lambda nn: nn.RGCNConv(6, 4, 4, aggr="max"), with_types(nodes(6), 4), per_edge=True),
    Case(
        "rgcn_sorted",
        lambda nn: nn.RGCNConv(6, 4, 4, is_sorted=True),
        lambda g, e: (g.features(6), e, types(g, 4).sort()[0]),
        per_edge=True,
    ),
    Case(
        "rgcn_reversed",
        lambda nn: nn.RGCNConv(6, 4, 4, flow="target_to_source"),
        with_types(nodes(6), 4),
        per_edge=True,
    ),
    Case("rgcn_numbers", lambda nn: nn.RGCNConv(12, 4, 4), with_types(numbers(12), 4), per_edge=True),
    Case(
        "rgcn_numbers_bases",
        lambda nn: nn.RGCNConv(12, 4, 4, num_bases=3, aggr="sum"),
        with_types(numbers(12), 4),
        per_edge=True,
    ),
    Case(
        "rgcn_no_features",
        lambda nn: nn.RGCNConv(8, 4, 4),
        lambda g, e: (None, e, types(g, 4)),
        SQUARE[:1],
        per_edge=True,
    ),
    Case(
        "rgcn_pair", lambda nn: nn.RGCNConv((6, 5), 4, 4), with_types(both(6, 5), 4), BIPARTITE, per_edge=True
    ),
    Case("fast_rgcn", lambda nn: nn.FastRGCNConv(6, 4, 4), with_types(nodes(6), 4), per_edge=True),
    Case(
        "fast_rgcn_bases",
        lambda nn: nn.FastRGCNConv(6, 4, 4, num_bases=3, aggr="sum"),
        with_types(nodes(6), 4),
        per_edge=True,
    ),
    Case(
        "fast_rgcn_blocks",
        lambda nn: nn.FastRGCNConv(6, 4, 4, num_blocks=2),
        with_types(nodes(6), 4),
        per_edge=True,
    ),
    Case(
        "fast_rgcn_no_features",
        lambda nn: nn.FastRGCNConv(8, 4, 4),
        lambda g, e: (None, e, types(g, 4)),
        SQUARE[:1],
        per_edge=True,
    ),
    Case(
        "fast_rgcn_pair",
        lambda nn: nn.FastRGCNConv((6, 5), 4, 4),
        with_types(both(6, 5), 4),
        BIPARTITE,
        per_edge=True,
    ),
]


def typed(g: Graph, edges: Any) -> Sequence[Any]:
    """Node features, the adjacency, types of nodes and edges, edge features."""
    return g.features(6), edges, integers(2, g.num_src, seed=8), types(g, 4), g.edge_features(3)


def signed(channels: int) -> Inputs:
    """Node features, the adjacency, and another one."""
    return lambda g, edges: (g.features(channels), edges, g.edge_index[:, ::2].flip(0))


def hypergraph(*more: Callable[[Graph], Any]) -> Inputs:
    """Node features and incidences with three hyperedges; and their weights and features."""

    def inputs(g: Graph, edges: Any) -> Sequence[Any]:
        index = torch.stack([g.edge_index[0], g.edge_index[1] % 3])
        return g.features(6), index, *(make(g) for make in more)

    return inputs


# Unsorted, without multi-edges: the peer's gradients are wrong where a node has several self-loops with weights.
SIMPLE = Graph("simple", SQUARE[0].edge_index.unique(dim=1).flip(1), 8, 8)


def scaled_rgat(nn: Any, **options: Any) -> torch.nn.Module:
    """The peer leaves `l2` uninitialised."""
    layer = nn.RGATConv(6, 4, 4, heads=2, mod="scaled", **options)
    torch.nn.init.constant_(layer.l2, 0.3)
    return layer


MORE_ATTENTION = [
    Case("rgat", lambda nn: nn.RGATConv(6, 4, 4), with_types(nodes(6), 4), per_edge=True, start=False),
    Case(
        "rgat_within",
        lambda nn: nn.RGATConv(6, 4, 4, heads=2, attention_mechanism="within-relation"),
        with_types(nodes(6), 4),
        per_edge=True,
        start=False,
    ),
    Case(
        "rgat_bases",
        lambda nn: nn.RGATConv(6, 4, 4, heads=2, num_bases=3, concat=False),
        with_types(nodes(6), 4),
        per_edge=True,
        start=False,
    ),
    Case(
        "rgat_blocks",
        lambda nn: nn.RGATConv(6, 4, 4, heads=2, num_blocks=2),
        with_types(nodes(6), 4),
        per_edge=True,
        start=False,
    ),
    Case(
        "rgat_multiplicative",
        lambda nn: nn.RGATConv(6, 4, 4, heads=2, dim=3, attention_mode=MULTIPLICATIVE),
        with_types(nodes(6), 4),
        per_edge=True,
        start=False,
    ),
    Case(
        "rgat_mean",
        lambda nn: nn.RGATConv(
            6, 4, 4, heads=2, dim=3, attention_mode=MULTIPLICATIVE, concat=False, edge_dim=3
        ),
        with_attr(with_types(nodes(6), 4), 3),
        per_edge=True,
        start=False,
    ),
    Case(
        "rgat_edge",
        lambda nn: nn.RGATConv(6, 4, 4, heads=2, edge_dim=3, bias=False),
        with_attr(with_types(nodes(6), 4), 3),
        per_edge=True,
        start=False,
    ),
    Case("rgat_scaled", scaled_rgat, with_types(nodes(6), 4), per_edge=True, start=False),
    Case(
        "rgat_scaled_dim",
        lambda nn: scaled_rgat(nn, dim=3, attention_mode=MULTIPLICATIVE),
        with_types(nodes(6), 4),
        per_edge=True,
        start=False,
    ),
    *(
        Case(
            f"rgat_{mod}_{i}",
            lambda nn, mod=mod, options=options: nn.RGATConv(6, 4, 4, heads=2, mod=mod, **options),
            with_types(nodes(6), 4),
            per_edge=True,
            start=False,
        )
        for mod in ("additive", "f-additive", "f-scaled")
        for i, options in enumerate([{}, {"dim": 3, "attention_mode": MULTIPLICATIVE}])
    ),
    Case(
        "rgat_weights",
        lambda nn: nn.RGATConv(6, 4, 4),
        lambda g, e: (g.features(6), e, types(g, 4), None, None, True),
        per_edge=True,
        start=False,
    ),
    Case("heat", lambda nn: nn.HEATConv(6, 4, 3, 4, 2, 3, 5), typed, per_edge=True),
    Case(
        "heat_heads",
        lambda nn: nn.HEATConv(-1, 4, 3, 4, 2, 3, 5, heads=2, root_weight=False),
        typed,
        per_edge=True,
    ),
    Case(
        "heat_mean",
        lambda nn: nn.HEATConv(6, 4, 3, 4, 2, 3, 5, heads=2, concat=False, bias=False),
        typed,
        per_edge=True,
    ),
    Case("supergat", lambda nn: nn.SuperGATConv(6, 4, heads=2), nodes(6)),
    Case(
        "supergat_sd",
        lambda nn: nn.SuperGATConv(6, 4, heads=2, attention_type="SD", concat=False, add_self_loops=False),
        nodes(6),
    ),
    Case(
        "supergat_train",
        lambda nn: nn.SuperGATConv(6, 4, heads=2, dropout=0.3),
        lambda g, e: (g.features(6), e, g.edge_index.flip(0)),
        train=True,
    ),
    Case(
        "point_transformer",
        lambda nn: nn.PointTransformerConv(6, 4),
        lambda g, e: (g.features(6), g.features(3, seed=9), e),
    ),
    Case(
        "point_transformer_nets",
        lambda nn: nn.PointTransformerConv(6, 4, mlp(3, 4), mlp(4, 8, 4), add_self_loops=False),
        lambda g, e: (g.features(6), g.features(3, seed=9), e),
    ),
    Case(
        "point_transformer_pair",
        lambda nn: nn.PointTransformerConv((6, 5), 4),
        lambda g, e: (g.pair(6, 5), g.pair(3, 3, seed=9), e),
        BIPARTITE,
    ),
    Case("hypergraph", lambda nn: nn.HypergraphConv(6, 4), hypergraph()),
    Case(
        "hypergraph_weight",
        lambda nn: nn.HypergraphConv(6, 4, bias=False),
        hypergraph(lambda g: uniform(4), lambda g: None, lambda g: 4),
    ),
    Case(
        "hypergraph_node",
        lambda nn: nn.HypergraphConv(6, 4, use_attention=True, heads=2),
        hypergraph(lambda g: None, lambda g: normal(3, 6), lambda g: 3),
    ),
    Case(
        "hypergraph_edge",
        lambda nn: nn.HypergraphConv(6, 4, use_attention=True, heads=2, attention_mode="edge", concat=False),
        hypergraph(lambda g: None, lambda g: normal(3, 6), lambda g: 3),
    ),
]

MORE = [
    Case("cg", lambda nn: nn.CGConv(6, 3), with_attr(nodes(6), 3), per_edge=True),
    Case("cg_plain", lambda nn: nn.CGConv(6, aggr="mean", bias=False), nodes(6)),
    Case(
        "cg_norm",
        lambda nn: nn.CGConv(6, 3, batch_norm=True),
        with_attr(nodes(6), 3),
        per_edge=True,
        train=True,
    ),
    Case("cg_pair", lambda nn: nn.CGConv((6, 5), 3), with_attr(both(6, 5), 3), BIPARTITE, per_edge=True),
    Case("gmm", lambda nn: nn.GMMConv(6, 4, 3, 5), with_attr(nodes(6), 3), per_edge=True),
    Case(
        "gmm_separate",
        lambda nn: nn.GMMConv(6, 4, 3, 5, separate_gaussians=True, aggr="max", bias=False),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("gmm_lazy", lambda nn: nn.GMMConv(-1, 4, 3, 5), with_attr(nodes(6), 3), per_edge=True),
    Case(
        "gmm_pair", lambda nn: nn.GMMConv((6, 5), 4, 3, 5), with_attr(both(6, 5), 3), BIPARTITE, per_edge=True
    ),
    Case(
        "pdn", lambda nn: nn.PDNConv(6, 4, 3, 5), with_attr(nodes(6), 3), [SIMPLE, SQUARE[2]], per_edge=True
    ),
    Case(
        "pdn_plain",
        lambda nn: nn.PDNConv(6, 4, 3, 5, normalize=False, bias=False),
        with_attr(nodes(6), 3),
        [SIMPLE, SQUARE[2]],
        per_edge=True,
    ),
    Case(
        "pdn_no_loops",
        lambda nn: nn.PDNConv(6, 4, 3, 5, add_self_loops=False),
        with_attr(nodes(6), 3),
        [SIMPLE, SQUARE[2]],
        per_edge=True,
    ),
    Case("eg", lambda nn: nn.EGConv(6, 8, num_heads=2), nodes(6)),
    Case(
        "eg_many",
        lambda nn: nn.EGConv(
            -1, 8, ["symnorm", "mean", "max", "min", "var", "std", "sum"], num_heads=4, num_bases=2
        ),
        nodes(6),
    ),
    Case(
        "eg_plain", lambda nn: nn.EGConv(6, 8, ["mean", "max"], num_heads=2, bias=False), nodes(6), SQUARE[:1]
    ),
    Case(
        "eg_no_loops",
        lambda nn: nn.EGConv(6, 8, ["sum", "symnorm"], num_heads=2, add_self_loops=False),
        nodes(6),
    ),
    Case("signed", lambda nn: nn.SignedConv(6, 4, first_aggr=True), signed(6)),
    Case("signed_second", lambda nn: nn.SignedConv(6, 4, first_aggr=False), signed(12)),
    Case(
        "signed_pair",
        lambda nn: nn.SignedConv(6, 4, first_aggr=True),
        lambda g, e: (g.pair(6, 6), e, g.edge_index[:, ::2]),
        BIPARTITE,
    ),
    Case(
        "ppf",
        lambda nn: nn.PPFConv(mlp(10, 4), mlp(4, 5), add_self_loops=False),
        lambda g, e: (g.features(6), g.features(3, seed=9), g.features(3, seed=10), e),
        SQUARE[2:],
    ),
    Case(
        "ppf_pair",
        lambda nn: nn.PPFConv(mlp(10, 4), add_self_loops=False),
        lambda g, e: ((g.features(6), None), g.pair(3, 3, seed=9), g.pair(3, 3, seed=11), e),
        BIPARTITE,
    ),
]

CASES = [*ATTENTION, *PER_EDGE_NETWORK, *RELATIONS, *MORE_ATTENTION, *MORE]
