"""Loaders and samplers in the DGL dialect."""

from __future__ import annotations

import importlib
from typing import Any

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
from grapevine.dgl.dataloading.collators import (
    CollateWrapper,
    Collator,
    EdgeCollator,
    NodeCollator,
    WorkerInitWrapper,
)
from grapevine.dgl.dataloading.dataloader import (
    DataLoader,
    EdgeDataLoader,
    GraphCollator,
    GraphDataLoader,
    NodeDataLoader,
)
from grapevine.dgl.dataloading.labor_sampler import LaborSampler
from grapevine.dgl.dataloading.negative_sampler import GlobalUniform, PerSourceUniform, Uniform
from grapevine.dgl.dataloading.samplers import (
    ClusterGCNSampler,
    MultiLayerFullNeighborSampler,
    MultiLayerNeighborSampler,
    NeighborSampler,
    SAINTSampler,
    ShaDowKHopSampler,
)
from grapevine.dgl.dataloading.spot_target import SpotTarget
from grapevine.dgl.dataloading.tensorized import (
    DDPTensorizedDataset,
    TensorizedDataset,
    create_tensorized_dataset,
)

__all__ = [
    "BlockSampler",
    "ClusterGCNSampler",
    "CollateWrapper",
    "Collator",
    "DDPTensorizedDataset",
    "DataLoader",
    "EdgeCollator",
    "EdgeDataLoader",
    "EdgePredictionSampler",
    "GlobalUniform",
    "GraphCollator",
    "GraphDataLoader",
    "LaborSampler",
    "MultiLayerFullNeighborSampler",
    "MultiLayerNeighborSampler",
    "NeighborSampler",
    "NodeCollator",
    "NodeDataLoader",
    "PerSourceUniform",
    "SAINTSampler",
    "Sampler",
    "ShaDowKHopSampler",
    "SpotTarget",
    "TensorizedDataset",
    "Uniform",
    "WorkerInitWrapper",
    "as_edge_prediction_sampler",
    "create_tensorized_dataset",
    "find_exclude_eids",
    "negative_sampler",
    "set_dst_lazy_features",
    "set_edge_lazy_features",
    "set_node_lazy_features",
    "set_src_lazy_features",
]

#: What stands in DGL's package too, and where it comes from.
_ALSO = {
    "DGLError": "base",
    "DGLGraph": "heterograph",
    "EidExcluder": "sampling.utils",
    "ExceptionWrapper": "utils",
    "GPUCache": "cuda",
    "LazyFeature": "frame",
    "batch_graphs": "batch",
    "choice": "random",
    "compact_graphs": "blocks",
    "context_of": "utils",
    "dgl_warning": "base",
    "dtype_of": "utils",
    "get_num_threads": "utils",
    "get_numa_nodes_cores": "utils",
    "heterograph": "construct",
    "is_tensor_adaptor_enabled": "_ffi.base",
    "metis_partition_assignment": "partition",
    "pack_traces": "sampling",
    "random_walk": "sampling",
    "recursive_apply": "utils",
    "recursive_apply_pair": "utils",
    "set_num_threads": "utils",
    "to_block": "blocks",
    "wrap_storage": "storages",
}


def __getattr__(name: str) -> Any:
    if name not in _ALSO:
        raise AttributeError(f"module 'grapevine.dgl.dataloading' has no attribute {name!r}")
    module = importlib.import_module(f"grapevine.dgl.{_ALSO[name]}")
    return getattr(module, name.removesuffix("_graphs") if name == "batch_graphs" else name)
