"""Whole models, and the parts that only models need."""

from grapevine.nn.models.basic_gnn import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from grapevine.nn.models.correct_and_smooth import CorrectAndSmooth
from grapevine.nn.models.deepgcn import DeepGCNLayer
from grapevine.nn.models.jumping_knowledge import HeteroJumpingKnowledge, JumpingKnowledge
from grapevine.nn.models.label_prop import LabelPropagation
from grapevine.nn.models.mlp import MLP

__all__ = [
    "GAT",
    "GCN",
    "GIN",
    "MLP",
    "PNA",
    "CorrectAndSmooth",
    "DeepGCNLayer",
    "EdgeCNN",
    "GraphSAGE",
    "HeteroJumpingKnowledge",
    "JumpingKnowledge",
    "LabelPropagation",
]
