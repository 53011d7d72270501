"""Aggregations, normalisations and poolings under the compiler, under `torch.func`, pickled and copied."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grapevine.nn import aggr, norm, pool
from tests.nn.peer import integers, normal, uniform

N, E, F = 6, 20, 4
INDEX = integers(N, E, seed=1)
SORTED = INDEX.sort().values
DEG = torch.tensor([1, 4, 3])

AGGREGATIONS: dict[str, Callable[[], Any]] = {
    **{
        name: getattr(aggr, f"{name}Aggregation")
        for name in [
            "Sum",
            "Mean",
            "Max",
            "Mul",
            "Std",
            "Softmax",
            "PowerMean",
            "Median",
            "VariancePreserving",
        ]
    },
    "Multi": lambda: aggr.MultiAggregation(["mean", "max", "std"]),
    "DegreeScaler": lambda: aggr.DegreeScalerAggregation(["mean", "max"], ["linear", "identity"], DEG),
    "Attentional": lambda: aggr.AttentionalAggregation(torch.nn.Linear(F, 1)),
}
NORMS: dict[str, Callable[[], Any]] = {
    "GraphNorm": lambda: norm.GraphNorm(F),
    "LayerNorm": lambda: norm.LayerNorm(F),
    "InstanceNorm": lambda: norm.InstanceNorm(F),
    "PairNorm": norm.PairNorm,
}
EVERY = {**AGGREGATIONS, **NORMS}


def call(name: str, module: Any, x: torch.Tensor) -> torch.Tensor:
    return module(x, INDEX, dim_size=N) if name in AGGREGATIONS else module(x, INDEX, N)


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize(
    "name", ["Mean", "Max", "Std", "Softmax", "Median", "Multi", "DegreeScaler", "GraphNorm"]
)
def test_compiled_as_one_graph(name: str) -> None:
    module = EVERY[name]()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    x = [uniform(E, F).requires_grad_() for _ in range(2)]
    out, expected = call(name, compiled, x[0]), call(name, module, x[1])
    torch.testing.assert_close(out, expected)
    cotangent = normal(*out.shape)
    torch.testing.assert_close(
        torch.autograd.grad(out, x[0], cotangent), torch.autograd.grad(expected, x[1], cotangent)
    )


@pytest.mark.parametrize("name", EVERY)
def test_functional_gradient(name: str) -> None:
    module, x = EVERY[name](), uniform(E, F)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(call(name, module, leaf).square().sum(), leaf)
    actual = torch.func.grad(lambda x: call(name, module, x).square().sum())(x)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("name", EVERY)
def test_copied_and_pickled(name: str) -> None:
    module, x = EVERY[name](), uniform(E, F)
    expected = call(name, module, x)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert call(name, twin, x).equal(expected)


# Not where values are chosen or cut off: finite differences see a median's or a small deviation's jumps.
@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("Median", "Std", "Multi")])
def test_second_derivative(name: str) -> None:
    module, x = EVERY[name]().double(), uniform(E, F).double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: call(name, module, x), (x,), atol=1e-4)


def test_copied_and_pickled_poolings() -> None:
    edge_index = torch.stack([integers(E, 30, seed=2), integers(E, 30, seed=3)])
    for module in (pool.TopKPooling(F), pool.SAGPooling(F), pool.ASAPooling(F), pool.EdgePooling(F)):
        batch = () if not isinstance(module, pool.EdgePooling) else (SORTED,)
        expected = module(normal(E, F), edge_index, *batch)[0]
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert twin(normal(E, F), edge_index, *batch)[0].equal(expected)
