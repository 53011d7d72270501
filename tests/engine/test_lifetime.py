"""What lives how long: messages end with their layer, graphs with the tensor that described them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine import topology
from grapevine.nn import MessagePassing
from grapevine.topology import grouping, remember_grouping

from .messages import DST, SRC, D, E, N, edges, features, mode, scattered, weights

MODES = pytest.mark.parametrize("how", ["lazy", "materialised"])


def edge_index() -> Tensor:
    return torch.stack([SRC, DST])


class Keeping(MessagePassing):
    """Keeps its messages, as layers do that can return attention weights."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        self.x_j = x_j
        self.out = x_j * 2.0
        self.part = self.out[:, :2]
        return self.out


@MODES
def test_nothing_lazy_outlives_propagate(how: str) -> None:
    layer, x, y = Keeping(), features(), features()
    with mode(how):
        out = layer(x, edge_index())
        for kept, want in ((layer.x_j, y[SRC]), (layer.out, y[SRC] * 2), (layer.part, y[SRC, :2] * 2)):
            more = (kept * 3.0).relu()
            assert type(more) is Tensor, "later ops are computed at once"
            torch.testing.assert_close(more, (want * 3).relu())
            first = torch.autograd.grad(more.sum() + out.sum(), x, retain_graph=True)
            plain = (want * 3).relu().sum() + scattered(y[SRC] * 2, "sum").sum()
            torch.testing.assert_close(first, torch.autograd.grad(plain, y, retain_graph=True))


@MODES
def test_a_kept_message_no_longer_depends_on_its_inputs(how: str) -> None:
    layer, x = Keeping(), features(requires_grad=False)
    want = x[SRC] * 2
    with mode(how):
        layer(x, edge_index())
        x += 1
        torch.testing.assert_close(layer.out + 0, want)
        layer.out += 1
        torch.testing.assert_close(layer.part + 0, want[:, :2] + 1)


@MODES
def test_a_kept_message_goes_into_another_layer(how: str) -> None:
    layer, x = Keeping(), features()
    with mode(how):
        layer(x, edge_index())
        again = edges()
        out = again.sum(again.edge(layer.out) * again.src(x))
        torch.testing.assert_close(out, scattered(x[SRC] * 2 * x[SRC], "sum"))


def test_a_message_in_a_scope_that_failed_is_still_right() -> None:
    class Failing(Keeping):
        def aggregate(self, inputs: Tensor, index: Tensor) -> Tensor:
            raise ValueError("no")

    layer, x = Failing(), features()
    with pytest.raises(ValueError, match="no"):
        layer(x, edge_index())
    torch.testing.assert_close(gv.materialise(layer.out), x[SRC] * 2)


# -- tensors that change --------------------------------------------------------------------------------------

CHANGED = (
    r"shape \[\d+.*\] was changed in place after the message had read it; .* x = x \+ 1 in place of x \+= 1"
)


@pytest.mark.parametrize(
    "write",
    [
        lambda g, x, e, w: (g.src(x) * 2.0, x),
        lambda g, x, e, w: (g.dst(x), x),
        lambda g, x, e, w: (g.edge(e) * g.src(x), e),
        lambda g, x, e, w: (g.src(x) * w, w),
        lambda g, x, e, w: (g.src(x) @ w.view(D, 1), w),
    ],
    ids=["source", "destination", "edge", "shared", "linear"],
)
@pytest.mark.parametrize("end", ["sum", "max", "value", "softmax", "sinc"])
def test_an_input_that_changes_before_the_aggregation(write: Callable[..., Any], end: str) -> None:
    g, x, e, w = edges(), features(requires_grad=False), weights(E, D), weights(D)
    m, changing = write(g, x, e, w)
    changing += 1
    with pytest.raises(gv.GrapevineError, match=CHANGED):
        {
            "value": gv.materialise,
            "softmax": g.softmax,
            "sinc": torch.sinc,
            "sum": g.sum,
            "max": g.max,
        }[end](m)


def test_an_input_that_changes_before_backward() -> None:
    """Never a wrong gradient: where it is still needed, torch's error or ours."""
    for how in ("sum", "value"):
        g, x, w = edges(), features(), weights(D)
        m = g.src(x) * w
        out = g.sum(m) if how == "sum" else gv.materialise(m)
        w += 1
        with pytest.raises(
            (RuntimeError, gv.GrapevineError), match=r"modified by an inplace|changed in place"
        ):
            out.sum().backward()


def test_inside_a_layer() -> None:
    class Layer(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, whole=x)

        def message(self, x_j: Tensor, whole: Tensor) -> Tensor:
            whole.mul_(2)
            return x_j

    with pytest.raises(gv.GrapevineError, match=CHANGED):
        Layer()(features(requires_grad=False), edge_index())


def test_a_change_after_the_layer_is_fine() -> None:
    x, w = features(requires_grad=False), weights(D).requires_grad_()
    out = edges().sum(edges().src(x) * 1.0) * w
    want = scattered(x[SRC], "sum").sum(0)
    x += 1
    torch.testing.assert_close(torch.autograd.grad(out.sum(), w)[0], want)


# -- graphs remembered on tensors ----------------------------------------------------------------------------------


@pytest.fixture
def sorts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of rows of every counting sort."""
    seen: list[int] = []
    original = topology.sort_rows

    def counting(index: Tensor, num_rows: int) -> Any:
        seen.append(num_rows)
        return original(index, num_rows)

    monkeypatch.setattr(topology, "sort_rows", counting)
    return seen


def test_one_graph_is_sorted_once(sorts: list[int]) -> None:
    index, x = edge_index(), features()
    layer = Keeping()
    for _ in range(3):
        h = layer(layer(x, index), index)
        h.sum().backward()
    assert len(sorts) == 2, "by destination for the messages, by source for their gradients"


def test_a_new_or_changed_index_is_sorted_anew(sorts: list[int]) -> None:
    index, x = edge_index(), features(requires_grad=False)
    layer = Keeping()
    layer(x, index)
    layer(x, index.clone())
    assert len(sorts) == 2
    first = layer(x, index)
    index[0, 0] = 3
    second = layer(x, index)
    assert len(sorts) == 3
    assert not torch.equal(first, second)
    torch.testing.assert_close(second, scattered(x[index[0]] * 2, "sum"))


def test_edges_of() -> None:
    index = edge_index()
    graph = gv.Edges.of(index, (N, N))
    assert gv.Edges.of(index, (N, N)) is graph
    assert gv.Edges.of(graph) is graph and gv.Edges.of(graph, (N, None)) is graph
    assert gv.Edges.of(index, (N + 1, N + 1)) is not graph
    assert gv.Edges.of(index).num_src == N
    assert gv.Edges.of((index[0], index[1]), (N, N)) is not graph
    index += 0
    assert gv.Edges.of(index, (N, N)) is not graph


def test_inference_tensors_are_not_remembered() -> None:
    with torch.inference_mode():
        index = edge_index()
        graph = gv.Edges.of(index, (N, N))
        index[0, 0] = 3
        assert gv.Edges.of(index, (N, N)).src_index[0] == 3
        assert graph is not gv.Edges.of(index, (N, N))
        assert grouping(index[1], N).num_dst == N


def test_scatter_by_one_index_sorts_once(sorts: list[int]) -> None:
    from grapevine.utils import scatter, softmax

    index, m = DST.clone(), torch.randn(E, 40)
    for _ in range(3):
        scatter(m, index, 0, N, "sum")
        scatter(m, index, 0, N, "max")
        softmax(m, index, num_nodes=N)
    assert len(sorts) == 1
    index[0] = 0
    torch.testing.assert_close(scatter(m, index, 0, N), torch.zeros(N, 40).index_add(0, index, m))
    assert len(sorts) == 2


def test_aggregating_by_the_layers_own_index_sorts_nothing_more(sorts: list[int]) -> None:
    from grapevine.utils import scatter, softmax

    class Layer(Keeping):
        def message(self, x_j: Tensor, index: Tensor, size_i: int) -> Tensor:
            return torch.sinc(x_j) * softmax(x_j, index, num_nodes=size_i)

        def aggregate(self, inputs: Tensor, index: Tensor, dim_size: int) -> Tensor:
            return scatter(inputs, index, self.node_dim, dim_size, "sum") + scatter(
                inputs.sin(), index, 0, dim_size
            )

    Layer()(features(requires_grad=False), edge_index())
    assert len(sorts) == 1


def freed(make: Callable[[], tuple[list[Any], Any]]) -> list[bool]:
    """Whether the things that `make` watches are gone once what it holds is dropped; the collector is off."""
    gc.collect()
    gc.disable()
    try:
        watched, held = make()
        references = [weakref.ref(w) for w in watched]
        del watched, held
        return [r() is None for r in references]
    finally:
        gc.enable()


def test_graphs_die_with_their_index() -> None:
    def make() -> tuple[list[Any], Any]:
        index, x = edge_index(), features()
        layer = Keeping()
        layer(x, index).sum().backward()
        graph = gv.Edges.of(index, (N, N))
        graph.in_degrees()
        graph.reverse().in_degrees()
        return [index, graph, graph._core, graph.src_index, graph.by_dst.ptr, x, layer.out], (layer, x, index)

    assert all(freed(make))


def test_a_graph_outlives_its_index_where_it_is_held() -> None:
    index = edge_index()
    graph = gv.Edges.of(index, (N, N))
    del index
    assert graph.sum(graph.src(features())).shape == (N, D)


def test_groupings_die_with_their_index() -> None:
    def make() -> tuple[list[Any], Any]:
        index = DST.clone()
        group = grouping(index, N)
        group.by_dst
        assert grouping(index, N)._core is group._core
        return [index, group._core, group.by_dst.ptr], None

    assert all(freed(make))


def test_a_layers_index_dies_with_its_graph() -> None:
    def make() -> tuple[list[Any], Any]:
        graph = gv.Edges(edge_index(), num_nodes=N)
        index = remember_grouping(graph)
        assert grouping(index, N).same_as(graph)
        flipped = remember_grouping(graph.reverse())
        assert grouping(flipped, N).same_as(graph.reverse())
        return [graph, graph._core, index, flipped], None

    assert all(freed(make))


def test_derived_graphs_live_with_their_parent() -> None:
    graph = edges()
    built = []

    def build() -> Any:
        built.append(1)
        return gv.Edges(graph.edge_index, num_nodes=N)

    first = graph.derived("loops", build)
    assert graph.derived("loops", build) is first and len(built) == 1
    assert graph.reverse().derived("loops", build) is not first
    assert graph.derived(("loops", 2), build) is not first


def test_training_does_not_grow() -> None:
    """Steps of training leave nothing behind for the collector."""
    layer, x, index = Keeping(), features(), edge_index()

    def step() -> None:
        out = layer(x, index)
        (out**2).sum().backward()
        x.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        counts = []
        for _ in range(4):
            step()
            counts.append(sum(issubclass(type(o), Tensor) for o in gc.get_objects()))
    finally:
        gc.enable()
    assert len(set(counts)) == 1
