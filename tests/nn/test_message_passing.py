"""`MessagePassing` against torch_geometric's: the same class bodies on both bases, the same numbers."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.nn import MessagePassing
from grapevine.utils import scatter, softmax

from .peer import BIPARTITE, SQUARE, Graph, assert_close, assert_same_as_peer, integers, normal

Peer: Any = pytest.importorskip("torch_geometric.nn").MessagePassing
peer_utils = pytest.importorskip("torch_geometric.utils")

graphs = pytest.mark.parametrize("graph", SQUARE, ids=repr)
bipartite = pytest.mark.parametrize("graph", BIPARTITE, ids=repr)
flows = pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
Base = Any


def both(make: Callable[[Base], type], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """One layer on our base class, one on the peer's."""
    return make(MessagePassing)(*args, **kwargs), make(Peer)(*args, **kwargs)


def copying(base: Base) -> type:
    class Copy(base):
        def forward(self, x, edge_index, size=None):
            return self.propagate(edge_index, x=x, size=size)

    return Copy


def pairwise(base: Base) -> type:
    class Pairwise(base):
        def forward(self, x, edge_index, edge_attr=None, size=None):
            return self.propagate(edge_index, x=x, edge_attr=edge_attr, size=size)

        def message(self, x_i, x_j, edge_attr):
            m = torch.tanh(x_j - 2 * x_i)
            return m if edge_attr is None else m * edge_attr

    return Pairwise


# -- the forms of a graph ------------------------------------------------------------------------------------


@flows
@graphs
@pytest.mark.parametrize(
    "aggr", ["sum", "add", "mean", "max", "min", "mul", "std", "median", ["sum", "max"]], ids=str
)
def test_aggregations(graph: Graph, aggr: Any, flow: str) -> None:
    if aggr == "median" and graph.edge_index.numel() == 0:
        pytest.skip("the peer fails here")
    ours, theirs = both(pairwise, aggr=aggr, flow=flow)
    assert_same_as_peer(ours, theirs, graph.features(3), graph.edge_index, graph.edge_features(1))


@bipartite
@pytest.mark.parametrize("make", [copying, pairwise])
def test_two_sets_of_nodes(graph: Graph, make: Callable[[Base], type]) -> None:
    ours, theirs = both(make)
    size = (graph.num_src, graph.num_dst)
    assert_same_as_peer(ours, theirs, graph.pair(3, 3), graph.edge_index)
    assert_same_as_peer(ours, theirs, graph.pair(3, 3), graph.edge_index, kwargs={"size": size})
    assert_same_as_peer(ours, theirs, list(graph.pair(3, 3)), graph.edge_index)


@bipartite
def test_one_side_only(graph: Graph) -> None:
    ours, theirs = both(copying)
    x, _ = graph.pair(3, 3)
    for given in ((x, None), x):
        kwargs = {"size": (graph.num_src, graph.num_dst)}
        assert_same_as_peer(ours, theirs, given, graph.edge_index, kwargs=kwargs)


@bipartite
@pytest.mark.parametrize("make", [copying, pairwise])
def test_two_sets_of_nodes_against_the_edges(graph: Graph, make: Callable[[Base], type]) -> None:
    """The pair is (those that send, those that receive) in both flows; the peer miscounts the receivers."""
    forward, backward = make(MessagePassing)(), make(MessagePassing)(flow="target_to_source")
    x, flipped = graph.pair(3, 3), graph.edge_index.flip(0)
    want = forward(x, graph.edge_index)
    assert_close(backward(x, flipped), want)
    assert_close(backward(x, flipped, size=(graph.num_dst, graph.num_src)), want)
    if make is copying:
        assert_close(backward((x[0], None), flipped, size=(graph.num_dst, graph.num_src)), want)
        assert_close(backward(x[0], flipped, size=(graph.num_dst, graph.num_src)), want)


@graphs
def test_the_number_of_targets_where_nothing_tells(graph: Graph) -> None:
    def make(base: Base) -> type:
        class OnEdges(base):
            def forward(self, e, edge_index, size=None):
                return self.propagate(edge_index, e=e, size=size)

            def message(self, e):
                return e * 2

        return OnEdges

    ours, theirs = both(make)
    assert_same_as_peer(ours, theirs, graph.edge_features(2), graph.edge_index)
    assert_same_as_peer(
        ours, theirs, graph.edge_features(2), graph.edge_index, kwargs={"size": (None, graph.num_dst)}
    )
    assert_same_as_peer(
        ours,
        theirs,
        graph.edge_features(2),
        graph.edge_index,
        kwargs={"size": (graph.num_src, graph.num_dst)},
    )


@flows
@graphs
@pytest.mark.parametrize(
    ("node_dim", "shape"), [(0, ()), (0, (3,)), (0, (2, 3)), (-2, (3,)), (-1, ()), (-3, (2, 3))]
)
def test_node_axis(graph: Graph, node_dim: int, shape: tuple[int, ...], flow: str) -> None:
    ours, theirs = both(pairwise, node_dim=node_dim, flow=flow)
    assert_same_as_peer(ours, theirs, normal(graph.num_src, *shape), graph.edge_index)


@graphs
@pytest.mark.parametrize("aggr", ["sum", "mean", "max", "min", "mul"])
def test_nodes_in_the_second_to_last_axis(graph: Graph, aggr: str) -> None:
    """(T, N, F): several graph signals at once."""
    ours, theirs = both(pairwise, aggr=aggr)
    assert_same_as_peer(ours, theirs, normal(2, graph.num_src, 3), graph.edge_index)
    assert_same_as_peer(ours, theirs, normal(2, 2, graph.num_src, 3), graph.edge_index)


LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def adjacency(graph: Graph, layout: torch.layout, values: Tensor | None = None) -> Tensor:
    """The transposed adjacency of the graph without repeated edges."""
    index = graph.edge_index.unique(dim=1).flip(0)
    values = normal(index.shape[1], seed=5) if values is None else values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # compressed layouts are in beta
        matrix = torch.sparse_coo_tensor(index, values, (graph.num_dst, graph.num_src)).coalesce()
        return matrix.to_sparse(layout=layout)


def weighing(argument: str) -> Callable[[Base], type]:
    """Weighs messages by one of the names under which a sparse adjacency hands out its values."""

    def make(base: Base) -> type:
        class WithValues(base):
            def forward(self, x, adj_t, values=None):
                return self.propagate(adj_t, x=x, **{argument: values})

        def message(self, x_i, x_j, adj_t, size_i, size_j, **kwargs):
            assert size_i == adj_t.shape[0] and size_j == adj_t.shape[1]
            return kwargs[argument].view(-1, 1) * x_j + x_i

        namespace: dict[str, Any] = {"body": message}
        exec(
            f"def message(self, x_i, x_j, adj_t, size_i, size_j, {argument}):\n"
            f"    return body(self, x_i, x_j, adj_t, size_i, size_j, {argument}={argument})",
            namespace,
        )
        return type(f"With_{argument}", (WithValues,), {"message": namespace["message"]})

    return make


@pytest.mark.parametrize("graph", SQUARE + BIPARTITE, ids=repr)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("argument", ["edge_weight", "edge_type"])
def test_sparse_adjacency(graph: Graph, layout: torch.layout, argument: str) -> None:
    ours, theirs = both(weighing(argument))
    matrix = adjacency(graph, layout)
    peer_matrix = adjacency(graph, torch.sparse_csr)  # it refuses CSC, and its backward through COO fails
    x = graph.pair(3, 3)
    assert_same_as_peer(ours, theirs, x, matrix, peer_inputs=(x, peer_matrix))
    if layout is not torch.sparse_csc:  # whose values are in another order
        values = normal(matrix.values().shape[0])
        assert_same_as_peer(ours, theirs, x, matrix, values, peer_inputs=(x, peer_matrix, values))
    with pytest.raises(ValueError, match="target_to_source"):
        weighing(argument)(MessagePassing)(flow="target_to_source")(x, matrix)


def test_values_of_several_numbers_are_features() -> None:
    graph = SQUARE[0]
    index = graph.edge_index.unique(dim=1).flip(0)
    values = normal(index.shape[1], 3, seed=5)
    matrix = torch.sparse_coo_tensor(index, values, (graph.num_dst, graph.num_src, 3)).coalesce()

    def make(base: Base) -> type:
        class Featured(base):
            def forward(self, x, adj_t):
                return self.propagate(adj_t, x=x, edge_attr=None)

            def message(self, x_j, edge_attr):
                return x_j * edge_attr

        return Featured

    assert_same_as_peer(*both(make), graph.features(3), matrix)


def test_edges_in_place_of_an_index() -> None:
    graph = SQUARE[0]
    layer, x = pairwise(MessagePassing)(), graph.features(3)
    edges = gv.Edges(graph.edge_index, num_nodes=graph.num_src)
    assert_close(layer(x, edges), layer(x, graph.edge_index))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_index_dtypes(dtype: torch.dtype) -> None:
    graph = SQUARE[0]
    layer = pairwise(MessagePassing)()
    assert_close(
        layer(graph.features(3), graph.edge_index.to(dtype)), layer(graph.features(3), graph.edge_index)
    )


# -- message_and_aggregate -----------------------------------------------------------------------------------


def multiplying(base: Base) -> type:
    class Multiply(base):
        def forward(self, x, edge_index, bias=None):
            return self.propagate(edge_index, x=x, bias=bias)

        def message(self, x_j):
            return 100 * x_j

        def message_and_aggregate(self, adj_t, x):
            return adj_t @ x

        def update(self, out, bias):
            return out if bias is None else out + bias

    return Multiply


@graphs
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_message_and_aggregate(graph: Graph, layout: torch.layout) -> None:
    matrix, peer_matrix = adjacency(graph, layout), adjacency(graph, torch.sparse_csr)
    x, bias = graph.features(3), normal(3)
    for aggr in ("sum", None):
        ours, theirs = both(multiplying, aggr=aggr)
        assert_same_as_peer(ours, theirs, x, matrix, bias, peer_inputs=(x, peer_matrix, bias))
    ours, theirs = both(multiplying, aggr="sum")
    assert_same_as_peer(ours, theirs, x, graph.edge_index)
    ours.fuse = theirs.fuse = False
    assert_same_as_peer(ours, theirs, x, matrix, peer_inputs=(x, peer_matrix))
    ours, theirs = both(multiplying, aggr="std")  # no aggregation that a product could stand for
    assert_same_as_peer(ours, theirs, x, matrix, peer_inputs=(x, peer_matrix))


def test_a_fused_layer_needs_no_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = adjacency(SQUARE[0], torch.sparse_csr)
    monkeypatch.setattr(gv.Edges, "of", None)
    assert multiplying(MessagePassing)()(SQUARE[0].features(3), matrix).shape == (8, 3)


# -- arguments of the methods --------------------------------------------------------------------------------


def asking(base: Base) -> type:
    """Asks for everything in every method."""

    class Asking(base):
        def forward(self, x, edge_index, weight, factor=2.0):
            return self.propagate(edge_index, x=x, y=x + 1, weight=weight, factor=factor, name="n")

        def message(
            self,
            x_j,
            y_i,
            edge_index,
            edge_index_i,
            edge_index_j,
            index,
            ptr,
            size,
            size_i,
            size_j,
            dim_size,
            weight,
            name,
            other=7.0,
        ):
            assert ptr is None and name == "n" and other == 7.0
            assert size_i == size_j == dim_size
            assert edge_index.dtype is index.dtype is torch.int64
            assert torch.equal(index, edge_index_i) and index.shape == edge_index_j.shape
            assert len(size) == 2
            degree = (index.view(-1, 1) == torch.arange(dim_size)).sum(0).to(x_j.dtype)
            ids = edge_index_j.to(x_j.dtype) + 3 * edge_index_i + edge_index[0]
            return x_j * y_i * weight.view(-1, 1) + ids.view(-1, 1) + degree[index].view(-1, 1)

        def aggregate(self, inputs, index, x_i, y, dim_size, factor):
            out = inputs.new_zeros(dim_size, inputs.shape[-1])
            return out.index_add(0, index, inputs * x_i) * factor + y

        def update(self, inputs, x, factor, size_j, unknown=1.0):
            return inputs + factor * x + size_j + unknown

    return Asking


@flows
@graphs
def test_all_arguments(graph: Graph, flow: str) -> None:
    ours, theirs = both(asking, flow=flow)
    assert_same_as_peer(
        ours, theirs, graph.features(3), graph.edge_index, normal(graph.edge_index.shape[1], seed=9)
    )


def test_not_tensors_are_handed_on() -> None:
    """None in place of a node tensor, and anything that is not asked for along the edges."""

    def make(base: Base) -> type:
        class AskingPairs(base):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, x=x, pos=None, pair=(None, None), table={"a": 1})

            def message(self, x_j, pos_j, pair_i, table):
                assert pos_j is None and pair_i is None and table == {"a": 1}
                return x_j

        return AskingPairs

    graph = SQUARE[0]
    assert_same_as_peer(*both(make), graph.features(2), graph.edge_index)


def test_a_pair_that_is_not_of_nodes() -> None:
    """Only what is asked for with `_i` or `_j` belongs to nodes."""

    def make(base: Base) -> type:
        class WithPair(base):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, x=x, hidden=(torch.ones(99, 2), torch.ones(98, 2)))

            def message(self, x_j, hidden):
                return x_j * len(hidden)

        return WithPair

    graph = SQUARE[0]
    assert_same_as_peer(*both(make), graph.features(2), graph.edge_index)


def test_inherited_and_open_ended_arguments() -> None:
    def make(base: Base) -> type:
        class Parent(base):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, x=x, scale=3.0)

            def message(self, x_j, scale):
                return x_j * scale

        class Child(Parent):
            def message(self, x_j, x_i, scale):
                return super().message(x_j, scale) + x_i

        return Child

    graph = SQUARE[0]
    assert_same_as_peer(*both(make), graph.features(2), graph.edge_index)

    class Open(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, scale=3.0, shift=1.0)

        def message(self, x_j: Tensor, **kwargs: Any) -> Tensor:
            return x_j * kwargs["scale"] + kwargs["shift"]

    want = make(MessagePassing)()(graph.features(2), graph.edge_index)
    got = Open()(graph.features(2), graph.edge_index)
    degree = torch.bincount(graph.edge_index[1], minlength=8).view(-1, 1)
    assert_close(got + degree * (graph.features(2) - 1), want)


def test_what_older_programs_call() -> None:
    layer = MessagePassing(aggr="sum")
    assert layer.jittable() is layer
    x, edge_index = SQUARE[0].features(2), SQUARE[0].edge_index
    with pytest.raises(ValueError, match=r"got 'add'; do this instead: super\(\).__init__\(aggr='add'\)"):
        layer.propagate("add", edge_index, x=x)
    with pytest.raises(TypeError, match=r"do this instead: torch.jit.trace"):
        torch.jit.script(torch.nn.Sequential(layer))


class OneLine(MessagePassing):
    def forward(self, x, edge_index): return self.propagate(edge_index, x=x)  # fmt: skip

    def message(self, x_j): return x_j * 2  # fmt: skip


def test_one_line_bodies_lambdas_and_exec() -> None:
    graph = SQUARE[0]
    x = graph.features(2)
    want = copying(MessagePassing)()(x, graph.edge_index) * 2
    assert_close(OneLine()(x, graph.edge_index), want)
    Lambda = type("Lambda", (OneLine,), {"message": lambda self, x_j: x_j * 2})
    assert_close(Lambda()(x, graph.edge_index), want)
    namespace: dict[str, Any] = {"Base": OneLine}
    exec("class Typed(Base):\n    def message(self, x_j): return x_j + x_j", namespace)  # as in a notebook
    assert_close(namespace["Typed"]()(x, graph.edge_index), want)
    for layer in (pickle.loads(pickle.dumps(OneLine())), copy.deepcopy(Lambda())):
        assert_close(layer(x, graph.edge_index), want)


# -- edge_updater --------------------------------------------------------------------------------------------


def attending(base: Base) -> type:
    """GAT's form: scores along the edges first, messages weighted by them then."""

    class Attend(base):
        def __init__(self, **kwargs):
            super().__init__(node_dim=0, **kwargs)
            self.att = torch.nn.Parameter(normal(1, 2, 3, seed=11))

        def forward(self, x, edge_index, edge_attr):
            pair = (x, x) if isinstance(x, Tensor) else x
            size = (pair[0].shape[0], pair[1].shape[0])
            alpha = self.edge_updater(edge_index, x=pair, edge_attr=edge_attr, size=size)
            return self.propagate(edge_index, x=pair, alpha=alpha, size=size), alpha

        def edge_update(self, x_j, x_i, edge_attr, index, ptr, size_i):
            score = (torch.nn.functional.leaky_relu(x_i + x_j, 0.2) * self.att).sum(-1) + edge_attr
            where = softmax if base is MessagePassing else peer_utils.softmax
            return where(score, index, ptr, size_i)

        def message(self, x_j, alpha):
            return x_j * alpha.unsqueeze(-1)

    return Attend


@flows
@graphs
def test_edge_updater(graph: Graph, flow: str) -> None:
    ours, theirs = both(attending, flow=flow)
    assert_same_as_peer(ours, theirs, normal(graph.num_src, 2, 3), graph.edge_index, graph.edge_features(2))


@bipartite
def test_edge_updater_between_two_sets(graph: Graph) -> None:
    ours, theirs = both(attending)
    pair = (normal(graph.num_src, 2, 3), normal(graph.num_dst, 2, 3, seed=1))
    assert_same_as_peer(ours, theirs, pair, graph.edge_index, graph.edge_features(2))


# -- aggregations of one's own -------------------------------------------------------------------------------


def test_aggregation_as_a_module_and_with_arguments() -> None:
    from torch_geometric.nn import aggr as peer_aggr

    from grapevine.nn import aggr

    graph = SQUARE[0]
    for ours, theirs in (
        (aggr.SumAggregation(), peer_aggr.SumAggregation()),
        (aggr.SoftmaxAggregation(t=0.5, learn=True), peer_aggr.SoftmaxAggregation(t=0.5, learn=True)),
        ([aggr.MeanAggregation(), "max"], [peer_aggr.MeanAggregation(), "max"]),
    ):
        pair = copying(MessagePassing)(aggr=ours), copying(Peer)(aggr=theirs)
        assert pair[0].aggr == pair[1].aggr
        assert_same_as_peer(*pair, graph.features(3), graph.edge_index)
    kwargs = {"aggr": "softmax", "aggr_kwargs": {"t": 2.0}}
    assert_same_as_peer(
        copying(MessagePassing)(**kwargs), copying(Peer)(**kwargs), graph.features(3), graph.edge_index
    )


def test_reset_parameters_reaches_the_aggregation() -> None:
    layer = copying(MessagePassing)(aggr="softmax", aggr_kwargs={"learn": True})
    with torch.no_grad():
        layer.aggr_module.t.fill_(7.0)
    layer.reset_parameters()
    assert layer.aggr_module.t.item() == 1.0


def test_no_aggregation() -> None:
    def make(base: Base) -> type:
        class Outermost(base):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, x=x)

            def aggregate(self, inputs, index, dim_size):
                return (scatter if base is MessagePassing else peer_utils.scatter)(
                    inputs, index, 0, dim_size, "max"
                )

        return Outermost

    graph = SQUARE[0]
    ours, theirs = both(make, aggr=None)
    assert ours.aggr is None and ours.aggr_module is None
    assert_same_as_peer(ours, theirs, graph.features(3), graph.edge_index)
    with pytest.raises(GraphTypeError, match="Copy has aggr=None and no aggregate"):
        copying(MessagePassing)(aggr=None)(graph.features(3), graph.edge_index)


@graphs
def test_update_that_returns_several(graph: Graph) -> None:
    def make(base: Base) -> type:
        class ByHand(base):
            def forward(self, x, edge_index):
                out, more = self.propagate(edge_index, x=x)
                return out + 1, more

            def update(self, out, x):
                return out * 2, {"x": x - out}

        return ByHand

    assert_same_as_peer(*both(make), graph.features(3), graph.edge_index)


# -- hooks ---------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace() -> None:
    """What each hook is given, and what its result does, on both bases."""
    graph = SQUARE[0]
    matrix = adjacency(graph, torch.sparse_csr)

    def keys(inputs: Any) -> Any:
        return [
            sorted(i) if isinstance(i, dict) else (type(i).__name__ if isinstance(i, Tensor) else i)
            for i in inputs
        ]

    def run(base: Base) -> tuple[list[Any], list[Tensor]]:
        seen: list[Any] = []
        outs = []

        def watch(name: str) -> Callable[..., None]:
            return lambda module, inputs, *out: seen.append((name, keys(inputs), len(out)))

        layer, fused, edge = asking(base)(), multiplying(base)(), attending(base)()
        for name, module in (
            ("propagate", layer), ("message", layer), ("aggregate", layer),
            ("message_and_aggregate", fused), ("edge_update", edge),
        ):  # fmt: skip
            getattr(module, f"register_{name}_forward_pre_hook")(watch(name + " before"))
            getattr(module, f"register_{name}_forward_hook")(watch(name + " after"))
        weight = normal(graph.edge_index.shape[1])
        outs.append(layer(graph.features(3), graph.edge_index, weight))
        outs.append(fused(graph.features(3), matrix))
        outs += edge(normal(graph.num_src, 2, 3), graph.edge_index, graph.edge_features(2))

        handles = [
            layer.register_propagate_forward_pre_hook(lambda m, i: (i[0], i[1], {**i[2], "factor": 3.0})),
            layer.register_message_forward_pre_hook(lambda m, i: ({**i[0], "weight": i[0]["weight"] * 2},)),
            layer.register_message_forward_hook(lambda m, i, out: out + i[0]["weight"].view(-1, 1)),
            layer.register_aggregate_forward_pre_hook(lambda m, i: {**i[0], "factor": 5.0}),
            layer.register_aggregate_forward_hook(lambda m, i, out: out * 2),
            layer.register_propagate_forward_hook(lambda m, i, out: out - i[2]["weight"].sum()),
        ]
        outs.append(layer(graph.features(3), graph.edge_index, weight))
        for handle in handles:
            handle.remove()
        outs.append(layer(graph.features(3), graph.edge_index, weight))

        fused.register_message_and_aggregate_forward_pre_hook(lambda m, i: (i[0], {"x": i[1]["x"] * 2}))
        fused.register_message_and_aggregate_forward_hook(lambda m, i, out: out + i[1]["x"])
        outs.append(fused(graph.features(3), matrix))
        edge.register_edge_update_forward_pre_hook(
            lambda m, i: (i[0], i[1], {**i[2], "edge_attr": i[2]["edge_attr"] + 1})
        )
        edge.register_edge_update_forward_hook(lambda m, i, out: out + i[2]["edge_attr"])
        outs += edge(normal(graph.num_src, 2, 3), graph.edge_index, graph.edge_features(2))
        return seen, outs

    with gv.recorded():
        ours = run(MessagePassing)
    theirs = run(Peer)
    for got, want in zip(ours[0], theirs[0], strict=True):
        assert got == want
    for got, want in zip(ours[1], theirs[1], strict=True):
        assert_close(got, want)


# -- explanations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("node_dim", [-2, 0])
def test_explain(sigmoid: bool, loops: bool, node_dim: int) -> None:
    """An edge mask weighs the messages; loops that a layer adds are not weighed."""
    graph = SQUARE[0]
    mask = normal(graph.edge_index.shape[1], seed=3)
    index, keep = graph.edge_index, graph.edge_index[0] != graph.edge_index[1]
    if loops:
        index = torch.cat([index[:, keep], torch.arange(graph.num_src).expand(2, -1)], 1)

    def set_up(layer: Any) -> Any:
        layer.explain = True
        layer._edge_mask, layer._loop_mask, layer._apply_sigmoid = (
            torch.nn.Parameter(mask.clone()),
            keep,
            sigmoid,
        )
        return layer

    ours, theirs = (set_up(layer) for layer in both(pairwise, node_dim=node_dim))
    for layer in (ours, theirs):
        assert layer.explain is True
    assert_same_as_peer(ours, theirs, graph.features(3), index)
    for layer in (ours, theirs):
        layer.explain = False
    assert_same_as_peer(ours, theirs, graph.features(3), index)


def test_explain_with_a_method_of_ones_own() -> None:
    graph = SQUARE[0]

    def explain_message(self, inputs, x_i, factor):
        return inputs * x_i * factor

    def make(base: Base) -> type:
        class Several(base):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, x=x, factor=2.0)

        return Several

    def set_up(layer: Any, base: Base) -> Any:
        layer.explain_message = explain_message.__get__(layer, base)
        layer.explain = True
        return layer

    ours, theirs = both(make)
    x = graph.features(3)
    want = set_up(theirs, Peer)(x, graph.edge_index)
    assert_close(set_up(ours, MessagePassing)(x, graph.edge_index), want)


def test_explain_without_a_mask() -> None:
    layer = copying(MessagePassing)()
    assert not layer.explain
    layer.explain = True
    with pytest.raises(GraphValueError, match="expected an edge mask while explain is set, got none"):
        layer(SQUARE[0].features(3), SQUARE[0].edge_index)


# -- the examples of the tutorials ---------------------------------------------------------------------------

X = [[6.0, 4.0], [0.0, 1.0], [5.0, 3.0], [1.0, 2.0]]
INDEX = torch.tensor([[0, 1, 0, 2, 1, 2, 2, 3], [1, 0, 2, 0, 2, 1, 3, 2]])


class Fixed(MessagePassing):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        return 0.5 * x_i + 2 * x_j

    def update(self, aggr_out: Tensor, x: Tensor) -> Tensor:
        return x + 0.5 * aggr_out


MODES = pytest.mark.parametrize(
    "mode",
    [gv.recorded, gv.materialised, lambda: gv.recorded(1 << 15)],
    ids=["lazy", "materialised", "default"],
)


@MODES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_seed_examples(mode: Any, dtype: torch.dtype) -> None:
    x = torch.tensor(X, dtype=dtype)
    with mode():
        assert Fixed(aggr="max")(x, INDEX).tolist() == [[12.5, 8.0], [6.0, 5.25], [12.25, 7.75], [6.25, 5.5]]
        layer = Fixed(aggr="sum")
        for _ in range(10):
            x = layer(x, INDEX)
    want = torch.tensor(
        [
            [1839130.875, 1406359.0],
            [1839130.875, 1406359.0],
            [2298917.0, 1758024.625],
            [919569.5, 703268.6875],
        ],
        dtype=dtype,
    )
    torch.testing.assert_close(x, want, rtol=1e-6, atol=0.0)


def learned(base: Base) -> type:
    """The networks are handed through `propagate`."""

    class Learned(base):
        def __init__(self, aggr="mean"):
            super().__init__(aggr=aggr)

        def forward(self, x, edge_index, message_nn, update_nn):
            return self.propagate(edge_index, x=x, messageNN=message_nn, updateNN=update_nn)

        def message(self, x_i, x_j, messageNN):
            return messageNN(torch.cat((x_i, x_j), dim=-1))

        def update(self, aggr_out, x, updateNN):
            return updateNN(torch.cat((aggr_out, x), dim=-1))

    return Learned


def networks(dtype: torch.dtype = torch.float32) -> torch.nn.ModuleList:
    torch.manual_seed(0)
    sizes = [(4, 8, 5), (7, 8, 1)]
    return torch.nn.ModuleList(
        torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.ReLU(), torch.nn.Linear(b, c))
        for a, b, c in sizes
    ).to(dtype)


@MODES
def test_learned_messages_and_updates(mode: Any) -> None:
    class Whole(torch.nn.Module):
        def __init__(self, base: Base) -> None:
            super().__init__()
            self.conv = learned(base)()
            self.nets = networks()

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(x, edge_index, *self.nets)

    assert_same_as_peer(Whole(MessagePassing), Whole(Peer), torch.tensor(X), INDEX)
    with mode():
        model = Whole(MessagePassing)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        target = torch.tensor([[1.0], [-1.0], [0.5], [2.0]])
        losses = []
        for _ in range(150):
            optimizer.zero_grad()
            loss = (model(torch.tensor(X), INDEX) - target).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


# -- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: asking(MessagePassing)().propagate(INDEX, x=torch.ones(4, 2), y=torch.ones(4, 2)),
            GraphTypeError,
            (
                "Asking.message asks for 'weight', which propagate was not given; "
                "do this instead: self.propagate(edge_index, weight=...); given were x, y"
            ),
        ),
        (
            lambda: copying(MessagePassing)().propagate(INDEX),
            GraphTypeError,
            (
                "Copy.message asks for 'x_j', which propagate was not given; "
                "do this instead: self.propagate(edge_index, x=...); given were no arguments"
            ),
        ),
        (lambda: Fixed(aggr=None), None, ""),
        (
            lambda: Fixed(aggr="sum")(torch.ones(3, 2), INDEX),
            GraphIndexError,
            (
                "edge 7: source id 3 does not exist among 3 source nodes; "
                "ids run from 0 to 2; pass num_nodes=4 or more, or features with as many rows"
            ),
        ),
        (
            lambda: pairwise(MessagePassing)()((torch.ones(4, 2), torch.ones(4, 2)), INDEX, size=(4, 5)),
            GraphValueError,
            (
                "expected 5 rows of 'x' for the destination nodes, got 4 (shape [4, 2]); "
                "every node tensor needs one row per node; for a bipartite graph pass x=(x_src, x_dst)"
            ),
        ),
        (
            lambda: Fixed()(torch.ones(4), INDEX),
            GraphValueError,
            (
                "expected 'x' to have a node axis at -2, got shape [4]; "
                "add a feature axis with x.unsqueeze(-1), or build the layer with node_dim=0"
            ),
        ),
        (
            lambda: Fixed()(torch.ones(4, 2), INDEX.t()),
            GraphValueError,
            "expected edge_index of shape [2, E], got [8, 2]; do this instead: edge_index.t().contiguous()",
        ),
        (
            lambda: Fixed()(torch.ones(4, 2), INDEX.float()),
            GraphTypeError,
            "expected integer node ids, got a source index of dtype torch.float32; do this instead: edge_index.long()",
        ),
        (
            lambda: Fixed()(torch.empty(4, 2, device="meta"), INDEX),
            GraphValueError,
            (
                "expected features on the edges' device cpu, got meta; "
                "do this instead: x.to('cpu'), or move both once with data.to(device)"
            ),
        ),
        (
            lambda: Fixed(flow="up"),
            GraphValueError,
            "expected flow to be one of ('source_to_target', 'target_to_source'), got 'up'",
        ),
        (
            lambda: MessagePassing().edge_updater(INDEX),
            GraphTypeError,
            "MessagePassing does not override edge_update; define it to use edge_updater",
        ),
    ],
)
def test_errors(make: Callable[[], Any], error: type[Exception] | None, text: str) -> None:
    if error is None:
        make()
        return
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == text


def test_unknown_aggregation_lists_the_known() -> None:
    with pytest.raises(GraphValueError, match=r"got 'summ'; use one of .*MeanAggregation.*SumAggregation"):
        copying(MessagePassing)(aggr="summ")


def test_repr() -> None:
    layer, theirs = both(copying)
    assert repr(layer) == repr(theirs) == "Copy()"
    layer.in_channels, layer.out_channels = 3, 4
    assert repr(layer) == "Copy(3, 4)"
    assert integers(3, 2).dtype is torch.int64
