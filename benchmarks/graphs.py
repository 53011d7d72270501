"""Graphs to measure on, the same at every run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor


def power_law(
    num_nodes: int = 169_343, num_edges: int = 2_332_486, exponent: float = 0.5, seed: int = 0
) -> Tensor:
    """Directed edges whose both ends are drawn with weight `rank ** -exponent`: few hubs, many leaves; shuffled ids.

    The default has the size of ogbn-arxiv with reversed edges.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = torch.arange(1, num_nodes + 1, dtype=torch.float64).pow(-exponent).cumsum(0)
    names = torch.randperm(num_nodes, generator=generator)
    ends = [
        names[
            torch.searchsorted(
                weights, torch.rand(num_edges, generator=generator, dtype=torch.float64) * weights[-1]
            )
        ]
        for _ in range(2)
    ]
    return torch.stack(ends)


def cora_sized(seed: int = 0) -> Tensor:
    """A random graph with Cora's numbers of nodes and edges."""
    return torch.randint(0, 2_708, (2, 10_556), generator=torch.Generator().manual_seed(seed))


def complete(num_nodes: int = 128) -> Tensor:
    """Every ordered pair of different nodes."""
    return torch.nonzero(~torch.eye(num_nodes, dtype=torch.bool)).t().contiguous()


_NAMED: dict[str, Callable[[], tuple[Tensor, int]]] = {
    "power law": lambda: (power_law(), 169_343),
    "middle": lambda: (power_law(20_000, 200_000), 20_000),
    "Cora-sized": lambda: (cora_sized(), 2_708),
    "complete": lambda: (complete(), 128),
}


@cache
def named(kind: str | int) -> tuple[Tensor, int]:
    """The edges of a graph that a row names, and the number of nodes.

    Args:
        kind: "power law", "middle", "Cora-sized", "complete"; or a number of edges, for a power-law graph with
            fourteen of them to a node, as in the largest.
    """
    if isinstance(kind, str):
        return _NAMED[kind]()
    num_nodes = max(kind // 14, 1)
    return power_law(num_nodes, kind), num_nodes
