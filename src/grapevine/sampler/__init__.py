"""Samplers: pure functions from seeds and a key to subgraphs."""

from grapevine.sampler.base import BaseSampler
from grapevine.sampler.bidirectional import BidirectionalNeighborSampler
from grapevine.sampler.hgt_sampler import HGTSampler
from grapevine.sampler.inputs import (
    EdgeSamplerInput,
    NegativeSampling,
    NodeSamplerInput,
    NumNeighbors,
    SubgraphType,
)
from grapevine.sampler.neighbor_sampler import NeighborSampler
from grapevine.sampler.outputs import HeteroSamplerOutput, SamplerOutput
from grapevine.sampler.random_walk import random_walk

__all__ = [
    "BaseSampler",
    "BidirectionalNeighborSampler",
    "EdgeSamplerInput",
    "HGTSampler",
    "HeteroSamplerOutput",
    "NegativeSampling",
    "NeighborSampler",
    "NodeSamplerInput",
    "NumNeighbors",
    "SamplerOutput",
    "SubgraphType",
    "random_walk",
]
