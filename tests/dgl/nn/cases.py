"""The table of layers that `test_layers.py` compares with DGL's: how to make each, and what to call it with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn import Linear, ReLU
from torch.nn import Sequential as Chain

from tests.nn.peer import BIPARTITE, SQUARE, Graph, integers, normal, uniform

Inputs = Callable[[Graph], Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """A layer to compare.

    Attributes:
        name: of the case.
        make: the layer, from `grapevine.dgl.nn` or `dgl.nn`.
        inputs: its arguments after the graph.
        graphs: the graphs to call it on.
        kwargs: further arguments.
        train: compare in training mode (random numbers start from the same seed).
        start: compare the initial numbers.
        allow: let the layer accept nodes that no edge arrives at.
    """

    name: str
    make: Callable[[Any], torch.nn.Module]
    inputs: Inputs
    graphs: Sequence[Graph] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    train: bool = False
    start: bool = True

    def __repr__(self) -> str:
        return self.name


RANDOM, ISOLATED, EMPTY = SQUARE
TWO_SIDED, TWO_SIDED_ISOLATED, TWO_SIDED_EMPTY = BIPARTITE
BLOCK = Graph("block", torch.tensor([[0, 1, 4, 5, 5, 2, 6, 6], [0, 0, 1, 2, 1, 3, 2, 2]]), 7, 4)
PLAIN = Graph("plain", torch.tensor([[0, 1, 2, 3, 4, 0, 3, 1], [1, 2, 3, 4, 0, 2, 1, 4]]), 5, 5)  # simple
COMPLETE = Graph("complete", torch.tensor([(i, j) for i in range(5) for j in range(5) if i != j]).t(), 5, 5)
REACHED = (RANDOM, BLOCK)
WITH_EDGES = (RANDOM, ISOLATED, BLOCK)  # DGL has no gradient of a maximum over no edges at all
ANY = (RANDOM, ISOLATED, EMPTY, BLOCK)


def built(library: Any, graph: Graph) -> Any:
    """The graph in either library: homogeneous, bipartite, or a block."""
    ends = tuple(graph.edge_index)
    if graph is BLOCK:
        return library.create_block(ends, graph.num_src, graph.num_dst)
    if graph in BIPARTITE:
        sizes = {"user": graph.num_src, "item": graph.num_dst}
        return library.heterograph({("user", "buys", "item"): ends}, sizes)
    return library.graph(ends, num_nodes=graph.num_src)


def x(*channels: int) -> Inputs:
    """Features of the nodes: of all, or of a block's sources."""
    return lambda g: (normal(g.num_src, *channels),)


def pair(source: int, target: int) -> Inputs:
    """Features of sources and destinations."""
    return lambda g: (g.pair(source, target),)


def with_edges(inputs: Inputs, *channels: int) -> Inputs:
    """`inputs`, then features of the edges."""
    return lambda g: (*inputs(g), g.edge_features(*channels))


def weighted(inputs: Inputs, *shape: int) -> Inputs:
    """`inputs`, then positive weights of the edges."""
    return lambda g: (*inputs(g), uniform(g.edge_index.size(1), *shape))


def types(g: Graph, number: int = 3) -> torch.Tensor:
    """A type for each edge; the last stands nowhere."""
    return integers(number - 1, g.edge_index.size(1), seed=5)


def typed(inputs: Inputs) -> Inputs:
    """`inputs`, then types of the edges."""
    return lambda g: (*inputs(g), types(g))


def network(inputs: int, outputs: int) -> torch.nn.Module:
    return Chain(Linear(inputs, outputs), ReLU(), Linear(outputs, outputs))


def weights(g: Graph) -> Sequence[Any]:
    """Features, no external matrix, weights of the edges."""
    return normal(g.num_src, 5), None, uniform(g.edge_index.size(1))


def radial(g: Graph) -> Sequence[Any]:
    """Atomic numbers and distances."""
    return torch.tensor([6.0, 7.0, 8.0])[integers(3, g.num_src)].view(-1, 1), 2 * uniform(
        g.edge_index.size(1), 1
    )


ATTENTION = {"get_attention": True}
FILTERS = (torch.tensor([1.0, 2.0]), torch.tensor([0.5, 1.5]), torch.tensor([1.0, 0.3]))
MOMENTS = ["std", "moment3", "moment4", "moment5"]
PNA = (["mean", "sum", "max", "min", "var"], ["identity", "amplification", "attenuation"], 1.7)

CASES = [
    *(
        Case(
            f"GraphConv-{norm}-{a}-{b}",
            lambda nn, n=norm, a=a, b=b: nn.GraphConv(a, b, n, allow_zero_in_degree=True),
            x(a),
            ANY,
        )
        for norm, a, b in [("both", 5, 3), ("right", 3, 5), ("left", 5, 3), ("none", 3, 5)]
    ),
    Case("GraphConv-weights", lambda nn: nn.GraphConv(5, 3, activation=F.relu), weights, REACHED),
    Case("GraphConv-bipartite", lambda nn: nn.GraphConv(5, 3, bias=False), pair(5, 4), [TWO_SIDED]),
    Case(
        "GraphConv-external",
        lambda nn: nn.GraphConv(5, 3, weight=False),
        lambda g: (normal(g.num_src, 5), normal(5, 3, seed=9)),
        [RANDOM],
        start=False,
    ),
    Case("GraphConv-3d", lambda nn: nn.GraphConv(5, 3), x(2, 5), [RANDOM]),
    *(
        Case(
            f"EdgeWeightNorm-{n}",
            lambda nn, n=n: nn.EdgeWeightNorm(n, 0.1),
            weighted(lambda g: ()),
            ANY,
            start=False,
        )
        for n in ("both", "right", "none")
    ),
    *(
        Case(f"SAGEConv-{kind}-{a}-{b}", lambda nn, k=kind, a=a, b=b: nn.SAGEConv(a, b, k), x(a), ANY)
        for kind, a, b in [("mean", 5, 3), ("mean", 3, 5), ("gcn", 5, 3), ("gcn", 3, 5), ("pool", 4, 3)]
    ),
    # DGL leaves isolated nodes out of the reduction, and needs at least one edge.
    Case("SAGEConv-lstm", lambda nn: nn.SAGEConv(4, 3, "lstm"), x(4), WITH_EDGES),
    Case("SAGEConv-weights", lambda nn: nn.SAGEConv(5, 3, "mean", activation=F.relu), weighted(x(5)), ANY),
    Case(
        "SAGEConv-weights-2d", lambda nn: nn.SAGEConv(3, 3, "pool", norm=F.relu), weighted(x(3), 1), [RANDOM]
    ),
    Case("SAGEConv-bipartite", lambda nn: nn.SAGEConv((5, 4), 3, "mean"), pair(5, 4), BIPARTITE),
    Case("SAGEConv-bipartite-gcn", lambda nn: nn.SAGEConv((5, 5), 3, "gcn"), pair(5, 5), BIPARTITE),
    Case("SAGEConv-dropout", lambda nn: nn.SAGEConv(5, 3, "mean", feat_drop=0.5), x(5), [RANDOM], train=True),
    Case("GATConv", lambda nn: nn.GATConv(5, 3, 2), x(5), REACHED, ATTENTION),
    Case(
        "GATConv-isolated",
        lambda nn: nn.GATConv(5, 3, 2, residual=True, allow_zero_in_degree=True),
        x(5),
        (ISOLATED, EMPTY),
    ),
    Case("GATConv-residual", lambda nn: nn.GATConv(6, 3, 2, residual=True, activation=F.elu), x(6), REACHED),
    Case(
        "GATConv-bipartite",
        lambda nn: nn.GATConv((5, 4), 3, 2, residual=True, bias=False),
        pair(5, 4),
        [TWO_SIDED],
    ),
    Case("GATConv-one-matrix", lambda nn: nn.GATConv(5, 3, 2), pair(5, 5), [TWO_SIDED]),
    Case("GATConv-3d", lambda nn: nn.GATConv(5, 3, 2, residual=True), x(4, 5), REACHED, ATTENTION),
    Case("GATConv-weights", lambda nn: nn.GATConv(5, 3, 2), weighted(x(5)), REACHED, ATTENTION),
    Case("GATConv-dropout", lambda nn: nn.GATConv(5, 3, 2, 0.3, 0.3), x(5), [RANDOM], train=True),
    Case("GATv2Conv", lambda nn: nn.GATv2Conv(5, 3, 2, residual=True), x(5), REACHED, ATTENTION),
    Case(
        "GATv2Conv-shared",
        lambda nn: nn.GATv2Conv(6, 3, 2, residual=True, share_weights=True, allow_zero_in_degree=True),
        x(6),
        ANY,
    ),
    Case(
        "GATv2Conv-bipartite",
        lambda nn: nn.GATv2Conv((5, 4), 3, 2, bias=False, activation=F.elu),
        pair(5, 4),
        [TWO_SIDED],
    ),
    Case("EdgeGATConv", lambda nn: nn.EdgeGATConv(5, 4, 3, 2), with_edges(x(5), 4), REACHED, ATTENTION),
    Case(
        "EdgeGATConv-bipartite",
        lambda nn: nn.EdgeGATConv((5, 4), 4, 3, 2, residual=False, bias=False),
        with_edges(pair(5, 4), 4),
        [TWO_SIDED],
    ),
    Case("EGATConv", lambda nn: nn.EGATConv(5, 4, 3, 6, 2), with_edges(x(5), 4), [RANDOM], ATTENTION),
    Case(
        "EGATConv-bipartite",
        lambda nn: nn.EGATConv((5, 3), 4, 3, 6, 2),
        with_edges(pair(5, 3), 4),
        [TWO_SIDED],
    ),
    Case(
        "EGATConv-weights",
        lambda nn: nn.EGATConv(5, 4, 3, 6, 2),
        weighted(with_edges(x(5), 4)),
        [RANDOM],
        ATTENTION,
    ),
    Case(
        "DotGatConv",
        lambda nn: nn.DotGatConv(5, 3, 2, allow_zero_in_degree=True),
        x(5),
        ANY,
        ATTENTION,
        start=False,
    ),
    Case(
        "DotGatConv-bipartite", lambda nn: nn.DotGatConv((5, 4), 3, 2), pair(5, 4), [TWO_SIDED], start=False
    ),
    Case("TAGConv", lambda nn: nn.TAGConv(5, 3, k=3, activation=F.relu), x(5), SQUARE),
    Case("TAGConv-weights", lambda nn: nn.TAGConv(5, 3), weighted(x(5)), SQUARE),
    Case("SGConv", lambda nn: nn.SGConv(5, 3, k=2, norm=F.relu, allow_zero_in_degree=True), x(5), SQUARE),
    Case("SGConv-weights", lambda nn: nn.SGConv(5, 3, cached=True, bias=False), weighted(x(5)), [RANDOM]),
    Case("APPNPConv", lambda nn: nn.APPNPConv(3, 0.3), x(5), SQUARE, start=False),
    Case("APPNPConv-weights", lambda nn: nn.APPNPConv(3, 0.3), weighted(x(5)), SQUARE, start=False),
    Case("APPNPConv-dropout", lambda nn: nn.APPNPConv(2, 0.3, 0.5), x(5), [RANDOM], train=True, start=False),
    *(
        Case(
            f"GINConv-{how}",
            lambda nn, how=how: nn.GINConv(network(5, 3), how, 0.5, learn_eps=True),
            x(5),
            WITH_EDGES if how == "max" else ANY,
            start=False,
        )
        for how in ("sum", "max", "mean")
    ),
    Case("GINConv-bare", lambda nn: nn.GINConv(activation=F.relu), weighted(x(5)), ANY, start=False),
    Case("GINConv-bipartite", lambda nn: nn.GINConv(network(5, 3)), pair(5, 5), BIPARTITE, start=False),
    Case(
        "GINEConv",
        lambda nn: nn.GINEConv(network(5, 3), 0.5, True),
        with_edges(x(5), 5),
        (RANDOM, BLOCK),
        start=False,
    ),
    Case(
        "GINEConv-bipartite",
        lambda nn: nn.GINEConv(),
        with_edges(pair(5, 5), 5),
        [TWO_SIDED_ISOLATED],
        start=False,
    ),
    Case("GatedGraphConv", lambda nn: nn.GatedGraphConv(4, 5, 2, 1), x(4), SQUARE),
    Case("GatedGraphConv-types", lambda nn: nn.GatedGraphConv(5, 5, 3, 3), typed(x(5)), [RANDOM, ISOLATED]),
    *(
        Case(
            f"GMMConv-{how}",
            lambda nn, how=how: nn.GMMConv(5, 3, 2, 4, how, residual=True, allow_zero_in_degree=True),
            with_edges(x(5), 2),
            WITH_EDGES if how == "max" else ANY,
        )
        for how in ("sum", "mean", "max")
    ),
    Case(
        "GMMConv-bipartite",
        lambda nn: nn.GMMConv((5, 3), 3, 2, 4, residual=True),
        with_edges(pair(5, 3), 2),
        [TWO_SIDED],
    ),
    Case("ChebConv", lambda nn: nn.ChebConv(5, 3, 4), x(5), SQUARE, {"lambda_max": [1.75]}, start=False),
    Case(
        "ChebConv-1",
        lambda nn: nn.ChebConv(5, 3, 1, None, False),
        x(5),
        [RANDOM],
        {"lambda_max": [2.0]},
        start=False,
    ),
    Case("AGNNConv", lambda nn: nn.AGNNConv(0.5, allow_zero_in_degree=True), x(5), ANY, start=False),
    Case("AGNNConv-3d", lambda nn: nn.AGNNConv(0.5, learn_beta=False), x(2, 5), [RANDOM], start=False),
    Case("AGNNConv-bipartite", lambda nn: nn.AGNNConv(), pair(5, 5), [TWO_SIDED], start=False),
    *(
        Case(
            f"NNConv-{how}",
            lambda nn, how=how: nn.NNConv(5, 3, Linear(4, 15), how, residual=True),
            with_edges(x(5), 4),
            WITH_EDGES if how == "max" else ANY,
        )
        for how in ("sum", "mean", "max")
    ),
    Case(
        "NNConv-bipartite",
        lambda nn: nn.NNConv((5, 3), 3, Linear(4, 15), residual=True),
        with_edges(pair(5, 3), 4),
        [TWO_SIDED],
    ),
    Case(
        "EdgeConv",
        lambda nn: nn.EdgeConv(5, 3, allow_zero_in_degree=True),
        x(5),
        (PLAIN, ISOLATED, BLOCK),
        start=False,
    ),
    Case(
        "EdgeConv-norm", lambda nn: nn.EdgeConv(5, 3, batch_norm=True), x(5), [PLAIN], train=True, start=False
    ),
    Case("EdgeConv-bipartite", lambda nn: nn.EdgeConv(5, 3), pair(5, 5), [TWO_SIDED], start=False),
    Case(
        "AtomicConv",
        lambda nn: nn.AtomicConv(*FILTERS, torch.tensor([6.0, 8.0])),
        radial,
        SQUARE[:2],
        start=False,
    ),
    Case("AtomicConv-bare", lambda nn: nn.AtomicConv(*FILTERS), radial, SQUARE[:2], start=False),
    Case("CFConv", lambda nn: nn.CFConv(5, 4, 6, 3), with_edges(x(5), 4), ANY, start=False),
    Case(
        "CFConv-bipartite",
        lambda nn: nn.CFConv(5, 4, 6, 3),
        with_edges(pair(5, 2), 4),
        [TWO_SIDED],
        start=False,
    ),
    Case(
        "TWIRLSConv",
        lambda nn: nn.TWIRLSConv(5, 3, 6, 4, num_mlp_before=2, num_mlp_after=2, norm="layer"),
        x(5),
        SQUARE,
        start=False,
    ),
    Case(
        "TWIRLSConv-attention",
        lambda nn: nn.TWIRLSConv(5, 3, 6, 4, attention=True, attn_bef=True, precond=False, tau=0.7, T=9.0),
        x(5),
        [PLAIN, ISOLATED],
        start=False,
    ),
    Case(
        "TWIRLSConv-bare",
        lambda nn: nn.TWIRLSConv(5, 3, 6, 2, 0, 1, lam=0.5, alp=0.3),
        x(5),
        [RANDOM],
        start=False,
    ),
    *(
        Case(
            f"GCN2Conv-{project}",
            lambda nn, p=project: nn.GCN2Conv(5, 2, 0.2, 0.7, p, True, activation=F.relu),
            lambda g: (normal(g.num_src, 5), normal(g.num_src, 5, seed=8)),
            SQUARE,
        )
        for project in (True, False)
    ),
    Case(
        "GCN2Conv-weights",
        lambda nn: nn.GCN2Conv(5, 1, bias=False),
        lambda g: (normal(g.num_src, 5), normal(g.num_src, 5, seed=8), uniform(g.edge_index.size(1))),
        [RANDOM],
    ),
    Case(
        "HGTConv",
        lambda nn: nn.HGTConv(5, 3, 2, 2, 3, use_norm=True),
        lambda g: (normal(g.num_src, 5), integers(2, g.num_src), types(g)),
        WITH_EDGES,
        start=False,
    ),
    Case(
        "HGTConv-presorted",
        lambda nn: nn.HGTConv(6, 3, 2, 2, 3),
        lambda g: (normal(g.num_src, 6), integers(2, g.num_src).sort()[0], types(g).sort()[0]),
        [RANDOM],
        {"presorted": True},
        start=False,
    ),
    *(
        Case(
            f"RelGraphConv-{regularizer}",
            lambda nn, r=regularizer: nn.RelGraphConv(6, 4, 3, r, 2, layer_norm=True, activation=F.relu),
            typed(x(6)),
            WITH_EDGES,
            start=False,
        )
        for regularizer in (None, "basis", "bdd")
    ),
    Case(
        "RelGraphConv-weights",
        lambda nn: nn.RelGraphConv(6, 4, 3, self_loop=False, bias=False),
        weighted(typed(x(6)), 1),
        [RANDOM],
        start=False,
    ),
    Case(
        "EGNNConv",
        lambda nn: nn.EGNNConv(5, 6, 3, 2),
        lambda g: (normal(g.num_src, 5), normal(g.num_src, 3, seed=7), g.edge_features(2)),
        [PLAIN],
        start=False,
    ),
    Case(
        "EGNNConv-bare",
        lambda nn: nn.EGNNConv(5, 6, 3),
        lambda g: (normal(g.num_src, 5), normal(g.num_src, 3, seed=7)),
        [PLAIN],
        start=False,
    ),
    Case(
        "PNAConv",
        lambda nn: nn.PNAConv(6, 4, *PNA, num_towers=2),
        x(6),
        [PLAIN, ISOLATED],
        train=True,
        start=False,
    ),
    Case(
        "PNAConv-moments",
        lambda nn: nn.PNAConv(4, 4, MOMENTS, ["identity"], 1.7),
        x(4),
        [COMPLETE],
        start=False,
    ),
    Case(
        "PNAConv-edges",
        lambda nn: nn.PNAConv(4, 4, *PNA, edge_feat_size=3),
        with_edges(x(4), 3),
        [PLAIN],
        start=False,
    ),
    Case(
        "DGNConv",
        lambda nn: nn.DGNConv(
            4, 6, ["dir1-av", "dir2-dx", "sum"], ["identity", "attenuation"], 1.7, num_towers=2
        ),
        lambda g: (normal(g.num_src, 4), None, normal(g.num_src, 3, seed=6)),
        [PLAIN, ISOLATED],
        train=True,
        start=False,
    ),
]
