"""Transforms as classes."""

from __future__ import annotations

from grapevine.dgl.transforms.base import BaseTransform, Compose
from grapevine.dgl.transforms.diffusion import GDC, PPR, HeatKernel
from grapevine.dgl.transforms.features import (
    SVDPE,
    FeatMask,
    GCNNorm,
    LaplacianPE,
    LapPE,
    NodeShuffle,
    RandomWalkPE,
    RowFeatNormalizer,
    SIGNDiffusion,
)
from grapevine.dgl.transforms.structure import (
    AddEdge,
    AddMetaPaths,
    AddReverse,
    AddSelfLoop,
    DropEdge,
    DropNode,
    KHopGraph,
    LineGraph,
    RemoveSelfLoop,
    ToLevi,
    ToSimple,
)

__all__ = [
    "GDC",
    "PPR",
    "SVDPE",
    "AddEdge",
    "AddMetaPaths",
    "AddReverse",
    "AddSelfLoop",
    "BaseTransform",
    "Compose",
    "DropEdge",
    "DropNode",
    "FeatMask",
    "GCNNorm",
    "HeatKernel",
    "KHopGraph",
    "LapPE",
    "LaplacianPE",
    "LineGraph",
    "NodeShuffle",
    "RandomWalkPE",
    "RemoveSelfLoop",
    "RowFeatNormalizer",
    "SIGNDiffusion",
    "ToLevi",
    "ToSimple",
]
