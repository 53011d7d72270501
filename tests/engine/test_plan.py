"""The plan that one can read, and the switches that turn the engine off."""

from __future__ import annotations

import io
import sys

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.nn import MessagePassing
from grapevine.nn.conv import EdgeConv, GATConv, SAGEConv

from .messages import DST, SRC, D, E, N, edges, features

INDEX = torch.stack([SRC, DST])


def test_rows_of_a_plan() -> None:
    graph, x = edges(), features()
    plan = gv.plan(lambda: graph.sum((graph.src(x) * graph.dst(x)).relu()))
    assert [(s.where, s.shape) for s in plan.steps][-1][0] in ("nodes", "edges")
    # Two gathers, their product, its relu: what the plain way stores.
    assert plan.plain_edge_bytes == 4 * E * D * 8
    known = plan.to_dict()
    assert known["plain_edge_bytes"] == plan.plain_edge_bytes and known["edge_bytes"] == plan.edge_bytes
    assert [s["rule"] for s in known["steps"]] == [s.rule for s in plan.steps]
    assert set(known["steps"][0]) == {"rule", "where", "shape", "kernel", "bytes_written", "stored", "why"}


def test_a_lifted_message_stores_nothing_per_edge() -> None:
    graph, x = edges(), features()
    plan = gv.plan(lambda: graph.mean(graph.src(x).exp()))
    assert [s.rule for s in plan.steps] == ["lift", "kernel"]
    assert plan.steps[0].shape == (N, D) and plan.steps[0].bytes_written == N * D * 8
    assert plan.edge_bytes == 0 and plan.plain_edge_bytes == 2 * E * D * 8


def test_why_a_message_was_not_fused() -> None:
    graph, x = edges(), features()
    plan = gv.plan(lambda: graph.sum(torch.sinc(graph.src(x) * graph.dst(x))))
    assert "sinc is not in the op table" in [s.why for s in plan.steps]
    assert "sinc is not in the op table" in str(plan)
    hooked = gv.plan(
        lambda: graph.sum(graph.src(x).register_hook(print) and graph.src(x).cumsum(-1) * graph.dst(x))
    )
    assert hooked.steps
    mlp = torch.nn.Sequential(torch.nn.Linear(2 * D, D), torch.nn.ReLU(), torch.nn.Linear(D, D)).double()
    stored = [s for s in gv.plan(EdgeConv(mlp), x, INDEX).steps if s.stored]
    assert stored and all(s.why for s in stored)


def test_text_and_rich() -> None:
    pytest.importorskip("rich")
    from rich.console import Console

    plan = gv.plan(SAGEConv(D, 4).double(), features(), INDEX)
    console = Console(file=io.StringIO(), width=120)
    console.print(plan)
    assert isinstance(console.file, io.StringIO)
    for text in (str(plan), repr(plan), console.file.getvalue()):
        assert "rows x features" in text and "gather_mean" in text and "the plain way" in text


def test_show(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = edges(), features()
    plan = gv.plan(lambda: graph.sum(graph.src(x)))
    plan.show()
    assert capsys.readouterr().out == f"{plan}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    plan.show()
    assert "gather_sum" in capsys.readouterr().out


def test_outside_a_plan_nothing_is_noted() -> None:
    graph, x = edges(), features()
    plan = gv.plan(lambda: None)
    graph.sum(graph.src(x))
    assert plan.steps == [] and plan.plain_edge_bytes == 0


class Seeing(MessagePassing):
    """Remembers what its messages were."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, e=self.edge_updater(edge_index, x=x))

    def edge_update(self, x_i: Tensor) -> Tensor:
        self.seen = [type(x_i)]
        return x_i.exp()

    def message(self, x_j: Tensor, e: Tensor) -> Tensor:
        self.seen.append(type(x_j))
        return x_j * e


def test_a_layer_that_does_not_fuse() -> None:
    layer, x = Seeing("mean"), features()
    assert layer.fuse
    lazy = layer(x, INDEX)
    assert layer.seen == [gv.EdgeTensor] * 2
    layer.fuse = False
    plan = gv.plan(layer, x, INDEX)
    assert layer.seen == [Tensor] * 2 and plan.steps == []
    torch.testing.assert_close(layer(x, INDEX), lazy)
    other = Seeing()
    other(x, INDEX)
    assert other.fuse and other.seen == [gv.EdgeTensor] * 2, "a matter of this layer alone"
    assert "fuse" not in layer.state_dict()


def test_shipped_layers_may_be_switched_off() -> None:
    torch.manual_seed(0)
    layer, x = GATConv(D, 4, heads=2).double(), features()
    fused = layer(x, INDEX)
    layer.fuse = False
    torch.testing.assert_close(layer(x, INDEX), fused)
    assert not [s for s in gv.plan(layer, x, INDEX).steps if s.rule == "fuse"]
