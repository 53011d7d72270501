"""Combinations of aggregations, against torch_geometric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.nn import aggr as pyg
from torch_geometric.nn.aggr.fused import FusedAggregation as PeerFusedAggregation

import grapevine as gv
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import aggr
from grapevine.nn.resolver import aggregation_resolver, aggregations
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, uniform

N, E, F = 6, 20, 4
INDEX = integers(N - 1, E, seed=1)
DEG = torch.tensor([1, 4, 3, 0, 2])

MULTI: dict[str, dict[str, Any]] = {
    "cat": {"aggrs": ["mean", "max", "std"]},
    "one": {"aggrs": ["sum"]},
    "mixed": {"aggrs": ["median", "mean", "softmax", "var"], "aggrs_kwargs": [{}, {}, {"learn": True}, {}]},
    "unfused": {"aggrs": ["median", "softmax"]},
    "all_fused": {"aggrs": ["sum", "mean", "add", "max", "min", "mul", "var", "std"]},
    "proj": {
        "aggrs": ["mean", "max", "softmax"],
        "mode": "proj",
        "mode_kwargs": {"in_channels": F, "out_channels": 3, "bias": False},
    },
    "attn": {
        "aggrs": ["mean", "max", "std"],
        "mode": "attn",
        "mode_kwargs": {"in_channels": [F, F, F], "out_channels": 6, "num_heads": 2},
    },
    **{
        mode: {"aggrs": ["mean", "max", "sum"], "mode": mode}
        for mode in ["sum", "mean", "max", "min", "logsumexp", "std", "var"]
    },
}


def multi(name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return lambda: aggr.MultiAggregation(**MULTI[name]), lambda: pyg.MultiAggregation(**MULTI[name])


@pytest.mark.parametrize("name", MULTI)
def test_multi(name: str) -> None:
    make_ours, make_theirs = multi(name)
    ours, theirs = make_ours(), make_theirs()
    # "max" and "min" over equal outputs (empty groups, single elements) may share their gradient in several
    # ways
    dim_size = N if name not in ("max", "min") else N - 1
    assert_same_as_peer(ours, theirs, uniform(E, F), INDEX, kwargs={"dim_size": dim_size})
    assert_same_start(make_ours, make_theirs)
    assert ours.get_out_channels(F) == theirs.get_out_channels(F)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize(
    "name", [name for name in MULTI if name not in ("mixed", "unfused")]
)  # no median of nothing there
def test_no_element(name: str) -> None:
    make_ours, make_theirs = multi(name)
    index = torch.empty(0, dtype=torch.long)
    assert_same_as_peer(
        make_ours(), make_theirs(), torch.empty(0, F), index, kwargs={"dim_size": 3}, grad=False
    )


@pytest.mark.parametrize("name", ["cat", "mixed", "all_fused", "sum"])
def test_more_dimensions(name: str) -> None:
    make_ours, make_theirs = multi(name)
    assert_same_as_peer(make_ours(), make_theirs(), uniform(2, E, F), INDEX, kwargs={"dim_size": N})
    assert_same_as_peer(make_ours(), make_theirs(), uniform(E, 3, F), INDEX, kwargs={"dim_size": N, "dim": 0})


@pytest.mark.parametrize("name", MULTI)
def test_ptr(name: str) -> None:
    ptr = torch.tensor([0, 4, 9, E])
    index = torch.arange(3).repeat_interleave(ptr.diff())
    module = multi(name)[0]()
    x = uniform(E, F)
    torch.testing.assert_close(module(x, ptr=ptr), module(x, index))


@pytest.mark.parametrize("semi_grad", [False, True])
def test_fused(semi_grad: bool) -> None:
    def modules(namespace: Any) -> list[Any]:
        names = ["Sum", "Mean", "Max", "Min", "Mul"]
        return [
            *(getattr(namespace, f"{name}Aggregation")() for name in names),
            namespace.VarAggregation(semi_grad),
            namespace.StdAggregation(semi_grad),
        ]

    ours, theirs = aggr.FusedAggregation(modules(aggr)), PeerFusedAggregation(modules(pyg))
    assert_same_as_peer(ours, theirs, uniform(E, F), INDEX, kwargs={"dim_size": N})


def test_fused_computes_the_mean_once() -> None:
    class Counted(aggr.FusedAggregation):
        reductions: list[str] = []

        def reduce(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            self.reductions.append(kwargs["reduce"])
            return super().reduce(*args, **kwargs)

    Counted(["mean", "var", "std", "mean"])(uniform(E, F), INDEX)
    assert Counted.reductions == ["mean", "mean"]  # of the values, and of their squares


def test_lazy_messages() -> None:
    edges = gv.Edges(torch.stack([integers(N, E, seed=2), INDEX]), num_nodes=N)
    module, x = aggr.MultiAggregation(["mean", "max", "std", "median"]), uniform(N, F)
    lazy = module(edges.src(x), edges.dst_index, dim_size=N)
    assert_close(lazy, module(x[edges.src_index], edges.dst_index, dim_size=N))


SCALERS = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]


@pytest.mark.parametrize("train_norm", [False, True])
@pytest.mark.parametrize("names", [["mean"], ["mean", "max", "std"]], ids=str)
@pytest.mark.parametrize("scaler", [*([name] for name in SCALERS), SCALERS], ids=str)
def test_degree_scaler(scaler: list[str], names: list[str], train_norm: bool) -> None:
    make_ours = lambda: aggr.DegreeScalerAggregation(names, scaler, DEG, train_norm)  # noqa: E731
    make_theirs = lambda: pyg.DegreeScalerAggregation(names, scaler, DEG, train_norm)  # noqa: E731
    assert_same_as_peer(make_ours(), make_theirs(), uniform(E, F), INDEX, kwargs={"dim_size": N})
    assert_same_start(make_ours, make_theirs)


def test_degree_scaler_of_one_aggregation() -> None:
    for name in (
        aggr.SumAggregation(),
        "sum",
    ):  # torch_geometric reads a list of scalers wrongly beside a name
        ours = aggr.DegreeScalerAggregation(name, SCALERS, DEG)
        theirs = pyg.DegreeScalerAggregation(pyg.SumAggregation(), SCALERS, DEG)
        assert_same_as_peer(ours, theirs, uniform(E, F), INDEX, kwargs={"dim_size": N})
    ours = aggr.DegreeScalerAggregation("powermean", "linear", DEG, aggr_kwargs={"learn": True})
    theirs = pyg.DegreeScalerAggregation("powermean", "linear", DEG, aggr_kwargs={"learn": True})
    assert_same_as_peer(ours, theirs, uniform(E, F), INDEX)


@pytest.mark.parametrize("dim", [0, 1, -2])
def test_degree_scaler_dim(dim: int) -> None:
    size = [2, 3, F]
    size[dim] = E
    ours = aggr.DegreeScalerAggregation(["mean", "max"], SCALERS, DEG)
    theirs = pyg.DegreeScalerAggregation(["mean", "max"], SCALERS, DEG)
    assert_same_as_peer(ours, theirs, uniform(*size), INDEX, kwargs={"dim_size": N, "dim": dim})


NAMES = [
    "sum", "add", "mean", "max", "min", "mul", "var", "std", "softmax", "powermean", "median",
    "Median-Aggregation", "MeanAggregation", "mean_aggregation", "variance_preserving",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_resolver(name: str) -> None:
    peer = pytest.importorskip("torch_geometric.nn.resolver").aggregation_resolver(name)
    assert type(aggregation_resolver(name)).__name__ == type(peer).__name__


def test_resolver_knows_every_aggregation() -> None:
    for name in set(aggr.__all__) - {"Aggregation", "FusedAggregation"}:
        assert aggregations.entry(name) is getattr(aggr, name)


def test_resolver_of_lists_and_modules() -> None:
    module = aggr.SumAggregation()
    assert aggregation_resolver(module) is module
    combined = aggregation_resolver(["sum", module], mode="max")
    assert isinstance(combined, aggr.MultiAggregation) and combined.mode == "max"
    with pytest.raises(
        GraphValueError, match=r"known aggregation, got 'foo'; use one of .*MeanAggregation.*, add"
    ):
        aggregation_resolver("foo")


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"list or tuple of aggregations that is not empty, got 'mean'"):
        aggr.MultiAggregation("mean")
    with pytest.raises(GraphValueError, match=r"not empty, got \[\]"):
        aggr.MultiAggregation([])
    with pytest.raises(GraphValueError, match=r"'aggrs_kwargs' for each of the 2 aggregations, got 1"):
        aggr.MultiAggregation(["mean", "max"], [{}])
    with pytest.raises(GraphValueError, match=r"expected a combine mode among cat, proj.*got 'foo'"):
        aggr.MultiAggregation(["mean", "max"], mode="foo")
    with pytest.raises(
        GraphValueError, match=r"expected multiple aggregations to combine by 'proj', got one"
    ):
        aggr.MultiAggregation(["mean"], mode="proj", mode_kwargs={"in_channels": 1, "out_channels": 1})
    with pytest.raises(
        GraphValueError, match=r"'in_channels' and 'out_channels' in 'mode_kwargs' for mode 'attn'"
    ):
        aggr.MultiAggregation(["mean", "max"], mode="attn")
    with pytest.raises(
        GraphTypeError, match=r"expected aggregations among SumAggregation.*use MultiAggregation"
    ):
        aggr.FusedAggregation(["median"])
    with pytest.raises(GraphValueError, match=r"expected a scaler among identity.*got 'cubic'"):
        aggr.DegreeScalerAggregation("mean", "cubic", DEG)
    with pytest.raises(GraphTypeError, match=r"name of an aggregation, a module or a list of them, got 3"):
        aggr.DegreeScalerAggregation(3, "linear", DEG)
