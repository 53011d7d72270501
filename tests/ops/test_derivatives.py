"""Derivatives of first and second order through the verbs of `Edges`, against finite differences and torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import grapevine as gv

SRC, DST = torch.tensor(
    [[0, 2, 2, 1, 4, 4, 0, 3], [1, 1, 1, 0, 0, 4, 4, 4]]
)  # node 3 has no sources, twice 2 -> 1
SQUARE = gv.Edges(torch.stack((SRC, DST)), num_nodes=5)
PAIRED = gv.Edges((SRC, torch.tensor([1, 1, 1, 0, 0, 2, 2, 6])), size=(5, 7))

X = torch.linspace(-1.3, 1.4, 30, dtype=torch.float64).cos().mul(2).view(5, 6)
Y = torch.linspace(0.2, 2.9, 42, dtype=torch.float64).sin().view(7, 6)
W = torch.linspace(0.4, 1.7, 8, dtype=torch.float64).unsqueeze(1)
MATRIX = torch.linspace(1.0, 5.0, 36, dtype=torch.float64).sin().view(12, 3)
HEADS = torch.linspace(-0.9, 1.1, 24, dtype=torch.float64).exp().view(8, 3, 1)

#: Messages and reductions: what is asked of the graph, and the tensors that it is differentiated by.
VERBS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "sum of sources": (lambda g, x: g.sum(g.src(x)), (X,)),
    "mean of sources": (lambda g, x: g.mean(g.src(x)), (X,)),
    "sum of destinations": (lambda g, y: g.sum(g.dst(y)), (Y,)),
    "weighted sum": (lambda g, x, w: g.sum(g.src(x) * g.edge(w)), (X, W)),
    "weighted mean": (lambda g, x, w: g.mean(g.edge(w) * g.src(x)), (X, W)),
    "sum by heads": (lambda g, x, w: g.sum(g.src(x.view(5, 3, 2)) * g.edge(w)), (X, HEADS)),
    "max": (lambda g, x: g.max(g.src(x)), (X,)),
    "min": (lambda g, x: g.min(g.src(x)), (X,)),
    "weighted max": (lambda g, x, w: g.max(g.src(x) * g.edge(w)), (X, W)),
    "max by heads": (lambda g, x, w: g.max(g.src(x.view(5, 3, 2)) * g.edge(w)), (X, HEADS)),
    "max of edges": (lambda g, e: g.max(g.edge(e)), (X.repeat(2, 1)[:8] + W,)),
    "product": (lambda g, x: g.reduce(g.src(x), "mul"), (X,)),
    "softmax": (lambda g, e: g.softmax(g.edge(e)), (HEADS.squeeze(2),)),
    "attention": (
        lambda g, x, y: g.sum(g.softmax((g.src(x) * g.dst(y)).sum(-1, keepdim=True)) * g.src(x)),
        (X, Y),
    ),
    "dot": (lambda g, x, y: gv.materialise((g.src(x) * g.dst(y)).sum(-1)), (X, Y)),
    "program": (lambda g, x, y, w: g.sum((g.src(x) + g.edge(w) * g.dst(y)).tanh()), (X, Y, W)),
    "program, mean": (lambda g, x, y: g.mean((g.src(x) * g.dst(y)).sigmoid() * g.dst(y)), (X, Y)),
    "program, max": (lambda g, x, y: g.max((g.src(x) - g.dst(y)).exp()), (X, Y)),
    "program, shared": (lambda g, x, v: g.sum((g.src(x) * v).sin()), (X, X[0])),
    "matrix": (lambda g, x, y, v: g.sum(torch.cat((g.src(x), g.dst(y)), -1) @ v), (X, Y, MATRIX)),
}


@pytest.mark.parametrize("mode", [gv.recorded, gv.materialised], ids=["recorded", "materialised"])
@pytest.mark.parametrize("name", VERBS)
def test_against_finite_differences(name: str, mode: Callable[[], object]) -> None:
    verb, tensors = VERBS[name]
    inputs = tuple(t.clone().requires_grad_() for t in tensors)

    def function(*given: Tensor) -> Tensor:
        with mode():  # type: ignore[attr-defined]
            return gv.materialise(verb(PAIRED, *given))

    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("name", VERBS)
def test_the_reference_has_the_same_derivatives(name: str) -> None:
    """The kernels of the core, against plain ATen ops: values and both orders of gradients."""
    verb, tensors = VERBS[name]

    def outcome() -> list[Tensor]:
        inputs = [t.clone().requires_grad_() for t in tensors]
        out = gv.materialise(verb(PAIRED, *inputs))
        first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True, materialize_grads=True)
        total = sum((g.square().sum() for g in first), out.new_zeros(()))
        second = torch.autograd.grad(total, inputs, materialize_grads=True)
        return [out.detach(), *(g.detach() for g in first), *second]

    want = outcome()
    with gv.backend("reference"):
        for got, expected in zip(outcome(), want, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("how", ["max", "min"])
@pytest.mark.parametrize("on", ["src", "edge", "program"])
def test_ties_share_evenly(how: str, on: str) -> None:
    """As `amax` and `amin` of the messages of one node do, for the first and the second derivative."""
    x = torch.tensor([[1.0, 2.0], [3.0, 2.0], [1.0, 2.0], [0.5, -1.0], [3.0, 0.5]]).double().requires_grad_()
    grad = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]).double()
    read = {
        "src": SQUARE.src,
        "edge": lambda t: SQUARE.edge(t[SRC]),
        "program": lambda t: SQUARE.src(t).exp() + SQUARE.src(t) * 0,
    }[on]
    got = SQUARE.reduce(read(x), how)
    m = x[SRC].exp() if on == "program" else x[SRC]
    rows = [m[SQUARE.dst_index == n] for n in range(5)]
    want = torch.stack([getattr(r, f"a{how}")(0) if len(r) else 0 * x[0] for r in rows])
    torch.testing.assert_close(got, want, rtol=1e-12, atol=0.0)
    got_grad, want_grad = (torch.autograd.grad(v, x, grad, create_graph=True)[0] for v in (got, want))
    torch.testing.assert_close(got_grad, want_grad, rtol=1e-12, atol=1e-12)
    if on == "program":
        got_second, want_second = (torch.autograd.grad(g.square().sum(), x)[0] for g in (got_grad, want_grad))
        torch.testing.assert_close(got_second, want_second, rtol=1e-12, atol=1e-12)


def test_second_derivative_through_a_norm() -> None:
    """Where autograd hands the kernels zeros without storage."""
    x = X.clone().requires_grad_()

    def second(norm: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(norm.square().sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), x)[0]

    for p in (1, 2):
        got = second(gv.materialise(SQUARE.src(x).norm(p=p, dim=1)))
        torch.testing.assert_close(got, second(x[SRC].norm(p=p, dim=1)), rtol=1e-10, atol=1e-10)
        got = second(SQUARE.sum(SQUARE.src(x).norm(p=p, dim=1, keepdim=True)))
        plain = x[SRC].norm(p=p, dim=1, keepdim=True)
        want = second(torch.zeros(5, 1, dtype=x.dtype).index_add(0, DST, plain))
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_negative_views_as_features() -> None:
    """The imaginary part of a conjugate is a view that negates when it is read."""
    z = torch.complex(X, X + 1).requires_grad_()
    w = torch.complex(W, W).conj().imag
    assert z.conj().imag.is_neg() and w.is_neg()
    got = SQUARE.sum(SQUARE.src(z.conj().imag) * SQUARE.edge(w))
    want = torch.zeros(5, 6, dtype=torch.float64).index_add(0, DST, -z.imag[SRC] * -W)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    grads = [torch.autograd.grad(v.square().sum(), z)[0] for v in (got, want)]
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-12, atol=1e-12)
