"""Functions from graphs to graphs: prepare features, change structure, split, encode, augment."""

from grapevine.transforms.add_gpse import AddGPSE
from grapevine.transforms.adjacency import GCNNorm, ToDense, ToSparseTensor
from grapevine.transforms.base import BaseTransform, Compose, ComposeFilters, ToDevice
from grapevine.transforms.diffusion import GDC
from grapevine.transforms.encoding import SIGN, AddLaplacianEigenvectorPE, AddRandomWalkPE, LaplacianLambdaMax
from grapevine.transforms.features import (
    Constant,
    FeaturePropagation,
    LocalDegreeProfile,
    NormalizeFeatures,
    OneHotDegree,
    SVDFeatureReduction,
)
from grapevine.transforms.half_hop import HalfHop
from grapevine.transforms.link_split import RandomLinkSplit
from grapevine.transforms.loops import AddRemainingSelfLoops, AddSelfLoops, RemoveSelfLoops
from grapevine.transforms.masks import IndexToMask, MaskToIndex, RemoveTrainingClasses
from grapevine.transforms.mesh import Delaunay, GenerateMeshNormals, PointPairFeatures, SamplePoints
from grapevine.transforms.metapaths import AddMetaPaths, AddRandomMetaPaths
from grapevine.transforms.neighbors import GridSampling, KNNGraph, RadiusGraph
from grapevine.transforms.node_split import RandomNodeSplit
from grapevine.transforms.pad import Pad
from grapevine.transforms.points import (
    Center,
    FaceToEdge,
    FixedPoints,
    LinearTransformation,
    NormalizeRotation,
    NormalizeScale,
    RandomFlip,
    RandomJitter,
    RandomRotate,
    RandomScale,
    RandomShear,
)
from grapevine.transforms.property_split import NodePropertySplit
from grapevine.transforms.relative import (
    Cartesian,
    Distance,
    LocalCartesian,
    Polar,
    Spherical,
    TargetIndegree,
)
from grapevine.transforms.rooted_subgraph import RootedEgoNets, RootedRWSubgraph, RootedSubgraphData
from grapevine.transforms.structure import (
    LargestConnectedComponents,
    LineGraph,
    RemoveDuplicatedEdges,
    RemoveIsolatedNodes,
    ToUndirected,
    TwoHop,
    VirtualNode,
)
from grapevine.transforms.to_superpixels import ToSLIC

__all__ = [
    "GDC",
    "SIGN",
    "AddGPSE",
    "AddLaplacianEigenvectorPE",
    "AddMetaPaths",
    "AddRandomMetaPaths",
    "AddRandomWalkPE",
    "AddRemainingSelfLoops",
    "AddSelfLoops",
    "BaseTransform",
    "Cartesian",
    "Center",
    "Compose",
    "ComposeFilters",
    "Constant",
    "Delaunay",
    "Distance",
    "FaceToEdge",
    "FeaturePropagation",
    "FixedPoints",
    "GCNNorm",
    "GenerateMeshNormals",
    "GridSampling",
    "HalfHop",
    "IndexToMask",
    "KNNGraph",
    "LaplacianLambdaMax",
    "LargestConnectedComponents",
    "LineGraph",
    "LinearTransformation",
    "LocalCartesian",
    "LocalDegreeProfile",
    "MaskToIndex",
    "NodePropertySplit",
    "NormalizeFeatures",
    "NormalizeRotation",
    "NormalizeScale",
    "OneHotDegree",
    "Pad",
    "PointPairFeatures",
    "Polar",
    "RadiusGraph",
    "RandomFlip",
    "RandomJitter",
    "RandomLinkSplit",
    "RandomNodeSplit",
    "RandomRotate",
    "RandomScale",
    "RandomShear",
    "RemoveDuplicatedEdges",
    "RemoveIsolatedNodes",
    "RemoveSelfLoops",
    "RemoveTrainingClasses",
    "RootedEgoNets",
    "RootedRWSubgraph",
    "RootedSubgraphData",
    "SVDFeatureReduction",
    "SamplePoints",
    "Spherical",
    "TargetIndegree",
    "ToDense",
    "ToDevice",
    "ToSLIC",
    "ToSparseTensor",
    "ToUndirected",
    "TwoHop",
    "VirtualNode",
]
