"""Pooling of graphs: to one row each, or to smaller graphs."""

from grapevine.geometry import fps, knn, knn_graph, nearest, radius, radius_graph
from grapevine.nn.pool.approx_knn import approx_knn, approx_knn_graph
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
from grapevine.nn.pool.graclus import graclus
from grapevine.nn.pool.knn_index import (
    ApproxL2KNNIndex,
    ApproxMIPSKNNIndex,
    KNNIndex,
    KNNOutput,
    L2KNNIndex,
    MIPSKNNIndex,
)
from grapevine.nn.pool.mem_pool import MemPooling
from grapevine.nn.pool.pan_pool import PANPooling
from grapevine.nn.pool.topk_pool import SAGPooling, TopKPooling
from grapevine.nn.pool.voxel_grid import voxel_grid

__all__ = [
    "ASAPooling",
    "ApproxL2KNNIndex",
    "ApproxMIPSKNNIndex",
    "ClusterPooling",
    "EdgePooling",
    "KNNIndex",
    "KNNOutput",
    "L2KNNIndex",
    "MIPSKNNIndex",
    "MemPooling",
    "PANPooling",
    "SAGPooling",
    "TopKPooling",
    "approx_knn",
    "approx_knn_graph",
    "avg_pool",
    "avg_pool_neighbor_x",
    "avg_pool_x",
    "fps",
    "global_add_pool",
    "global_max_pool",
    "global_mean_pool",
    "graclus",
    "knn",
    "knn_graph",
    "max_pool",
    "max_pool_neighbor_x",
    "max_pool_x",
    "nearest",
    "radius",
    "radius_graph",
    "voxel_grid",
]
