"""Whole models, and the parts that only models need."""

from grapevine.nn.models.autoencoder import ARGA, ARGVA, GAE, VGAE, InnerProductDecoder
from grapevine.nn.models.basic_gnn import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from grapevine.nn.models.correct_and_smooth import CorrectAndSmooth
from grapevine.nn.models.deep_graph_infomax import DeepGraphInfomax
from grapevine.nn.models.deepgcn import DeepGCNLayer
from grapevine.nn.models.jumping_knowledge import HeteroJumpingKnowledge, JumpingKnowledge
from grapevine.nn.models.label_prop import LabelPropagation
from grapevine.nn.models.lightgcn import LightGCN
from grapevine.nn.models.linkx import LINKX
from grapevine.nn.models.mask_label import MaskLabel
from grapevine.nn.models.meta import MetaLayer
from grapevine.nn.models.mlp import MLP
from grapevine.nn.models.pmlp import PMLP

__all__ = [
    "ARGA",
    "ARGVA",
    "GAE",
    "GAT",
    "GCN",
    "GIN",
    "LINKX",
    "MLP",
    "PMLP",
    "PNA",
    "VGAE",
    "CorrectAndSmooth",
    "DeepGCNLayer",
    "DeepGraphInfomax",
    "EdgeCNN",
    "GraphSAGE",
    "HeteroJumpingKnowledge",
    "InnerProductDecoder",
    "JumpingKnowledge",
    "LabelPropagation",
    "LightGCN",
    "MaskLabel",
    "MetaLayer",
]
