"""Every layer against DGL's: parameters, initial numbers, outputs, gradients, errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import grapevine as gv
from grapevine import dgl
from grapevine.dgl import nn
from tests.dgl.nn.cases import CASES, EMPTY, ISOLATED, RANDOM, TWO_SIDED_ISOLATED, Case, built, network, x
from tests.dgl.peer import peer
from tests.nn.peer import Graph, assert_close, assert_same_as_peer, assert_same_start, integers, normal

pytestmark = pytest.mark.filterwarnings(  # the peer's own
    "ignore:The input graph for the user-defined edge function", "ignore:TypedStorage is deprecated"
)

ON_GRAPHS = [
    pytest.param(case, graph, i == 0, id=f"{case}-{graph}")
    for case in CASES
    for i, graph in enumerate(case.graphs)
]


@pytest.mark.parametrize(("case", "graph", "first"), ON_GRAPHS)
def test_same_as_peer(case: Case, graph: Graph, first: bool) -> None:
    inputs = case.inputs(graph)
    assert_same_as_peer(
        case.make(nn),
        case.make(peer.nn),
        built(dgl, graph),
        *inputs,
        kwargs=case.kwargs,
        peer_inputs=(built(peer, graph), *inputs),
        train=case.train,
        dtypes=(torch.float32, torch.float64) if first else (torch.float64,),
    )


@pytest.mark.parametrize("case", [c for c in CASES if c.start], ids=str)
def test_same_start(case: Case) -> None:
    assert_same_start(lambda: case.make(nn), lambda: case.make(peer.nn))


REFUSING = {
    "GraphConv": lambda nn: nn.GraphConv(5, 3),
    "GATConv": lambda nn: nn.GATConv(5, 3, 2),
    "GATv2Conv": lambda nn: nn.GATv2Conv(5, 3, 2),
    "EdgeGATConv": lambda nn: nn.EdgeGATConv(5, 4, 3, 2),
    "DotGatConv": lambda nn: nn.DotGatConv(5, 3, 2),
    "EGATConv": lambda nn: nn.EGATConv(5, 4, 3, 3, 2),
    "SGConv": lambda nn: nn.SGConv(5, 3),
    "GMMConv": lambda nn: nn.GMMConv(5, 3, 4, 2),
    "EdgeConv": lambda nn: nn.EdgeConv(5, 3),
    "AGNNConv": lambda nn: nn.AGNNConv(),
    "GCN2Conv": lambda nn: nn.GCN2Conv(5, 1),
}


@pytest.mark.parametrize("name", REFUSING)
def test_zero_in_degree(name: str) -> None:
    """An isolated node is refused; `set_allow_zero_in_degree` exists where DGL has it, and lifts that."""
    ours, theirs = REFUSING[name](nn), REFUSING[name](peer.nn)
    inputs = [normal(ISOLATED.num_src, 5)]
    if name in ("EdgeGATConv", "EGATConv", "GMMConv"):
        inputs.append(ISOLATED.edge_features(4))
    if name == "GCN2Conv":
        inputs.append(inputs[0])
    for layer, library in ((ours, dgl), (theirs, peer)):
        with pytest.raises(library.DGLError, match="There are 0-in-degree nodes in the graph"):
            layer(built(library, ISOLATED), *inputs)
    assert hasattr(ours, "set_allow_zero_in_degree") == hasattr(theirs, "set_allow_zero_in_degree")
    if hasattr(ours, "set_allow_zero_in_degree"):
        ours.set_allow_zero_in_degree(True)
        assert ours(built(dgl, ISOLATED), *inputs).isfinite().all()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda nn: nn.GraphConv(5, 3, norm="sum"), "DGLError"),
        (lambda nn: nn.SAGEConv(5, 3, "sum"), "DGLError"),
        (lambda nn: nn.GINConv(None, "min"), KeyError),
        (lambda nn: nn.NNConv(5, 3, None, "min"), KeyError),
        (lambda nn: nn.GMMConv(5, 3, 2, 2, "min"), KeyError),
        (lambda nn: nn.TypedLinear(5, 3, 2, "bdd", 2), ValueError),
        (lambda nn: nn.TypedLinear(4, 2, 2, "basis"), ValueError),
        (lambda nn: nn.HeteroGraphConv({}, "prod"), "DGLError"),
        (lambda nn: nn.SetTransformerEncoder(4, 2, 2, 4, block_type="isab"), KeyError),
        (lambda nn: nn.LapPosEncoder("LSTM", 1, 2, 3), ValueError),
        (lambda nn: nn.GraphConv(5, 3)(graph_of(nn), normal(8, 5), torch.ones(5, 3)), "DGLError"),
        (lambda nn: nn.EdgeWeightNorm()(graph_of(nn), torch.zeros(30)), "DGLError"),
        (lambda nn: nn.EdgeWeightNorm()(graph_of(nn), torch.ones(30, 1)), "DGLError"),
        (lambda nn: nn.SAGEConv((5, 4), 3, "gcn")(graph_of(nn), (normal(8, 5), normal(8, 4))), "DGLError"),
    ],
)
def test_refusals(make: Any, error: Any) -> None:
    for library in (dgl, peer):
        with pytest.raises(library.DGLError if error == "DGLError" else error):
            make(library.nn)


def graph_of(library_nn: Any) -> Any:
    return built(dgl if library_nn is nn else peer, RANDOM)


@pytest.mark.parametrize("groups", [2, 3])
def test_group_rev_res(groups: int) -> None:
    """A stack of reversible layers, one of them read twice, against the same equation without recomputation."""
    graph, size = built(dgl, RANDOM), 2 * groups
    stack = [nn.GroupRevRes(nn.GraphConv(2, 2, activation=torch.tanh), groups).double() for _ in range(3)]
    given = normal(RANDOM.num_src, size).double()

    def run(call: Any) -> list[torch.Tensor]:
        leaf = given.clone().requires_grad_()
        h, seen = leaf * 1, []
        for layer in stack:
            h = call(layer, h)
            seen.append(h)
        loss = (seen[1] * normal(*h.shape, seed=3)).sum() + h.sin().sum()
        del seen, h
        return [loss, *torch.autograd.grad(loss, [leaf, *(p for s in stack for p in s.parameters())])]

    plain = run(lambda layer, h: layer.outputs(graph, h))
    reversible = run(lambda layer, h: layer(graph, h))
    for actual, expected in zip(reversible, plain, strict=True):
        assert_close(actual, expected)
    peers = peer.nn.GroupRevRes(peer.nn.GraphConv(2, 2, activation=torch.tanh), groups).double()
    peers.load_state_dict(stack[0].state_dict())
    assert_close(peers(built(peer, RANDOM), given.clone()), stack[0](graph, given))
    y = stack[0](graph, given.clone().requires_grad_())
    y.sum().backward(retain_graph=True)
    del y
    with pytest.raises(ValueError, match="second one"):
        loss = stack[0](graph, given.clone().requires_grad_()).sum()
        loss.backward(retain_graph=True)
        loss.backward()


def test_group_rev_res_arguments() -> None:
    """Further arguments are split along their last dim, and get gradients."""
    graph = built(dgl, RANDOM)
    layer = nn.GroupRevRes(nn.GINEConv(network(2, 2)), 2).double()
    x_in, e_in = normal(8, 4).double().requires_grad_(), normal(30, 4, seed=1).double().requires_grad_()
    leaves = [x_in, e_in, *layer.parameters()]
    actual = torch.autograd.grad(layer(graph, x_in, e_in).sin().sum(), leaves)
    expected = torch.autograd.grad(layer.outputs(graph, x_in, e_in).sin().sum(), leaves)
    for a, b in zip(actual, expected, strict=True):
        assert_close(a, b)


def test_without_edges() -> None:
    """Layers that DGL cannot run without edges give what their equation says: nothing arrives."""
    graph, feat = built(dgl, EMPTY), normal(EMPTY.num_src, 4)
    sage = nn.SAGEConv(4, 3, "lstm")
    assert_close(sage(graph, feat), sage.fc_self(feat))
    none = torch.empty(0, dtype=torch.long)
    rel = nn.RelGraphConv(4, 3, 2)
    assert_close(rel(graph, feat, none), feat @ rel.loop_weight)
    assert nn.HGTConv(4, 2, 2, 1, 2)(graph, feat, torch.zeros(5, dtype=torch.long), none).isfinite().all()
    assert nn.PNAConv(4, 4, ["std", "max"], ["attenuation"], 1.0)(graph, feat).isfinite().all()
    assert nn.EdgeConv(4, 3, allow_zero_in_degree=True)(graph, feat).eq(0).all()


def test_sgconv_keeps_its_features() -> None:
    layer = nn.SGConv(5, 3, cached=True)
    graph = built(dgl, RANDOM)
    first = layer(graph, *x(5)(RANDOM))
    assert_close(layer(graph, torch.zeros(8, 5)), first)


def test_cheb_warns_without_lambda() -> None:
    layer, graph = nn.ChebConv(5, 3, 2), built(dgl, RANDOM)
    with pytest.warns(UserWarning, match="lambda_max is not provided"):
        default = layer(graph, *x(5)(RANDOM))
    assert_close(default, layer(graph, *x(5)(RANDOM), lambda_max=torch.tensor([2.0])))


def test_int32_graph_and_types() -> None:
    """Graphs, types and degrees of int32 serve as well."""
    graph = built(dgl, RANDOM).int()
    feat, etype = normal(8, 4), integers(2, 30)
    rel = nn.RelGraphConv(4, 3, 2)
    assert_close(rel(graph, feat, etype.int()), rel(built(dgl, RANDOM), feat, etype))


def test_relation_slice() -> None:
    """A layer runs on one relation of a graph of several types."""
    edges = tuple(TWO_SIDED_ISOLATED.edge_index)
    sizes = {"user": 4, "item": 8}
    g = dgl.heterograph({("user", "buys", "item"): edges, ("item", "sold", "user"): edges[::-1]}, sizes)
    layer = nn.SAGEConv(5, 3, "mean")
    pair = TWO_SIDED_ISOLATED.pair(5, 5)
    assert_close(layer(g["buys"], pair), layer(built(dgl, TWO_SIDED_ISOLATED), pair))


def test_attention_is_fused() -> None:
    """GAT on a large enough graph stores nothing of the size of edges times features."""
    graph = built(dgl, RANDOM)
    layer = nn.GATConv(5, 3, 2)
    with gv.recorded():
        plan = gv.plan(lambda: layer(graph, normal(8, 5)))
    assert not [step for step in plan.steps if step.stored and step.shape[1:] == (2, 3)]


@pytest.mark.parametrize("case", [c for c in CASES if c.graphs], ids=str)
def test_trains_after_inference(case: Case) -> None:
    """What is kept with a graph in `inference_mode` serves training too; frames and inputs stay as they are."""
    graph = built(dgl, case.graphs[0])
    inputs = case.inputs(case.graphs[0])
    layer = case.make(nn)
    with torch.inference_mode():
        layer.eval()(graph, *inputs, **case.kwargs)
    if case.name.startswith(("SGConv-weights", "TWIRLSConv-bare")):  # these keep their features
        layer = case.make(nn)
    out = layer.train()(graph, *inputs, **case.kwargs)
    leaves = [o.sum() for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
    if leaves:
        sum(leaves[1:], leaves[0]).backward()
    assert not [key for frame in (graph.srcdata, graph.dstdata, graph.edata) for key in frame]
