"""The gradient of max and min: the reference against torch's autograd, the compiled kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops import gather_reduce
from grapevine.ops.extreme_backward import cpu, reference
from tests.ops.graphs import DTYPES, GRAPHS, WIDTHS, assert_near, assert_same, compiled, numbers, steps

IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731


def forward(name: str, width: int, groups: int, dtype: torch.dtype, x_on: str, reduce: str, make=steps):
    """Inputs of a max or min, its result, and the shares of a random gradient."""
    graph = GRAPHS[name]
    x = make(graph.num_edges if x_on == "edge" else graph.num_src, width, dtype=dtype)
    w = make(graph.num_edges, groups, dtype=dtype, seed=1) if groups else None
    out, ties = gather_reduce(graph.by_dst, x, w, x_on, "edge", reduce)
    grad = numbers(*out.shape, dtype=dtype, seed=2)
    return x, w, out, grad / ties.clamp(min=1), grad


@pytest.mark.parametrize("x_on", ["other", "edge"])
@pytest.mark.parametrize("name", [n for n in GRAPHS if n != "heavy"])
def test_reference_against_autograd(name: str, x_on: str) -> None:
    """Many messages tie: `scatter_reduce` shares the gradient among them evenly, and so do we."""
    graph = GRAPHS[name]
    for reduce in ("max", "min"):
        for groups in (0, 1, 2, 6) if x_on == "other" else (0,):
            x, w, out, share, grad = forward(name, 6, groups, torch.float64, x_on, reduce)
            leaves = [t.requires_grad_() for t in (x, w) if t is not None]
            m = x[graph.src_index] if x_on == "other" else x
            if w is not None:
                m = m * w.repeat_interleave(6 // groups, dim=1)
            where = graph.dst_index.unsqueeze(1).expand_as(m)
            # the start is a number that no message has: torch would count it among those that share
            start = m.new_full((graph.num_dst, 6), 9.5)
            want = start.scatter_reduce(0, where, m, f"a{reduce}", include_self=False)
            want = want.where(want != start, 0.0)
            assert torch.equal(want, out)
            wanted = torch.autograd.grad(want, leaves, grad)
            order = graph.by_src if x_on == "other" else graph.by_dst
            with torch.no_grad():
                got = reference.run(order, x, w, x_on, out, share)
            for g, expected in zip((t for t in got if t is not None), wanted, strict=True):
                torch.testing.assert_close(g, expected, rtol=1e-12, atol=1e-12)


@compiled
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
def test_kernel_by_width(dtype: torch.dtype, width: int) -> None:
    for groups in sorted({0, 1, width}):
        check("random", width, groups, dtype)


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_by_graph(name: str, dtype: torch.dtype) -> None:
    for groups in (0, 1, 2, 6):
        check(name, 6, groups, dtype)


def check(name: str, width: int, groups: int, dtype: torch.dtype) -> None:
    """Against the reference in float64, which attains at the same places: products of whole numbers are exact."""
    order = GRAPHS[name].by_src
    for reduce in ("max", "min"):
        x, w, out, share, _ = forward(name, width, groups, dtype, "other", reduce)
        got = cpu.run(order, x, w, "other", out, share)
        many = [None if t is None else t.double() for t in (x, w, out, share)]
        exact = reference.run(order, many[0], many[1], "other", many[2], many[3])
        sizes = magnitudes(name, x, w, out, share, groups)
        for g, e, size in zip(got, exact, sizes, strict=True):
            if g is None:
                assert e is None
            else:
                assert_near(g, e, size, f"{reduce}, {groups} groups", 2000 if name == "heavy" else 1)


def magnitudes(
    name: str, x: Tensor, w: Tensor | None, out: Tensor, share: Tensor, groups: int
) -> list[Tensor | None]:
    """What is added up, in absolute values, whether it attains the extreme or not."""
    graph = GRAPHS[name]
    spread = 1.0 if w is None else w.double().abs().repeat_interleave(x.shape[1] // groups, dim=1)
    shares = share.double().abs()[graph.dst_index]
    for_x = torch.zeros(x.shape, dtype=torch.float64).index_add(0, graph.src_index, shares * spread)
    if w is None:
        return [for_x, None]
    return [for_x, (shares * x.double().abs()[graph.src_index]).unflatten(1, (groups, -1)).sum(-1)]


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_for_rows_on_edges(name: str, dtype: torch.dtype) -> None:
    """Shares are copied, not computed: equal to the last bit."""
    order = GRAPHS[name].by_dst
    for width in (1, 7, 130) if name != "heavy" else (3,):
        for reduce in ("max", "min"):
            x, _, out, share, _ = forward(name, width, 0, dtype, "edge", reduce)
            got, nothing = cpu.run(order, x, None, "edge", out, share)
            want, _ = reference.run(order, x, None, "edge", out, share)
            assert nothing is None
            assert_same(got, want)


@compiled
def test_rounded_products_attain_what_was_stored() -> None:
    """In half precision a message is compared as it would be stored, so each maximum finds its message again."""
    graph = GRAPHS["random"]
    for dtype in (torch.float16, torch.bfloat16):
        for groups in (1, 2, 6):
            x, w, out, share, _ = forward("random", 6, groups, dtype, "other", "max", numbers)
            spread = w.repeat_interleave(6 // groups, dim=1)
            attained = (x.float()[graph.src_index] * spread.float()).to(dtype) == out[graph.dst_index]
            assert int(attained.sum()) >= 6 * int((graph.in_degrees() > 0).sum())
            terms = attained * share.double()[graph.dst_index] * spread.double()
            want, size = (x.double().zero_().index_add(0, graph.src_index, t) for t in (terms, terms.abs()))
            assert_near(cpu.run(graph.by_src, x, w, "other", out, share)[0], want, size)


@compiled
def test_a_nan_among_the_messages_attains_nothing() -> None:
    x, w, _, _, _ = forward("random", 6, 1, torch.float64, "other", "max")
    x[2, ::2] = float("nan")
    graph = GRAPHS["random"]
    out, ties = gather_reduce(graph.by_dst, x, w, "other", "edge", "max")
    share = numbers(*out.shape, seed=2) / ties.clamp(min=1)
    got = cpu.run(graph.by_src, x, w, "other", out, share)
    want = reference.run(graph.by_src, x, w, "other", out, share)
    assert bool(out.isnan().any()) and bool((got[0][2, ::2] == 0).all())
    assert_same(got[0], want[0])
