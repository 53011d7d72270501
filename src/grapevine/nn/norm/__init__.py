"""Normalisation layers."""

from grapevine.nn.norm.batch_norm import BatchNorm, DiffGroupNorm, HeteroBatchNorm
from grapevine.nn.norm.graph_norm import GraphNorm, GraphSizeNorm, MeanSubtractionNorm, PairNorm
from grapevine.nn.norm.instance_norm import InstanceNorm
from grapevine.nn.norm.layer_norm import HeteroLayerNorm, LayerNorm, MessageNorm
from grapevine.nn.resolver import normalizations

__all__ = [
    "BatchNorm",
    "DiffGroupNorm",
    "GraphNorm",
    "GraphSizeNorm",
    "HeteroBatchNorm",
    "HeteroLayerNorm",
    "InstanceNorm",
    "LayerNorm",
    "MeanSubtractionNorm",
    "MessageNorm",
    "PairNorm",
]

normalizations.register(
    BatchNorm,
    HeteroBatchNorm,
    InstanceNorm,
    LayerNorm,
    HeteroLayerNorm,
    GraphNorm,
    GraphSizeNorm,
    PairNorm,
    MeanSubtractionNorm,
    MessageNorm,
    DiffGroupNorm,
)
