"""Poolings by a clustering that is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grapevine.data import Batch, Data
from grapevine.nn.pool.consecutive import consecutive_cluster
from grapevine.utils import add_self_loops, coalesce, remove_self_loops, scatter


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
        >>> import torch
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
        >>> import torch
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
        >>> import torch
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
        >>> import torch
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> max_pool(torch.tensor([0, 0, 1]), graph).x.tolist()
        [[2.0], [3.0]]
    """
    return _pool("max", cluster, data, transform)


def avg_pool(cluster: Tensor, data: Data, transform: Callable[[Any], Any] | None = None) -> Any:
    """Makes each cluster one node: mean of the features; arguments and returns as `max_pool`.

    Example:
        >>> import torch
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> avg_pool(torch.tensor([0, 0, 1]), graph).x.tolist()
        [[1.5], [3.0]]
    """
    return _pool("mean", cluster, data, transform)


def _pool(reduce: str, cluster: Tensor, data: Any, transform: Callable[[Any], Any] | None) -> Any:
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
        >>> import torch
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[1, 2], [0, 1]]))
        >>> max_pool_neighbor_x(graph).x.tolist()
        [[2.0], [3.0], [3.0]]
    """
    return _pool_neighbor_x("max", data, flow)


def avg_pool_neighbor_x(data: Data, flow: str = "source_to_target") -> Data:
    """Replaces the features of each node, in place, by the mean over itself and its neighbours.

    Arguments as `max_pool_neighbor_x`.

    Example:
        >>> import torch
        >>> graph = Data(x=torch.tensor([[1.0], [2.0], [3.0]]), edge_index=torch.tensor([[1, 2], [0, 1]]))
        >>> avg_pool_neighbor_x(graph).x.tolist()
        [[1.5], [2.5], [3.0]]
    """
    return _pool_neighbor_x("mean", data, flow)


def _pool_neighbor_x(reduce: str, data: Any, flow: str) -> Any:
    edge_index, _ = add_self_loops(data.edge_index, num_nodes=data.num_nodes)
    src, dst = edge_index if flow == "source_to_target" else edge_index.flip(0)
    data.x = scatter(data.x[src], dst, 0, data.num_nodes, reduce)
    return data
