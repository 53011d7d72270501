"""Small graphs as kernels see them, and how far a kernel may be from exact arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.order import Order
from grapevine.topology import Topology

compiled = pytest.mark.skipif(_core.core is None, reason="the compiled core is not installed")

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
WIDTHS = [1, 3, 7, 16, 64, 65, 130]


def _random(num_src: int, num_dst: int, num_edges: int, seed: int) -> Topology:
    g = torch.Generator().manual_seed(seed)
    ends = (torch.randint(max(n, 1), (num_edges,), generator=g) for n in (num_src, num_dst))
    return Topology(*ends, (num_src, num_dst))


def _heavy() -> Topology:
    """Rows of 1, 4,096 (one block), 4,097 and 9,000 edges (split into blocks), and an empty one."""
    counts = torch.tensor([1, 4096, 0, 4097, 9000])
    dst = torch.repeat_interleave(torch.arange(5), counts)
    g = torch.Generator().manual_seed(3)
    dst = dst[torch.randperm(dst.shape[0], generator=g)]
    return Topology(torch.randint(11, dst.shape, generator=g), dst, (11, 5))


GRAPHS = {
    "random": _random(7, 5, 40, 0),
    "one row": _random(4, 1, 9, 1),
    "isolated": _random(20, 30, 12, 2),
    "sorted": Topology(torch.tensor([2, 0, 1, 1]), torch.tensor([0, 1, 1, 3]), (3, 4)),
    "loops and duplicates": Topology(torch.tensor([2, 1, 1, 0, 1]), torch.tensor([2, 1, 1, 0, 0]), (3, 3)),
    "no edges": _random(3, 4, 0, 0),
    "no nodes": _random(0, 0, 0, 0),
    "heavy": _heavy(),
}


def numbers(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Normal numbers that the dtype holds exactly."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + math.prod(shape))).to(dtype)


def steps(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Whole numbers from -2 to 2: many are alike."""
    g = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, shape, generator=g).to(dtype)


def wide(order: Order) -> Order:
    """The same order with 64-bit indices."""
    perm = None if order.perm is None else order.perm.long()
    other = None if order.other is None else order.other.long()
    return Order(order.ptr.long(), perm, other, order.num_rows, order.num_other, order.num_edges)


def assert_near(got: Tensor, exact: Tensor, magnitude: Tensor, what: str = "", terms: int = 1) -> None:
    """`got` is the exact (float64) value, accumulated in at least float32 and rounded once to its own dtype.

    Args:
        magnitude: the sum of the absolute values of what was added up.
        terms: how many were, at most.
    """
    assert got.shape == exact.shape and exact.dtype is torch.float64
    store, held = torch.finfo(got.dtype), torch.finfo(torch.promote_types(got.dtype, torch.float32))
    once = 0.0 if store.eps == held.eps else 0.5 * store.eps
    grown = (8 + terms / 16) * held.eps * magnitude
    allowed = once * exact.abs() + grown + 0.5 * store.smallest_normal * store.eps
    difference = (got.double() - exact).abs()
    assert bool((difference <= allowed).all()), f"{what}: off by {(difference - allowed).max():.3g} too much"


def assert_same(got: Tensor | None, want: Tensor | None, what: str = "") -> None:
    """Equal to the last bit, nan at the same places; signs of zeros aside."""
    if got is None or want is None:
        assert got is want, what
        return
    assert (got.shape, got.dtype) == (want.shape, want.dtype), what
    assert torch.allclose(got.double(), want.double(), rtol=0.0, atol=0.0, equal_nan=True), what
