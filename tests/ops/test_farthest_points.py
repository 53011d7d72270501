"""Farthest points: the compiled tree of boxes chooses what looking at every point would, on any number of threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops import backend, farthest_points
from grapevine.ops.farthest_points import cpu, reference
from tests.ops.graphs import compiled, numbers, steps

PTR = torch.tensor([0, 300, 300, 301, 900, 1700])
COUNT = torch.tensor([300, 0, 1, 60, 400])  # all points of a graph, an empty graph, a graph of one point
START = torch.tensor([17, 0, 0, 598, 0])


def clouds(kind: str, dims: int, dtype: torch.dtype) -> Tensor:
    n = int(PTR[-1])
    return {
        "random": lambda: numbers(n, dims, dtype=dtype),
        "lattice": lambda: steps(n, dims, dtype=dtype),  # many equal distances, many points at one place
        "one place": lambda: torch.ones(n, dims, dtype=dtype),
        "not a number": lambda: numbers(n, dims, dtype=dtype).index_fill(0, torch.arange(0, n, 7), torch.nan),
        "strided": lambda: numbers(2 * n, 2 * dims, dtype=dtype)[::2, ::2],
    }[kind]()


@compiled
@pytest.mark.parametrize("kind", ["random", "lattice", "one place", "not a number", "strided"])
@pytest.mark.parametrize("dims", [1, 3, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_core_chooses_like_the_reference(kind: str, dims: int, dtype: torch.dtype) -> None:
    x = clouds(kind, dims, dtype)
    inputs = (x, PTR, COUNT, START)
    want = reference.run(*inputs)
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            assert torch.equal(cpu.run(*inputs), want)
        finally:
            torch.set_num_threads(before)
    assert want.unique().numel() == want.numel() == COUNT.sum()


@pytest.mark.parametrize(
    "run", [pytest.param(cpu.run, marks=compiled), reference.run], ids=["cpu", "reference"]
)
def test_by_the_definition(run) -> None:
    """Every choice is the first of the points that are farthest from their nearest chosen one."""
    x = steps(60, 2)
    one = torch.tensor([60])
    chosen = run(x, torch.tensor([0, 60]), one, torch.tensor([5]))
    assert chosen[0] == 5 and sorted(chosen.tolist()) == list(range(60))
    for i in range(1, 60):
        apart = (x[:, None] - x[chosen[:i]]).square().sum(2).amin(1)
        apart[chosen[:i]] = -1
        assert chosen[i] == apart.argmax()


def test_nothing_to_choose() -> None:
    none = torch.zeros(1, dtype=torch.int64)
    for name in farthest_points.eligible(torch.ones(3, 2), torch.tensor([0, 3]), none, none):
        with backend(name):
            assert farthest_points(torch.ones(3, 2), torch.tensor([0, 3]), none, none).shape == (0,)
            assert farthest_points(torch.ones(0, 2), torch.tensor([0, 0]), none, none).shape == (0,)
            assert farthest_points(torch.ones(0, 2), none, none[:0], none[:0]).shape == (0,)


@compiled
def test_reasons() -> None:
    rest = (torch.tensor([0, 3]), torch.tensor([1]), torch.tensor([0]))
    assert farthest_points.why(torch.ones(3, 2, device="meta"), *rest)["cpu"] == [
        "the tensor is on meta, the core reads main memory"
    ]
    assert farthest_points.why(torch.ones(3, 2).half(), *rest)["cpu"] == [
        "points have dtype torch.float16, not float32 or float64"
    ]
