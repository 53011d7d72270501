"""Loaders and samplers in the DGL dialect."""

from __future__ import annotations

from grapevine.dgl.dataloading import negative_sampler
from grapevine.dgl.dataloading.base import (
    BlockSampler,
    EdgePredictionSampler,
    Sampler,
    as_edge_prediction_sampler,
    find_exclude_eids,
    set_dst_lazy_features,
    set_edge_lazy_features,
    set_node_lazy_features,
    set_src_lazy_features,
)
from grapevine.dgl.dataloading.dataloader import (
    DataLoader,
    EdgeDataLoader,
    GraphCollator,
    GraphDataLoader,
    NodeDataLoader,
)
from grapevine.dgl.dataloading.negative_sampler import GlobalUniform, PerSourceUniform, Uniform
from grapevine.dgl.dataloading.samplers import (
    ClusterGCNSampler,
    MultiLayerFullNeighborSampler,
    MultiLayerNeighborSampler,
    NeighborSampler,
    SAINTSampler,
    ShaDowKHopSampler,
)

__all__ = [
    "BlockSampler",
    "ClusterGCNSampler",
    "DataLoader",
    "EdgeDataLoader",
    "EdgePredictionSampler",
    "GlobalUniform",
    "GraphCollator",
    "GraphDataLoader",
    "MultiLayerFullNeighborSampler",
    "MultiLayerNeighborSampler",
    "NeighborSampler",
    "NodeDataLoader",
    "PerSourceUniform",
    "SAINTSampler",
    "Sampler",
    "ShaDowKHopSampler",
    "Uniform",
    "as_edge_prediction_sampler",
    "find_exclude_eids",
    "negative_sampler",
    "set_dst_lazy_features",
    "set_edge_lazy_features",
    "set_node_lazy_features",
    "set_src_lazy_features",
]
