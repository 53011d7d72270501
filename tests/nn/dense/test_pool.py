"""Poolings of dense graphs, against torch_geometric."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import dense as pyg

from grapevine.nn import dense
from tests.nn.peer import assert_same_as_peer, assert_same_start, normal, uniform

B, N, F, C = 3, 6, 4, 2
ADJ = (uniform(B, N, N) > 0.5).float()
ADJ = ADJ.maximum(ADJ.mT)
MASK = torch.tensor(
    [[True] * 6, [True, True, True, False, False, False], [True, True, True, True, True, False]]
)
MASKED = ADJ * MASK.unsqueeze(1) * MASK.unsqueeze(2)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_diff_pool(normalize: bool, mask: torch.Tensor | None) -> None:
    inputs = (normal(B, N, F), ADJ, normal(B, N, C, seed=1), mask, normalize)
    assert_same_as_peer(dense.dense_diff_pool, pyg.dense_diff_pool, *inputs)


@pytest.mark.parametrize("temp", [1.0, 0.3])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_mincut_pool(temp: float, mask: torch.Tensor | None) -> None:
    inputs = (normal(B, N, F), ADJ if mask is None else MASKED, normal(B, N, C, seed=1), mask, temp)
    assert_same_as_peer(dense.dense_mincut_pool, pyg.dense_mincut_pool, *inputs)


@pytest.mark.parametrize("name", ["dense_diff_pool", "dense_mincut_pool"])
def test_one_graph(name: str) -> None:
    inputs = (normal(N, F), ADJ[0], normal(N, C, seed=1))
    assert_same_as_peer(getattr(dense, name), getattr(pyg, name), *inputs)


@pytest.mark.parametrize("channels", [F, [F, 8]], ids=str)
@pytest.mark.parametrize("graph", [0, 1, 2])
def test_dmon_pooling(channels: int | list[int], graph: int) -> None:
    ours, theirs = dense.DMoNPooling(channels, C), pyg.DMoNPooling(channels, C)
    assert_same_as_peer(ours, theirs, normal(B, N, F)[graph], MASKED[graph], MASK[graph])
    assert_same_as_peer(ours, theirs, normal(B, N, F), ADJ)
    assert repr(ours) == repr(theirs)
    assert_same_start(lambda: dense.DMoNPooling(channels, C), lambda: pyg.DMoNPooling(channels, C))


def test_dmon_pooling_dropout() -> None:
    ours, theirs = dense.DMoNPooling(F, C, dropout=0.5), pyg.DMoNPooling(F, C, dropout=0.5)
    assert_same_as_peer(ours, theirs, normal(B, N, F), ADJ, train=True)


def test_dmon_losses_are_means_over_the_graphs() -> None:
    """Of different sizes too, where torch_geometric divides each graph's cluster loss by the sizes of all."""
    module = dense.DMoNPooling(F, C).double()
    x, adj = normal(B, N, F).double(), MASKED.double()
    together = module(x, adj, MASK)[3:]
    alone = [module(x[i], adj[i], MASK[i])[3:] for i in range(B)]
    for loss, losses in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(loss, torch.stack(losses).mean(), rtol=1e-10, atol=1e-12)
