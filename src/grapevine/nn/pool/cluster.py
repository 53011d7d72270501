"""Poolings by a clustering that is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Batch, Data
from grapevine.errors import GraphValueError
from grapevine.utils import add_self_loops, coalesce, cumsum, remove_self_loops, scatter


def consecutive_cluster(src: Tensor) -> tuple[Tensor, Tensor]:
    """Renumbers clusters from 0 on, without gaps.

    Args:
        src: cluster of each node, int64 (N,).

    Returns:
        the new numbers, int64 (N,), and the last node of each cluster, int64 (C,).

    Example:
        >>> [out.tolist() for out in consecutive_cluster(torch.tensor([7, 2, 7]))]
        [[1, 0, 1], [1, 2]]
    """
    unique, cluster = src.unique(return_inverse=True)
    nodes = torch.arange(src.numel(), device=src.device)
    return cluster, scatter(nodes, cluster, 0, unique.numel(), reduce="max")


def pool_edge(
    cluster: Tensor, edge_index: Tensor, edge_attr: Tensor | None = None, reduce: str = "sum"
) -> tuple[Tensor, Tensor | None]:
    """The edges between different clusters, each once.

    Args:
        cluster: cluster of each node, int64 (N,).
        edge_index: (2, E).
        edge_attr: (E, ...), or None.
        reduce: how the attributes of merged edges are combined.

    Example:
        >>> pool_edge(torch.tensor([0, 0, 1]), torch.tensor([[0, 0, 1], [1, 2, 2]]))[0].tolist()
        [[0], [1]]
    """
    edge_index, edge_attr = remove_self_loops(cluster[edge_index], edge_attr)
    return coalesce(edge_index, edge_attr, cluster.numel(), reduce=reduce)


def pool_batch(perm: Tensor, batch: Tensor) -> Tensor:
    """The graph of each cluster, from that of each node, by a node `perm` of each."""
    return batch[perm]


def pool_pos(cluster: Tensor, pos: Tensor) -> Tensor:
    """The mean position of each cluster."""
    return scatter(pos, cluster, 0, reduce="mean")


def max_pool_x(
    cluster: Tensor, x: Tensor, batch: Tensor, batch_size: int | None = None, size: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The largest value of each feature in each cluster.

    Args:
        cluster: cluster of each node, int64 (N,).
        x: features, (N, F).
        batch: graph of each node, int64 (N,).
        batch_size: number of graphs B, counted if None.
        size: number of clusters in each graph: cluster c of graph b is then `b * size + c`.

    Returns:
        features (C, F), and the graph of each cluster; with `size`, features (B * size, F), and None.

    Example:
        >>> max_pool_x(torch.tensor([0, 0, 4]), torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1]))
        (tensor([[2.],
                [3.]]), tensor([0, 1]))
    """
    return _pool_x("max", cluster, x, batch, batch_size, size)


def avg_pool_x(
    cluster: Tensor, x: Tensor, batch: Tensor, batch_size: int | None = None, size: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The mean of the features in each cluster; arguments and returns as `max_pool_x`.

    Example:
        >>> avg_pool_x(torch.tensor([0, 0, 4]), torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1]))
        (tensor([[1.5000],
                [3.0000]]), tensor([0, 1]))
    """
    return _pool_x("mean", cluster, x, batch, batch_size, size)


def _pool_x(
    reduce: str, cluster: Tensor, x: Tensor, batch: Tensor, batch_size: int | None, size: int | None
) -> tuple[Tensor, Tensor | None]:
    if size is not None:
        if batch_size is None:
            batch_size = int(batch.max()) + 1 if batch.numel() > 0 else 0
        return scatter(x, cluster, 0, batch_size * size, reduce), None
    cluster, perm = consecutive_cluster(cluster)
    return scatter(x, cluster, 0, perm.numel(), reduce), pool_batch(perm, batch)


def max_pool(cluster: Tensor, data: Data, transform: Callable[[Any], Any] | None = None) -> Any:
    """Makes each cluster one node: maximum of the features, mean of the positions, edges between clusters.

    Args:
        cluster: cluster of each node, int64 (N,).
        data: graph, with any of `x`, `pos`, `edge_index`, `edge_attr` (which are summed), `batch`.
        transform: applied to the result.

    Returns:
        a `Batch` with those attributes.

    Example:
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> max_pool(torch.tensor([0, 0, 1]), graph).x.tolist()
        [[2.0], [3.0]]
    """
    return _pool("max", cluster, data, transform)


def avg_pool(cluster: Tensor, data: Data, transform: Callable[[Any], Any] | None = None) -> Any:
    """Makes each cluster one node: mean of the features; arguments and returns as `max_pool`.

    Example:
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> avg_pool(torch.tensor([0, 0, 1]), graph).x.tolist()
        [[1.5], [3.0]]
    """
    return _pool("mean", cluster, data, transform)


def _pool(reduce: str, cluster: Tensor, data: Data, transform: Callable[[Any], Any] | None) -> Any:
    cluster, perm = consecutive_cluster(cluster)
    edge_index, edge_attr = pool_edge(cluster, data.edge_index, data.edge_attr)
    out = Batch(
        batch=None if data.batch is None else pool_batch(perm, data.batch),
        x=None if data.x is None else scatter(data.x, cluster, 0, perm.numel(), reduce),
        edge_index=edge_index,
        edge_attr=edge_attr,
        pos=None if data.pos is None else pool_pos(cluster, data.pos),
    )
    return out if transform is None else transform(out)


def max_pool_neighbor_x(data: Data, flow: str = "source_to_target") -> Data:
    """Replaces the features of each node, in place, by the maximum over itself and its neighbours.

    Args:
        data: graph with `x` and `edge_index`.
        flow: `"source_to_target"`: the sources of the edges into a node are its neighbours; or the reverse.

    Example:
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[1, 2], [0, 1]]))
        >>> max_pool_neighbor_x(graph).x.tolist()
        [[2.0], [3.0], [3.0]]
    """
    return _pool_neighbor_x("max", data, flow)


def avg_pool_neighbor_x(data: Data, flow: str = "source_to_target") -> Data:
    """Replaces the features of each node, in place, by the mean over itself and its neighbours.

    Arguments as `max_pool_neighbor_x`.

    Example:
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[1, 2], [0, 1]]))
        >>> avg_pool_neighbor_x(graph).x.tolist()
        [[1.5], [2.5], [3.0]]
    """
    return _pool_neighbor_x("mean", data, flow)


def _pool_neighbor_x(reduce: str, data: Data, flow: str) -> Data:
    edge_index, _ = add_self_loops(data.edge_index, num_nodes=data.num_nodes)
    src, dst = edge_index if flow == "source_to_target" else edge_index.flip(0)
    data.x = scatter(data.x[src], dst, 0, data.num_nodes, reduce)
    return data


def decimation_indices(ptr: Tensor, decimation_factor: float) -> tuple[Tensor, Tensor]:
    """Draws a share of the rows of each graph, at least one.

    Args:
        ptr: where each graph begins, int64 (B + 1,).
        decimation_factor: at least 1; graph b keeps its number of rows divided by this, rounded down.

    Returns:
        the kept rows, int64 (K,), and where each graph begins among them, int64 (B + 1,).

    Raises:
        GraphValueError: for a factor below 1.

    Example:
        >>> rows, ptr = decimation_indices(torch.tensor([0, 6, 7]), 2)
        >>> ptr.tolist()
        [0, 3, 4]

    Source: "RandLA-Net: Efficient Semantic Segmentation of Large-Scale Point Clouds" (arXiv:1911.11236).
    """
    if decimation_factor < 1:
        raise GraphValueError(f"expected a decimation_factor of at least 1, got {decimation_factor}")
    count = ptr.diff()
    kept = torch.div(count, decimation_factor, rounding_mode="floor").long().clamp(min=1)
    rows = [
        start + torch.randperm(num, device=ptr.device)[:share]
        for start, num, share in zip(ptr.tolist(), count.tolist(), kept.tolist())
    ]
    return torch.cat(rows), cumsum(kept)
