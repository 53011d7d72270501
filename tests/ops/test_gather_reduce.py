"""Gather, scale and reduce: the reference against torch's own scatter, the compiled kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops import gather_reduce
from grapevine.ops.gather_reduce import cpu, reference
from grapevine.topology import Topology
from tests.ops.graphs import DTYPES, GRAPHS, WIDTHS, assert_near, assert_same, compiled, numbers, steps

REDUCE = ["sum", "mean", "max", "min"]
IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731


def groups_of(width: int) -> list[int]:
    """No weight; one per edge, per head (two head counts) and per feature."""
    return sorted({0, 1, width, *(k for k in (2, 5, 8) if width % k == 0)})


def inputs(
    name: str, width: int, groups: int, dtype: torch.dtype, make=numbers
) -> tuple[Tensor, Tensor | None]:
    graph = GRAPHS[name]
    x = make(graph.num_src, width, dtype=dtype)
    return x, make(graph.num_edges, groups, dtype=dtype, seed=1) if groups else None


@pytest.mark.parametrize("reduce", REDUCE)
@pytest.mark.parametrize("name", GRAPHS)
def test_reference_against_torch(name: str, reduce: str) -> None:
    graph = GRAPHS[name]
    for groups in (0, 1, 2, 6):
        x, w = inputs(name, 6, groups, torch.float64, steps)
        m = x[graph.src_index]
        if w is not None:
            m = m * w.repeat_interleave(6 // groups, dim=1)
        where = graph.dst_index.unsqueeze(1).expand_as(m)
        how = {"max": "amax", "min": "amin"}.get(reduce, reduce)
        want = torch.zeros(graph.num_dst, 6, dtype=m.dtype).scatter_reduce(
            0, where, m, how, include_self=False
        )
        out, ties = reference.run(graph.by_dst, x, w, "other", "edge", reduce)
        torch.testing.assert_close(out, want, rtol=1e-12, atol=1e-12)
        on_edges, _ = reference.run(graph.by_dst, m, None, "edge", "edge", reduce)
        torch.testing.assert_close(on_edges, want, rtol=1e-12, atol=1e-12)
        if how == reduce:
            assert ties is None
        else:
            attained = (m == want[graph.dst_index]).long()
            assert torch.equal(
                ties.long(), torch.zeros_like(want).long().index_add(0, graph.dst_index, attained)
            )


@compiled
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_sums_by_width(dtype: torch.dtype, width: int) -> None:
    for groups in groups_of(width):
        check_sum("random", width, groups, dtype)


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_sums_by_graph(name: str, dtype: torch.dtype) -> None:
    for groups in (0, 1, 2, 6):
        check_sum(name, 6, groups, dtype)


def check_sum(name: str, width: int, groups: int, dtype: torch.dtype) -> None:
    order = GRAPHS[name].by_dst
    x, w = inputs(name, width, groups, dtype, steps if name == "heavy" else numbers)  # long sums: exact ones
    x64, w64 = x.double(), None if w is None else w.double()
    for reduce in ("sum", "mean"):
        out, ties = cpu.run(order, x, w, "other", "edge", reduce)
        exact, _ = reference.run(order, x64, w64, "other", "edge", reduce)
        size, _ = reference.run(order, x64.abs(), None if w64 is None else w64.abs(), "other", "edge", reduce)
        assert ties is None and out.dtype is dtype
        assert_near(out, exact, size, f"{reduce}, {groups} groups")


@compiled
@pytest.mark.parametrize("values", [numbers, steps])
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_extremes_and_their_ties_are_exact(name: str, dtype: torch.dtype, values) -> None:
    order = GRAPHS[name].by_dst
    for width in (6, 65) if name == "heavy" else (1, 6, 16, 65, 130):
        for groups in groups_of(width):
            x, w = inputs(name, width, groups, dtype, values)
            for reduce in ("max", "min"):
                args = (order, x, w, "other", "edge", reduce)
                for got, want in zip(cpu.run(*args), reference.run(*args), strict=True):
                    assert_same(got, want, f"{reduce}, {width} features, {groups} groups")


@compiled
@pytest.mark.parametrize("reduce", REDUCE)
@pytest.mark.parametrize("name", GRAPHS)
def test_rows_on_edges_and_weights_on_nodes(name: str, reduce: str) -> None:
    graph = GRAPHS[name]
    order = graph.by_dst
    on = {"edge": graph.num_edges, "other": graph.num_src}
    for x_on, w_on in (("edge", "edge"), ("edge", "other"), ("other", "other")):
        args = (order, steps(on[x_on], 6), steps(on[w_on], 2, seed=1), x_on, w_on, reduce)
        for got, want in zip(cpu.run(*args), reference.run(*args), strict=True):
            if reduce == "mean":
                torch.testing.assert_close(got, want, rtol=1e-14, atol=1e-14)
            else:
                assert_same(got, want, f"{x_on}, {w_on}")


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("reduce", REDUCE)
def test_nan_and_infinity(reduce: str, dtype: torch.dtype) -> None:
    """They spread as in the reference, in whatever position of a row they come."""
    order = GRAPHS["random"].by_dst
    for value in (float("nan"), float("inf"), float("-inf")):
        for at in range(7):
            for weighted in (False, True):
                x, w = inputs("random", 17, int(weighted), dtype, steps)
                x[at, ::2] = value
                x[(at + 2) % 7, ::3] = float("-inf")
                out, ties = cpu.run(order, x, w, "other", "edge", reduce)
                want, counts = reference.run(order, x, w, "other", "edge", reduce)
                if reduce == "mean":  # thirds are rounded in another order
                    finite = want.isfinite()
                    bound = 4 * torch.finfo(dtype).eps
                    torch.testing.assert_close(out[finite], want[finite], rtol=bound, atol=bound)
                    out, want = out.where(~finite, 0.0), want.where(~finite, 0.0)
                assert_same(out, want, f"{value} at {at}")
                if ties is not None:  # a nan equals nothing: no message attains it
                    known = ~want.isnan()
                    assert torch.equal(ties[known], counts[known])


@compiled
def test_nan_in_a_heavy_row() -> None:
    order = GRAPHS["heavy"].by_dst
    x = steps(order.num_edges, 3)
    for block in (10, 5000, 9500):  # of the row of 9,000 edges, first, second and third block
        assert order.perm is not None
        at = int(order.perm[int(order.ptr[4]) + block - 1000])
        spoiled = x.clone()
        spoiled[at, 1] = float("nan")
        for reduce in REDUCE:
            got, _ = cpu.run(order, spoiled, None, "edge", "edge", reduce)
            want, _ = reference.run(order, spoiled, None, "edge", "edge", reduce)
            assert got.isnan().sum() == 1
            torch.testing.assert_close(got, want, rtol=1e-14, atol=1e-14, equal_nan=True)


@compiled
def test_every_float16_and_bfloat16() -> None:
    """Copies keep every bit pattern; products are rounded as torch rounds them, to nearest, ties to even."""
    patterns = torch.arange(-(2**15), 2**15, dtype=torch.int16)
    count = patterns.shape[0]
    graph = torch.arange(count)
    order = Topology(graph, graph, (count, count)).by_dst
    factors = numbers(count, 1, dtype=torch.float32) * 2.0 ** torch.randint(-20, 20, (count, 1))
    for dtype in (torch.float16, torch.bfloat16):
        x = patterns.view(dtype).unsqueeze(1)
        copied, _ = gather_reduce(order, x, None, "other", "edge", "sum")
        assert_same(copied, x)
        finite = ~x.isnan()
        same = copied.view(torch.int16) == x.view(torch.int16)
        assert bool((same | ~finite | (x == 0)).all())
        w = factors.to(dtype)
        scaled, _ = gather_reduce(order, x, w, "other", "edge", "sum")
        assert_same(scaled, (x.float() * w.float()).to(dtype))
