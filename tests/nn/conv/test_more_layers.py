"""Layers that bring their own graph, or more than features: against torch_geometric, or their equation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import (
    SQUARE,
    Graph,
    assert_close,
    assert_same_as_peer,
    assert_same_start,
    normal,
    uniform,
)
from torch.nn import Linear, ReLU, Sequential

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn import conv

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = SQUARE[0]
BATCH = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("graph", SQUARE, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"heads": 4, "groups": 2}, {"heads": 2, "groups": 4, "bias": False}, {"aggr": "max"}]
)
def test_dna(graph: Graph, options: dict[str, Any]) -> None:
    layers = [library.DNAConv(8, **options) for library in (conv, pyg)]
    assert_same_start(lambda: conv.DNAConv(8, **options), lambda: pyg.DNAConv(8, **options))
    assert repr(layers[0]) == repr(layers[1])
    x = normal(graph.num_src, 3, 8)
    assert_same_as_peer(*layers, x, graph.edge_index)


def test_dna_with_weights_and_dropout() -> None:
    loopless = GRAPH.edge_index[:, GRAPH.edge_index[0] != GRAPH.edge_index[1]]
    weight = uniform(loopless.size(1))
    plain = {"normalize": False, "add_self_loops": False}
    for options in ({}, plain):
        layers = [library.DNAConv(8, 2, **options) for library in (conv, pyg)]
        assert_same_as_peer(*layers, normal(8, 1, 8), loopless, weight)
    # Without normalisation edges stay in order, so that the same attentions are dropped.
    layers = [library.DNAConv(8, 2, dropout=0.4, **plain) for library in (conv, pyg)]
    assert_same_as_peer(*layers, normal(8, 3, 8), loopless, weight, train=True)
    with pytest.raises(GraphValueError, match="nodes, layers, channels"):
        conv.DNAConv(8)(normal(8, 8), loopless)
    for wrong in ((8, 3), (8, 2, 3), (8, 4, 3)):
        with pytest.raises(GraphValueError, match="groups"):
            conv.DNAConv(*wrong)


@pytest.mark.parametrize("graph", SQUARE, ids=str)
def test_point_gnn(graph: Graph) -> None:
    def make(library: Any) -> torch.nn.Module:
        torch.manual_seed(0)
        parts = Linear(6, 3), Sequential(Linear(9, 8), ReLU(), Linear(8, 7)), Linear(7, 6)
        return library.PointGNNConv(*parts)

    layers = [make(library) for library in (conv, pyg)]
    assert_same_start(lambda: make(conv), lambda: make(pyg))
    assert repr(layers[0]) == repr(layers[1])
    assert_same_as_peer(*layers, graph.features(6), normal(graph.num_src, 3), graph.edge_index)


@pytest.mark.parametrize("graph", SQUARE, ids=str)
@pytest.mark.parametrize("length", [0, 1, 3])
def test_pan(graph: Graph, length: int) -> None:
    """The peer needs torch_sparse; its equation on dense matrices is short."""
    layer = conv.PANConv(5, 4, filter_size=length).double()
    torch.nn.init.uniform_(layer.weight, 0.2, 1.0)
    x, size = graph.features(5).double().requires_grad_(), graph.num_src

    adjacency = torch.zeros(size, size).double()
    adjacency.index_put_((graph.edge_index[1], graph.edge_index[0]), torch.ones(()).double(), accumulate=True)
    power = torch.eye(size).double()
    total, reached = layer.weight[0] * power, power > 0
    scale = layer.weight[0]
    for weight in layer.weight[1:]:
        power, scale = power @ adjacency, scale * weight
        total, reached = total + scale * power, reached | (power > 0)
    z = reached.double().sum(dim=1).pow(-0.5)
    matrix = z[:, None] * total * z
    expected = layer.lin(matrix @ x)

    out, M = layer(x, graph.edge_index)
    assert_close(out, expected)
    assert_close(M.to_dense(), matrix)
    wanted = [x, layer.weight, layer.lin.weight]
    ours, theirs = (
        torch.autograd.grad(value.square().sum(), wanted, retain_graph=True) for value in (out, expected)
    )
    scale_of = max(float(gradient.abs().max()) for gradient in theirs)
    for gradient, other in zip(ours, theirs, strict=True):
        assert_close(gradient, other, scale_of)
    again, _ = layer(x, gv.Edges(graph.edge_index, num_nodes=size))
    assert_close(again, out)
    assert repr(layer) == f"PANConv(5, 4, filter_size={length})"


def test_dynamic_edges() -> None:
    mlp = Sequential(Linear(6, 8), ReLU(), Linear(8, 4))
    dynamic, static = conv.DynamicEdgeConv(mlp, k=3), conv.EdgeConv(mlp)
    assert repr(dynamic) == f"DynamicEdgeConv(nn={mlp}, k=3)"
    x, y = normal(8, 3), normal(5, 3, seed=1)
    for batch in (None, BATCH):
        assert_close(dynamic(x, batch), static(x, gv.nn.knn_graph(x, 3, batch, loop=True)))
    of_y = torch.tensor([0, 0, 1, 1, 1])
    edges = torch.cdist(y, x)
    edges[of_y[:, None] != BATCH] = float("inf")
    source = edges.topk(3, largest=False).indices
    pairs = torch.stack([source.flatten(), torch.arange(5).repeat_interleave(3)])
    assert_close(dynamic((x, y), (BATCH, of_y)), static((x, y), pairs))
    with pytest.raises(GraphValueError, match="nodes, channels"):
        dynamic(normal(2, 4, 3))


@pytest.mark.parametrize("pair", [False, True])
def test_gravnet(pair: bool) -> None:
    layer = conv.GravNetConv(4, 6, space_dimensions=2, propagate_dimensions=3, k=3)
    assert repr(layer) == "GravNetConv(4, 6, k=3)"
    x = normal(8, 4)
    y = normal(5, 4, seed=1) if pair else x
    distance = torch.cdist(layer.lin_s(y), layer.lin_s(x)).square()
    near = distance.topk(3, largest=False).indices
    heard = torch.exp(-10 * distance.gather(1, near))[..., None] * layer.lin_h(x)[near]
    both = torch.cat([heard.mean(dim=1), heard.amax(dim=1)], dim=1)
    expected = layer.lin_out1(y) + layer.lin_out2(both)
    torch.testing.assert_close(layer((x, y) if pair else x), expected, rtol=1e-4, atol=1e-5)
    with pytest.warns(UserWarning, match="num_workers"):
        conv.GravNetConv(4, 6, 2, 3, 3, num_workers=2)
    expected_names = (
        "lin_s.weight lin_s.bias lin_h.weight lin_h.bias lin_out1.weight lin_out2.weight lin_out2.bias"
    )
    assert [name for name, _ in layer.named_parameters()] == expected_names.split()
