"""A dot product per edge and head: the reference against einsum, the compiled kernel against the reference."""

from __future__ import annotations

import pytest
import torch

from grapevine.ops.edge_dot import cpu, reference
from tests.ops.graphs import DTYPES, GRAPHS, WIDTHS, assert_near, assert_same, compiled, numbers

IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731


def rows(name: str, width: int, b_on: str, dtype: torch.dtype = torch.float64):
    graph = GRAPHS[name]
    b = numbers(graph.num_edges if b_on == "edge" else graph.num_src, width, dtype=dtype, seed=1)
    return numbers(graph.num_dst, width, dtype=dtype), b


@pytest.mark.parametrize("b_on", ["other", "edge"])
@pytest.mark.parametrize("name", GRAPHS)
def test_reference_against_einsum(name: str, b_on: str) -> None:
    graph = GRAPHS[name]
    a, b = rows(name, 6, b_on)
    a_e, b_e = a[graph.dst_index], b if b_on == "edge" else b[graph.src_index]
    for heads in (1, 2, 3, 6):
        want = torch.einsum("ehd,ehd->eh", a_e.unflatten(1, (heads, -1)), b_e.unflatten(1, (heads, -1)))
        got = reference.run(graph.by_dst, a, b, heads, b_on)
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@compiled
@pytest.mark.parametrize("b_on", ["other", "edge"])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_kernel_by_width(dtype: torch.dtype, b_on: str) -> None:
    for width in WIDTHS:
        for heads in sorted({1, width, *(k for k in (2, 5, 8) if width % k == 0)}):
            check("random", width, heads, dtype, b_on)


@compiled
@pytest.mark.parametrize("b_on", ["other", "edge"])
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_by_graph(name: str, b_on: str) -> None:
    for dtype in DTYPES:
        for heads in (1, 2, 6):
            check(name, 6, heads, dtype, b_on)


def check(name: str, width: int, heads: int, dtype: torch.dtype, b_on: str) -> None:
    a, b = rows(name, width, b_on, dtype)
    order = GRAPHS[name].by_dst
    exact = reference.run(order, a.double(), b.double(), heads, b_on)
    size = reference.run(order, a.double().abs(), b.double().abs(), heads, b_on)
    assert_near(cpu.run(order, a, b, heads, b_on), exact, size, f"{width} features, {heads} heads")


@compiled
def test_nan_and_infinity() -> None:
    order = GRAPHS["random"].by_dst
    for value in (float("nan"), float("inf")):
        a, b = rows("random", 18, "other")
        a[1, ::5], b[2, ::4] = value, -value
        for heads in (1, 2, 18):
            want = reference.run(order, a, b, heads, "other")
            got = cpu.run(order, a, b, heads, "other")
            finite = want.isfinite()
            assert not finite.all()
            assert_same(got.where(~finite, 0.0), want.where(~finite, 0.0))
            torch.testing.assert_close(got[finite], want[finite], rtol=1e-12, atol=1e-12)
