"""Graphs to measure on, the same at every run."""

from __future__ import annotations

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
