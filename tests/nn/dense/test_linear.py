"""Linear maps, against torch and torch_geometric."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch.nn.parameter import UninitializedParameter, is_lazy
from torch_geometric.nn import dense as pyg

from grapevine.errors import GraphValueError
from grapevine.nn import dense
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, normal

N, F_IN, F_OUT, T = 12, 5, 3, 4
TYPES = integers(T - 1, N, seed=1)  # not sorted; the last type does not occur
INITIALIZERS = [
    {"weight_initializer": weight, "bias_initializer": bias}
    for weight in [None, "glorot", "uniform", "kaiming_uniform"]
    for bias in [None, "zeros"]
]
# Each with the input that its lazy form learns its size from.
KINDS: dict[str, tuple[str, tuple[Any, ...], tuple[Any, ...]]] = {
    "Linear": ("Linear", (F_OUT,), (normal(N, F_IN),)),
    "HeteroLinear": ("HeteroLinear", (F_OUT, T), (normal(N, F_IN), TYPES)),
}


def pair(kind: str, in_channels: int, **kwargs: Any) -> tuple[Any, Any]:
    cls, args, _ = KINDS[kind]
    return getattr(dense, cls)(in_channels, *args, **kwargs), getattr(pyg, cls)(in_channels, *args, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_channels", [F_IN, -1])
@pytest.mark.parametrize("bias", [True, False])
def test_same_as_peer(kind: str, in_channels: int, bias: bool) -> None:
    ours, theirs = pair(kind, in_channels, bias=bias)
    inputs = KINDS[kind][2]
    if kind == "HeteroLinear" and in_channels == -1:  # the peer cannot load into it
        ours(*inputs)
    assert_same_as_peer(ours, theirs, *inputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kwargs", INITIALIZERS, ids=str)
def test_start(kind: str, kwargs: dict[str, str | None]) -> None:
    cls, args, inputs = KINDS[kind]

    def make(namespace: Any, in_channels: int) -> Any:
        module = getattr(namespace, cls)(in_channels, *args, **kwargs)
        if in_channels == -1:
            module(*inputs)
        return module

    for in_channels in (F_IN, -1):
        assert_same_start(lambda: make(dense, in_channels), lambda: make(pyg, in_channels))  # noqa: B023


@pytest.mark.parametrize("kind", KINDS)
def test_lazy(kind: str) -> None:
    module, theirs = pair(kind, -1)
    inputs = KINDS[kind][2]
    assert is_lazy(module.weight) and module.in_channels == -1 and repr(module) == repr(theirs)

    copied = copy.deepcopy(module)
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)

    module(*inputs)
    assert module.in_channels == F_IN and not is_lazy(module.weight) and not module._forward_pre_hooks
    assert is_lazy(copied.weight)
    copied(*inputs)
    assert copied.weight.shape == module.weight.shape

    # From an empty weight to a lazy one and back, through state dicts.
    module.load_state_dict(torch.load(stored, weights_only=False))
    assert is_lazy(module.weight) and module.in_channels == -1
    module.load_state_dict(copied.state_dict())
    assert module.in_channels == F_IN and module.weight.equal(copied.weight)
    assert_close(module(*inputs), copied(*inputs).detach())


def test_lazy_weight_moves_and_trains() -> None:
    module = dense.Linear(-1, F_OUT).double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module(normal(N, F_IN).double()).sum().backward()
    before = module.weight.detach().clone()
    optimizer.step()
    assert module.weight.dtype == torch.float64 and not module.weight.equal(before)
    assert not isinstance(module.weight, UninitializedParameter)


def test_linear_is_torchs() -> None:
    ours, theirs = dense.Linear(F_IN, F_OUT), torch.nn.Linear(F_IN, F_OUT)
    assert_same_as_peer(ours, theirs, normal(2, N, F_IN))
    assert_same_start(lambda: dense.Linear(F_IN, F_OUT), lambda: theirs.__class__(F_IN, F_OUT))


@pytest.mark.parametrize("is_sorted", [False, True])
@pytest.mark.parametrize("num", [0, 1, N])
def test_hetero_linear(is_sorted: bool, num: int) -> None:
    types = TYPES[:num].sort().values if is_sorted else TYPES[:num]
    module = dense.HeteroLinear(F_IN, F_OUT, T, is_sorted=is_sorted).double()
    x = normal(num, F_IN).double()
    expected = torch.einsum("nf,nfg->ng", x, module.weight[types]) + module.bias[types]
    assert_close(module(x, types), expected.detach())
    if num > 1:
        ours, theirs = pair("HeteroLinear", F_IN, is_sorted=is_sorted)
        assert_same_as_peer(ours, theirs, normal(num, F_IN), types)


KEYS = ["paper", "author"]


@pytest.mark.parametrize(
    "in_channels", [F_IN, -1, {"paper": F_IN, "author": 2}, {"paper": F_IN, "author": -1}], ids=str
)
def test_hetero_dict_linear(in_channels: int | dict[str, int]) -> None:
    sizes = {"paper": F_IN, "author": 2 if isinstance(in_channels, dict) else F_IN}
    x_dict = {key: normal(N, size, seed=size) for key, size in sizes.items()}

    def make(namespace: Any) -> Any:
        module = namespace.HeteroDictLinear(in_channels, F_OUT, types=KEYS)
        module(x_dict)
        return module

    assert_same_as_peer(make(dense), make(pyg), x_dict)
    if "-1" not in str(in_channels):  # torch_geometric draws the numbers of lazy weights twice
        assert_same_start(lambda: make(dense), lambda: make(pyg))
    assert make(dense).in_channels == make(pyg).in_channels
    assert repr(make(dense)) == repr(make(pyg))


def test_hetero_dict_linear_of_some_keys() -> None:
    module = dense.HeteroDictLinear(-1, F_OUT, types=KEYS)
    out = module({"author": normal(N, 2), "venue": normal(N, 2)})
    assert list(out) == ["author"] and out["author"].shape == (N, F_OUT)
    assert module.in_channels == {"paper": -1, "author": 2}
    assert module({"paper": normal(N, 7)})["paper"].shape == (N, F_OUT)


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"expected an initializer among glorot, uniform.*got 'foo'"):
        dense.Linear(1, 1, weight_initializer="foo")
    with pytest.raises(GraphValueError, match=r"expected an initializer among zeros or None, got 'foo'"):
        dense.HeteroLinear(1, 1, 2, bias_initializer="foo")
    with pytest.raises(GraphValueError, match=r"expected a list of 'types' beside one size for all"):
        dense.HeteroDictLinear(1, 1)
    with pytest.raises(
        GraphValueError, match=r"'types' to be the keys of 'in_channels', \['a'\], got \['b'\]"
    ):
        dense.HeteroDictLinear({"a": 1}, 1, types=["b"])
    with pytest.raises(
        GraphValueError, match=r"types in \[0, 4\), one for each of 2 rows, got 2 in \[0, 4\]"
    ):
        dense.HeteroLinear(F_IN, F_OUT, 4)(normal(2, F_IN), torch.tensor([0, 4]))
    with pytest.raises(
        GraphValueError, match=r"types in \[0, 4\), one for each of 2 rows, got 1 in \[3, 3\]"
    ):
        dense.HeteroLinear(F_IN, F_OUT, 4, is_sorted=True)(normal(2, F_IN), torch.tensor([3]))
