"""Pooling of graphs: to one row each, or to smaller graphs."""

from grapevine.nn.pool.asap import ASAPooling
from grapevine.nn.pool.cluster import (
    avg_pool,
    avg_pool_neighbor_x,
    avg_pool_x,
    max_pool,
    max_pool_neighbor_x,
    max_pool_x,
)
from grapevine.nn.pool.edge_pool import ClusterPooling, EdgePooling
from grapevine.nn.pool.glob import global_add_pool, global_max_pool, global_mean_pool
from grapevine.nn.pool.mem_pool import MemPooling
from grapevine.nn.pool.topk_pool import SAGPooling, TopKPooling

__all__ = [
    "ASAPooling",
    "ClusterPooling",
    "EdgePooling",
    "MemPooling",
    "SAGPooling",
    "TopKPooling",
    "avg_pool",
    "avg_pool_neighbor_x",
    "avg_pool_x",
    "global_add_pool",
    "global_max_pool",
    "global_mean_pool",
    "max_pool",
    "max_pool_neighbor_x",
    "max_pool_x",
]
