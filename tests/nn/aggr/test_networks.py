"""Aggregations that hold networks, against torch_geometric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg_nn
from torch_geometric.nn import aggr as pyg
from torch_geometric.nn.aggr.utils import InducedSetAttentionBlock as PeerInducedSetAttentionBlock

from grapevine.errors import GraphValueError
from grapevine.nn import aggr
from grapevine.nn.aggr.set_transformer import InducedSetAttentionBlock
from grapevine.nn.dense.mlp import MLP
from tests.nn.peer import assert_same_as_peer, assert_same_start, integers, normal

N, E, F = 5, 17, 4
UNSORTED = integers(N, E, seed=1)
SORTED = UNSORTED.sort().values
GAPS = torch.tensor([0, 1, 1, 1, 3, 3, 3, 3, 3])  # groups 2, 4 and 5 are empty
Pair = tuple[Callable[[], Any], Callable[[], Any]]


def both(name: str, *args: Any, **kwargs: Any) -> Pair:
    return lambda: getattr(aggr, name)(*args, **kwargs), lambda: getattr(pyg, name)(*args, **kwargs)


def with_networks(name: str, *networks: Callable[[Any], Any]) -> Pair:
    """Networks are made from the namespace of each side, so that an MLP is of its own kind."""
    ours = lambda: getattr(aggr, name)(*(network(MLP) for network in networks))  # noqa: E731
    theirs = lambda: getattr(pyg, name)(*(network(pyg_nn.MLP) for network in networks))  # noqa: E731
    return ours, theirs


def linear(in_channels: int, out_channels: int) -> Callable[[Any], Any]:
    return lambda mlp: torch.nn.Linear(in_channels, out_channels)


def mlp(*sizes: int, norm: str = "batch_norm") -> Callable[[Any], Any]:
    return lambda mlp: mlp(list(sizes), norm=norm)


ORDERLESS: dict[str, Pair] = {
    "Set2Set": both("Set2Set", F, processing_steps=3),
    "Set2Set-2-layers": both("Set2Set", F, processing_steps=2, num_layers=2),
    "Attentional": with_networks("AttentionalAggregation", linear(F, 1)),
    "Attentional-features": with_networks("AttentionalAggregation", linear(F, 3), linear(F, 3)),
    "Attentional-mlp": with_networks("AttentionalAggregation", mlp(F, 8, 1, norm="graph_norm"), mlp(F, 8, 2)),
    "DeepSets": with_networks("DeepSetsAggregation", linear(F, 3), linear(3, 2)),
    "DeepSets-local": with_networks("DeepSetsAggregation", linear(F, 3)),
    "DeepSets-none": with_networks("DeepSetsAggregation"),
    "DeepSets-mlp": with_networks("DeepSetsAggregation", mlp(F, 8, 3, norm="graph_norm"), mlp(3, 8, 2)),
}
ORDERED: dict[str, Pair] = {
    "LSTM": both("LSTMAggregation", F, 6),
    "LSTM-bidirectional": both("LSTMAggregation", F, 6, num_layers=2, bidirectional=True),
    "GRU": both("GRUAggregation", F, 6),
    "LCM": both("LCMAggregation", F, 6),
    "LCM-unprojected": both("LCMAggregation", F, F, project=False),
    "MLP": both("MLPAggregation", F, 3, max_num_elements=4, num_layers=1),
    "MLP-deep": both("MLPAggregation", F, 3, max_num_elements=5, num_layers=2, hidden_channels=8),
    "SetTransformer": both("SetTransformerAggregation", F),
    "SetTransformer-all": both(
        "SetTransformerAggregation", F, 3, 2, 2, heads=2, concat=False, layer_norm=True
    ),
    "GraphMultisetTransformer": both("GraphMultisetTransformer", F, k=3),
    "GraphMultisetTransformer-all": both("GraphMultisetTransformer", F, 2, 2, heads=2, layer_norm=True),
    "PatchTransformer": both("PatchTransformerAggregation", F, 3, patch_size=2, hidden_channels=6),
    "PatchTransformer-all": both(
        "PatchTransformerAggregation",
        F,
        3,
        2,
        6,
        2,
        heads=2,
        aggr=["sum", "mean", "min", "max", "var", "std"],
    ),
}
EVERY = {**ORDERLESS, **ORDERED}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("train", [False, True])
def test_sorted(name: str, train: bool) -> None:
    make_ours, make_theirs = EVERY[name]
    assert_same_as_peer(make_ours(), make_theirs(), normal(E, F), SORTED, train=train)


@pytest.mark.parametrize("name", ORDERLESS)
def test_unsorted_with_empty_groups(name: str) -> None:
    make_ours, make_theirs = EVERY[name]
    assert_same_as_peer(make_ours(), make_theirs(), normal(E, F), UNSORTED, kwargs={"dim_size": N + 2})


@pytest.mark.parametrize("name", ORDERED)
def test_empty_groups(name: str) -> None:
    make_ours, make_theirs = EVERY[name]
    assert_same_as_peer(make_ours(), make_theirs(), normal(9, F), GAPS, kwargs={"dim_size": 6})


@pytest.mark.parametrize("name", [name for name in ORDERED if "Transformer" in name and "Patch" not in name])
def test_attention_in_empty_groups(name: str) -> None:
    """Other groups do not notice the empty ones, and no nan gets into the gradients."""
    module = EVERY[name][0]().double()
    x = normal(9, F).double().requires_grad_()
    out = module(x, GAPS, dim_size=6)
    packed = module(x, torch.tensor([0, 1, 1, 1, 2, 2, 2, 2, 2]))
    torch.testing.assert_close(out[[0, 1, 3]], packed, rtol=1e-10, atol=1e-12)
    for gradient in torch.autograd.grad(out.square().sum(), [x, *module.parameters()]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", EVERY)
def test_ptr(name: str) -> None:
    module = EVERY[name][0]().eval()
    x, ptr = normal(9, F), torch.tensor([0, 1, 4, 4, 9])
    torch.testing.assert_close(module(x, ptr=ptr), module(x, torch.tensor([0, 1, 1, 1, 3, 3, 3, 3, 3])))


@pytest.mark.parametrize(
    "name", [name for name in EVERY if name != "PatchTransformer-all"]
)  # one patch has no variance
def test_no_element(name: str) -> None:
    module = EVERY[name][0]().eval()
    out = module(torch.empty(0, F), torch.empty(0, dtype=torch.long), dim_size=3)
    assert out.size(0) == 3 and out.isfinite().all()
    assert out.size(1) == module(normal(E, F), SORTED).size(1)


@pytest.mark.parametrize("name", EVERY)
def test_start(name: str) -> None:
    assert_same_start(*EVERY[name])


@pytest.mark.parametrize("name", [name for name in EVERY if "mlp" not in name])
def test_repr(name: str) -> None:
    make_ours, make_theirs = EVERY[name]
    assert repr(make_ours()) == repr(make_theirs())


@pytest.mark.parametrize("name", ORDERED)
def test_order_matters(name: str) -> None:
    with pytest.raises(GraphValueError, match="not sorted"):
        EVERY[name][0]()(normal(E, F), UNSORTED)


@pytest.mark.parametrize("name", [name for name in ORDERED if not name.startswith("MLP")])
def test_max_num_elements(name: str) -> None:
    make_ours, make_theirs = EVERY[name]
    kwargs = {"max_num_elements": 4, "dim_size": N}
    assert_same_as_peer(make_ours(), make_theirs(), normal(E, F), SORTED, kwargs=kwargs)


def test_mlp_with_a_norm_of_graphs() -> None:
    """The rows of the MLP are groups here: the elements' index, which torch_geometric passes, cannot fit."""
    module = aggr.MLPAggregation(F, 3, max_num_elements=4, num_layers=2, hidden_channels=8, norm="graph_norm")
    assert module(normal(E, F), SORTED).shape == (N, 3)


def test_induced_set_attention_block() -> None:
    make_ours = lambda: InducedSetAttentionBlock(F, 3, heads=2)  # noqa: E731
    make_theirs = lambda: PeerInducedSetAttentionBlock(F, 3, heads=2)  # noqa: E731
    ours, theirs = make_ours(), make_theirs()
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert_same_as_peer(ours, theirs, normal(2, 3, F), mask)
    assert_same_start(make_ours, make_theirs)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("index", [SORTED, UNSORTED], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("train", [False, True])
def test_equilibrium(index: torch.Tensor, train: bool) -> None:
    ours, theirs = aggr.EquilibriumAggregation(F, 3, [8, 6], 4), pyg.EquilibriumAggregation(F, 3, [8, 6], 4)
    dtypes = [torch.float32]  # the peer's output is of float32, whatever the dtype of its input
    assert_same_as_peer(
        ours, theirs, normal(E, F), index, kwargs={"dim_size": N + 1}, train=train, dtypes=dtypes
    )
    assert_same_start(
        lambda: aggr.EquilibriumAggregation(F, 3, [8]),
        lambda: pyg.EquilibriumAggregation(F, 3, num_layers=[8]),
    )
    assert repr(ours) == repr(theirs)


def test_equilibrium_in_float64_without_grad() -> None:
    module = aggr.EquilibriumAggregation(F, 3, [8]).double()
    with torch.no_grad():
        out = module(normal(E, F).double(), SORTED)
    assert out.dtype == torch.float64 and not out.requires_grad


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"in_channels == out_channels.*got 4 and 6; pass project=True"):
        aggr.LCMAggregation(4, 6, project=False)
    with pytest.raises(GraphValueError, match=r"expected reductions among sum.*got aggr='mul'"):
        aggr.PatchTransformerAggregation(4, 6, 2, 8, aggr="mul")
    with pytest.raises(GraphValueError, match=r"expected an even 'out_channels', got 5"):
        aggr.PatchTransformerAggregation(4, 6, 2, 5)
