"""Comparing a lazy message with the plain gather `x[src]`: value, gradient and gradient of the gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import grapevine as gv

N, E, D = 5, 7, 3
SRC = torch.tensor([0, 1, 1, 4, 2, 3, 0])
DST = torch.tensor([1, 0, 2, 3, 3, 3, 2])  # node 4 receives nothing, node 3 three messages
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

Message = Callable[[Tensor], Any]


def edges() -> gv.Edges:
    return gv.Edges(torch.stack([SRC, DST]), num_nodes=N)


def features(dtype: torch.dtype = torch.float64, requires_grad: bool = True) -> Tensor:
    """(N, D) features with different signs."""
    x = torch.randn(N, D, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return x.requires_grad_(requires_grad)


def weights(*size: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*size, dtype=dtype, generator=torch.Generator().manual_seed(2))


def mode(name: str) -> contextlib.AbstractContextManager[None]:
    """`"lazy"` records, `"materialised"` computes at once."""
    return gv.materialised() if name == "materialised" else gv.recorded()


def as_tensor(out: Any) -> Tensor:
    """The real numbers of whatever a message function returned."""
    return gv.materialise(out) if isinstance(out, Tensor) else torch.as_tensor(out)


def scattered(m: Tensor, how: str) -> Tensor:
    """The reduction of plain messages at their destinations, in torch's own ops."""
    index = DST.view(-1, *[1] * (m.dim() - 1)).expand_as(m)
    out = m.new_zeros(N, *m.shape[1:])
    names = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}
    return out.scatter_reduce(0, index, m, names[how], include_self=False)


def derivatives(out: Tensor, *inputs: Tensor) -> list[Tensor]:
    """The value, the gradient of a scalar of it, and the gradient of a scalar of that."""
    found = [out.detach()]
    if not out.requires_grad:
        return found
    first = torch.autograd.grad((out.double() ** 2).sum(), inputs, create_graph=True, allow_unused=True)
    given = [g for g in first if g is not None]
    found += [g.detach() for g in given]
    if any(g.requires_grad for g in given):
        total = sum((g.double() ** 2).sum() for g in given)
        found += [g for g in torch.autograd.grad(total, inputs, allow_unused=True) if g is not None]
    return found


def assert_same(got: list[Tensor], want: list[Tensor], tolerance: float | None = None) -> None:
    assert len(got) == len(want), (
        f"{len(got)} of value, gradient, second gradient, where plain torch has {len(want)}"
    )
    for g, w in zip(got, want):
        assert type(g) is Tensor
        if tolerance is None:
            torch.testing.assert_close(g, w, rtol=1e-10, atol=1e-10) if w.dtype is torch.float64 else (
                torch.testing.assert_close(g, w)
            )
        else:
            torch.testing.assert_close(g, w, rtol=tolerance, atol=tolerance)


def assert_like_gather(
    message: Message, end: str = "value", how: str = "lazy", dtype: torch.dtype = torch.float64
) -> None:
    """`message(x_j)` gives the same through the engine as on `x[src]`.

    Args:
        message: from `(E, D)` to anything that has numbers.
        end: `"value"` compares the message itself, `"sum"`, `"max"` ... its reduction at the destinations.
        how: see `mode`.
    """
    torch.manual_seed(0)
    x = features(dtype)
    plain = as_tensor(message(x[SRC]))
    reducible = plain.dim() > 0 and plain.shape[0] == E and plain.is_floating_point()
    want = derivatives(scattered(plain, end) if end != "value" and reducible else plain, x)
    torch.manual_seed(0)
    x = features(dtype)
    with mode(how):
        graph = edges()
        out = message(graph.src(x))
        out = (
            graph.reduce(as_tensor(out) if not isinstance(out, Tensor) else out, end)
            if end != "value" and reducible
            else as_tensor(out)
        )
        assert type(out) is Tensor
        assert_same(derivatives(out, x), want)
