"""Clusters of two, by heavy edges."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.graph import coalesce, maybe_num_nodes, remove_self_loops
from grapevine.utils import scatter


def graclus(edge_index: Tensor, weight: Tensor | None = None, num_nodes: int | None = None) -> Tensor:
    """Matches nodes with neighbours: the heaviest edge first, then the heaviest of those that do not touch it, ...

    Edges of the same weight come in random order. No edge is left whose ends are both single.

    Args:
        edge_index: (2, E), in any direction.
        weight: (E,); all alike if None. Of several edges between two nodes the heaviest counts.
        num_nodes: N.

    Returns:
        (N,) int64: the cluster of each node, named after its first node.

    Departures from PyTorch Geometric: it visits nodes in random order and gives each its heaviest free neighbour. Here
    all edges that are the heaviest at both ends are taken at once, until none is left: the same on any device.

    Example:
        >>> graclus(torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([1.0, 3.0, 1.0]))
        tensor([0, 1, 1, 3])

    Source: "Weighted Graph Cuts without Eigenvectors: A Multilevel Approach" (PAMI 2007); "A GPU Algorithm for Greedy
    Graph Matching" (2012).
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    if weight is None:
        weight = torch.zeros(edge_index.size(1), device=edge_index.device)
    low_high = torch.stack([edge_index.amin(dim=0), edge_index.amax(dim=0)])
    pairs, given = remove_self_loops(low_high, weight.detach())
    assert given is not None
    pairs, heaviest = coalesce(pairs, given, num_nodes=num_nodes, reduce="max")
    order = torch.randperm(heaviest.numel(), device=heaviest.device)
    order = order[heaviest[order].argsort(stable=True)]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(order.numel(), device=order.device)

    cluster = torch.arange(num_nodes, device=edge_index.device)
    while rank.numel() > 0:
        best = scatter(rank.repeat(2), pairs.flatten(), 0, num_nodes, "max")
        first, second = pairs[:, (rank == best[pairs]).all(dim=0)]
        cluster[second] = first
        single = torch.ones(num_nodes, dtype=torch.bool, device=cluster.device)
        single[first] = single[second] = False
        free = single[pairs].all(dim=0)
        pairs, rank = pairs[:, free], rank[free]
    return cluster
