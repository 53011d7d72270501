"""The multi-layer perceptron, against torch_geometric."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.nn import MLP as PeerMLP

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.models.mlp import MLP
from tests.nn.peer import assert_same_as_peer, assert_same_start, integers, normal

N = 9
BATCH = integers(3, N, seed=1)
SIZED = {"in_channels": 4, "hidden_channels": 8, "out_channels": 3, "num_layers": 3}
CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "list": (([4, 8, 6, 3],), {}),
    "two": (([4, 3],), {}),
    "sized": ((), SIZED),
    "int": ((4,), {key: value for key, value in SIZED.items() if key != "in_channels"}),
    "one_layer": ((), {"in_channels": 4, "out_channels": 3, "num_layers": 1}),
    "plain": (([4, 8, 3],), {"norm": None, "act": None}),
    "act": (([4, 8, 3],), {"act": "LeakyReLU", "act_kwargs": {"negative_slope": 0.3}, "act_first": True}),
    "act_callable": (([4, 8, 3],), {"act": torch.tanh}),
    "relu_first": (([4, 8, 3],), {"relu_first": True}),
    "layer_norm": (([4, 8, 3],), {"norm": "layer_norm", "norm_kwargs": {"mode": "node"}}),
    "graph_norm": (([4, 8, 3],), {"norm": "graph_norm"}),
    "not_plain_last": (([4, 8, 3],), {"plain_last": False, "dropout": 0.3}),
    "dropout": (([4, 8, 8, 3],), {"dropout": 0.5}),
    "dropouts": (([4, 8, 8, 3],), {"dropout": [0.5, 0.1, 0.2]}),
    "no_bias": (([4, 8, 3],), {"bias": False}),
    "biases": (([4, 8, 3],), {"bias": [False, True]}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("train", [False, True])
def test_same_as_peer(name: str, train: bool) -> None:
    args, kwargs = CASES[name]
    ours, theirs = MLP(*args, **kwargs), PeerMLP(*args, **kwargs)
    assert_same_as_peer(ours, theirs, normal(N, 4), BATCH, train=train)
    assert_same_as_peer(ours, theirs, normal(N, 4), BATCH, 5, train=train)
    for attribute in ("in_channels", "out_channels", "num_layers", "supports_norm_batch", "dropout"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", CASES)
def test_start(name: str) -> None:
    args, kwargs = CASES[name]
    assert_same_start(lambda: MLP(*args, **kwargs), lambda: PeerMLP(*args, **kwargs))


@pytest.mark.parametrize("name", ["list", "two", "not_plain_last"])
@pytest.mark.parametrize("return_emb", [False, True, None])
def test_return_emb(name: str, return_emb: bool | None) -> None:
    args, kwargs = CASES[name]
    ours, theirs = MLP(*args, **kwargs), PeerMLP(*args, **kwargs)
    assert_same_as_peer(ours, theirs, normal(N, 4), kwargs={"return_emb": return_emb})


def test_lazy() -> None:
    assert_same_as_peer(MLP([-1, 8, 3]), PeerMLP([-1, 8, 3]), normal(N, 4))


def test_older_arguments() -> None:
    with pytest.warns(UserWarning, match="batch_norm"):
        theirs = PeerMLP([4, 8, 3], batch_norm=False)
    with pytest.warns(UserWarning, match=r"use norm='batch_norm' or norm=None"):
        ours = MLP([4, 8, 3], batch_norm=False)
    assert_same_as_peer(ours, theirs, normal(N, 4))


def test_whole_numbers_of_dropout() -> None:
    assert MLP([4, 8, 3], dropout=0).dropout == [0, 0.0]


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"expected num_layers, out_channels.*hidden_channels=None"):
        MLP(in_channels=4, out_channels=3, num_layers=2)
    with pytest.raises(GraphValueError, match=r"got num_layers=None"):
        MLP(in_channels=4, out_channels=3)
    with pytest.raises(
        GraphValueError, match=r"at least an input and an output size, got channel_list=\[4\]"
    ):
        MLP([4])
    with pytest.raises(GraphValueError, match=r"one dropout value for each of 2 layers, got 3"):
        MLP([4, 8, 3], dropout=[0.1, 0.2, 0.3])
    with pytest.raises(GraphValueError, match=r"one bias value for each of 2 layers, got 1"):
        MLP([4, 8, 3], bias=[True])
    with pytest.raises(GraphTypeError, match=r"expected the arguments of MLP, got foo too"):
        MLP([4, 8, 3], foo=1)
    with pytest.raises(GraphValueError, match=r"known activation, got 'foo'; use one of .*ReLU"):
        MLP([4, 8, 3], act="foo")
