"""Names of distributed sampling that tutorials print, and what they mean on graphs that every process holds."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from grapevine import distributed
from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError
from grapevine.loader import NeighborLoader, NeighborSampler

__all__ = ["DistNeighborSampler", "DistributedNeighborLoader"]


def _place() -> tuple[int, int]:
    """The number of this process, and how many there are: torch's, or what `torchrun` set, or 0 of 1."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _share(nodes: Tensor | None, num_nodes: int, rank: int, size: int) -> Tensor:
    """Every `size`-th of the nodes (S,), or of those that a mask (N,) marks; of all for None."""
    nodes = torch.arange(num_nodes) if nodes is None else nodes
    return (nodes.nonzero().flatten() if nodes.dtype is torch.bool else nodes)[rank::size]


class DistNeighborSampler(distributed.DistNeighborSampler):
    """`grapevine.distributed.DistNeighborSampler`; of an `edge_index`, a `NeighborSampler` over a share of the nodes.

    Args:
        graph: a `DistGraph`, or the edges of the whole graph, (2, E).
        *args, **kwargs: of these samplers.

    Raises:
        GraphTypeError: for an `edge_index` without `sizes`.

    Example:
        >>> edge_index = torch.tensor([[1, 2, 3], [0, 0, 1]])
        >>> sampler = DistNeighborSampler(edge_index, node_idx=torch.tensor([0]), sizes=[2])
        >>> batch_size, n_id, adj = next(iter(sampler))
        >>> batch_size, n_id.sort()[0]
        (1, tensor([0, 1, 2]))
    """

    def __new__(cls, graph: Any, *args: Any, **kwargs: Any) -> Any:
        """The sampler for what `graph` is."""
        if not isinstance(graph, Tensor):
            return super().__new__(cls)
        sizes = kwargs.pop("sizes", kwargs.pop("num_neighbors", args[0] if args else None))
        if sizes is None:
            raise GraphTypeError(
                "expected the numbers of neighbours in each layer, got none; do this instead: "
                "DistNeighborSampler(edge_index, node_idx=nodes, sizes=[10, 10])"
            )
        nodes = kwargs.pop("node_idx", args[1] if len(args) > 1 else None)
        num_nodes = kwargs.pop("num_nodes", None)
        if num_nodes is None:
            num_nodes = int(graph.max()) + 1 if graph.numel() else 0
            if nodes is not None and nodes.numel():
                highest = nodes.numel() - 1 if nodes.dtype is torch.bool else int(nodes.max())
                num_nodes = max(num_nodes, highest + 1)
        share = _share(nodes, num_nodes, *_place())
        return NeighborSampler(graph, sizes, share, num_nodes, **kwargs)


class DistributedNeighborLoader:
    """A `NeighborLoader` over this process's share of the nodes; of a `DistGraph`, a `DistNeighborLoader`.

    Args:
        data: the whole graph, or a `DistGraph`.
        num_neighbors: as of these loaders.
        input_nodes: as of these loaders; each process gets every `world_size`-th.
        rank: number of this process; that of `torch.distributed`, or of `torchrun`, if None.
        world_size: how many processes there are; likewise.
        **kwargs: of these loaders.

    Example:
        >>> data = Data(x=torch.rand(4, 2), edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
        >>> loader = DistributedNeighborLoader(data, [2], batch_size=2, rank=1, world_size=2)
        >>> next(iter(loader)).input_id
        tensor([0, 1])
    """

    def __new__(
        cls,
        data: Any,
        num_neighbors: Any,
        input_nodes: Any = None,
        rank: int | None = None,
        world_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """The loader for what `data` is."""
        if not isinstance(data, Data | HeteroData):
            return distributed.DistNeighborLoader(data, num_neighbors, input_nodes, **kwargs)
        first, size = _place()
        place = (first if rank is None else rank, size if world_size is None else world_size)
        if isinstance(data, HeteroData):
            kind, nodes = (input_nodes, None) if isinstance(input_nodes, str) else input_nodes
            share: Any = (kind, _share(nodes, data[kind].num_nodes, *place))
        else:
            assert data.num_nodes is not None
            share = _share(input_nodes, data.num_nodes, *place)
        return NeighborLoader(data, num_neighbors, share, **kwargs)
