"""Random graphs with communities."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.batch import batch
from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.data.utils import load_graphs, save_graphs
from grapevine.dgl.foreign import from_scipy
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["SBMMixture", "SBMMixtureDataset"]


def sbm(n_blocks: int, block_size: int, p: float, q: float, rng: Any = None) -> Any:
    """The symmetric stochastic block model: nodes are joined with probability p / n in a block, q / n between blocks.

    Args:
        n_blocks: how many communities.
        block_size: nodes of each.
        p: mean degree inside, times the number of communities.
        q: likewise to others.
        rng: `numpy.random.RandomState`; None draws a fresh one.

    Returns:
        the symmetric adjacency matrix, of scipy.
    """
    n = n_blocks * block_size
    rng = np.random.RandomState() if rng is None else rng
    blocks = [
        [
            scipy.sparse.random(
                block_size, block_size, (p if i == j else q) / n, random_state=rng, data_rvs=np.ones
            )
            if j >= i
            else None
            for j in range(n_blocks)
        ]
        for i in range(n_blocks)
    ]
    above = scipy.sparse.triu(scipy.sparse.bmat(blocks))
    return above + scipy.sparse.triu(above, 1).transpose()


class SBMMixtureDataset(DGLDataset):
    """Random graphs with equal communities, their line graphs, and what is needed to find the communities.

    Args:
        n_graphs: how many.
        n_nodes: nodes of each.
        n_communities: communities, a divisor of `n_nodes`.
        k: multiplier of the degree in `"Appendix_C"`.
        avg_deg: mean degree.
        pq: `(p, q)` of every graph as of `sbm`, or `"Appendix_C"`, which draws them.
        rng: `numpy.random.RandomState` of all draws; None draws a fresh one.

    Raises:
        DGLError: if the communities cannot be equal, or `pq` is of another kind.

    Source: Chen, Li, Bruna, Supervised Community Detection with Line Graph Neural Networks, arXiv:1705.08415.
    """

    def __init__(
        self,
        n_graphs: int,
        n_nodes: int,
        n_communities: int,
        k: int = 2,
        avg_deg: int = 3,
        pq: str | Sequence[tuple[float, float]] = "Appendix_C",
        rng: Any = None,
    ) -> None:
        if n_nodes % n_communities:
            raise DGLError(f"expected equal communities, got {n_nodes} nodes for {n_communities} communities")
        if pq != "Appendix_C" and (isinstance(pq, str) or len(pq) != n_graphs):
            raise DGLError(
                f"expected pq to be 'Appendix_C' or one pair for each of {n_graphs} graphs, got {pq!r}"
            )
        self._n_graphs = n_graphs
        self._n_nodes = n_nodes
        self._n_communities = n_communities
        self._k = k
        self._avg_deg = avg_deg
        self._pq = pq
        self._rng = np.random.RandomState() if rng is None else rng
        super().__init__("sbmmixture", hash_key=(n_graphs, n_nodes, n_communities, k, avg_deg, pq, rng))

    def process(self) -> None:
        pairs = [self._appendix_c() for _ in range(self._n_graphs)] if isinstance(self._pq, str) else self._pq
        size = self._n_nodes // self._n_communities
        self._graphs = [from_scipy(sbm(self._n_communities, size, p, q, self._rng)) for p, q in pairs]
        self._line_graphs = [g.line_graph(backtracking=False) for g in self._graphs]
        self._describe()

    def _describe(self) -> None:
        self._graph_degrees = [g.in_degrees().float() for g in self._graphs]
        self._line_graph_degrees = [g.in_degrees().float() for g in self._line_graphs]
        self._pm_pds = [g.edges()[0] for g in self._graphs]

    def _appendix_c(self) -> tuple[float, float]:
        q = self._rng.uniform(0, self._avg_deg - math.sqrt(self._avg_deg))
        p = self._k * self._avg_deg - q
        return (p, q) if self._rng.random_sample() < 0.5 else (q, p)

    def _path(self, name: str) -> str:
        return os.path.join(self.save_path, f"{name}_{self.hash}.bin")

    def has_cache(self) -> bool:
        return os.path.exists(self._path("graphs")) and os.path.exists(self._path("line_graphs"))

    def save(self) -> None:
        save_graphs(self._path("graphs"), self._graphs)
        save_graphs(self._path("line_graphs"), self._line_graphs)

    def load(self) -> None:
        self._graphs, _ = load_graphs(self._path("graphs"))
        self._line_graphs, _ = load_graphs(self._path("line_graphs"))
        self._describe()

    def __getitem__(self, idx: int) -> tuple[DGLGraph, DGLGraph, Tensor, Tensor, Tensor]:
        """The graph, its line graph, the in-degrees of both, and the community marks of edges."""
        return (
            self._graphs[idx],
            self._line_graphs[idx],
            self._graph_degrees[idx],
            self._line_graph_degrees[idx],
            self._pm_pds[idx],
        )

    def __len__(self) -> int:
        return len(self._graphs)

    def collate_fn(self, x: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Items as one: graphs are batched, the rest joined as numpy arrays.

        Args:
            x: items.
        """
        graphs, line_graphs, degrees, line_degrees, marks = zip(*x)
        return (
            batch(graphs),
            batch(line_graphs),
            np.concatenate(degrees),
            np.concatenate(line_degrees),
            np.concatenate([mark + i * self._n_nodes for i, mark in enumerate(marks)]),
        )


SBMMixture = SBMMixtureDataset
