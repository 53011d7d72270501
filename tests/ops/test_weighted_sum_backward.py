"""A weighted sum's derivative in one pass: the reference against autograd, the kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops.weighted_sum_backward import cpu, reference
from grapevine.topology import Topology
from tests.ops.graphs import DTYPES, GRAPHS, WIDTHS, assert_near, compiled, numbers


def inputs(graph: Topology, width: int, groups: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """A gradient at the destinations, weights of the edges and the sources' features."""
    rows = ((graph.num_dst, width), (graph.num_edges, groups), (graph.num_src, width))
    return [numbers(*shape, dtype=dtype, seed=seed) for seed, shape in enumerate(rows)]


@pytest.mark.parametrize("name", GRAPHS)
def test_reference_against_autograd(name: str) -> None:
    graph = GRAPHS[name]
    for groups in (1, 2, 6):
        grad, weight, x = inputs(graph, 6, groups)
        weight, x = weight.requires_grad_(), x.requires_grad_()
        messages = (x[graph.src_index].unflatten(1, (groups, -1)) * weight.unsqueeze(-1)).flatten(1)
        out = torch.zeros_like(grad).index_add(0, graph.dst_index, messages)
        want = torch.autograd.grad(out, (x, weight), grad)
        got = reference.run(graph.by_src, grad, weight.detach(), x.detach())
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_kernel_by_width(dtype: torch.dtype) -> None:
    for width in WIDTHS:
        for groups in sorted({1, width, *(k for k in (2, 4, 5, 8, 32) if width % k == 0)}):
            check("random", width, groups, dtype)


@compiled
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_by_graph(name: str) -> None:
    for dtype in DTYPES:
        for groups in (1, 2, 6):
            check(name, 6, groups, dtype)


def check(name: str, width: int, groups: int, dtype: torch.dtype) -> None:
    for graph in (GRAPHS[name], GRAPHS[name].reverse()):
        given, order = inputs(graph, width, groups, dtype), graph.by_src
        exact = reference.run(order, *(t.double() for t in given))
        size = reference.run(order, *(t.double().abs() for t in given))
        terms = int(order.ptr.diff().amax()) if order.num_rows else 1
        for got, want, most in zip(cpu.run(order, *given), exact, size, strict=True):
            assert_near(got, want, most, f"{width} features, {groups} groups", terms)


@compiled
def test_no_features() -> None:
    graph = GRAPHS["random"]
    grad, weight, x = inputs(graph, 0, 3)
    grad_x, grad_weight = cpu.run(graph.by_src, grad, weight, x)
    assert grad_x.shape == x.shape
    assert torch.equal(grad_weight, torch.zeros_like(weight))
