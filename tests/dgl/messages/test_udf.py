"""User-defined functions beside DGL's: what they are given, and what becomes of their answers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grapevine import dgl
from grapevine.dgl.base import EID, NID, DGLWarning
from grapevine.dgl.core import Hop, _at_once
from grapevine.dgl.mailbox import Mailbox
from tests.dgl.messages.common import LIBRARIES, feature, graphs, same_results
from tests.dgl.peer import assert_same

MESSAGES = {
    "relu": lambda edges: {"m": (edges.src["h"] * edges.data["w"] + edges.dst["x"]).relu()},
    "cat": lambda edges: {"m": torch.cat([edges.src["h"], edges.dst["x"]], -1)[:, 1:4]},
    "in place": lambda edges: {"m": edges.src["h"].clone().mul_(2)},
    "by edge": lambda edges: {"m": edges.src["h"] * torch.arange(len(edges)).unsqueeze(1).double()},
    "ids": lambda edges: {"m": torch.stack(edges.edges(), 1).double() * edges.data["w"]},
}


@pytest.mark.parametrize("kind", ["plain", "block"])
@pytest.mark.parametrize("how", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("message", MESSAGES)
def test_messages(message, how, kind) -> None:
    pair = graphs(kind)
    given = [feature("u", (3,), pair[0], 1), feature("v", (3,), pair[0], 2), feature("e", (1,), pair[0], 3)]
    if message == "relu" and how in ("max", "min"):
        given = [x.abs() for x in given]  # no ties at zero

    def run(library, graph, h, x, w):
        with graph.local_scope():
            graph.srcdata["h"], graph.dstdata["x"], graph.edata["w"] = h, x, w
            graph.update_all(MESSAGES[message], getattr(library.function, how)("m", "out"))
            graph.apply_edges(MESSAGES[message])
            return graph.dstdata["out"], graph.edata["m"]

    same_results(run, given, pair)


def attention(nodes):
    a = F.softmax(nodes.mailbox["e"], dim=1)
    return {"out": torch.sum(a * nodes.mailbox["m"], dim=1)}


def normalised(nodes):
    m = nodes.mailbox["m"]
    spread = ((m - m.mean(1, keepdim=True)) ** 2).mean(dim=1)
    return {"out": (spread + 1e-3).sqrt() + nodes.data["x"], "two": spread}


def scored(nodes):
    score = torch.exp((nodes.data["x"].unsqueeze(1) * nodes.mailbox["m"]).sum(-1, keepdim=True) / 4)
    return {"out": (score * nodes.mailbox["m"]).sum(1) / score.sum(1)}


def maximum(nodes):
    best, _ = nodes.mailbox["m"].max(1)
    low = torch.min(nodes.mailbox["m"], dim=1).values
    return {"out": torch.cat([best, nodes.mailbox["m"].max(1)[0], low, nodes.mailbox["m"].amax(-2)], -1)}


LAZY = {
    "sum": lambda nodes: {"out": nodes.mailbox["m"].sum(1) + nodes.data["x"]},
    "torch.sum": lambda nodes: {"out": torch.sum(nodes.mailbox["m"], dim=1)},
    "mean": lambda nodes: {"out": nodes.mailbox["m"].mean(1) - torch.mean(nodes.mailbox["m"], 1)},
    "maximum": maximum,
    "attention": attention,
    "normalised": normalised,
    "scored": scored,
    "features": lambda nodes: {"out": nodes.mailbox["m"][:, :, 0].sum(1) + nodes.mailbox["m"][..., 1].sum(1)},
    "trailing": lambda nodes: {
        "out": F.softmax(nodes.mailbox["m"], -1).sum(-2) + nodes.mailbox["m"].sum(2).sum(1, True)
    },
    "linear": lambda nodes: {"out": F.linear(nodes.mailbox["m"], torch.ones(2, 3).double()).relu().sum(1)},
    "matmul": lambda nodes: {"out": (nodes.mailbox["m"] @ torch.eye(3).double()).mean(1)},
    "cat": lambda nodes: {"out": torch.cat([nodes.mailbox["m"], nodes.mailbox["e"]], dim=2).amin(1)},
    "scaled": lambda nodes: {"out": (1 - 2 / (nodes.mailbox["m"] ** 2 + torch.ones(3))).sum(1)},
    "selected": lambda nodes: {"out": torch.where(nodes.mailbox["m"] > 0, nodes.mailbox["m"], 0.0).sum(1)},
    "unsqueezed": lambda nodes: {"out": nodes.mailbox["m"].unsqueeze(-1).sum(1).squeeze(-1)},
    "dropout": lambda nodes: {"out": F.dropout(nodes.mailbox["m"], 0.5, training=False).sum(1)},
    "counts": lambda nodes: {
        "out": torch.ones(nodes.batch_size(), 1) + len(nodes) * 0 + nodes.nodes().unsqueeze(1)
    },
}


def lstm(nodes):
    m = nodes.mailbox["m"]
    cell = torch.nn.LSTM(3, 2, batch_first=True).double()
    for i, p in enumerate(cell.parameters()):
        torch.nn.init.constant_(p, 0.1 * (i + 1))
    return {"out": cell(m)[1][0].squeeze(0)}


BUCKETED = {
    "shape": lambda nodes: {"out": nodes.mailbox["m"].sum(1) * nodes.mailbox["m"].shape[1]},
    "first": lambda nodes: {"out": nodes.mailbox["m"][:, 0] + 2 * nodes.mailbox["m"][:, -1]},
    "sorted": lambda nodes: {"out": nodes.mailbox["m"].sort(1)[0][:, 0]},
    "product": lambda nodes: {"out": nodes.mailbox["m"].prod(1)},
    "lstm": lstm,
    "indices": lambda nodes: {"out": nodes.mailbox["m"].max(1)[1].double()},
    "bmm": lambda nodes: {"out": torch.bmm(nodes.mailbox["m"].transpose(1, 2), nodes.mailbox["m"]).flatten(1)},
    "stacked": lambda nodes: {"out": torch.stack([row.sum(0) for row in nodes.mailbox["m"]])},
    "expanded": lambda nodes: {"out": nodes.data["x"].unsqueeze(1).expand_as(nodes.mailbox["m"]).sum(1)},
    "counted": lambda nodes: {"out": nodes.mailbox["m"].sum(1) / nodes.mailbox["m"].size(1)},
    "all of it": lambda nodes: {"out": nodes.data["x"] + nodes.mailbox["m"].sum()},
}  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "block", "edgeless", "complete"])
@pytest.mark.parametrize("name", [*LAZY, *BUCKETED])
def test_reductions(name, kind) -> None:
    if kind == "complete":
        ends = torch.arange(4).repeat(4), torch.arange(4).repeat_interleave(4)
        pair = tuple(library.graph(ends) for library in LIBRARIES)
    else:
        pair = graphs(kind)
    given = [feature("u", (3,), pair[0], 1), feature("v", (3,), pair[0], 2), feature("e", (1,), pair[0], 3)]
    function = (LAZY | BUCKETED)[name]

    def run(library, graph, h, x, w):
        with graph.local_scope():
            graph.srcdata["h"], graph.dstdata["x"], graph.edata["w"] = h, x, w
            graph.update_all(
                lambda edges: {"m": edges.src["h"] * edges.data["w"], "e": edges.data["w"]}, function
            )
            assert ("out" in graph.dstdata) == (kind != "edgeless")
            return [graph.dstdata[k].double() for k in ("out", "two") if k in graph.dstdata]

    if kind == "edgeless":
        with pytest.warns(UserWarning):
            same_results(run, given, pair, first=False)
    else:
        same_results(run, given, pair)


@pytest.mark.parametrize("name", [*LAZY, *BUCKETED])
def test_which_functions_are_called_once(name) -> None:
    """The lazy mailbox answers what it can; the rest needs real messages."""
    graph, _ = graphs("plain")
    graph.ndata["h"], graph.ndata["x"] = feature("u", (3,), graph, 1), feature("v", (3,), graph, 2)
    hop = Hop(graph, None)
    edges = hop.edges(True)
    messages = {"m": edges.src["h"], "e": edges.src["h"][:, :1]}
    answer = _at_once(hop, Mailbox(hop.relation), messages, (LAZY | BUCKETED)[name])
    assert (answer is not None) == (name in LAZY)


def shapes_seen(graph):
    """What the functions of a message pass are given."""
    seen = []

    def message(edges):
        seen.append((len(edges), edges.batch_size(), edges.canonical_etype, sorted(edges.src.keys())))
        seen.append(("h" in edges.dst, {k: tuple(v.shape) for k, v in edges.data.items()}))
        return {"m": edges.src["h"]}

    def reduce(nodes):
        seen.append((tuple(nodes.mailbox["m"].shape), tuple(nodes.data["h"].shape)))
        seen.append((nodes.nodes().tolist(), nodes.ntype, nodes.batch_size()))
        return {"h": nodes.mailbox["m"].sum(1)}

    graph.ndata["h"], graph.edata["w"] = torch.ones(6, 2), torch.ones(8, 1)
    graph.update_all(message, reduce)
    return seen


def test_functions_see_the_shapes_that_dgl_shows() -> None:
    ours, theirs = graphs("plain")
    assert shapes_seen(ours) == shapes_seen(theirs)


@pytest.mark.parametrize(
    "reduce", [lambda nodes: {"h": nodes.mailbox["m"].sum(1)}, lambda nodes: {"h": nodes.mailbox["m"][:, 0]}]
)
def test_nodes_without_messages_get_the_initialisers_values(reduce) -> None:
    results = []
    for library, graph in zip(LIBRARIES, graphs("plain")):
        graph.ndata["h"] = torch.ones(6, 2)
        graph.set_n_initializer(lambda shape, dtype, ctx, ids: torch.full(shape, 7, dtype=dtype), "h")
        graph.update_all(library.function.copy_u("h", "m"), reduce)
        results.append(graph.ndata["h"])
    assert_same(*results)
    assert results[0][3].tolist() == [7, 7]


def test_ids_in_derived_graphs_are_those_of_the_whole_graph() -> None:
    results = []
    for library, graph in zip(LIBRARIES, graphs("plain")):
        graph.ndata[NID], graph.edata[EID] = torch.arange(6) + 100, torch.arange(8) + 1000
        graph.ndata["h"] = torch.ones(6, 1)

        def reduce(nodes):
            return {"h": nodes.mailbox["m"][:, 0] + nodes.nodes().unsqueeze(1)}

        graph.update_all(library.function.copy_u("h", "m"), reduce)
        results.append(graph.ndata["h"])
    assert_same(*results)


def test_a_message_function_on_no_edges_is_called_and_warns() -> None:
    graph = dgl.graph(([], []), num_nodes=2)
    graph.ndata["h"] = torch.ones(2, 3)
    with pytest.warns(DGLWarning, match="valid edges"):
        graph.update_all(lambda edges: {"m": edges.src["h"]}, dgl.function.sum("m", "out"))
    assert graph.ndata["out"].tolist() == [[0.0] * 3] * 2


def test_features_set_inside_a_function() -> None:
    results = []
    for library, graph in zip(LIBRARIES, graphs("plain")):

        def message(edges):
            edges.data["kept"] = edges.src["h"] + 1
            return {"m": edges.data["kept"]}

        graph.ndata["h"] = torch.ones(6, 2)
        graph.update_all(message, library.function.sum("m", "out"))
        results.append((dict(graph.ndata), dict(graph.edata)))
    assert_same(*results)


def test_errors_of_a_function_are_its_own() -> None:
    graph, _ = graphs("plain")
    graph.ndata["h"] = torch.ones(6, 2)
    with pytest.raises(ZeroDivisionError):
        graph.update_all(dgl.function.copy_u("h", "m"), lambda nodes: {"h": 1 / 0})
    with pytest.raises(KeyError, match="nothing"):
        graph.update_all(dgl.function.copy_u("nothing", "m"), dgl.function.sum("m", "h"))


def test_a_message_that_is_kept_is_real() -> None:
    graph, _ = graphs("plain")
    graph.ndata["h"] = torch.ones(6, 2)
    kept = {}

    def message(edges):
        kept["m"] = edges.src["h"] * 2
        return kept

    graph.update_all(message, dgl.function.sum("m", "out"))
    graph.ndata["h"].fill_(5)
    assert kept["m"].sum().item() == 32


def test_built_ins_are_functions_of_batches() -> None:
    """`fn.u_mul_e` and a function of one's own that calls it do the same."""
    graph, _ = graphs("plain")
    graph.ndata["h"], graph.edata["w"] = feature("u", (3,), graph, 1), feature("e", (), graph, 2)
    fn = dgl.function
    graph.update_all(fn.u_mul_e("h", "w", "m"), fn.max("m", "a"))
    graph.update_all(lambda edges: fn.u_mul_e("h", "w", "m")(edges), lambda nodes: fn.max("m", "b")(nodes))
    assert_same(graph.ndata["a"], graph.ndata["b"])


# -- parts of graphs -----------------------------------------------------------------------------------


def steps(library, graph, what, idtype):
    fn = library.function
    ids = torch.tensor([4, 1, 3], dtype=idtype)
    own = lambda nodes: {"h": nodes.mailbox["m"].sum(1) * nodes.nodes().unsqueeze(1)}  # noqa: E731
    update = lambda nodes: {"h": nodes.data["h"] + nodes.data["x"]}  # noqa: E731
    if what == "pull":
        graph.pull(ids, fn.copy_u("h", "m"), fn.mean("m", "h"))
    elif what == "pull own":
        graph.pull(ids, lambda edges: {"m": edges.src["h"] + edges.dst["x"]}, own, update)
    elif what == "pull max":
        graph.pull([1, 4], fn.u_mul_e("h", "w", "m"), fn.max("m", "new"))
    elif what == "pull one":
        graph.pull(2, fn.copy_u("h", "m"), fn.sum("m", "h"))
    elif what == "push":
        graph.push(torch.tensor([1, 2], dtype=idtype), fn.copy_u("h", "m"), fn.sum("m", "h"))
    elif what == "send ids":
        graph.send_and_recv([0, 3, 7], fn.u_add_v("h", "x", "m"), fn.min("m", "h"), update)
    elif what == "send ends":
        graph.send_and_recv(([0, 2], [1, 4]), fn.copy_u("h", "m"), fn.sum("m", "h"))
    elif what == "send none":
        graph.send_and_recv([], fn.copy_u("h", "m"), fn.sum("m", "h"))
    elif what == "edges ids":
        graph.apply_edges(fn.u_mul_v("h", "x", "new"), torch.tensor([2, 5], dtype=idtype))
    elif what == "edges ends":
        graph.apply_edges(lambda edges: {"w": edges.data["w"] + edges.src["h"][:, :1]}, ([0, 2], [1, 4]))
    elif what == "nodes":
        graph.apply_nodes(lambda nodes: {"x": nodes.data["h"] * nodes.nodes().unsqueeze(1)}, ids)
    elif what == "all nodes":
        graph.apply_nodes(lambda nodes: {"y": nodes.data["h"].sum(1)})


@pytest.mark.parametrize("idtype", [torch.int32, torch.int64])
@pytest.mark.parametrize(
    "what",
    ["pull", "pull own", "pull max", "pull one", "push", "send ids", "send ends", "send none"]
    + ["edges ids", "edges ends", "nodes", "all nodes"],
)
def test_parts_of_graphs(what, idtype) -> None:
    pair = graphs("plain", idtype)
    given = [feature("u", (3,), pair[0], 1), feature("v", (3,), pair[0], 2), feature("e", (1,), pair[0], 3)]

    def run(library, graph, h, x, w):
        with graph.local_scope():
            graph.ndata["h"], graph.ndata["x"], graph.edata["w"] = h, x, w
            steps(library, graph, what, idtype)
            return [graph.ndata[k] for k in sorted(graph.ndata)] + [
                graph.edata[k] for k in sorted(graph.edata)
            ]

    same_results(run, given, pair)


def test_one_relation_of_several() -> None:
    results = []
    for library in LIBRARIES:
        graph = library.heterograph(
            {("u", "a", "v"): ([0, 1, 1], [0, 0, 2]), ("v", "b", "u"): ([0, 1], [1, 1])}, {"u": 3, "v": 3}
        )
        graph.nodes["u"].data["h"], graph.nodes["v"].data["h"] = torch.ones(3, 2), 2 * torch.ones(3, 2)
        fn = library.function
        graph.update_all(lambda edges: {"m": edges.src["h"] + edges.dst["h"]}, fn.sum("m", "s"), etype="a")
        graph["b"].update_all(fn.copy_u("h", "m"), lambda nodes: {"s": nodes.mailbox["m"].mean(1)})
        graph.apply_edges(fn.u_add_v("h", "h", "w"), etype=("v", "b", "u"))
        graph.pull([0, 1], fn.copy_u("h", "m"), fn.sum("m", "p"), etype="b")
        graph.apply_nodes(lambda nodes: {"n": nodes.data["h"] * 3}, ntype="u")
        results.append(
            [{t: dict(graph.nodes[t].data) for t in "uv"}, {t: dict(graph.edges[t].data) for t in "ab"}]
        )
    assert_same(*results)
