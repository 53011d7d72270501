"""Attention in one pass: the composed form against autograd, the kernel against the composed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops.attention import composed, cpu
from grapevine.topology import Topology
from tests.ops.graphs import DTYPES, GRAPHS, assert_near, assert_same, compiled, numbers

#: Features and heads: one head, as many as features, groups that have a kernel of their own, and others.
SHAPES = [(1, 1), (7, 1), (7, 7), (12, 4), (16, 4), (64, 8), (64, 4), (65, 5), (130, 2), (68, 17)]


def inputs(graph: Topology, features: int, heads: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """A gradient at the destinations, scores of the edges and the sources' features."""
    grad = numbers(graph.num_dst, features, dtype=dtype)
    steep = 4 if dtype.itemsize >= 4 else 1  # float16 has no small weights
    scores = (steep * numbers(graph.num_edges, heads, seed=1)).to(dtype)
    return [grad, scores, numbers(graph.num_src, features, dtype=dtype, seed=2)]


@pytest.mark.parametrize("name", GRAPHS)
def test_composed_against_autograd(name: str) -> None:
    graph = GRAPHS[name]
    for heads in (1, 2, 6):
        grad, scores, x = inputs(graph, 6, heads)
        scores, x = scores.requires_grad_(), x.requires_grad_()
        want = torch.zeros_like(grad) + 0 * (scores.sum() + x.sum())
        for node in range(graph.num_dst):
            mine = (graph.dst_index == node).nonzero().flatten()
            weights = scores[mine].softmax(0).unsqueeze(-1)
            arrived = (x[graph.src_index[mine]].unflatten(1, (heads, -1)) * weights).flatten(1)
            want = want.index_copy(0, torch.tensor([node]), arrived.sum(0, keepdim=True))
        out, norm = composed.run(graph.by_dst, scores.detach(), x.detach())
        torch.testing.assert_close(out, want.detach(), rtol=1e-12, atol=1e-12)
        back = composed.run_backward(graph.by_src, grad, out, scores.detach(), norm, x.detach())
        torch.testing.assert_close(back, torch.autograd.grad(want, (x, scores), grad), rtol=1e-11, atol=1e-11)


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_kernel_by_shape(dtype: torch.dtype) -> None:
    for features, heads in SHAPES:
        check("random", features, heads, dtype)


@compiled
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_by_graph(name: str) -> None:
    for dtype in DTYPES:
        for heads in (1, 3, 4):
            check(name, 12, heads, dtype)


def check(name: str, features: int, heads: int, dtype: torch.dtype) -> None:
    for graph in (GRAPHS[name], GRAPHS[name].reverse()):
        grad, scores, x = inputs(graph, features, heads, dtype)
        terms = int(graph.by_dst.ptr.diff().amax()) if graph.num_dst else 1
        what = f"{features} features, {heads} heads"
        # Scores are up to some 16 apart, which the exponential takes over as a relative error; weights are rounded.
        grown = 10 + torch.finfo(dtype).eps / torch.finfo(torch.promote_types(dtype, torch.float32)).eps

        out, norm = cpu.run(graph.by_dst, scores, x)
        exact, exact_norm = composed.run(graph.by_dst, scores.double(), x.double())
        most, _ = composed.run(graph.by_dst, scores.double(), x.double().abs())
        assert_near(out, exact, grown * most, what, terms)
        assert_near(
            norm[graph.dst_index],
            exact_norm[graph.dst_index],
            10 * exact_norm[graph.dst_index].abs(),
            what,
            terms,
        )

        terms = int(graph.by_src.ptr.diff().amax()) if graph.num_src else 1
        got = cpu.run_backward(graph.by_src, grad, out, scores, norm, x)
        exactly, sizes = (
            composed.run_backward(
                graph.by_src, g.double(), o.double(), scores.double(), exact_norm, r.double()
            )
            for g, o, r in ((grad, out, x), (grad.abs(), -out.abs(), x.abs()))
        )
        for mine, right, size in zip(got, exactly, sizes, strict=True):
            assert_near(mine, right, grown * size, what + ", backward", terms + features)


@compiled
def test_extreme_scores() -> None:
    """Large ones neither overflow nor lose the others; where torch's softmax is nan, so is this."""
    graph = GRAPHS["loops and duplicates"]
    for value in (1e30, -1e30, float("-inf"), float("nan")):
        scores = numbers(graph.num_edges, 2, dtype=torch.float32)
        scores[1] = value
        x = numbers(graph.num_src, 4, dtype=torch.float32)
        for got, want in zip(
            cpu.run(graph.by_dst, scores, x), composed.run(graph.by_dst, scores, x), strict=True
        ):
            torch.testing.assert_close(got[:3], want[:3], equal_nan=True)


@compiled
def test_same_bits_for_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    graph = GRAPHS["heavy"]
    grad, scores, x = inputs(graph, 12, 4, torch.float32)
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out, norm = cpu.run(graph.by_dst, scores, x)
            found.append((out, norm, *cpu.run_backward(graph.by_src, grad, out, scores, norm, x)))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        for got, want in zip(others, found[0], strict=True):
            assert_same(got, want)


@compiled
def test_no_features() -> None:
    graph = GRAPHS["random"]
    grad, scores, x = inputs(graph, 0, 3)
    out, norm = cpu.run(graph.by_dst, scores, x)
    grad_x, grad_scores = cpu.run_backward(graph.by_src, grad, out, scores, norm, x)
    assert out.shape == grad.shape
    assert grad_x.shape == x.shape
    assert torch.equal(grad_scores, torch.zeros_like(scores))
