"""Single rules of the planner: when they fire, what they leave, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.engine import EdgeTensor
from grapevine.engine.incidence import incidence

from .messages import assert_same, derivatives

N, E = 6, 30
INDEX = torch.randint(N, (2, E), generator=torch.Generator().manual_seed(0))


def random(*size: int, seed: int) -> Tensor:
    made = torch.Generator().manual_seed(seed)
    return torch.randn(size, dtype=torch.float64, generator=made).requires_grad_()


def check(reduced: Callable[[gv.Edges, dict[str, Tensor]], Tensor], index: Tensor = INDEX) -> gv.engine.Plan:
    """The plan of a reduced message, after it was compared with what is materialised, and its derivatives."""

    def outcome() -> list[Tensor]:
        shapes = {"x": (N, 4), "u": (E, 1), "v": (E, 1), "e": (E, 4), "up": (8, 4), "down": (2, 4), "b": (8,)}
        given = {k: random(*s, seed=i) for i, (k, s) in enumerate(shapes.items())}
        return derivatives(reduced(gv.Edges(index, num_nodes=N), given), *given.values())

    got: list[Tensor] = []
    plan = gv.plan(lambda: got.extend(outcome()))
    with gv.materialised():
        assert_same(got, outcome(), 1e-9)
    return plan


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_reorder_takes_fewer_features_along_the_edges(how: str) -> None:
    def rules(m: Callable[[gv.Edges, dict[str, Tensor]], Tensor]) -> list[tuple[str, str]]:
        plan = check(lambda g, p: g.reduce(m(g, p), how))
        assert [s.shape for s in plan.steps if s.where == "edges" and s.shape[1:] != (1,)] == []
        return [(s.rule, s.kernel) for s in plan.steps if s.rule in ("reorder", "lift", "sink_linear")]

    up = rules(lambda g, p: F.linear(g.src(p["x"]), p["up"], p["b"]))
    assert up == [("reorder", f"{how} first: 4 instead of 8 features per edge"), ("sink_linear", "torch")]
    down = rules(lambda g, p: g.src(p["x"]) @ p["down"].t())
    assert down == [("reorder", "product first: 2 instead of 4 features per edge"), ("lift", "torch")]
    weighted = rules(lambda g, p: g.edge(p["u"]) * F.linear(g.src(p["x"]), p["up"]))
    assert [rule for rule, _ in weighted] == ["reorder", "sink_linear"]
    # The bias would have to be weighted too.
    biased = rules(lambda g, p: g.edge(p["u"]) * F.linear(g.src(p["x"]), p["up"], p["b"]))
    assert [rule for rule, _ in biased] == ["reorder", "lift"]


def test_reorder_counts_the_products_of_both_sides() -> None:
    """With many sources and few destinations, the sum comes first though more features are summed."""
    edges, x = gv.Edges(INDEX[:, :6], size=(1000, N)), random(1000, 64, seed=1)
    w = random(48, 64, seed=2)
    out: list[Tensor] = []
    plan = gv.plan(
        lambda: out.append(edges.sum(F.linear(edges.dst(random(N, 64, seed=3)) * 0 + edges.src(x), w)))
    )
    assert plan.steps
    lone = gv.plan(lambda: edges.sum(edges.src(x) @ w.t()))
    assert [s.kernel for s in lone.steps if s.rule == "reorder"] == [
        "sum first: 64 instead of 48 features per edge"
    ]
    torch.testing.assert_close(
        out[0], torch.zeros(N, 48).double().index_add(0, INDEX[1, :6], (x @ w.t())[INDEX[0, :6]])
    )


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_weights_are_joined(how: str) -> None:
    plan = check(lambda g, p: g.reduce(g.edge(p["u"]) * (g.src(p["x"]) * p["v"]), how))
    assert [s.rule for s in plan.steps][:1] == ["weights"]
    assert [s.kernel for s in plan.steps if s.where == "nodes"] == [f"gather_scale_{how}"]
    assert plan.edge_bytes == E * 8, "the product of the weights"
    other = check(lambda g, p: g.reduce(g.edge(p["u"]) * (g.dst(p["x"]) * g.src(p["x"]) * p["v"]), how))
    assert "weights" not in [s.rule for s in other.steps]


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("end", ["src", "dst"])
def test_dots_with_edges_are_taken_in_their_order(end: str, sort: bool) -> None:
    index = INDEX[:, INDEX[1].argsort()] if sort else INDEX

    def scores(g: gv.Edges, p: dict[str, Tensor]) -> Tensor:
        rows = (getattr(g, end)(p["x"]) * g.edge(p["e"])).sum(-1)
        return gv.materialise(g.softmax(rows.view(-1, 1)))

    plan = check(scores, index)
    assert [s.kernel for s in plan.steps] == ["edge_dot", "segment_softmax"]


def test_incidence_shares_the_order_of_the_nodes() -> None:
    graph = gv.Edges(INDEX, num_nodes=N)
    ends = graph.by_dst
    joined = incidence(graph, True)
    assert joined is incidence(graph, True) and joined.sorted and joined.by_src.ptr is ends.ptr
    other = joined.by_src.other
    assert other is not None and torch.equal(other.long(), ends.edges())


def test_opposite_ends_are_gathered_when_a_kernel_asks() -> None:
    graph = gv.Edges(INDEX, num_nodes=N)
    graph.softmax(random(E, 2, seed=1))
    assert callable(graph.by_dst._other)
    graph.sum(graph.src(random(N, 4, seed=1)))
    assert isinstance(graph.by_dst._other, Tensor)
    assert torch.equal(graph.by_dst.other.long(), INDEX[0][INDEX[1].argsort(stable=True)])  # type: ignore[union-attr]


def test_what_is_stored_is_counted_once() -> None:
    mlp = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).double()
    plan = check(lambda g, p: g.max(mlp(torch.cat([g.dst(p["x"]), g.src(p["x"]) - g.dst(p["x"])], -1))))
    assert plan.edge_bytes == E * (5 + 3) * 8, str(plan)
    assert [s.shape for s in plan.steps if s.where == "edges"] == [(E, 5), (E, 3)]


class Gates(gv.nn.MessagePassing):
    """Edges' features from those of both ends."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.edge_updater(edge_index, x=x)

    def edge_update(self, x_i: Tensor, x_j: Tensor) -> tuple[Tensor, Tensor]:
        return (x_i + x_j).sigmoid() * x_j, x_i > x_j


def test_edge_updates_run_as_programs() -> None:
    x = random(N, 4, seed=1)
    plan = gv.plan(lambda: Gates()(x, INDEX))
    assert [(s.rule, s.shape) for s in plan.steps] == [("fuse", (E, 4))]
    gate, mask = Gates()(x, INDEX)
    i, j = x[INDEX[1]], x[INDEX[0]]
    assert type(gate) is type(mask) is Tensor and torch.equal(mask, i > j)
    assert_same(derivatives(gate, x), derivatives((i + j).sigmoid() * j, x), 1e-10)


def test_small_messages_of_both_ends_are_computed_at_once() -> None:
    """Only a program would fit them, which pays for larger ones; products may become dots, and one side is lifted."""
    graph, x = gv.Edges(torch.randint(8, (2, 2048)), num_nodes=8), torch.randn(8, 32)
    with gv.recorded(1 << 15):
        i, j = graph.dst(x), graph.src(x)
        assert type(i + j) is Tensor
        assert all(
            type(m) is EdgeTensor
            for m in (i * j, j.relu(), torch.cat([i, j], -1), graph.edge(x[:1].expand(2048, 32)) * j)
        )
    with gv.recorded():
        assert type(graph.dst(x) + graph.src(x)) is EdgeTensor
