"""Graph transformers: dense attention among the nodes of padded graphs, and encodings of the structure for it."""

from grapevine.dgl.nn.gt.biased_mha import BiasedMHA
from grapevine.dgl.nn.gt.degree_encoder import DegreeEncoder
from grapevine.dgl.nn.gt.egt import EGTLayer
from grapevine.dgl.nn.gt.graphormer import GraphormerLayer
from grapevine.dgl.nn.gt.lap_pos_encoder import LapPosEncoder
from grapevine.dgl.nn.gt.path_encoder import PathEncoder
from grapevine.dgl.nn.gt.spatial_encoder import SpatialEncoder, SpatialEncoder3d

__all__ = [
    "BiasedMHA",
    "DegreeEncoder",
    "EGTLayer",
    "GraphormerLayer",
    "LapPosEncoder",
    "PathEncoder",
    "SpatialEncoder",
    "SpatialEncoder3d",
]
