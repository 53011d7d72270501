"""Layers that weight, sum up and transform what the neighbours send: their part of the table of `cases.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from tests.nn.conv.cases import Case, Inputs, both, mlp, nodes, types, with_attr
from tests.nn.peer import BIPARTITE, SQUARE, Graph, uniform

import grapevine as gv


def weighted(inputs: Inputs) -> Inputs:
    """`inputs`, then positive edge weights."""
    return lambda g, edges: (*inputs(g, edges), uniform(g.edge_index.size(1), seed=8))


def sources(g: Graph, edges: Any) -> Sequence[Any]:
    """Features of the sources alone, and the numbers of both sides."""
    return (g.features(6), None), edges, (g.num_src, g.num_dst)


def with_first(g: Graph, edges: Any) -> Sequence[Any]:
    """Features of this layer and of the first one, and the adjacency."""
    return g.features(6), g.features(6, seed=3), edges


def by_target(edge_index: Any) -> Any:
    """The edges sorted by destination, for aggregations that depend on the order."""
    if isinstance(edge_index, gv.Edges):
        return gv.Edges(by_target(edge_index.edge_index), size=edge_index.size)
    return edge_index[:, edge_index[1].argsort(stable=True)]


def _one_loop(g: Graph) -> Graph:
    """The graph without repeated self-loops: there the peer gives a gradient to those that have no effect."""
    src, dst = g.edge_index
    later = torch.arange(src.numel()).unsqueeze(0) < torch.arange(src.numel()).unsqueeze(1)
    repeated = ((src.unsqueeze(1) == src) & (dst.unsqueeze(1) == dst) & later).any(dim=1) & (src == dst)
    return Graph(g.name, g.edge_index[:, ~repeated], g.num_src, g.num_dst)


ONE_LOOP = [_one_loop(g) for g in SQUARE]

# Names of layers whose arguments are (x, edge_index, edge_weight), and how they are made: all variants of the call.
NORMALIZED = {
    "gcn": lambda nn, **kw: nn.GCNConv(6, 4, **kw),
    "gcn_wide": lambda nn, **kw: nn.GCNConv(6, 8, **kw),
    "gcn_improved": lambda nn, **kw: nn.GCNConv(-1, 4, improved=True, bias=False, **kw),
    "gcn_no_loops": lambda nn, **kw: nn.GCNConv(6, 4, add_self_loops=False, **kw),
    "gcn_as_is": lambda nn, **kw: nn.GCNConv(6, 8, normalize=False, **kw),
    "gcn_max": lambda nn, **kw: nn.GCNConv(4, 6, aggr="max", **kw),
    "cheb": lambda nn, **kw: nn.ChebConv(6, 4, K=3, **kw),
    "cheb_one": lambda nn, **kw: nn.ChebConv(-1, 4, K=1, bias=False, **kw),
    "cheb_plain": lambda nn, **kw: nn.ChebConv(6, 4, K=4, normalization=None, **kw),
    "cheb_rw": lambda nn, **kw: nn.ChebConv(6, 4, K=2, normalization="rw", **kw),
    "sg": lambda nn, **kw: nn.SGConv(6, 4, K=2, **kw),
    "sg_wide": lambda nn, **kw: nn.SGConv(-1, 8, K=2, add_self_loops=False, bias=False, **kw),
    "ssg": lambda nn, **kw: nn.SSGConv(6, 4, alpha=0.2, K=3, **kw),
    "ssg_wide": lambda nn, **kw: nn.SSGConv(6, 8, alpha=0.2, **kw),
    "appnp": lambda nn, **kw: nn.APPNP(K=3, alpha=0.2, **kw),
    "appnp_as_is": lambda nn, **kw: nn.APPNP(K=2, alpha=0.2, normalize=False, **kw),
    "tag": lambda nn, **kw: nn.TAGConv(6, 4, **kw),
    "tag_as_is": lambda nn, **kw: nn.TAGConv(6, 4, K=2, normalize=False, bias=False, **kw),
    "arma": lambda nn, **kw: nn.ARMAConv(6, 4, num_stacks=2, num_layers=3, **kw),
    "arma_shared": lambda nn, **kw: nn.ARMAConv(
        6, 4, num_stacks=2, num_layers=2, shared_weights=True, act=None, bias=False, **kw
    ),
    "arma_lazy": lambda nn, **kw: nn.ARMAConv(-1, 4, num_stacks=2, num_layers=2, **kw),
    "lg": lambda nn, **kw: nn.LGConv(**kw),
    "lg_as_is": lambda nn, **kw: nn.LGConv(normalize=False, **kw),
    "mixhop": lambda nn, **kw: nn.MixHopConv(6, 4, **kw),
    "mixhop_powers": lambda nn, **kw: nn.MixHopConv(6, 4, powers=[2, 0], add_self_loops=False, bias=False, **kw),
    "graph": lambda nn, **kw: nn.GraphConv(6, 4, **kw),
    "graph_mean": lambda nn, **kw: nn.GraphConv(6, 8, aggr="mean", bias=False, **kw),
    "graph_max": lambda nn, **kw: nn.GraphConv(-1, 4, aggr="max", **kw),
    "simple": lambda nn, **kw: nn.SimpleConv(**kw),
    "simple_mean": lambda nn, **kw: nn.SimpleConv("mean", combine_root="sum", **kw),
    "simple_cat": lambda nn, **kw: nn.SimpleConv(["max", "mean"], combine_root="cat", **kw),
    "simple_loop": lambda nn, **kw: nn.SimpleConv("mean", combine_root="self_loop", **kw),
    "le": lambda nn, **kw: nn.LEConv(6, 4, **kw),
    "gated": lambda nn, **kw: nn.GatedGraphConv(8, num_layers=2, **kw),
    "gated_max": lambda nn, **kw: nn.GatedGraphConv(6, num_layers=1, aggr="max", bias=False, **kw),
    "wl_continuous": lambda nn, **kw: nn.WLConvContinuous(**kw),
}  # fmt: skip


def _variants(name: str, make: Any) -> list[Case]:
    channels = 4 if name == "gcn_max" else 6
    plain = Case(name, make, nodes(channels))
    of_edges = Case(f"{name}_weighted", make, weighted(nodes(channels)), ONE_LOOP, per_edge=True)
    back = Case(f"{name}_reversed", lambda nn: make(nn, flow="target_to_source"), nodes(channels), SQUARE[:1])
    if name == "gcn_improved":  # of the self-loops only, and a sparse adjacency always has weights
        return [of_edges]
    if name == "cheb_plain":  # the peer divides by the largest eigenvalue, which is 0 without edges
        return [replace(case, graphs=case.graphs[:2]) for case in (plain, of_edges)]
    return [plain, of_edges, back]


SAGE = [
    Case("sage", lambda nn: nn.SAGEConv(6, 4), nodes(6)),
    Case("sage_wide", lambda nn: nn.SAGEConv(6, 8, bias=False), nodes(6)),
    Case("sage_lazy", lambda nn: nn.SAGEConv(-1, 4, normalize=True), nodes(6)),
    Case("sage_project", lambda nn: nn.SAGEConv(6, 4, project=True, root_weight=False), nodes(6)),
    Case("sage_list", lambda nn: nn.SAGEConv(6, 4, aggr=["max", "std", "sum"]), nodes(6)),
    Case("sage_softmax", lambda nn: nn.SAGEConv(6, 4, aggr="softmax", aggr_kwargs={"learn": True}), nodes(6)),
    Case(
        "sage_lstm",
        lambda nn: nn.SAGEConv(6, 4, aggr="lstm"),
        lambda g, e: (g.features(6), by_target(e)),
        SQUARE[:2],  # torch's LSTM refuses an empty batch
        per_edge=True,
    ),
    Case("sage_reversed", lambda nn: nn.SAGEConv(6, 4, flow="target_to_source"), nodes(6)),
    Case("sage_pair", lambda nn: nn.SAGEConv((6, 5), 4), both(6, 5), BIPARTITE),
    Case("sage_pair_lazy", lambda nn: nn.SAGEConv((-1, -1), 4, aggr="max"), both(6, 5), BIPARTITE),
    Case("sage_pair_source", lambda nn: nn.SAGEConv((6, 5), 4, project=True), sources, BIPARTITE),
]

ISOMORPHISM = [
    Case("gin", lambda nn: nn.GINConv(mlp(6, 8, 4)), nodes(6)),
    Case("gin_eps", lambda nn: nn.GINConv(mlp(6, 8, 4), eps=0.3, train_eps=True), nodes(6)),
    Case("gin_max", lambda nn: nn.GINConv(mlp(6, 4), aggr="max", flow="target_to_source"), nodes(6)),
    Case("gin_pair", lambda nn: nn.GINConv(mlp(6, 4)), both(6, 6), BIPARTITE),
    Case("gin_pair_source", lambda nn: nn.GINConv(mlp(6, 4)), sources, BIPARTITE),
    Case("gine", lambda nn: nn.GINEConv(mlp(6, 8, 4)), with_attr(nodes(6), 6), per_edge=True),
    Case(
        "gine_dim",
        lambda nn: nn.GINEConv(mlp(6, 4), eps=0.3, train_eps=True, edge_dim=3, flow="target_to_source"),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case(
        "gine_pair",
        lambda nn: nn.GINEConv(mlp(6, 4), edge_dim=3),
        with_attr(both(6, 6), 3),
        BIPARTITE,
        per_edge=True,
    ),
]

PAIRS = [
    Case("graph_pair", lambda nn: nn.GraphConv((6, 5), 4), weighted(both(6, 5)), BIPARTITE, per_edge=True),
    Case("simple_pair", lambda nn: nn.SimpleConv("max", "cat"), both(6, 5), BIPARTITE),
    Case("le_pair", lambda nn: nn.LEConv((6, 5), 4), weighted(both(6, 5)), BIPARTITE, per_edge=True),
    Case(
        "wl_continuous_pair", lambda nn: nn.WLConvContinuous(), weighted(both(6, 6)), BIPARTITE, per_edge=True
    ),
    Case("edge_pair", lambda nn: nn.EdgeConv(mlp(12, 4)), both(6, 6), BIPARTITE),
    Case("mf_pair", lambda nn: nn.MFConv((6, 5), 4, max_degree=2), both(6, 5), BIPARTITE),
    Case(
        "feast_pair", lambda nn: nn.FeaStConv(6, 4, heads=2, add_self_loops=False), both(6, 6), BIPARTITE[:2]
    ),
    Case("gated_pair", lambda nn: nn.ResGatedGraphConv((6, 5), 4), both(6, 5), BIPARTITE),
    Case("general_pair", lambda nn: nn.GeneralConv((6, 5), 4), both(6, 5), BIPARTITE),
    Case("gen_pair", lambda nn: nn.GENConv((6, 5), 4, norm="layer"), both(6, 5), BIPARTITE),
    Case(
        "gen_pair_source",
        lambda nn: nn.GENConv((6, 5), 4, norm=None),
        lambda g, e: ((g.features(6), None), e, None, (g.num_src, g.num_dst)),
        BIPARTITE,
    ),
    Case("film_pair", lambda nn: nn.FiLMConv((6, 5), 4), both(6, 5), BIPARTITE),
]

OTHERS = [
    Case("edge", lambda nn: nn.EdgeConv(mlp(12, 8, 4)), nodes(6)),
    Case("edge_reversed", lambda nn: nn.EdgeConv(mlp(12, 4), aggr="mean", flow="target_to_source"), nodes(6)),
    Case("mf", lambda nn: nn.MFConv(6, 4, max_degree=3), nodes(6)),
    Case("mf_reversed", lambda nn: nn.MFConv(-1, 4, bias=False, flow="target_to_source"), nodes(6)),
    Case("cluster", lambda nn: nn.ClusterGCNConv(6, 4, diag_lambda=0.7), nodes(6)),
    Case("cluster_wide", lambda nn: nn.ClusterGCNConv(-1, 8, 0.5, bias=False, flow="target_to_source"), nodes(6)),
    Case("feast", lambda nn: nn.FeaStConv(6, 4, heads=3), nodes(6)),
    Case("feast_reversed", lambda nn: nn.FeaStConv(-1, 4, bias=False, flow="target_to_source"), nodes(6)),
    Case("agnn", lambda nn: nn.AGNNConv(), nodes(6)),
    Case("agnn_fixed", lambda nn: nn.AGNNConv(False, add_self_loops=False, flow="target_to_source"), nodes(6)),
    Case("gcn2", lambda nn: nn.GCN2Conv(6, alpha=0.2), with_first),
    Case(
        "gcn2_weighted",
        lambda nn: nn.GCN2Conv(6, 0.2, shared_weights=False),
        weighted(with_first),
        ONE_LOOP,
        per_edge=True,
    ),
    Case("gcn2_theta", lambda nn: nn.GCN2Conv(6, 0.2, theta=1.0, layer=2, flow="target_to_source"), with_first),
    Case("gcn2_as_is", lambda nn: nn.GCN2Conv(6, 0.2, 1.0, 2, False, normalize=False), with_first),
    Case("fa", lambda nn: nn.FAConv(6, eps=0.3), with_first),
    Case("fa_reversed", lambda nn: nn.FAConv(-1, add_self_loops=False, flow="target_to_source"), with_first),
    Case("fa_as_is", lambda nn: nn.FAConv(6, eps=0.0, normalize=False), weighted(with_first), ONE_LOOP, per_edge=True),
    Case("fa_weights", lambda nn: nn.FAConv(6), lambda g, e: (*with_first(g, e), None, True)),
    Case("res_gated", lambda nn: nn.ResGatedGraphConv(6, 4), nodes(6)),
    Case(
        "res_gated_edge",
        lambda nn: nn.ResGatedGraphConv(6, 4, act=torch.nn.Tanh(), edge_dim=3, root_weight=False, bias=False),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("res_gated_reversed", lambda nn: nn.ResGatedGraphConv(-1, 4, flow="target_to_source"), nodes(6)),
    Case("general", lambda nn: nn.GeneralConv(6, 4), nodes(6)),
    Case("general_same", lambda nn: nn.GeneralConv(6, 6, aggr="max", l2_normalize=True, bias=False), nodes(6)),
    Case(
        "general_attention",
        lambda nn: nn.GeneralConv(6, 6, 3, skip_linear=True, heads=2, attention=True),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("gen", lambda nn: nn.GENConv(6, 4, norm="layer"), nodes(6)),
    Case("gen_same", lambda nn: nn.GENConv(6, 6, "softmax_sg", t=0.5, num_layers=1, bias=True), nodes(6)),
    Case("gen_power", lambda nn: nn.GENConv(6, 4, "power", p=2.0, learn_p=True, num_layers=3), nodes(6)),
    Case(
        "gen_edge",
        lambda nn: nn.GENConv(6, 4, learn_t=True, msg_norm=True, learn_msg_scale=True, norm=None, edge_dim=3),
        with_attr(nodes(6), 3),
        per_edge=True,
    ),
    Case("gen_list", lambda nn: nn.GENConv(6, 6, ["mean", "max"], flow="target_to_source"), nodes(6)),
    Case("film", lambda nn: nn.FiLMConv(6, 4), nodes(6)),
    Case(
        "film_relations",
        lambda nn: nn.FiLMConv(6, 4, num_relations=3, act=None, aggr="add"),
        lambda g, e: (g.features(6), e, types(g, 3)),
        per_edge=True,
    ),
    Case("film_network", lambda nn: nn.FiLMConv(6, 4, nn=mlp(6, 8), flow="target_to_source"), nodes(6)),
    Case("dir_gnn", lambda nn: nn.DirGNNConv(nn.SAGEConv(6, 4), alpha=0.3), nodes(6)),
    Case("dir_gnn_gcn", lambda nn: nn.DirGNNConv(nn.GCNConv(6, 4), root_weight=False), nodes(6)),
    Case("antisymmetric", lambda nn: nn.AntiSymmetricConv(6), nodes(6)),
    Case(
        "antisymmetric_steps",
        lambda nn: nn.AntiSymmetricConv(6, nn.GraphConv(6, 6), num_iters=3, epsilon=0.2, act="relu", bias=False),
        weighted(nodes(6)),
        per_edge=True,
    ),
]  # fmt: skip

PROPAGATION = [case for name, make in NORMALIZED.items() for case in _variants(name, make)]
PROPAGATION += [*SAGE, *ISOMORPHISM, *PAIRS, *OTHERS]
