"""The operators beside DGL's: values, gradients, odd inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import grapevine as gv
from grapevine import dgl
from grapevine.dgl import ops
from grapevine.dgl.base import DGLError
from tests.dgl.messages.common import LIBRARIES, feature, graphs, same_results
from tests.dgl.peer import assert_same, peer

BINARY = [
    f"{x}_{op}_{y}" for x in "uve" for y in "uve" if x != y for op in ("add", "sub", "mul", "div", "dot")
]
FUSED = [f"u_{op}_e_{how}" for op in ("add", "sub", "mul", "div") for how in ("sum", "max", "min", "mean")]
COPIES = [f"copy_{x}_{how}" for x in "ue" for how in ("sum", "max", "min", "mean")]


def zeroed(x):
    """DGL's kernels leave infinities where nothing arrives, against their documentation."""
    return x.masked_fill(x.isinf(), 0)


def test_all_names_are_there() -> None:
    theirs = {n for n in dir(peer.ops) if not n.startswith("_") and callable(getattr(peer.ops, n))}
    assert theirs <= set(dir(ops))


@pytest.mark.parametrize("kind", ["plain", "block", "edgeless"])
@pytest.mark.parametrize("name", BINARY)
def test_edge_values(name, kind) -> None:
    pair = graphs(kind)
    x, _, y = name.split("_")
    given = [feature(x, (2, 3), pair[0], 1), feature(y, (3,), pair[0], 2)]
    same_results(lambda library, g, a, b: getattr(library.ops, name)(g, a, b), given, pair)


@pytest.mark.parametrize("kind", ["plain", "block", "edgeless"])
@pytest.mark.parametrize("name", FUSED + COPIES)
def test_reductions(name, kind) -> None:
    pair = graphs(kind)
    given = [feature("e" if name.startswith("copy_e") else "u", (2, 3), pair[0], 1)]
    given += [feature("e", (3,), pair[0], 2)] if name in FUSED else []
    smooth = kind != "edgeless" or name.endswith(("sum", "mean"))
    same_results(lambda library, g, *x: zeroed(getattr(library.ops, name)(g, *x)), given, pair, first=smooth)


@pytest.mark.parametrize("name", ["copy_u", "copy_v", "copy_e"])
def test_copies_to_edges(name) -> None:
    pair = graphs("block")
    same_results(
        lambda library, g, x: getattr(library.ops, name)(g, x), [feature(name[-1], (2,), pair[0], 1)], pair
    )


@pytest.mark.parametrize("norm_by", ["dst", "src"])
@pytest.mark.parametrize("tail", [(), (1,), (4,), (4, 1), (2, 3, 2)])
def test_edge_softmax(tail, norm_by) -> None:
    for kind in ("plain", "block"):
        pair = graphs(kind)
        run = lambda library, g, x: library.ops.edge_softmax(g, x, norm_by=norm_by)  # noqa: E731
        same_results(run, [feature("e", tail, pair[0], 1)], pair)


def test_edge_softmax_of_some_edges() -> None:
    pair = graphs("plain")
    chosen = torch.tensor([0, 6, 1, 2])
    run = lambda library, g, x: library.ops.edge_softmax(g, x, eids=chosen)  # noqa: E731
    same_results(run, [torch.randn(4, 2, dtype=torch.float64)], pair)


def test_edge_softmax_of_large_scores_and_no_edges() -> None:
    ours, theirs = graphs("plain")
    scores = 1e4 * torch.randn(8, 3)
    assert_same(ops.edge_softmax(ours, scores), peer.ops.edge_softmax(theirs, scores))
    empty, _ = graphs("edgeless")
    assert ops.edge_softmax(empty, torch.zeros(0, 4)).shape == (0, 4)
    with pytest.raises(DGLError, match="norm_by"):
        ops.edge_softmax(ours, scores, norm_by="edge")


def several():
    data = {
        ("a", "x", "b"): ([0, 1, 2], [0, 1, 1]),
        ("a", "y", "b"): ([0, 0], [1, 2]),
        ("b", "z", "a"): ([0, 2, 1], [1, 1, 1]),
    }
    return [library.heterograph(data, {"a": 3, "b": 4}) for library in LIBRARIES]


@pytest.mark.parametrize("norm_by", ["dst", "src"])
def test_edge_softmax_over_all_relations_of_a_node_type(norm_by) -> None:
    pair = several()
    given = [torch.randn(pair[0].num_edges(t), 2, dtype=torch.float64) for t in ("x", "y", "z")]

    def run(library, g, x, y, z):
        out = library.ops.edge_softmax(g, {"x": x, ("a", "y", "b"): y, "z": z}, norm_by=norm_by)
        assert list(out) == g.canonical_etypes
        return list(out.values())

    same_results(run, given, pair)
    same_results(run, given, pair)  # from the cache


@pytest.mark.parametrize("how", ["sum", "max", "min"])
def test_gspmm_over_several_relations(how) -> None:
    pair = several()
    given = [torch.randn(3, 2), torch.randn(4, 2), *(torch.randn(pair[0].num_edges(t), 2) for t in "xyz")]
    results = []
    for library, g in zip(LIBRARIES, pair):
        copied = library.ops.gspmm(g, "copy_lhs", how, given[:2], None)
        multiplied = library.ops.gspmm(g, "mul", how, given[:2], given[2:])
        results.append([zeroed(x) for x in (*copied, *multiplied)])
    assert_same(*results)
    with pytest.raises(DGLError, match="mean"):
        ops.gspmm(pair[0], "copy_lhs", "mean", given[:2], None)


def test_gsddmm_over_several_relations() -> None:
    pair = several()
    nodes, edges = [torch.randn(3, 2), torch.randn(4, 2)], [torch.randn(n, 2) for n in (3, 2, 3)]
    results = []
    for library, g in zip(LIBRARIES, pair):
        results.append(
            [
                *library.ops.gsddmm(g, "dot", nodes, nodes),
                *library.ops.gsddmm(g, "mul", edges, nodes, "e", "v"),
                *library.ops.gsddmm(g, "copy_lhs", nodes, None),
            ]
        )
    assert_same(*results)


def test_unknown_ops_are_named() -> None:
    ours, _ = graphs("plain")
    with pytest.raises(DGLError, match="unknown op"):
        ops.gspmm(ours, "pow", "sum", torch.ones(6, 1), torch.ones(8, 1))
    with pytest.raises(DGLError, match="unknown op"):
        ops.gsddmm(ours, "pow", torch.ones(6, 1), torch.ones(6, 1))


# -- the attention of SE(3)-Transformers -----------------------------------------------------------------


@pytest.mark.parametrize("least", [0, 1 << 40])
@pytest.mark.parametrize("num_edges", [40, 0])
def test_attention_as_se3_transformers_write_it(num_edges, least) -> None:
    """Scores changed in place, inputs that are not contiguous, results that are viewed, graphs without edges."""
    generator = torch.Generator().manual_seed(3)
    src, dst = (torch.randint(0, 9, (num_edges,), generator=generator) for _ in range(2))
    pair = [library.graph((src, dst), num_nodes=9) for library in LIBRARIES]
    given = [torch.randn(num_edges, 64, dtype=torch.float64), torch.randn(9, 32, dtype=torch.float64)]
    given += [torch.randn(num_edges, 2, 4, 4, dtype=torch.float64)]

    def run(library, g, keys, queries, values):
        key = torch.chunk(keys, 2, dim=-1)[1].reshape(num_edges, 4, 8)
        query = queries.view(9, 4, 8)
        weights = library.ops.e_dot_v(g, key, query).squeeze(-1)
        weights /= np.sqrt(8)
        weights = library.ops.edge_softmax(g, weights)
        out = weights.unsqueeze(-1).unsqueeze(-1) * values.transpose(1, 2)
        pooled = library.ops.copy_e_sum(g, out)
        mean = library.ops.copy_e_mean(g, values[:, :, 0, 1:3])
        return weights, pooled.view(9, -1, 4), mean.view(-1)

    with gv.recorded(least):
        same_results(run, given, pair)


def test_results_may_be_changed_in_place() -> None:
    ours, _ = graphs("plain")
    x, y = torch.randn(6, 3, requires_grad=True), torch.randn(8, 3, requires_grad=True)
    for name in BINARY:
        left, right = ({"u": x, "v": x, "e": y}[t] for t in name.split("_")[::2])
        out = getattr(ops, name)(ours, left, right)
        expected = torch.autograd.grad((2 * out).sum(), (x, y), allow_unused=True)
        out = getattr(ops, name)(ours, left, right)
        out *= 2
        assert_same(list(torch.autograd.grad(out.sum(), (x, y), allow_unused=True)), list(expected))


def test_results_are_contiguous() -> None:
    ours, _ = graphs("plain")
    x = torch.randn(3, 6).t()
    for out in (
        ops.copy_u_sum(ours, x),
        ops.copy_u_max(ours, x),
        ops.u_add_v(ours, x, x),
        ops.u_dot_v(ours, x, x),
    ):
        assert out.is_contiguous()


# -- segments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("tail", [(), (3,), (2, 3)])
@pytest.mark.parametrize("how", ["sum", "mean", "max", "min", "softmax"])
def test_segments(how, tail, idtype) -> None:
    lengths = torch.tensor([2, 0, 4, 1], dtype=idtype)
    x = torch.randn(7, *tail, dtype=torch.float64)

    def run(library, _, x):
        if how == "softmax":
            return library.ops.segment_softmax(lengths, x)
        return library.ops.segment_reduce(lengths, x, how)

    same_results(run, [x], (None, None))


def test_segments_must_add_up() -> None:
    lengths = torch.tensor([2, 3])
    with pytest.raises(DGLError, match="5, got 4"):
        ops.segment_reduce(lengths, torch.ones(4))
    with pytest.raises(DGLError, match="not recognized"):
        ops.segment_reduce(lengths, torch.ones(5), "median")
    assert ops.segment_reduce(lengths, torch.ones(5)).tolist() == [2, 3]
    lengths += 1  # what is known of a tensor ends when it changes
    assert ops.segment_reduce(lengths, torch.ones(7)).tolist() == [3, 4]


def test_products_with_a_matrix_per_segment_or_row() -> None:
    a, b = torch.randn(7, 3, dtype=torch.float64), torch.randn(4, 3, 2, dtype=torch.float64)
    lengths, chosen = torch.tensor([2, 0, 4, 1]), torch.tensor([3, 0, 0, 2, 3, 1, 0])
    same_results(lambda library, _, a, b: library.ops.segment_mm(a, b, lengths), [a, b], (None, None))
    same_results(lambda library, _, a, b: library.ops.gather_mm(a, b, idx_b=chosen), [a, b], (None, None))
    assert ops.gather_mm(a[:0], b, idx_b=chosen[:0]).shape == (0, 2)


def test_ops_take_graphs_of_the_dialect_only_as_they_are() -> None:
    g = dgl.graph(([0], [1]))
    with pytest.raises(gv.errors.GrapevineError, match="2 rows"):
        ops.copy_u_sum(g, torch.ones(3, 1))
