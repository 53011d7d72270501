"""Built-in messages and reductions beside DGL's: values and gradients."""

from __future__ import annotations

import pytest
import torch

import grapevine as gv
from grapevine import dgl
from grapevine.dgl.base import DGLError
from tests.dgl.messages.common import LIBRARIES, feature, frame, graphs, same_results
from tests.dgl.peer import assert_same, peer

BINARY = [(x, op, y) for x in "uve" for y in "uve" if x != y for op in ("add", "sub", "mul", "div", "dot")]
REDUCES = ("sum", "mean", "max", "min")
SHAPES = [((3,), (3,)), ((), ()), ((2, 3), ()), ((4, 2, 3), (2, 1)), ((1,), (3,))]


def has_gradient(kind: str, how: str) -> bool:
    """DGL fails to differentiate extremes over no edges."""
    return kind != "edgeless" or how in ("sum", "mean")


@pytest.mark.parametrize("how", REDUCES)
@pytest.mark.parametrize(("x", "op", "y"), BINARY)
def test_every_message_with_every_reduction(x, op, y, how) -> None:
    for kind in ("plain", "block", "edgeless"):
        pair = graphs(kind)
        for tails in [((3,), (3,)), ((2, 3), (3,) if op == "dot" else (1,))]:
            given = [feature(x, tails[0], pair[0], 1), feature(y, tails[1], pair[0], 2)]

            def run(library, graph, a, b):
                with graph.local_scope():
                    frame(x, graph)["a"], frame(y, graph)["b"] = a, b
                    message = getattr(library.function, f"{x}_{op}_{y}")("a", "b", "m")
                    graph.update_all(message, getattr(library.function, how)("m", "out"))
                    return graph.dstdata["out"]

            same_results(run, given, pair, first=has_gradient(kind, how))


@pytest.mark.parametrize("op", ["mul", "sub", "div", "dot"])
@pytest.mark.parametrize("tails", SHAPES)
def test_rows_of_different_shapes_are_aligned_after_axis_0(op, tails) -> None:
    if op == "dot" and tails[0][-1:] != tails[1][-1:]:
        tails = (tails[0], tails[0][-1:])
    for kind in ("plain", "block"):
        pair = graphs(kind)
        for x, y in ("ue", "ev", "uv"):
            for left, right in (tails, tails[::-1]):
                given = [feature(x, left, pair[0], 3), feature(y, right, pair[0], 4)]

                def run(library, graph, a, b, x=x, y=y):
                    with graph.local_scope():
                        frame(x, graph)["a"], frame(y, graph)["b"] = a, b
                        message = getattr(library.function, f"{x}_{op}_{y}")("a", "b", "m")
                        graph.apply_edges(message)
                        edge = graph.edata["m"]
                        graph.update_all(message, library.function.sum("m", "out"))
                        return edge, graph.dstdata["out"]

                same_results(run, given, pair)


@pytest.mark.parametrize("kind", ["plain", "block", "edgeless"])
@pytest.mark.parametrize("how", REDUCES)
@pytest.mark.parametrize("target", ["u", "e"])
@pytest.mark.parametrize("tail", [(), (5,), (2, 3, 2)])
def test_copies(kind, how, target, tail) -> None:
    pair = graphs(kind, torch.int32)

    def run(library, graph, a):
        with graph.local_scope():
            frame(target, graph)["a"] = a
            copy = getattr(library.function, f"copy_{target}")("a", "m")
            graph.update_all(copy, getattr(library.function, how)("m", "a"))
            return graph.dstdata["a"]

    same_results(run, [feature(target, tail, pair[0], 5)], pair, first=has_gradient(kind, how))


def test_old_names() -> None:
    fn = dgl.function
    assert repr(fn.copy_src(src="h", out="m")) == "copy_u('h', 'm')"
    assert repr(fn.copy_edge(edge="w", out="m")) == "copy_e('w', 'm')"
    assert repr(fn.src_mul_edge(src="h", edge="w", out="m")) == "u_mul_e('h', 'w', 'm')"


@pytest.mark.parametrize(("x", "op", "y"), [("u", "mul", "e"), ("u", "dot", "v"), ("e", "sub", "v")])
@pytest.mark.parametrize("how", ["sum", "mean"])
def test_second_derivatives(x, op, y, how) -> None:
    pair = graphs("plain")
    given = [feature(x, (3,), pair[0], 6), feature(y, (3,), pair[0], 7)]

    def run(library, graph, a, b):
        with graph.local_scope():
            frame(x, graph)["a"], frame(y, graph)["b"] = a, b
            message = getattr(library.function, f"{x}_{op}_{y}")("a", "b", "m")
            graph.update_all(message, getattr(library.function, how)("m", "out"))
            return graph.dstdata["out"] ** 3

    same_results(run, given, pair, second=True)


def test_the_message_must_be_the_one_that_is_reduced() -> None:
    for library, graph in zip(LIBRARIES, graphs("plain")):
        graph.ndata["h"] = torch.ones(6, 1)
        with pytest.raises(library.DGLError, match="Invalid message"):
            graph.update_all(library.function.copy_u("h", "m"), library.function.sum("x", "out"))


def test_operands_must_fit() -> None:
    for library, graph in zip(LIBRARIES, graphs("plain")):
        for left, right in [
            (torch.ones(6, 3), torch.ones(8, 2)),
            (torch.ones(6, 2, 3), torch.ones(8, 2)),
            (torch.ones(6, 3), torch.ones(8, 3).double()),
        ]:
            graph.ndata["h"], graph.edata["w"] = left, right
            with pytest.raises(library.DGLError):
                graph.update_all(library.function.u_mul_e("h", "w", "m"), library.function.sum("m", "out"))


def test_genuine_infinities_stay() -> None:
    """DGL turns every infinity into zero, also one that was sent."""
    g = dgl.graph(([0], [1]))
    g.ndata["h"] = torch.tensor([float("-inf"), 1.0])
    g.update_all(dgl.function.copy_u("h", "m"), dgl.function.max("m", "h"))
    assert g.ndata["h"].tolist() == [0.0, float("-inf")]


def test_integers_are_reduced_too() -> None:
    g = dgl.graph(([0, 1, 2], [1, 2, 2]))
    g.ndata["h"] = torch.tensor([1, 5, 3])
    g.update_all(dgl.function.copy_u("h", "m"), dgl.function.max("m", "top"))
    assert g.ndata["top"].tolist() == [0, 1, 5]


@pytest.mark.parametrize("field", ["h", "new"])
def test_the_update_sees_reduced_and_own_features_and_its_answer_is_all_that_is_set(field) -> None:
    results = []
    for library, graph in zip(LIBRARIES, graphs("plain")):
        graph.ndata["h"] = torch.arange(12.0).view(6, 2)
        fn = library.function

        def update(nodes):
            return {field: nodes.data["s"] + 10 * nodes.data["h"]}

        graph.update_all(fn.copy_u("h", "m"), fn.sum("m", "s"), update)
        results.append(dict(graph.ndata))
    assert_same(*results)
    assert "s" not in results[0]


def test_small_and_large_messages_agree() -> None:
    """The plain way of small messages, and the planned one of large ones."""
    out = []
    for least in (0, 1 << 40):
        with gv.recorded(least):
            ours, _ = graphs("plain")
            ours.ndata["h"], ours.edata["w"] = feature("u", (4,), ours, 1), feature("e", (), ours, 2)
            ours.update_all(dgl.function.u_mul_e("h", "w", "m"), dgl.function.mean("m", "out"))
            out.append(ours.ndata["out"])
    assert_same(*out)


# -- several relations ---------------------------------------------------------------------------------


def relations():
    data = {
        ("user", "follows", "user"): (torch.tensor([0, 1, 1, 3]), torch.tensor([1, 2, 0, 1])),
        ("user", "plays", "game"): (torch.tensor([0, 3, 1]), torch.tensor([0, 2, 2])),
        ("store", "sells", "game"): (torch.tensor([0, 1, 1]), torch.tensor([0, 0, 3])),
    }
    counts = {"user": 4, "game": 5, "store": 2}
    return [library.heterograph(data, counts) for library in LIBRARIES]


@pytest.mark.parametrize("how", ["sum", "max", "min"])
@pytest.mark.parametrize("message", ["copy_u", "copy_e", "u_mul_e", "u_add_v"])
def test_all_relations_at_once(message, how) -> None:
    pair = relations()
    tails = {"user": 4, "game": 5, "store": 2}
    given = [torch.randn(n, 3, dtype=torch.float64) for n in tails.values()]
    given += [torch.randn(pair[0].num_edges(t), 3, dtype=torch.float64) for t in pair[0].canonical_etypes]

    def run(library, graph, user, game, store, *on_edges):
        with graph.local_scope():
            graph.ndata["h"] = {"user": user, "game": game, "store": store}
            graph.edata["h"] = dict(zip(graph.canonical_etypes, on_edges))
            function = getattr(library.function, message)
            made = function("h", "m") if message.startswith("copy") else function("h", "h", "m")
            graph.update_all(made, getattr(library.function, how)("m", "out"))
            return [graph.nodes[t].data["out"] for t in ("user", "game")]

    differentiable = message != "u_mul_e" or how == "sum"  # DGL's own derivative fails otherwise
    if message == "u_add_v":  # DGL has no kernel for it over several relations
        made, one = pair[0], []
        with made.local_scope():
            made.ndata["h"] = dict(zip(tails, given))
            fn = dgl.function
            made.update_all(fn.u_add_v("h", "h", "m"), getattr(fn, how)("m", "out"))
            one = [made.nodes["game"].data["out"]]
            both = {t: (fn.u_add_v("h", "h", "m"), getattr(fn, how)("m", "two")) for t in ("plays", "sells")}
            made.multi_update_all(both, how)
            assert_same(one[0], made.nodes["game"].data["two"])
        return
    same_results(run, given, pair, first=differentiable)


def test_functions_of_ones_own_and_the_mean_need_one_relation() -> None:
    graph, _ = relations()
    graph.ndata["h"] = {t: torch.ones(graph.num_nodes(t), 1) for t in graph.ntypes}
    with pytest.raises(DGLError, match="multi_update_all"):
        graph.update_all(lambda edges: {"m": edges.src["h"]}, dgl.function.sum("m", "h"))
    with pytest.raises(DGLError, match="multi_update_all"):
        graph.update_all(dgl.function.copy_u("h", "m"), dgl.function.mean("m", "h"))
    with pytest.raises(DGLError, match="etype"):
        graph.apply_edges(lambda edges: {"m": edges.src["h"]})


@pytest.mark.parametrize("cross", ["sum", "mean", "max", "min", "stack", "own"])
@pytest.mark.parametrize("how", REDUCES)
def test_multi_update_all(cross, how) -> None:
    pair = relations()
    given = [torch.randn(n, 3, dtype=torch.float64) for n in (4, 5, 2)]

    def run(library, graph, user, game, store):
        with graph.local_scope():
            graph.ndata["h"] = {"user": user, "game": game, "store": store}
            fn = library.function
            pass_ = (fn.copy_u("h", "m"), getattr(fn, how)("m", "out"))
            reducer = cross
            if cross == "own":
                reducer = "max" if how in ("max", "min") else lambda rows: rows[0] - 2 * rows[-1]
            graph.multi_update_all(
                {"sells": pass_, "follows": pass_, ("user", "plays", "game"): (*pass_, None)},
                reducer,
                lambda nodes: {"out": nodes.data["out"] * 2, "seen": nodes.data["h"]},
            )
            return [graph.nodes[t].data["out"] for t in ("user", "game")] + [graph.nodes["game"].data["seen"]]

    same_results(run, given, pair)


def test_multi_update_all_of_different_fields_and_updates() -> None:
    results = []
    torch.manual_seed(1)
    values = [torch.randn(n, 3) for n in (4, 5, 2)]
    for library, graph in zip(LIBRARIES, relations()):
        graph.ndata["h"] = dict(zip(("user", "game", "store"), values))
        fn = library.function
        graph.multi_update_all(
            {
                "plays": (fn.copy_u("h", "m"), fn.sum("m", "a"), lambda nodes: {"a": nodes.data["a"] + 1}),
                "sells": (fn.copy_u("h", "m"), fn.mean("m", "b")),
            },
            "mean",
        )
        results.append({k: dict(graph.nodes[k].data) for k in graph.ntypes})
    assert_same(*results)


def test_multi_update_all_refuses_what_it_cannot_read() -> None:
    graph, _ = relations()
    graph.ndata["h"] = {t: torch.ones(graph.num_nodes(t), 1) for t in graph.ntypes}
    fn = dgl.function
    pass_ = (fn.copy_u("h", "m"), fn.sum("m", "out"))
    with pytest.raises(DGLError, match="Invalid arguments"):
        graph.multi_update_all({"plays": (fn.copy_u("h", "m"),)}, "sum")
    with pytest.raises(DGLError, match="cross type reducer"):
        graph.multi_update_all({"plays": pass_, "sells": pass_}, "median")


def test_edges_of_all_relations() -> None:
    results = []
    for library, graph in zip(LIBRARIES, relations()):
        graph.ndata["h"] = {t: torch.arange(3.0 * graph.num_nodes(t)).view(-1, 3) for t in graph.ntypes}
        graph.apply_edges(library.function.u_dot_v("h", "h", "s"))
        graph.apply_edges(library.function.copy_u("h", "c"))
        results.append({t: dict(graph.edges[t].data) for t in graph.canonical_etypes})
    assert_same(*results)


def test_peer_version() -> None:
    assert peer.__version__ == "1.1.3"
