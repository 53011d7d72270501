"""Graphs of every kind that the functions of `grapevine.graph` must cope with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor


class Graph(NamedTuple):
    edge_index: Tensor
    num_nodes: int
    weight: Tensor
    attr: Tensor


def _pairs(generator: torch.Generator, num_nodes: int, num_edges: int) -> Tensor:
    return torch.randint(num_nodes, (2, num_edges), generator=generator)


def make(kind: str) -> Graph:
    generator = torch.Generator().manual_seed(7)
    num_nodes = 12
    edge_index = _pairs(generator, num_nodes, 40)
    if kind == "empty":
        edge_index = edge_index[:, :0]
    elif kind == "isolated":
        num_nodes = 20
    elif kind == "multi":  # many duplicates and self-loops
        edge_index = _pairs(generator, 4, 60)
        num_nodes = 4
    elif kind == "undirected":
        edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    elif kind == "sorted":
        row, col = edge_index
        edge_index = edge_index[:, (row * num_nodes + col).argsort(stable=True)]
    num_edges = edge_index.size(1)
    return Graph(
        edge_index,
        num_nodes,
        torch.rand(num_edges, generator=generator, dtype=torch.float64),
        torch.randint(-3, 4, (num_edges, 3), generator=generator).double(),
    )


@pytest.fixture(params=["plain", "empty", "isolated", "multi", "undirected", "sorted"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return make(request.param)


@pytest.fixture
def nonempty() -> Graph:
    return make("isolated")


def check_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            check_same(a, b)
    elif isinstance(theirs, Tensor):
        assert ours.layout == theirs.layout
        torch.testing.assert_close(
            ours, theirs, rtol=1e-10 if theirs.dtype == torch.float64 else 1e-5, atol=1e-12
        )
    else:
        assert ours == theirs


@pytest.fixture
def same() -> Callable[[Any, Any], None]:
    """Equality of nested outputs: types, shapes, dtypes and values."""
    return check_same
