"""Global pools, against torch_geometric."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import pool as pyg

from grapevine.nn import pool
from tests.nn.peer import assert_same_as_peer, integers, normal

N, B = 11, 4
BATCH = integers(B, N, seed=1)
NAMES = ["global_add_pool", "global_mean_pool", "global_max_pool"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(N,), (N, 3), (2, N, 3)], ids=str)
@pytest.mark.parametrize("batch", [None, BATCH, BATCH.sort().values], ids=["one", "unsorted", "sorted"])
def test_pool(name: str, size: tuple[int, ...], batch: torch.Tensor | None) -> None:
    ours, theirs = getattr(pool, name), getattr(pyg, name)
    assert_same_as_peer(ours, theirs, normal(*size), batch)
    assert_same_as_peer(ours, theirs, normal(*size), batch, B + 2)


@pytest.mark.parametrize("name", NAMES)
def test_no_row(name: str) -> None:
    inputs = (torch.empty(0, 3), torch.empty(0, dtype=torch.long), 2)
    assert_same_as_peer(getattr(pool, name), getattr(pyg, name), *inputs)
