"""The opponents of the benchmark compute what our models compute: an independent statement of their algebra."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchmarks import equivariant
from tests.nn.equivariant.golden import apart


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", list(equivariant.SMALL))
def test_both_sides_agree(case: str) -> None:
    """Outputs, and gradients of inputs and weights."""
    contenders, _ = equivariant.SMALL[case]()
    ours, theirs = (run() for run in contenders.values())
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert apart(a, b) < 1e-10, a.shape


@pytest.mark.filterwarnings("ignore:index_reduce")
def test_what_autograd_keeps_is_less() -> None:
    contenders, _ = equivariant.SMALL["se3_topk"]()
    kept = {name: equivariant.saved(run) for name, run in contenders.items()}
    assert 0 < kept["grapevine"] < kept["reference"]
