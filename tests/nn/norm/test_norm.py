"""Normalisations, against torch_geometric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.nn import norm as pyg
from torch_geometric.nn.resolver import normalization_resolver as peer_resolver

from grapevine.errors import GraphValueError
from grapevine.nn import norm
from grapevine.nn.resolver import normalization_resolver, normalizations
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, normal

N, F, B = 14, 4, 3
BATCH = integers(B, N, seed=1)  # not sorted
ALONE = torch.cat(
    [torch.zeros(N - 1, dtype=torch.long), torch.tensor([2])]
)  # graph 1 is empty, graph 2 has one row

BY_GRAPH: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "GraphNorm": ("GraphNorm", (F,), {}),
    "GraphNorm-eps": ("GraphNorm", (F,), {"eps": 0.1}),
    "GraphSizeNorm": ("GraphSizeNorm", (), {}),
    "PairNorm": ("PairNorm", (), {}),
    "PairNorm-scale": ("PairNorm", (), {"scale": 2.0, "eps": 0.1}),
    "PairNorm-individually": ("PairNorm", (), {"scale_individually": True}),
    "LayerNorm": ("LayerNorm", (F,), {}),
    "LayerNorm-plain": ("LayerNorm", (F,), {"affine": False, "eps": 0.1}),
    "LayerNorm-node": ("LayerNorm", (F,), {"mode": "node"}),
    "InstanceNorm": ("InstanceNorm", (F,), {}),
    "InstanceNorm-affine": ("InstanceNorm", (F,), {"affine": True, "eps": 0.1}),
    "InstanceNorm-track": ("InstanceNorm", (F,), {"track_running_stats": True, "momentum": 0.3}),
    "InstanceNorm-all": ("InstanceNorm", (F,), {"affine": True, "track_running_stats": True}),
    "MeanSubtractionNorm": ("MeanSubtractionNorm", (), {}),
}
BY_BATCH: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "BatchNorm": ("BatchNorm", (F,), {}),
    "BatchNorm-plain": ("BatchNorm", (F,), {"affine": False, "track_running_stats": False}),
    "BatchNorm-average": ("BatchNorm", (F,), {"momentum": None, "allow_single_element": True}),
    "DiffGroupNorm": ("DiffGroupNorm", (F, 3), {}),
    "DiffGroupNorm-plain": (
        "DiffGroupNorm",
        (F, 3),
        {"lamda": 0.5, "affine": False, "track_running_stats": False},
    ),
}
BY_TYPE: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "HeteroBatchNorm": ("HeteroBatchNorm", (F, B), {}),
    "HeteroBatchNorm-plain": ("HeteroBatchNorm", (F, B), {"affine": False, "track_running_stats": False}),
    "HeteroBatchNorm-average": ("HeteroBatchNorm", (F, B), {"momentum": None, "eps": 0.3}),
    "HeteroLayerNorm": ("HeteroLayerNorm", (F, B), {}),
    "HeteroLayerNorm-plain": ("HeteroLayerNorm", (F, B), {"affine": False}),
}
EVERY = {**BY_GRAPH, **BY_BATCH, **BY_TYPE, "MessageNorm": ("MessageNorm", (), {"learn_scale": True})}


def make(name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    cls, args, kwargs = EVERY[name]
    return lambda: getattr(norm, cls)(*args, **kwargs), lambda: getattr(pyg, cls)(*args, **kwargs)


def trained(name: str) -> tuple[Any, Any]:
    """Both, with parameters and running statistics that are not those of the start."""
    modules = [make_one() for make_one in make(name)]
    for i, (_, value) in enumerate(sorted(modules[1].state_dict().items())):
        if value.is_floating_point():
            value.copy_(normal(*value.shape, seed=i + 50).square() + 0.1)
    return modules[0], modules[1]


@pytest.mark.parametrize("name", BY_GRAPH)
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("batch", [None, BATCH, ALONE], ids=["one", "unsorted", "alone"])
def test_by_graph(name: str, train: bool, batch: torch.Tensor | None) -> None:
    assert_same_as_peer(*trained(name), normal(N, F), batch, train=train)
    if batch is not None:
        assert_same_as_peer(*trained(name), normal(N, F), batch, B + 1, train=train)


@pytest.mark.parametrize("name", BY_BATCH)
@pytest.mark.parametrize("train", [False, True])
def test_by_batch(name: str, train: bool) -> None:
    assert_same_as_peer(*trained(name), normal(N, F), train=train)


@pytest.mark.parametrize("name", BY_TYPE)
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("types", [BATCH, ALONE], ids=["all", "absent"])
def test_by_type(name: str, train: bool, types: torch.Tensor) -> None:
    assert_same_as_peer(*trained(name), normal(N, F), types, train=train)


@pytest.mark.parametrize("name", EVERY)
def test_start_and_repr(name: str) -> None:
    make_ours, make_theirs = make(name)
    assert repr(make_ours()) == repr(make_theirs())
    if hasattr(make_theirs(), "reset_parameters"):
        assert_same_start(make_ours, make_theirs)


@pytest.mark.parametrize("name", ["HeteroBatchNorm", "InstanceNorm-track"])
def test_running_statistics_are_learned(name: str) -> None:
    """After many batches the statistics are those of the data, and evaluation uses them."""
    ours, theirs = (make_one() for make_one in make(name))
    for seed in range(20):
        x = 3 * normal(N, F, seed=seed) + 5
        ours(x, BATCH)
        theirs(x, BATCH)
    for key, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[key], value.detach(), what=key)
    assert_close(ours.eval()(x, BATCH), theirs.eval()(x, BATCH).detach())


def test_running_statistics_can_be_forgotten() -> None:
    for module, args in [(norm.BatchNorm(F), ()), (norm.HeteroBatchNorm(F, B), (BATCH,))]:
        before = {key: value.clone() for key, value in module.state_dict().items()}
        module(normal(N, F) + 7, *args)
        assert any(not before[key].equal(value) for key, value in module.state_dict().items())
        module.reset_running_stats()
        assert all(before[key].equal(value) for key, value in module.state_dict().items())


@pytest.mark.parametrize("num", [0, 1, 2])
def test_batch_norm_of_a_single_row(num: int) -> None:
    ours, theirs = norm.BatchNorm(F, allow_single_element=True), pyg.BatchNorm(F, allow_single_element=True)
    if num > 0:
        assert_same_as_peer(ours, theirs, normal(num, F), train=True)
    else:
        assert ours(normal(num, F)).shape == (0, F)


@pytest.mark.parametrize("learn_scale", [False, True])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_message_norm(learn_scale: bool, p: float) -> None:
    ours, theirs = norm.MessageNorm(learn_scale), pyg.MessageNorm(learn_scale)
    assert_same_as_peer(ours, theirs, normal(N, F), normal(N, 3, seed=1), kwargs={"p": p})
    assert repr(ours) == repr(theirs)


def test_hetero_layer_norm_of_sorted_rows() -> None:
    ours, theirs = trained("HeteroLayerNorm")
    for ptr in (torch.tensor([0, 4, 4, N]), [0, 4, 4, N]):
        assert_same_as_peer(ours, theirs, normal(N, F), kwargs={"type_ptr": ptr})


def test_group_distance_ratio() -> None:
    x, y = normal(N, F), BATCH
    ratio = norm.DiffGroupNorm.group_distance_ratio(x, y)
    assert ratio == pytest.approx(pyg.DiffGroupNorm.group_distance_ratio(x, y))
    assert norm.DiffGroupNorm.group_distance_ratio(x + 100 * y.unsqueeze(-1), y) > 10 * ratio


# LayerNorm of graphs adds eps to the variance where there is a batch vector, to the standard deviation where
# not.
@pytest.mark.parametrize("name", [name for name in BY_GRAPH if name not in ("LayerNorm", "LayerNorm-plain")])
def test_each_graph_by_itself(name: str) -> None:
    module = trained(name)[0].double()
    x = normal(N, F).double()
    together = module(x, BATCH)
    for graph in range(B):
        module = trained(name)[0].double()
        torch.testing.assert_close(
            together[graph == BATCH], module(x[graph == BATCH]), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("name", BY_GRAPH)
def test_no_row(name: str) -> None:
    batch = torch.empty(0, dtype=torch.long)
    assert make(name)[0]()(torch.empty(0, F), batch).shape == (0, F)


def test_resolver() -> None:
    for name in norm.__all__:
        assert normalizations.entry(name) is getattr(norm, name)
    for name in [
        "batch",
        "batch_norm",
        "BatchNorm",
        "layer",
        "graph_norm",
        "instance",
        "pair-norm",
        "Graph Size Norm",
    ]:
        args = () if "pair" in name or "Size" in name else (F,)
        ours, theirs = normalization_resolver(name, *args), peer_resolver(name, *args)
        assert type(ours).__name__ == type(theirs).__name__
    with pytest.raises(
        GraphValueError, match=r"known normalization, got 'foo'; use one of BatchNorm, DiffGroupNorm"
    ):
        normalization_resolver("foo")


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"'allow_single_element' requires 'track_running_stats'"):
        norm.BatchNorm(F, track_running_stats=False, allow_single_element=True)
    with pytest.raises(GraphValueError, match=r"expected mode 'graph' or 'node', got 'edge'"):
        norm.LayerNorm(F, mode="edge")
    with pytest.raises(GraphValueError, match=r"expected mode 'node', got 'graph'"):
        norm.HeteroLayerNorm(F, B, mode="graph")
    with pytest.raises(GraphValueError, match=r"pass 'type_vec' or 'type_ptr'"):
        norm.HeteroLayerNorm(F, B)(normal(N, F))
