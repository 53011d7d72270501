"""Sampling: neighbours, random walks, pairs without an edge."""

from __future__ import annotations

from grapevine.dgl.sampling.labor import sample_labors
from grapevine.dgl.sampling.negative import global_uniform_negative_sampling
from grapevine.dgl.sampling.neighbor import sample_neighbors, select_topk
from grapevine.dgl.sampling.pinsage import PinSAGESampler, RandomWalkNeighborSampler
from grapevine.dgl.sampling.randomwalks import node2vec_random_walk, pack_traces, random_walk
from grapevine.dgl.sampling.typed import (
    sample_etype_neighbors,
    sample_neighbors_biased,
    sample_neighbors_fused,
)

__all__ = [
    "PinSAGESampler",
    "RandomWalkNeighborSampler",
    "global_uniform_negative_sampling",
    "node2vec_random_walk",
    "pack_traces",
    "random_walk",
    "sample_etype_neighbors",
    "sample_labors",
    "sample_neighbors",
    "sample_neighbors_biased",
    "sample_neighbors_fused",
    "select_topk",
]
