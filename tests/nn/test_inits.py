"""Initialisers, resolvers and encodings, against torch_geometric."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch_geometric.nn import encoding as peer_encoding
from torch_geometric.nn import inits as pyg
from torch_geometric.nn import resolver as peer_resolver

from grapevine.errors import GraphValueError
from grapevine.nn import encoding, inits, resolver
from tests.nn.peer import assert_same_as_peer, normal

CALLS: dict[str, Any] = {
    "uniform": lambda namespace, value: namespace.uniform(7, value),
    "kaiming_uniform": lambda namespace, value: namespace.kaiming_uniform(value, fan=3, a=math.sqrt(5)),
    "glorot": lambda namespace, value: namespace.glorot(value),
    "constant": lambda namespace, value: namespace.constant(value, 0.5),
    "zeros": lambda namespace, value: namespace.zeros(value),
    "ones": lambda namespace, value: namespace.ones(value),
    "normal": lambda namespace, value: namespace.normal(value, 1.0, 0.1),
}


def values() -> list[Any]:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.Bilinear(2, 2, 2, bias=False))
    module.register_buffer("table", torch.empty(2, 5))
    return [torch.full((3, 4), 9.0), torch.nn.Parameter(torch.full((2, 3, 4), 9.0)), module, None]


def tensors(value: Any) -> list[torch.Tensor]:
    return list(value.state_dict().values()) if isinstance(value, torch.nn.Module) else [value]


@pytest.mark.parametrize("name", CALLS)
def test_initialisers(name: str) -> None:
    for ours, theirs in zip(values(), values(), strict=True):
        for namespace, value in [(inits, ours), (pyg, theirs)]:
            torch.manual_seed(1)
            CALLS[name](namespace, value)
        for actual, expected in zip(tensors(ours), tensors(theirs), strict=True):
            assert actual is expected is None or torch.equal(actual, expected)


def test_glorot_orthogonal() -> None:
    ours, theirs = torch.empty(4, 6), torch.empty(4, 6)
    for namespace, value in [(inits, ours), (pyg, theirs)]:
        torch.manual_seed(1)
        namespace.glorot_orthogonal(value, scale=2.0)
    torch.testing.assert_close(ours, theirs)
    inits.glorot_orthogonal(None, scale=2.0)


def test_reset() -> None:
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    )
    before = [parameter.clone() for parameter in module.parameters()]
    inits.reset(module)
    assert all(not old.equal(new) for old, new in zip(before, module.parameters(), strict=True))
    inits.reset(None)
    inits.reset(torch.relu)


@pytest.mark.parametrize(
    "name", ["relu", "ReLU", "leaky_relu", "elu", "prelu", "PReLU", "swish", "gelu", "log softmax"]
)
def test_activations(name: str) -> None:
    ours, theirs = resolver.activation_resolver(name), peer_resolver.activation_resolver(name)
    assert ours.__class__.__name__ == theirs.__class__.__name__
    if name != "log softmax":  # it warns about its missing dimension
        assert_same_as_peer(ours, theirs, normal(5, 3))


def test_resolvers_return_what_is_no_name() -> None:
    assert (
        resolver.activation_resolver(torch.tanh) is torch.tanh and resolver.activation_resolver(None) is None
    )
    assert resolver.activation_resolver().__class__ is torch.nn.ReLU


def test_optimizers() -> None:
    weight = [torch.nn.Parameter(torch.ones(2))]
    for name in ["adam", "SGD", "adam_w"]:
        ours = resolver.optimizer_resolver(name, weight, lr=0.3)
        assert (
            type(ours) is type(peer_resolver.optimizer_resolver(name, weight, lr=0.3))
            and ours.defaults["lr"] == 0.3
        )
    with pytest.raises(GraphValueError, match=r"known optimizer, got 'foo'; use one of ASGD"):
        resolver.optimizer_resolver("foo", weight)


@pytest.mark.parametrize("x", [torch.arange(5.0), normal(7), torch.empty(0)], ids=["steps", "reals", "none"])
def test_encodings(x: torch.Tensor) -> None:
    for kwargs in ({}, {"base_freq": 0.01, "granularity": 0.5}):
        ours, theirs = encoding.PositionalEncoding(6, **kwargs), peer_encoding.PositionalEncoding(6, **kwargs)
        assert_same_as_peer(ours, theirs, x)
        assert repr(ours) == repr(theirs)
    ours, theirs = encoding.TemporalEncoding(5), peer_encoding.TemporalEncoding(5)
    assert_same_as_peer(ours, theirs, x)
    assert repr(ours) == repr(theirs)
    with pytest.raises(GraphValueError, match="expected an even 'out_channels', got 5"):
        encoding.PositionalEncoding(5)
