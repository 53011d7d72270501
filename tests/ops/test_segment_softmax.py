"""Softmax over the edges of each row: reference against `torch.softmax`, compiled kernel against reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops.segment_softmax import cpu, reference
from tests.ops.graphs import DTYPES, GRAPHS, assert_near, assert_same, compiled, numbers

HEADS = [1, 3, 4, 7, 8, 16, 65]
IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731


def by_row(name: str, e: Tensor) -> Tensor:
    """`torch.softmax` over the edges of one node after the other."""
    graph = GRAPHS[name]
    parts = e * 0
    for node in range(graph.num_dst):
        mine = (graph.dst_index == node).nonzero().flatten()
        parts = parts.index_copy(0, mine, e[mine].softmax(0))
    return parts


@pytest.mark.parametrize("name", GRAPHS)
def test_reference_against_torch(name: str) -> None:
    graph = GRAPHS[name]
    e = (5 * numbers(graph.num_edges, 3)).requires_grad_()
    want = by_row(name, e)
    p = reference.run(graph.by_dst, e.detach())
    torch.testing.assert_close(p, want.detach(), rtol=1e-12, atol=1e-12)
    grad = numbers(graph.num_edges, 3, seed=1)
    (wanted,) = torch.autograd.grad(want, e, grad)
    torch.testing.assert_close(reference.run_backward(graph.by_dst, p, grad), wanted, rtol=1e-12, atol=1e-12)


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel(name: str, dtype: torch.dtype) -> None:
    graph = GRAPHS[name]
    for heads in (1, 3) if name == "heavy" else HEADS:
        e = (5 * numbers(graph.num_edges, heads)).to(dtype)
        terms = 9000 if name == "heavy" else 1
        p = cpu.run(graph.by_dst, e)
        exact = reference.run(graph.by_dst, e.double())
        # the scores differ by up to 40, which the exponential takes over as a relative error
        assert_near(p, exact, 20 * exact, f"{heads} heads", terms)
        grad = numbers(graph.num_edges, heads, dtype=dtype, seed=1)
        back = cpu.run_backward(graph.by_dst, p, grad)
        mixed = (p.double() * grad.double()).abs()
        sums = torch.zeros(graph.num_dst, heads, dtype=torch.float64).index_add(0, graph.dst_index, mixed)
        size = mixed + p.double().abs() * sums[graph.dst_index]
        exact = reference.run_backward(graph.by_dst, p.double(), grad.double())
        assert_near(back, exact, size, f"{heads} heads, backward", terms)


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=IDS)
@pytest.mark.parametrize("heads", [1, 3, 4])
def test_extreme_scores(heads: int, dtype: torch.dtype) -> None:
    """Large scores do not overflow, -inf masks an edge; a row of nothing else is nan, and one with inf or nan."""
    graph = GRAPHS["random"]
    for scale in (1.0, 100.0, 1e4, 1e30):
        e = numbers(graph.num_edges, heads, dtype=dtype) * scale
        sums = torch.zeros(graph.num_dst, heads, dtype=dtype)
        p = cpu.run(graph.by_dst, e)
        arrive = graph.in_degrees(dtype).clamp(max=1).unsqueeze(1).expand_as(sums)
        torch.testing.assert_close(sums.index_add(0, graph.dst_index, p), arrive, rtol=1e-5, atol=0.0)
        torch.testing.assert_close(p, reference.run(graph.by_dst, e), rtol=1e-5, atol=1e-37)
    for value in (float("-inf"), float("inf"), float("nan")):
        for at in (slice(0, 1), slice(3, 9), graph.dst_index == 2):
            e = numbers(graph.num_edges, heads, dtype=dtype)
            e[at] = value
            p, want = cpu.run(graph.by_dst, e), reference.run(graph.by_dst, e)
            torch.testing.assert_close(p, want, rtol=1e-5, atol=1e-12, equal_nan=True)
            assert bool(want.isnan().any()) == (value != float("-inf") or not isinstance(at, slice))


@compiled
def test_a_single_edge_has_all_the_weight() -> None:
    order = GRAPHS["one row"].by_dst
    for dtype in DTYPES:
        alone = GRAPHS["sorted"].by_dst
        p = cpu.run(alone, numbers(4, 2, dtype=dtype))
        assert_same(p[[0, 3]], torch.ones(2, 2, dtype=dtype))
        equal = cpu.run(order, torch.full((9, 5), 3.0, dtype=dtype))
        assert_same(equal, torch.full((9, 5), 1 / 9, dtype=torch.float64).to(dtype))
