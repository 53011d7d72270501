"""Corners of the planner, each against plain torch: values and derivatives of both orders."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor

import grapevine as gv

SRC, DST = torch.tensor([[0, 1, 2, 2, 0, 3, 3], [1, 2, 0, 1, 1, 1, 3]])
X = torch.tensor([[0.5, -1.2, 2.0], [1.7, 0.1, -0.4], [-2.3, 0.9, 1.1], [0.3, -0.6, 3.1], [1.0, 1.0, 1.0]])
EXPONENT = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)

Message = Callable[[Tensor], Tensor]

CORNERS: dict[str, Message] = {
    # operations that are element-wise, yet have no form in an edge program
    "power of a tensor": lambda m: torch.pow(m.abs(), EXPONENT),
    "power of a tensor, method": lambda m: m.abs().pow(EXPONENT) * m,
    "floor division": lambda m: m.div(2.0, rounding_mode="floor") + m,
    "truncated division": lambda m: m.div(0.7, rounding_mode="trunc") * m,
    "floor division, operator": lambda m: m.detach() // 0.5 + m,
    "remainder": lambda m: m % 0.8 * m,
    # programs that read no leaf, or whose gradient reads none
    "power of zero": lambda m: m.pow(0),
    "times zero": lambda m: m * 0,
    "difference with itself": lambda m: m - m,
    "constant": lambda m: m.pow(0) * 3 + 1,
    "constant, summed over features": lambda m: (m * 0 + 2).sum(-1, keepdim=True),
    "linear": lambda m: m * 3 - 1,
    "power of one": lambda m: m.pow(1),
    # arithmetic in another dtype than the message's
    "bool plus bool": lambda m: m * ((m > 0) + (m < 1)),
    "bool times a number": lambda m: m * ((m > 0) * 0.1),
    "not": lambda m: m * ~(m > 0),
    "integers": lambda m: m * ((m > 0).long() * 2 + 1),
    "single precision": lambda m: m * (m.float() * 0.1),
    # gradients for which autograd makes zeros without storage
    "norm of order one": lambda m: m.norm(p=1, dim=1, keepdim=True),
    "norm of order two": lambda m: m.norm(p=2, dim=1, keepdim=True) * m,
    "absolute value": lambda m: m.abs(),
    "relu": lambda m: m.relu() * m,
    "clamped": lambda m: m.clamp(-1.0, 1.0) * m,
    "steps": lambda m: m.round() * m + m.sign(),
}


def derivatives(out: Tensor, x: Tensor) -> list[Tensor]:
    """The value, and the gradients of its squares of first and second order."""
    if not out.requires_grad:
        return [out]
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    (grad,) = torch.autograd.grad(out.square().sum(), x, create_graph=True, allow_unused=True)
    if grad is not None:
        first = grad
        if grad.requires_grad:
            (again,) = torch.autograd.grad(grad.square().sum(), x, allow_unused=True)
            second = second if again is None else again
    return [out, first, second]


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
@pytest.mark.parametrize("name", CORNERS)
def test_reduced(name: str, how: str) -> None:
    tolerance = (
        1e-6 if name == "single precision" else 1e-10
    )  # what is computed in float32 is as good as that
    x = X.double().requires_grad_()
    graph = gv.Edges((SRC, DST), num_nodes=5)
    got = derivatives(graph.reduce(CORNERS[name](graph.src(x)), how), x)
    m = CORNERS[name](x[SRC])
    rows = [m[graph.dst_index == n] for n in range(5)]
    reduce = {"sum": lambda r: r.sum(0), "mean": lambda r: r.mean(0), "max": lambda r: r.amax(0)}[how]
    plain = torch.stack([reduce(r) if len(r) else m.new_zeros(m.shape[1:]) for r in rows])
    for a, b in zip(got, derivatives(plain, x), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CORNERS)
def test_materialised(name: str) -> None:
    x = X.double().requires_grad_()
    graph = gv.Edges((SRC, DST), num_nodes=5)
    got = derivatives(gv.materialise(CORNERS[name](graph.src(x))), x)
    for a, b in zip(got, derivatives(CORNERS[name](x[SRC]), x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


MODES = pytest.mark.parametrize("mode", [gv.recorded, gv.materialised], ids=["recorded", "materialised"])


@MODES
@pytest.mark.parametrize("how", ["max", "min"])
def test_an_extreme_of_zero_gives_its_whole_gradient(
    how: str, mode: Callable[[], AbstractContextManager[None]]
) -> None:
    """Zero is also what nodes without messages get: that must not pass for one more message."""
    sign = 1.0 if how == "max" else -1.0
    x = torch.tensor([[0.0], [-1.0], [5.0], [0.0]], requires_grad=True)
    with mode():
        graph = gv.Edges((torch.tensor([0, 1, 0, 3]), torch.tensor([2, 2, 1, 1])), num_nodes=4)
        out = graph.reduce(graph.src(x * sign), how)
        (grad,) = torch.autograd.grad(out.sum() * sign, x)
    assert grad.flatten().tolist() == [1.5, 0.0, 0.0, 0.5]


@MODES
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_many_messages_in_half_precision(
    dtype: torch.dtype, mode: Callable[[], AbstractContextManager[None]]
) -> None:
    """Sums and counts go on where the storage type would stop: 256 + 1 is 256 in bfloat16."""
    count = 5000
    ones = torch.ones(count, 1, dtype=dtype)
    with mode():
        graph = gv.Edges((torch.arange(count), torch.zeros(count, dtype=torch.long)), size=(count, 1))
        assert graph.mean(graph.src(ones)).item() == 1.0
        assert graph.sum(graph.src(ones)).item() == torch.tensor(5000.0).to(dtype).item()
