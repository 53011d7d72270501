"""Every layer against its counterpart in torch_geometric: parameters, initial numbers, outputs, gradients, forms."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from tests.nn.conv.cases import CASES as ATTENTION_AND_MORE
from tests.nn.conv.cases import Case
from tests.nn.conv.propagation import PROPAGATION
from tests.nn.peer import Graph, assert_close, assert_same_as_peer, assert_same_start
from torch import Tensor
from torch.nn.parameter import is_lazy

import grapevine as gv
from grapevine.nn import conv

pyg = pytest.importorskip("torch_geometric.nn")

CASES = [*PROPAGATION, *ATTENTION_AND_MORE]
ON_GRAPHS = [pytest.param(case, graph, id=f"{case}-{graph}") for case in CASES for graph in case.graphs]
ON_ONE = [pytest.param(case, case.graphs[0], id=str(case)) for case in CASES]


@pytest.mark.parametrize(("case", "graph"), ON_GRAPHS)
def test_same_as_peer(case: Case, graph: Graph) -> None:
    assert_same_as_peer(
        case.make(conv), case.make(pyg), *case.inputs(graph, graph.edge_index), train=case.train
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_start_and_repr(case: Case) -> None:
    if case.start and not any(is_lazy(parameter) for parameter in case.make(pyg).parameters()):
        assert_same_start(lambda: case.make(conv), lambda: case.make(pyg))
    assert repr(case.make(conv)) == repr(case.make(pyg))


def prepared(case: Case) -> torch.nn.Module:
    torch.manual_seed(0)
    return case.make(conv).eval()


def tensors(out: Any) -> list[Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(out) if isinstance(leaf, Tensor)]


@pytest.mark.parametrize(("case", "graph"), ON_ONE)
def test_accepts_edges(case: Case, graph: Graph) -> None:
    """`gv.Edges` in place of `edge_index`."""
    layer = prepared(case)
    expected = layer(*case.inputs(graph, graph.edge_index))
    edges = gv.Edges(graph.edge_index, size=(graph.num_src, graph.num_dst))
    actual = layer(*case.inputs(graph, edges))
    assert_close(tensors(actual)[0], tensors(expected)[0])


LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]
IN_TURN = [
    pytest.param(case, case.graphs[0], LAYOUTS[i % 3], id=str(case))
    for i, case in enumerate(CASES)
    if not case.per_edge and getattr(case.make(conv), "flow", "") != "target_to_source"  # which is refused
]


@pytest.mark.parametrize(("case", "graph", "layout"), IN_TURN)
def test_accepts_sparse(case: Case, graph: Graph, layout: torch.layout) -> None:
    """`torch.sparse` in place of `edge_index`: the transposed adjacency, (N_dst, N_src)."""
    unique = graph.edge_index.unique(dim=1)
    layer = prepared(case)
    expected = layer(*case.inputs(graph, unique))
    pairs = unique.flip(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # sparse CSR is in beta
        adj_t = torch.sparse_coo_tensor(
            pairs, torch.ones(pairs.size(1)), (graph.num_dst, graph.num_src)
        ).to_sparse(layout=layout)
    actual = layer(*case.inputs(graph, adj_t))
    expected, actual = (out[0] if isinstance(out, tuple) else out for out in (expected, actual))
    assert_close(actual, expected)


@pytest.mark.parametrize(("case", "graph"), ON_ONE)
def test_functional_gradients(case: Case, graph: Graph) -> None:
    """`torch.func.grad` finds what autograd finds."""
    layer = prepared(case)
    inputs = case.inputs(graph, graph.edge_index)
    first = layer(*inputs)  # gives waiting weights their size
    del first
    layer = copy.deepcopy(layer)
    parameters = dict(layer.named_parameters())

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return sum(
            x.sin().sum()
            for x in tensors(torch.func.functional_call(layer, parameters, tuple(inputs)))
            if x.is_floating_point()
        )  # type: ignore[return-value]

    if not parameters:
        return
    value = loss(parameters)
    expected = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    actual = torch.func.grad(loss)({name: p.detach() for name, p in parameters.items()})
    scale = max(float(g.abs().max()) for g in expected if g is not None)
    for name, gradient in zip(parameters, expected):
        gradient = torch.zeros_like(parameters[name]) if gradient is None else gradient
        assert_close(actual[name], gradient, scale, what=name)
