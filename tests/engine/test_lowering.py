"""Ops that programs run as a few primitives: torch's values and derivatives, also at their corners, none stored."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import grapevine as gv

from .messages import assert_same, derivatives

#: Whole and half numbers, zeros, and a pair of zeros.
X = torch.tensor(
    [[0.0, 1.0, -1.5], [2.0, -0.5, 0.5], [0.0, 2.5, 0.3], [-2.0, 0.0, 1.7], [0.25, -0.7, 3.0]],
    dtype=torch.float64,
)
INDEX = torch.tensor([[0, 1, 2, 3, 4, 2, 0], [1, 2, 3, 3, 0, 0, 2]])
# i, j: rows of targets and sources; w: (3,) positive numbers.
OPS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "erf": lambda i, j, w: torch.erf(i + j),
    "exp2, log2, log10": lambda i, j, w: (i * j).exp2() + (i * i + j.abs() + 1).log2() * (i * j + 9).log10(),
    "rpow": lambda i, j, w: 2.0 ** (i * j) + 0.3 ** (i + j) + 1 ** (i - j),
    "pow of a tensor": lambda i, j, w: (
        (i * i + j * j + 1).pow(w) * torch.pow(w * (1 + (i * j).square()), 0.1 * (i + j))
    ),
    "power of zero": lambda i, j, w: torch.pow((i * j).abs() * w, w + 2),
    "zeroth power": lambda i, j, w: torch.pow(i + j, torch.zeros_like(w)) * j,
    "floor, ceil": lambda i, j, w: (i + j).floor() * i + (i * j).ceil(),
    "round, trunc": lambda i, j, w: (i + j).round() * j + (i - j).trunc() * (i * j),
    "large whole numbers": lambda i, j, w: (
        ((i + j) * 1e9 + 0.5).floor() * 1e-9 + ((i + j) * 1e18).round() * 1e-18 * j
    ),
    "hypot": lambda i, j, w: torch.hypot(i + 0.1, 1e-3 + j * j),
    "tan, sinh, cosh": lambda i, j, w: (0.1 * (i + j)).tan() + (i * j).sinh() + (i - j).cosh(),
    "softsign": lambda i, j, w: torch.nn.functional.softsign(i * j),
    "masked_fill": lambda i, j, w: (i * j).masked_fill(i > j, -1.0) + j.masked_fill(j == i, w[0]),
    "lerp, addcmul": lambda i, j, w: i.lerp(j, 0.3) + i.lerp(j, w) + i.addcmul(j, w, value=0.5) + i.addcdiv(j, w),
    "casts of masks": lambda i, j, w: j * (i > j).double() + i * (i == j).to(i.dtype) + (i >= j).type_as(j),
    "logic": lambda i, j, w: j * ((i > j) & (j > 0)) + i * ((i < j) | ~(i > 0)) + i * ((i > 0) ^ (j > 0)),
    "finite": lambda i, j, w: torch.where(((i + j) / (i - j)).isfinite(), (i + j), j),
    "detach": lambda i, j, w: (i * j).detach() * (i + j) + (i * w).detach(),
}  # fmt: skip


def outcome(name: str, how: str, dtype: torch.dtype) -> list[Tensor]:
    graph = gv.Edges(INDEX, num_nodes=X.shape[0])
    x = X.to(dtype).requires_grad_()
    w = torch.tensor([0.5, 1.25, 2.0], dtype=dtype, requires_grad=True)
    return derivatives(graph.reduce(OPS[name](graph.dst(x), graph.src(x), w), how), x, w)


@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("name", OPS)
def test_same_as_materialised(name: str, how: str) -> None:
    for dtype in (torch.float32, torch.float64):
        got = outcome(name, how, dtype)
        with gv.materialised():
            want = outcome(name, how, dtype)
        # Second derivatives of powers of zero are nan in torch itself.
        finite = list(itertools.takewhile(lambda t: bool(t.isfinite().all()), want))
        scale = max(1.0, float(finite[-1].abs().max()))
        assert len(got) == len(want) and len(finite) > 1
        assert_same(got[: len(finite)], finite, scale * (1e-10 if dtype is torch.float64 else 1e-5))


@pytest.mark.parametrize("name", OPS)
def test_runs_as_a_program(name: str) -> None:
    plan = gv.plan(lambda: outcome(name, "sum", torch.float64))
    assert plan.edge_bytes == 0 and not [s for s in plan.steps if s.stored], str(plan)


def test_large_ids_are_compared_as_integers() -> None:
    """Which a program over floats could not tell apart."""
    graph, x = gv.Edges(INDEX, num_nodes=5), X.float()
    ids = torch.arange(7)[:, None] + 2**24
    got = graph.sum((graph.edge(ids) == 2**24 + 1) * graph.src(x) * graph.dst(x))
    want = torch.zeros(5, 3)
    want[2] = x[1] * x[2]
    torch.testing.assert_close(got, want)


def test_hypot_keeps_what_squares_would_lose() -> None:
    graph, x = gv.Edges(INDEX, num_nodes=5), torch.tensor([[3e30], [4e30], [3e-30], [4e-30], [0.0]])
    got = gv.materialise(graph.sum(torch.hypot(graph.src(x) * 1.0, graph.dst(x) * 1.0)))
    want = torch.zeros(5, 1).index_add(0, INDEX[1], torch.hypot(x[INDEX[0]], x[INDEX[1]]))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=0.0)
