"""Neighbours by importance: those that random walks visit most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.sampling.neighbor import _first_in_rows
from grapevine.dgl.sampling.randomwalks import random_walk
from grapevine.dgl.structure import Schema
from grapevine.edges import known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph
    from grapevine.dgl.structure import EType

__all__ = ["PinSAGESampler", "RandomWalkNeighborSampler"]


class RandomWalkNeighborSampler:
    """For every seed, the nodes that walks along a metapath from it visit most.

    Args:
        G: the graph.
        num_traversals: how often a walk follows the metapath.
        termination_prob: chance that it ends before each time but the first.
        num_random_walks: walks from every seed.
        num_neighbors: how many nodes a seed gets at most.
        metapath: edge types that lead back to the node type they start at; None means the graph's only one.
        weight_column: the edge feature of the result that holds the numbers of visits.

    Raises:
        DGLError: if the metapath is missing, or does not lead back.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> found = RandomWalkNeighborSampler(g, 2, 0.0, 3, 5)(torch.tensor([0]))
        >>> found.edges(), found.edata["weights"]
        ((tensor([1, 2]), tensor([0, 0])), tensor([3, 3]))

    Source: Ying et al., Graph Convolutional Neural Networks for Web-Scale Recommender Systems, arXiv:1806.01973.
    """

    def __init__(
        self,
        G: DGLGraph,
        num_traversals: int,
        termination_prob: float,
        num_random_walks: int,
        num_neighbors: int,
        metapath: Sequence[str | EType] | None = None,
        weight_column: str = "weights",
    ) -> None:
        if metapath is None:
            if len(G.ntypes) > 1 or len(G.etypes) > 1:
                raise DGLError("Metapath must be specified if the graph is not homogeneous.")
            metapath = [G.canonical_etypes[0]]
        start, end = G.to_canonical_etype(metapath[0])[0], G.to_canonical_etype(metapath[-1])[2]
        if start != end:
            raise DGLError(
                f"The metapath must start and end at the same node type, got {start!r} and {end!r}."
            )
        self.G = G
        self.ntype = start
        self.metapath = list(metapath)
        self.metapath_hops = len(metapath)
        self.full_metapath = self.metapath * num_traversals
        self.num_traversals = num_traversals
        self.num_random_walks = num_random_walks
        self.num_neighbors = num_neighbors
        self.weight_column = weight_column
        self.restart_prob = torch.zeros(len(self.full_metapath))
        self.restart_prob[self.metapath_hops :: self.metapath_hops] = termination_prob

    def __call__(self, seed_nodes: Any) -> DGLGraph:
        """The graph of the edges to the seeds.

        Args:
            seed_nodes: ids.
        """
        seeds = self.G._ids(seed_nodes, "seed_nodes").repeat_interleave(self.num_random_walks)
        paths, _ = random_walk(self.G, seeds, metapath=self.full_metapath, restart_prob=self.restart_prob)
        visited = paths[:, self.metapath_hops :: self.metapath_hops].reshape(-1)
        src, dst, visits = _most_visited(
            visited, paths[:, 0].repeat_interleave(self.num_traversals), self.num_neighbors
        )
        count = self.G.num_nodes(self.ntype)
        schema = Schema.of([self.ntype], [(self.ntype, "_E", self.ntype)])
        edges = known_good(src.to(torch.int64), dst.to(torch.int64), (count, count))
        found = type(self.G)._build(schema, [count], [edges], self.G.idtype, self.G.device)
        found.edata[self.weight_column] = visits
        return found


class PinSAGESampler(RandomWalkNeighborSampler):
    """`RandomWalkNeighborSampler` on a bipartite graph, from a node type to the other and back.

    Args:
        G: the graph.
        ntype: the type of the seeds.
        other_type: the type between.
        num_traversals: as of `RandomWalkNeighborSampler`, like all others.
        termination_prob: chance that a walk ends.
        num_random_walks: walks from every seed.
        num_neighbors: how many nodes a seed gets at most.
        weight_column: the edge feature with the numbers of visits.
    """

    def __init__(
        self,
        G: DGLGraph,
        ntype: str,
        other_type: str,
        num_traversals: int,
        termination_prob: float,
        num_random_walks: int,
        num_neighbors: int,
        weight_column: str = "weights",
    ) -> None:
        there = _joining(G, ntype, other_type)
        back = _joining(G, other_type, ntype)
        super().__init__(
            G,
            num_traversals,
            termination_prob,
            num_random_walks,
            num_neighbors,
            [there, back],
            weight_column,
        )


def _joining(g: DGLGraph, src: str, dst: str) -> EType:
    found = [etype for etype in g.canonical_etypes if (etype[0], etype[2]) == (src, dst)]
    if not found:
        raise DGLError(f"expected an edge type from {src!r} to {dst!r}, got {g.canonical_etypes}")
    return found[0]


def _most_visited(visited: Tensor, seed: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """For every seed, the k nodes visited most and how often; seeds in the order in which they come."""
    ended = visited < 0
    pairs = torch.stack((seed, visited))[:, ~ended]
    (dst, src), visits = pairs.unique(dim=1, return_counts=True)
    first = torch.full((int(seed.max()) + 1 if len(seed) else 0,), len(seed), device=seed.device)
    first.scatter_reduce_(0, seed.long(), torch.arange(len(seed), device=seed.device), "amin")
    rows = first[dst.long()]
    best = _first_in_rows(torch.argsort(visits, descending=True, stable=True), rows, k)
    return src[best], dst[best], visits[best].to(seed.dtype)
