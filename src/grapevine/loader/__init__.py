"""Loaders: they move data from datasets to models."""

from grapevine.loader.cluster import ClusterData, ClusterLoader
from grapevine.loader.dataloader import Collater, DataLoader
from grapevine.loader.graph_saint import (
    GraphSAINTEdgeSampler,
    GraphSAINTNodeSampler,
    GraphSAINTRandomWalkSampler,
    GraphSAINTSampler,
)
from grapevine.loader.link_loader import LinkLoader
from grapevine.loader.mixin import AffinityMixin
from grapevine.loader.neighbor_loader import HGTLoader, LinkNeighborLoader, NeighborLoader
from grapevine.loader.neighbor_sampler import NeighborSampler
from grapevine.loader.node_loader import NodeLoader
from grapevine.loader.random_node_loader import RandomNodeLoader
from grapevine.loader.samplers import DynamicBatchSampler, ImbalancedSampler
from grapevine.loader.shadow import ShaDowKHopSampler
from grapevine.loader.simple import DataListLoader, DenseDataLoader, TemporalDataLoader
from grapevine.loader.wrappers import CachedLoader, PrefetchLoader, ZipLoader

RandomNodeSampler = RandomNodeLoader  # its name before

__all__ = [
    "AffinityMixin",
    "CachedLoader",
    "ClusterData",
    "ClusterLoader",
    "Collater",
    "DataListLoader",
    "DataLoader",
    "DenseDataLoader",
    "DynamicBatchSampler",
    "GraphSAINTEdgeSampler",
    "GraphSAINTNodeSampler",
    "GraphSAINTRandomWalkSampler",
    "GraphSAINTSampler",
    "HGTLoader",
    "ImbalancedSampler",
    "LinkLoader",
    "LinkNeighborLoader",
    "NeighborLoader",
    "NeighborSampler",
    "NodeLoader",
    "PrefetchLoader",
    "RandomNodeLoader",
    "RandomNodeSampler",
    "ShaDowKHopSampler",
    "TemporalDataLoader",
    "ZipLoader",
]
