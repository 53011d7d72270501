"""Layers that search for neighbours themselves, beside the peer's; brute force plays the search that the peer lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.nn.peer import assert_same_as_peer, assert_same_start, normal
from torch import Tensor

from grapevine import nn
from grapevine.errors import GraphValueError

pyg: Any = pytest.importorskip("torch_geometric.nn")

BATCH = torch.tensor([0] * 8 + [1] * 9)


def brute_force(
    x: Tensor, y: Tensor, ptr_x: Tensor | None, ptr_y: Tensor | None, k: int, cosine: bool, num_workers: int
) -> Tensor:
    distance = torch.cdist(y.detach(), x.detach(), compute_mode="donot_use_mm_for_euclid_dist")
    if ptr_x is not None:
        of_x, of_y = (
            torch.repeat_interleave(torch.arange(len(ptr) - 1), ptr.diff()) for ptr in (ptr_x, ptr_y)
        )
        distance = distance.masked_fill(of_y[:, None] != of_x, torch.inf)
    near = distance.topk(k, largest=False)
    found = near.values < torch.inf
    return torch.stack([found.nonzero()[:, 0], near.indices[found]])


@pytest.fixture(autouse=True)
def _search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch_geometric.typing.WITH_KNN", True)
    monkeypatch.setattr(torch.ops, "pyg", SimpleNamespace(knn=brute_force), raising=False)


X_CONVS: list[dict[str, Any]] = [
    {"in_channels": 6, "out_channels": 5, "dim": 3, "kernel_size": 4, "hidden_channels": 2},
    {"in_channels": 8, "out_channels": 30, "dim": 2, "kernel_size": 3, "dilation": 2, "bias": False},
]


@pytest.mark.parametrize("kwargs", X_CONVS, ids=["near", "dilated"])
@pytest.mark.parametrize("batch", [None, BATCH], ids=["one graph", "two graphs"])
@pytest.mark.parametrize("train", [True, False])
def test_x_conv(kwargs: dict[str, Any], batch: Tensor | None, train: bool) -> None:
    ours, theirs = nn.XConv(**kwargs), pyg.XConv(**kwargs)
    inputs = (normal(17, kwargs["in_channels"]), normal(17, kwargs["dim"], seed=1), batch)
    assert_same_as_peer(ours, theirs, *inputs, train=train)
    assert_same_start(lambda: nn.XConv(**kwargs), lambda: pyg.XConv(**kwargs))
    assert repr(ours) == repr(theirs)


def test_x_conv_without_features_and_on_a_line() -> None:
    only_places = {"in_channels": 0, "out_channels": 5, "dim": 1, "kernel_size": 3, "hidden_channels": 4}
    assert_same_as_peer(nn.XConv(**only_places), pyg.XConv(**only_places), None, normal(9))
    one = {**only_places, "in_channels": 1}
    assert_same_as_peer(nn.XConv(**one), pyg.XConv(**one), normal(9), normal(9, 1, seed=1))


def test_what_x_conv_refuses() -> None:
    with pytest.raises(GraphValueError, match=r"hidden_channels of at least 1, got 0 for in_channels=3"):
        nn.XConv(3, 8, dim=3, kernel_size=4)
    layer = nn.XConv(4, 8, dim=3, kernel_size=4, dilation=3)
    with pytest.raises(GraphValueError, match=r"graphs of at least 12 points \(dilation \* kernel_size\)"):
        layer(normal(17, 4), normal(17, 3), BATCH)


@pytest.mark.parametrize("aggr", ["max", "mean"])
def test_dynamic_edge_conv(aggr: str) -> None:
    ours, theirs = (room.DynamicEdgeConv(torch.nn.Linear(6, 4), k=3, aggr=aggr) for room in (nn, pyg))
    assert_same_as_peer(ours, theirs, normal(17, 3), BATCH)
    pair = (normal(17, 3), normal(5, 3, seed=1))
    assert_same_as_peer(ours, theirs, pair, (BATCH, torch.tensor([0, 0, 1, 1, 1])))


@pytest.mark.parametrize("k", [1, 3])
def test_knn_interpolate(k: int) -> None:
    inputs = (
        normal(17, 4),
        normal(17, 3, seed=1),
        normal(5, 3, seed=2),
        BATCH,
        torch.tensor([0, 0, 1, 1, 1]),
    )

    def theirs(x: Tensor, pos_x: Tensor, pos_y: Tensor, *batches: Tensor) -> Tensor:
        return pyg.knn_interpolate(x, pos_x.detach(), pos_y.detach(), *batches, k=k)

    def ours(x: Tensor, *rest: Tensor) -> Tensor:
        return nn.knn_interpolate(x, *(t.detach() for t in rest), k=k)

    assert_same_as_peer(ours, theirs, *inputs, grad=False)
    x = inputs[0].requires_grad_()
    got, want = (torch.autograd.grad(f(*inputs).square().sum(), x)[0] for f in (ours, theirs))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
