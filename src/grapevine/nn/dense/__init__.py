"""Layers over dense tensors: linear maps, the MLP, convolutions and poolings over adjacency matrices."""

from grapevine.nn.dense.conv import DenseGATConv, DenseGCNConv, DenseGINConv, DenseGraphConv, DenseSAGEConv
from grapevine.nn.dense.linear import HeteroDictLinear, HeteroLinear, Linear
from grapevine.nn.dense.pool import DMoNPooling, dense_diff_pool, dense_mincut_pool

__all__ = [
    "DMoNPooling",
    "DenseGATConv",
    "DenseGCNConv",
    "DenseGINConv",
    "DenseGraphConv",
    "DenseSAGEConv",
    "HeteroDictLinear",
    "HeteroLinear",
    "Linear",
    "dense_diff_pool",
    "dense_mincut_pool",
]
