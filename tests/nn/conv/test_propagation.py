"""What the table of layers does not show: caches, forms of a graph, tracers, explanations, errors."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from tests.nn.conv.propagation import ONE_LOOP
from tests.nn.peer import SQUARE, Graph, assert_close, assert_same_as_peer, integers, normal, uniform
from torch import Tensor

import grapevine as gv
from grapevine.nn import conv
from grapevine.nn.conv import (
    APPNP,
    ChebConv,
    ClusterGCNConv,
    EdgeConv,
    FiLMConv,
    GatedGraphConv,
    GCN2Conv,
    GCNConv,
    GENConv,
    GINConv,
    GINEConv,
    GraphConv,
    SAGEConv,
    SGConv,
    SimpleConv,
    SSGConv,
    TAGConv,
    WLConv,
)
from grapevine.nn.conv.gcn_conv import gcn_norm

pyg = pytest.importorskip("torch_geometric.nn")
LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def sparse(
    edge_index: Tensor, weight: Tensor, num_nodes: int, layout: torch.layout = torch.sparse_csr
) -> Tensor:
    """The transposed adjacency."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # sparse CSR is in beta
        matrix = torch.sparse_coo_tensor(edge_index.flip(0), weight, (num_nodes, num_nodes))
        return matrix.coalesce().to_sparse(layout=layout)


def simple_graph() -> Graph:
    """The random graph without repeated edges and self-loops."""
    edge_index = SQUARE[0].edge_index.unique(dim=1)
    return Graph("simple", edge_index[:, edge_index[0] != edge_index[1]], 8, 8)


# -- gcn_norm --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", ONE_LOOP, ids=str)
@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize("add_self_loops", [False, True])
@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gcn_norm(graph: Graph, improved: bool, add_self_loops: bool, flow: str, weighted: bool) -> None:
    weight = uniform(graph.edge_index.size(1)) if weighted else None
    options = {
        "num_nodes": graph.num_src,
        "improved": improved,
        "add_self_loops": add_self_loops,
        "flow": flow,
    }
    expected = pyg.conv.gcn_conv.gcn_norm
    if weighted:
        assert_same_as_peer(gcn_norm, expected, graph.edge_index, weight, kwargs=options)
    else:
        assert_same_as_peer(
            gcn_norm, expected, graph.edge_index, kwargs=options, grad=False, dtypes=[torch.float32]
        )


@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=str)
@pytest.mark.parametrize("improved", [False, True])
def test_gcn_norm_of_a_sparse_adjacency(layout: torch.layout, improved: bool) -> None:
    graph = simple_graph()
    adjacency = sparse(graph.edge_index, uniform(graph.edge_index.size(1)), 8, layout)
    actual, none = gcn_norm(adjacency, improved=improved)
    expected, _ = pyg.conv.gcn_conv.gcn_norm(adjacency, None, 8, improved)
    assert none is None and actual.layout is layout
    assert_close(actual, expected)


def test_gcn_norm_of_edges() -> None:
    graph = SQUARE[1]
    edge_index, weight = gcn_norm(gv.Edges(graph.edge_index, num_nodes=9))
    expected_index, expected = gcn_norm(graph.edge_index, num_nodes=9)
    assert torch.equal(edge_index, expected_index)
    assert_close(weight, expected)


# -- sparse adjacencies with values ----------------------------------------------------------------------

VALUED = {
    "gcn": lambda nn: nn.GCNConv(6, 4),
    "gcn_improved": lambda nn: nn.GCNConv(6, 8, improved=True),
    "gcn_as_is": lambda nn: nn.GCNConv(6, 4, normalize=False),
    "sage": lambda nn: nn.SAGEConv(6, 4),
    "sage_max": lambda nn: nn.SAGEConv(6, 4, aggr="max"),
    "gin": lambda nn: nn.GINConv(torch.nn.Linear(6, 4)),
    "graph": lambda nn: nn.GraphConv(6, 4),
    "simple": lambda nn: nn.SimpleConv("mean"),
    "sg": lambda nn: nn.SGConv(6, 4, K=2),
    "appnp": lambda nn: nn.APPNP(2, 0.1),
    "tag": lambda nn: nn.TAGConv(6, 4),
    "lg": lambda nn: nn.LGConv(),
    "mixhop": lambda nn: nn.MixHopConv(6, 4),
    "gated": lambda nn: nn.GatedGraphConv(6, 2),
    "le": lambda nn: nn.LEConv(6, 4),
}


@pytest.mark.parametrize("name", VALUED)
def test_values_of_a_sparse_adjacency_are_weights(name: str) -> None:
    graph = simple_graph()
    adjacency = sparse(graph.edge_index, uniform(graph.edge_index.size(1)), 8)
    make = VALUED[name]
    assert_same_as_peer(make(conv), make(pyg), graph.features(6), adjacency, dtypes=[torch.float32])


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_layouts_agree(layout: torch.layout) -> None:
    graph, layer = simple_graph(), GCNConv(6, 4)
    weight, x = uniform(graph.edge_index.size(1)), normal(8, 6)
    expected = layer(x, graph.edge_index, weight)
    assert_close(layer(x, sparse(graph.edge_index, weight, 8, layout)), expected)


def test_gradient_of_sparse_values() -> None:
    graph, layer = simple_graph(), GraphConv(6, 4)
    weight = uniform(graph.edge_index.size(1)).requires_grad_()
    (expected,) = torch.autograd.grad(layer(graph.features(6), graph.edge_index, weight).sum(), weight)
    adjacency = torch.sparse_coo_tensor(graph.edge_index.flip(0), weight, (8, 8)).coalesce()
    (actual,) = torch.autograd.grad(layer(graph.features(6), adjacency).sum(), weight)
    assert_close(actual, expected)


# -- caches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_second_call_finds_the_normalised_graph(weighted: bool) -> None:
    graph, layer = SQUARE[0], GCNConv(6, 4)
    weight = uniform(graph.edge_index.size(1)) if weighted else None
    first, again = (layer.weighted(graph.edge_index, weight, graph.features(6)) for _ in range(2))
    assert isinstance(first[0], gv.Edges) and first[0].same_as(again[0])
    assert weighted or first[1] is again[1]
    target = first[0].dst_index
    assert bool((target[:-1] <= target[1:]).all())  # sorted once, so that kernels stream
    other = GCNConv(4, 4).weighted(graph.edge_index, weight, graph.features(4))
    assert other[0].same_as(first[0])


def test_a_changed_graph_is_normalised_anew() -> None:
    edge_index, layer, x = SQUARE[0].edge_index.clone(), GCNConv(6, 4), normal(8, 6)
    layer(x, edge_index)
    edge_index[:, 0] = torch.tensor([7, 0])
    assert_close(layer(x, edge_index), layer(x, edge_index.clone()))


CACHED = {
    "gcn": lambda nn: nn.GCNConv(6, 4, cached=True),
    "sg": lambda nn: nn.SGConv(6, 4, K=2, cached=True),
    "ssg": lambda nn: nn.SSGConv(6, 4, 0.1, cached=True),
    "appnp": lambda nn: nn.APPNP(2, 0.1, cached=True),
}


@pytest.mark.parametrize("name", CACHED)
def test_cached_keeps_the_first_graph(name: str) -> None:
    ours, theirs = CACHED[name](conv), CACHED[name](pyg)
    ours.load_state_dict(theirs.state_dict())
    x, first, second = normal(8, 6), SQUARE[0].edge_index, SQUARE[0].edge_index.flip(0)
    for edge_index in (first, second):
        assert_close(ours(x, edge_index), theirs(x, edge_index))
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert_close(copied(x, second), theirs(x, second))
    ours.reset_parameters()
    torch.manual_seed(0)
    before = ours(x, second)
    assert not torch.allclose(before, ours(normal(8, 6, seed=5), first)) or name in ("sg", "ssg")


def test_training_after_evaluation_in_inference_mode() -> None:
    """What inference left in the caches may be saved for a backward pass."""
    edge_index = SQUARE[0].edge_index.clone()
    for layer in (GCNConv(6, 4), ChebConv(6, 4, 3), ClusterGCNConv(6, 4), SAGEConv(6, 4), conv.MFConv(6, 4)):
        x = normal(8, 6)
        with torch.inference_mode():
            expected = layer(x, edge_index).clone()
        out = layer(x.requires_grad_(), edge_index)
        assert_close(out.detach(), expected)
        out.sum().backward()


# -- copies and tracers ----------------------------------------------------------------------------------

TRACED: dict[str, Any] = {
    "gcn": lambda: GCNConv(6, 4),
    "gcn_wide": lambda: GCNConv(6, 8),
    "sage": lambda: SAGEConv(6, 4),
    "sage_max": lambda: SAGEConv(6, 4, aggr="max"),
    "gin": lambda: GINConv(torch.nn.Linear(6, 4)),
    "graph": lambda: GraphConv(6, 4, aggr="mean"),
    "edge": lambda: EdgeConv(torch.nn.Linear(12, 4)),
    "cheb": lambda: ChebConv(6, 4, 3),
    "sg": lambda: SGConv(6, 4, K=2),
    "ssg": lambda: SSGConv(6, 4, 0.1, K=2),
    "appnp": lambda: APPNP(2, 0.1),
    "tag": lambda: TAGConv(6, 4),
    "simple": lambda: SimpleConv(combine_root="self_loop"),
}


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.parametrize("name", TRACED)
def test_compiles_without_a_graph_break(name: str) -> None:
    """Self-loops too, where the shape of the graph with loops depends on the values of `edge_index`."""
    graph, layer = SQUARE[0], TRACED[name]()
    x = graph.features(6).requires_grad_()
    torch._dynamo.reset()
    traced = torch.compile(layer, fullgraph=True, backend="aot_eager")
    actual, expected = traced(x, graph.edge_index), layer(x, graph.edge_index)
    assert_close(actual, expected)
    cotangent = normal(*expected.shape)
    (gradient,) = torch.autograd.grad(actual, x, cotangent)
    assert_close(gradient, torch.autograd.grad(expected, x, cotangent)[0])


@pytest.mark.parametrize("name", TRACED)
def test_copies(name: str) -> None:
    graph, layer = SQUARE[0], TRACED[name]()
    expected = layer(graph.features(6), graph.edge_index)
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(copied(graph.features(6), graph.edge_index), expected)


# -- the order of sum and matrix -------------------------------------------------------------------------


class Squared(SAGEConv):
    """Messages that are not linear."""

    def message(self, x_j: Tensor) -> Tensor:
        return x_j.square()


def test_only_linear_messages_change_places_with_the_matrix() -> None:
    graph = SQUARE[0]
    layer, x = Squared(6, 4), graph.features(6)
    edges = gv.Edges(graph.edge_index, num_nodes=8)
    assert_close(layer(x, graph.edge_index), layer.lin_l(edges.mean(edges.src(x.square()))) + layer.lin_r(x))


@pytest.mark.parametrize("channels", [(6, 4), (4, 6)])
@pytest.mark.parametrize("make", [GCNConv, SAGEConv, GraphConv, SGConv])
def test_fewest_features_travel(make: Any, channels: tuple[int, int]) -> None:
    plan = gv.plan(make(*channels), normal(8, channels[0]), SQUARE[0].edge_index)
    widths = {step.shape[1] for step in plan.steps if step.rule in ("kernel", "program", "stored")}
    assert widths == {4}


# -- explanations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GCNConv", "SAGEConv", "GraphConv"])
def test_edge_masks_meet_their_edges(name: str) -> None:
    """An explainer's mask has a row per edge as given; self-loops that the layer adds come last."""
    graph = SQUARE[0]
    ours, theirs = getattr(conv, name)(6, 4), getattr(pyg, name)(6, 4)
    for layer in (ours, theirs):
        layer._edge_mask = torch.nn.Parameter(normal(graph.edge_index.size(1)))
        layer._loop_mask = graph.edge_index[0] != graph.edge_index[1]
        layer._apply_sigmoid = True
        layer.explain = True
    assert_same_as_peer(ours, theirs, graph.features(6), graph.edge_index)


# -- layers that no table fits ---------------------------------------------------------------------------


@pytest.mark.parametrize("graph", SQUARE, ids=str)
@pytest.mark.parametrize("attention_type", ["additive", "dot_product"])
def test_general_messages_of_both_ends(graph: Graph, attention_type: str) -> None:
    """Not in the table, because the peer forgets one of the maps in `reset_parameters`."""
    options = {"directed_msg": False, "heads": 2, "attention": True, "attention_type": attention_type}
    make = [nn.GeneralConv(6, 4, 3, "mean", **options) for nn in (conv, pyg)]
    assert_same_as_peer(*make, graph.features(6), graph.edge_index, graph.edge_features(3))
    before = make[0].lin_msg_i.weight.clone()
    make[0].reset_parameters()
    assert not torch.equal(make[0].lin_msg_i.weight, before)


def test_chebyshev_without_edges() -> None:
    """The scaled Laplacian of no edges is minus the identity."""
    layer, x = ChebConv(6, 4, 2, normalization=None), normal(5, 6)
    out = layer(x, torch.empty(2, 0, dtype=torch.long))
    assert_close(out, layer.lins[0](x) - layer.lins[1](x) + layer.bias)


@pytest.mark.parametrize(
    "lambda_max", [2.5, torch.tensor(1.5), torch.tensor([2.5, 1.5])], ids=["number", "scalar", "vector"]
)
@pytest.mark.parametrize("normalization", [None, "sym", "rw"])
def test_chebyshev_eigenvalues(lambda_max: Any, normalization: str | None) -> None:
    graph = SQUARE[0]
    batch = torch.tensor([0] * 4 + [1] * 4)
    make = [nn.ChebConv(6, 4, K=3, normalization=normalization) for nn in (conv, pyg)]
    assert_same_as_peer(*make, graph.features(6), graph.edge_index, None, batch, lambda_max)


@pytest.mark.parametrize("graph", SQUARE, ids=str)
def test_weisfeiler_lehman(graph: Graph) -> None:
    ours, theirs = WLConv(), pyg.WLConv()
    x = integers(3, graph.num_src)
    for _ in range(3):
        expected = theirs(x, graph.edge_index)
        assert torch.equal(ours(x, graph.edge_index), expected)
        assert torch.equal(ours(torch.nn.functional.one_hot(x), graph.edge_index), expected)
        x = expected
    batch = torch.arange(graph.num_src) // 4
    for options in ({}, {"batch": batch}, {"batch": batch, "norm": True}):
        assert_close(ours.histogram(x, **options), theirs.histogram(x, **options))
    ours.reset_parameters()
    assert not ours.hashmap


def test_dropped_edges_keep_their_sum() -> None:
    """APPNP drops edges in training only, and rescales the others."""
    layer, x = APPNP(1, 0.0, dropout=0.5, add_self_loops=False), torch.ones(300, 1)
    edge_index = torch.stack([torch.arange(300), torch.zeros(300, dtype=torch.long)])
    weight = torch.ones(300)
    layer.normalize = False
    assert float(layer.train()(x, edge_index, weight)[0]) == pytest.approx(300, rel=0.2)
    assert float(layer(x, edge_index)[0]) != 300
    assert float(layer.eval()(x, edge_index, weight)[0]) == 300


def test_mini_batches_of_features() -> None:
    """(B, N, F): one graph, many signals."""
    graph = SQUARE[0]
    for name in ("GCNConv", "GraphConv", "SGConv", "TAGConv", "LGConv"):
        args = () if name == "LGConv" else (6, 4)
        make = [getattr(nn, name)(*args) for nn in (conv, pyg)]
        assert_same_as_peer(*make, normal(3, 8, 6), graph.edge_index)


# -- errors ----------------------------------------------------------------------------------------------

EDGES = torch.tensor([[0, 1], [1, 0]])
WRONG = [
    (lambda: GCNConv(6, 4, normalize=False, add_self_loops=True), "expected normalize=True with add_self_loops=True"),
    (lambda: GCNConv(6, 4)((normal(2, 6), normal(2, 6)), EDGES), "use SAGEConv or GraphConv"),
    (lambda: SAGEConv(-1, 4, project=True), "expected known in_channels with project=True, got -1"),
    (lambda: SimpleConv(combine_root="mean"), "expected combine_root to be one of .* got 'mean'"),
    (lambda: SimpleConv(combine_root="self_loop")((normal(2, 6), None), EDGES), "use 'sum' or 'cat'"),
    (lambda: ChebConv(6, 4, K=0), "expected K of at least 1, got 0"),
    (lambda: ChebConv(6, 4, K=1, normalization="row"), "expected normalization to be one of .* got 'row'"),
    (lambda: GINEConv(torch.nn.ReLU(), edge_dim=3), "got ReLU without either"),
    (lambda: GINEConv(torch.nn.Linear(6, 4))(normal(2, 6), EDGES), "expected edge_attr, got none"),
    (lambda: GINEConv(torch.nn.Linear(6, 4))(normal(2, 6), EDGES, normal(2, 3)), r"GINEConv\(nn, edge_dim=3\)"),
    (lambda: GCN2Conv(6, 0.1, theta=0.5), "expected both theta and layer, or none; got theta=0.5, layer=None"),
    (lambda: GatedGraphConv(4, 2)(normal(2, 6), EDGES), r"do this instead: GatedGraphConv\(6, num_layers=2\)"),
    (lambda: FiLMConv(6, 4, num_relations=2)(normal(2, 6), EDGES), "expected edge_type for num_relations=2, got none"),
    (lambda: GENConv(6, 4, norm="pair"), "expected norm to be one of batch, layer, instance or None, got 'pair'"),
    (lambda: GENConv(6, 4)(normal(2, 6), EDGES, normal(2, 3)), "edge_dim=3"),
    (lambda: conv.FAConv(6)(normal(2, 6), normal(2, 6), EDGES, torch.ones(2)), "edge_weight with normalize=False"),
    (lambda: conv.ResGatedGraphConv(6, 4)(normal(2, 6), EDGES, normal(2, 3)), r"edge_attr of shape \[2, 3\]"),
    (lambda: conv.GeneralConv(6, 4, attention=True, attention_type="dot"), "got 'dot'"),
    (lambda: WLConv()(torch.ones(2), EDGES), r"do this instead: x.long\(\)"),
    (lambda: WLConv()(torch.ones(2, 2), EDGES), "expected one-hot rows"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), WRONG)
def test_errors_teach(call: Any, text: str) -> None:
    with pytest.raises(gv.GrapevineError, match=text) as caught:
        call()
    assert isinstance(caught.value, ValueError)
