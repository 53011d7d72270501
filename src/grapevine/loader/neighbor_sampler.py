"""`NeighborSampler`: bipartite graphs layer by layer, as models were trained on before `NeighborLoader`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine import graph
from grapevine.data import Data
from grapevine.loader.node_loader import seed_nodes
from grapevine.loader.seeds import SeedLoader
from grapevine.sampler import NeighborSampler as Sampler
from grapevine.sampler import NodeSamplerInput


class EdgeIndex(NamedTuple):
    """The edges `(2, e)` of one layer, their ids, and the numbers of its sources and targets."""

    edge_index: Tensor
    e_id: Tensor | None
    size: tuple[int, int]

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same on another device."""
        e_id = None if self.e_id is None else self.e_id.to(*args, **kwargs)
        return self._replace(edge_index=self.edge_index.to(*args, **kwargs), e_id=e_id)


class Adj(NamedTuple):
    """The same as a sparse matrix (targets, sources)."""

    adj_t: Tensor
    e_id: Tensor | None
    size: tuple[int, int]

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same on another device."""
        e_id = None if self.e_id is None else self.e_id.to(*args, **kwargs)
        return self._replace(adj_t=self.adj_t.to(*args, **kwargs), e_id=e_id)


class NeighborSampler(SeedLoader):
    """Batches `(batch_size, n_id, adjs)`: one bipartite graph for each layer, the first layer's first.

    The targets of each layer are its first sources; every layer samples for all nodes that the next ones need. With
    one layer, `adjs` is that layer's graph itself.

    Args:
        edge_index: `(2, E)` integers, or a sparse adjacency (targets, sources) as `torch.sparse` tensor.
        sizes: neighbours per node for each layer, the last layer's first; -1: all.
        node_idx: `(S,)` ids or `(N,)` bools; None: all nodes.
        num_nodes: N.
        return_e_id: whether to tell the ids of edges.
        transform: applied to `batch_size, n_id, adjs`.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphIndexError: for edges or nodes out of range.

    Example:
        >>> edge_index = torch.tensor([[1, 2, 3], [0, 0, 1]])
        >>> loader = NeighborSampler(edge_index, sizes=[2, 2], node_idx=torch.tensor([0]))
        >>> batch_size, n_id, adjs = next(iter(loader))
        >>> n_id.sort()[0], [adj.size for adj in adjs]
        (tensor([0, 1, 2, 3]), [(4, 3), (3, 1)])

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    def __init__(
        self,
        edge_index: Tensor,
        sizes: list[int],
        node_idx: Tensor | None = None,
        num_nodes: int | None = None,
        return_e_id: bool = True,
        transform: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.edge_index, self.sizes, self.node_idx = edge_index, sizes, node_idx
        self.return_e_id, self.transform = return_e_id, transform
        self.is_sparse_tensor = graph.is_sparse(edge_index)
        self._value: Tensor | None = None
        if self.is_sparse_tensor:
            num_nodes = edge_index.shape[0]
            ends, self._value = graph.to_edge_index(edge_index)
            edge_index = ends.flip(0)
        elif num_nodes is None and node_idx is not None and node_idx.dtype is torch.bool:
            num_nodes = node_idx.numel()
        elif num_nodes is None:
            known = [t for t in (edge_index, node_idx) if t is not None and t.numel()]
            num_nodes = max((int(t.max()) + 1 for t in known), default=0)
        self.num_nodes = num_nodes
        data = Data(edge_index=edge_index, num_nodes=num_nodes)
        self.sampler_of_hops = Sampler(data, sizes, expand="all")
        _, self._nodes, _ = seed_nodes(data, node_idx)
        super().__init__(self._nodes.numel(), **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Any:
        return self.sampler_of_hops.sample_from_nodes(NodeSamplerInput(index, self._nodes[index], key=key))

    def _gather(self, out: Any) -> Any:
        known = torch.tensor(out.num_sampled_nodes).cumsum(0).tolist()
        parts = zip(*(ends.split(out.num_sampled_edges) for ends in (out.row, out.col, out.edge)))
        adjs = [
            self._layer(row, col, edge, (after, before))
            for (before, after), (row, col, edge) in zip(pairwise(known), parts)
        ][::-1]
        return known[0], out.node, adjs[0] if len(adjs) == 1 else adjs

    def _layer(self, row: Tensor, col: Tensor, edge: Tensor, size: tuple[int, int]) -> EdgeIndex | Adj:
        e_id = edge if self.return_e_id else None
        if not self.is_sparse_tensor:
            return EdgeIndex(torch.stack([row, col]), e_id, size)
        value = None if self._value is None else self._value[edge]
        return Adj(graph.to_torch_csr_tensor(torch.stack([col, row]), value, size[::-1]), e_id, size)

    def _finish(self, out: Any) -> Any:
        return out if self.transform is None else self.transform(*out)

    def sample(self, batch: Any) -> Any:
        """The batch of the inputs at places `batch`, at once."""
        return self(batch)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sizes={self.sizes})"
