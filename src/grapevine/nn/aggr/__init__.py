"""Aggregations: from the elements of a group to one row."""

from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.basic import (
    MaxAggregation,
    MeanAggregation,
    MinAggregation,
    MulAggregation,
    PowerMeanAggregation,
    SoftmaxAggregation,
    StdAggregation,
    SumAggregation,
    VarAggregation,
    VariancePreservingAggregation,
)
from grapevine.nn.aggr.equilibrium import EquilibriumAggregation
from grapevine.nn.aggr.fused import FusedAggregation
from grapevine.nn.aggr.learned import AttentionalAggregation, DeepSetsAggregation, MLPAggregation
from grapevine.nn.aggr.multi import MultiAggregation
from grapevine.nn.aggr.quantile import MedianAggregation, QuantileAggregation, SortAggregation
from grapevine.nn.aggr.recurrent import GRUAggregation, LCMAggregation, LSTMAggregation, Set2Set
from grapevine.nn.aggr.scaler import DegreeScalerAggregation
from grapevine.nn.aggr.transformer import (
    GraphMultisetTransformer,
    PatchTransformerAggregation,
    SetTransformerAggregation,
)
from grapevine.nn.resolver import aggregations

__all__ = [
    "Aggregation",
    "AttentionalAggregation",
    "DeepSetsAggregation",
    "DegreeScalerAggregation",
    "EquilibriumAggregation",
    "FusedAggregation",
    "GRUAggregation",
    "GraphMultisetTransformer",
    "LCMAggregation",
    "LSTMAggregation",
    "MLPAggregation",
    "MaxAggregation",
    "MeanAggregation",
    "MedianAggregation",
    "MinAggregation",
    "MulAggregation",
    "MultiAggregation",
    "PatchTransformerAggregation",
    "PowerMeanAggregation",
    "QuantileAggregation",
    "Set2Set",
    "SetTransformerAggregation",
    "SoftmaxAggregation",
    "SortAggregation",
    "StdAggregation",
    "SumAggregation",
    "VarAggregation",
    "VariancePreservingAggregation",
]

aggregations.register(
    SumAggregation,
    MeanAggregation,
    MaxAggregation,
    MinAggregation,
    MulAggregation,
    VarAggregation,
    StdAggregation,
    SoftmaxAggregation,
    PowerMeanAggregation,
    VariancePreservingAggregation,
    MedianAggregation,
    QuantileAggregation,
    SortAggregation,
    LSTMAggregation,
    GRUAggregation,
    LCMAggregation,
    Set2Set,
    AttentionalAggregation,
    DeepSetsAggregation,
    MLPAggregation,
    SetTransformerAggregation,
    GraphMultisetTransformer,
    PatchTransformerAggregation,
    EquilibriumAggregation,
    DegreeScalerAggregation,
    MultiAggregation,
    add=SumAggregation,
)
