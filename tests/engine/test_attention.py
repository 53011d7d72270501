"""Attention: when a sum takes the scores themselves, when the weights are stored, and that both are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.engine import EdgeTensor
from grapevine.nn import GATConv, GATv2Conv, MessagePassing, TransformerConv
from grapevine.utils import softmax

from .messages import assert_same, derivatives
from .test_rules import INDEX, N, check, random

WIDTH, HEADS = 6, 3


class Attending(MessagePassing):
    """As tutorials write it: scores, softmax and sum in `message`.

    Args:
        keeps: the weights stay on the layer.
    """

    def __init__(self, keeps: bool = False) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.keeps = keeps
        self._alpha: Tensor | None = None

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x.view(-1, HEADS, WIDTH // HEADS))

    def message(self, x_i: Tensor, x_j: Tensor, index: Tensor, ptr: Tensor | None, size_i: int) -> Tensor:
        alpha = softmax((x_i * x_j).sum(-1), index, ptr, size_i)
        if self.keeps:
            self._alpha = alpha
        return alpha.unsqueeze(-1) * x_j


def kernels(plan: gv.engine.Plan) -> list[str]:
    return [step.kernel for step in plan.steps]


LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    "a message": Attending,
    "GATConv": lambda: GATConv(WIDTH, 2, heads=HEADS),
    "GATConv, mean of heads": lambda: GATConv(WIDTH, 2, heads=HEADS, concat=False, add_self_loops=False),
    "GATv2Conv": lambda: GATv2Conv(WIDTH, 2, heads=HEADS),
    "TransformerConv": lambda: TransformerConv(WIDTH, 2, heads=HEADS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_stores_no_weights(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]().double()
    x = random(N, WIDTH, seed=1)

    def outcome() -> list[Tensor]:
        return derivatives(layer(x, INDEX), x, *layer.parameters())

    plan = gv.plan(layer, x, INDEX)
    assert kernels(plan)[-1] == "attention" and "segment_softmax" not in kernels(plan), str(plan)
    with gv.recorded():
        got = outcome()
    with gv.materialised():
        assert_same(got, outcome(), 1e-9)


VERBS: dict[str, tuple[Callable[[gv.Edges, dict[str, Tensor]], Tensor], list[str]]] = {
    "one number per edge": (lambda g, p: g.sum(g.softmax(g.edge(p["u"])) * g.src(p["x"])), ["attention"]),
    "a view": (
        lambda g, p: g.sum(g.softmax(g.edge(p["e"])[:, :2]).view(-1, 2, 1) * g.src(p["x"].view(N, 2, 2))),
        ["slice", "attention"],
    ),
    "features as weights": (lambda g, p: g.sum(g.src(p["x"]) * g.softmax(g.edge(p["e"]))), ["attention"]),
    "a part of the weights": (
        lambda g, p: g.sum(g.softmax(g.edge(p["e"]))[:, 1:2] * g.src(p["x"])),
        ["segment_softmax", "gather_scale_sum"],
    ),
    "another reduction": (
        lambda g, p: g.max(g.softmax(g.edge(p["u"])) * g.src(p["x"])),
        ["segment_softmax", "gather_scale_max"],
    ),
    "the reversed edges": (
        lambda g, p: g.reverse().sum(g.softmax(g.edge(p["u"])) * g.reverse().src(p["x"])),
        ["segment_softmax", "segment_sum"],
    ),
    "of the source alone": (
        lambda g, p: g.sum(g.softmax(g.src(p["x"])[:, :1]) * g.src(p["x"])),
        ["attention"],
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_which_sums_take_scores(name: str) -> None:
    verb, last = VERBS[name]
    found = kernels(check(verb))
    assert found[-1] == last[-1] and ("segment_softmax" in found) == ("segment_softmax" in last), found


def test_a_second_sum_takes_the_weights() -> None:
    """Two sums of the same weights: one softmax for the first, and one, stored, for all others."""

    def twice(g: gv.Edges, p: dict[str, Tensor]) -> Tensor:
        alpha = g.softmax(g.src(p["x"]) * g.dst(p["x"]))
        sums = [g.sum(alpha * g.src(p["x"] * k)) for k in (1, 2, 3)]
        return sums[0] + sums[1] * sums[2]

    found = kernels(check(twice))
    assert found.count("attention") == found.count("segment_softmax") == 1, found


def test_weights_that_a_layer_keeps_are_stored_once() -> None:
    """What holds them when the block ends gets numbers, those that the sum used, with their gradient."""
    layer, x = Attending(keeps=True), random(N, WIDTH, seed=1)
    plan = gv.plan(layer, x, INDEX)
    assert kernels(plan)[-2:] == ["segment_softmax", "gather_scale_sum"], str(plan)
    with gv.recorded():
        out = layer(x, INDEX)
    alpha = layer._alpha
    assert alpha is not None
    total = torch.zeros(N, HEADS, dtype=torch.float64).index_add(0, INDEX[1], alpha.detach())
    present = torch.bincount(INDEX[1], minlength=N) > 0
    torch.testing.assert_close(total[present], torch.ones_like(total[present]))
    heard: list[Tensor] = []
    alpha.register_hook(heard.append)
    out.sum().backward()
    y = x.detach().view(N, HEADS, -1)
    torch.testing.assert_close(heard[0], y[INDEX[0]].sum(-1))


@pytest.mark.parametrize("make", [LAYERS["GATConv"], LAYERS["GATv2Conv"], LAYERS["TransformerConv"]])
def test_weights_that_are_asked_for_are_numbers(make: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    layer, x = make().double(), random(N, WIDTH, seed=1)
    with gv.recorded():
        plain = layer(x, INDEX)
        out, (_, alpha) = layer(x, INDEX, return_attention_weights=True)
    with gv.materialised():
        want, (_, weights) = layer(x, INDEX, return_attention_weights=True)
    assert type(alpha) is Tensor
    for got, right in ((plain, want), (out, want), (alpha, weights)):
        torch.testing.assert_close(got, right, rtol=1e-12, atol=1e-12)
    (got,) = torch.autograd.grad(alpha.square().sum(), x)
    torch.testing.assert_close(got, torch.autograd.grad(weights.square().sum(), x)[0])


def test_weights_changed_in_place() -> None:
    """A message may weigh its attention once more before the sum reads it."""

    def weighed(g: gv.Edges, p: dict[str, Tensor]) -> Tensor:
        alpha = g.softmax(g.src(p["x"]) * g.dst(p["x"]))
        alpha *= p["e"]
        alpha.view(-1, 2, 2)[:, 0] += 1
        return g.sum(alpha * g.src(p["x"]))

    assert "attention" not in kernels(check(weighed))


def test_hooks_see_numbers() -> None:
    """Whoever listens to `edge_updater` or to messages gets real weights, and may change them."""
    layer, x = GATConv(WIDTH, 2, heads=HEADS).double(), random(N, WIDTH, seed=1)
    heard: list[Tensor] = []

    def doubled(layer: Any, inputs: Any, out: Tensor) -> Tensor:
        heard.append(out)
        return 2 * out

    with gv.recorded():
        want = layer(x, INDEX)
        layer.register_edge_update_forward_hook(doubled)
        torch.testing.assert_close(layer(x, INDEX), 2 * want)
    assert type(heard[0]) is Tensor


def test_outside_propagating_edge_updater_returns_numbers() -> None:
    layer, x = GATConv(WIDTH, 2, heads=HEADS).double(), random(N, HEADS, seed=1)
    with gv.recorded():
        assert type(layer.edge_updater(INDEX, alpha=(x, x), edge_attr=None)) is Tensor
        with layer.propagating():
            lazy = layer.edge_updater(INDEX, alpha=(x, x), edge_attr=None)
            assert isinstance(lazy, EdgeTensor)
        assert not lazy.recording


def test_gradients_of_weights_are_heard_before_the_sum() -> None:
    x = random(N, 4, seed=1)
    with gv.recorded():
        g = gv.Edges(INDEX, num_nodes=N)
        alpha = g.softmax(g.src(x).sum(-1, keepdim=True))
        alpha.retain_grad()
        g.sum(alpha * g.src(x)).sum().backward()
        assert alpha.grad is not None
        torch.testing.assert_close(gv.materialise(alpha.grad), x.detach()[INDEX[0]].sum(-1, keepdim=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_other_precisions(dtype: torch.dtype) -> None:
    x = torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(1)).to(dtype)
    with gv.recorded():
        got = Attending()(x, INDEX)
    with gv.materialised():
        want = Attending()(x.double(), INDEX)
    assert got.dtype is dtype
    torch.testing.assert_close(
        got.double(), want, rtol=16 * torch.finfo(dtype).eps, atol=16 * torch.finfo(dtype).eps
    )


def test_batches_of_gradients_and_inference() -> None:
    layer, x = Attending(), random(N, WIDTH, seed=1)
    with gv.recorded():
        out = layer(x, INDEX)
        grads = torch.randn(4, *out.shape, dtype=torch.float64)
        (batched,) = torch.autograd.grad(out, x, grads, is_grads_batched=True, retain_graph=True)
        for got, grad in zip(batched, grads, strict=True):
            torch.testing.assert_close(got, torch.autograd.grad(out, x, grad, retain_graph=True)[0])
        with torch.inference_mode():
            torch.testing.assert_close(layer(x, INDEX), out)
        with torch.no_grad():
            torch.testing.assert_close(layer(x, INDEX), out)


def test_within_a_memory_budget() -> None:
    """Blocks of destinations do not know each other's edges: weights are made for all before."""
    mlp = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4)).double()

    def mixed(g: gv.Edges, p: dict[str, Tensor]) -> Tensor:
        rows = g.src(p["x"]) - g.dst(p["x"])
        with gv.memory_budget(400):
            return g.max(g.softmax(rows.square().sum(-1, keepdim=True)) * mlp(rows))

    assert any(step.rule == "chunk" for step in check(mixed).steps)


def test_dropped_weights_are_drawn_one_by_one() -> None:
    layer, x = GATConv(WIDTH, 2, heads=HEADS, dropout=0.5).double(), random(N, WIDTH, seed=1)
    outs = []
    for mode in (gv.recorded, gv.materialised):
        torch.manual_seed(3)
        with mode():
            outs.append(layer(x, INDEX))
    torch.testing.assert_close(*outs)
    assert not torch.allclose(outs[0], layer.eval()(x, INDEX))


def test_nothing_is_dropped_with_probability_zero() -> None:
    x = random(N, 4, seed=1)

    def dropped(g: gv.Edges, p: dict[str, Tensor]) -> Tensor:
        return g.sum(F.dropout(g.softmax(g.edge(p["u"])), 0.0, training=True) * g.src(p["x"]))

    assert kernels(check(dropped)) == ["attention"]
    with gv.recorded():
        assert isinstance(F.dropout(gv.Edges(INDEX, num_nodes=N).src(x), 0.0), EdgeTensor)
