"""`ShaDowKHopSampler`: a small neighbourhood for each node, with all its edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Batch, Data
from grapevine.loader.gather import rows
from grapevine.loader.node_loader import seed_nodes
from grapevine.loader.seeds import SeedLoader
from grapevine.sampler import NeighborSampler, NodeSamplerInput


class ShaDowKHopSampler(SeedLoader):
    """Batches of disjoint neighbourhoods: each node's, sampled to a depth, with all edges among its nodes.

    A batch is a `Batch` of one graph per node, with `root_n_id`, the places of the nodes themselves; `y` holds
    their labels alone.

    Args:
        data: the graph.
        depth: how many hops.
        num_neighbors: neighbours per node and hop.
        node_idx: `(S,)` ids or `(N,)` bools; None: all nodes.
        replace: draw with replacement.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`.

    Source: Zeng et al., Decoupling the Depth and Scope of Graph Neural Networks, arXiv:2201.07858.
    """

    def __init__(
        self,
        data: Data,
        depth: int,
        num_neighbors: int,
        node_idx: Tensor | None = None,
        replace: bool = False,
        **kwargs: Any,
    ) -> None:
        self.data = data
        self.depth = depth
        self.num_neighbors = num_neighbors
        self.replace = replace
        self.node_sampler = NeighborSampler(data, [num_neighbors] * depth, "induced", replace, disjoint=True)
        _, self.node_idx, _ = seed_nodes(data, node_idx)
        super().__init__(self.node_idx.numel(), **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Any:
        return self.node_sampler.sample_from_nodes(NodeSamplerInput(index, self.node_idx[index], key=key))

    def _gather(self, out: Any) -> Batch:
        """Orders nodes by the seed they belong to: one graph after the other."""
        order = torch.argsort(out.batch, stable=True)
        place = torch.empty_like(order)
        place[order] = torch.arange(order.numel())
        node, seeds = out.node[order], out.metadata[0].numel()
        by_graph = torch.argsort(place[out.col], stable=True)
        row, col, edge = place[out.row[by_graph]], place[out.col[by_graph]], out.edge[by_graph]
        counts = torch.bincount(out.batch, minlength=seeds)
        batch: Any = Batch(batch=out.batch[order], ptr=torch.cat([counts.new_zeros(1), counts.cumsum(0)]))
        batch.root_n_id = place[:seeds]
        batch.edge_index = torch.stack([row, col])
        store = self.data._store
        for key, level in store._levels().items():
            if key in ("edge_index", "adj_t", "num_nodes", "batch", "ptr"):
                continue
            ids = {"node": node[batch.root_n_id] if key == "y" else node, "edge": edge}.get(level or "graph")
            value, dim = store[key], store._cat_dim(key)
            batch[key] = value if ids is None else rows(value, ids, dim, self._memory)
        return batch
