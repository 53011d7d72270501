"""Whole models, and the parts that only models need."""

from grapevine.nn.equivariant import GNNFF, DimeNet, DimeNetPlusPlus, SchNet, ViSNet
from grapevine.nn.models.attentive_fp import AttentiveFP
from grapevine.nn.models.attract_repel import ARLinkPredictor
from grapevine.nn.models.autoencoder import ARGA, ARGVA, GAE, VGAE, InnerProductDecoder
from grapevine.nn.models.basic_gnn import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from grapevine.nn.models.captum import captum_output_to_dicts, to_captum_input, to_captum_model
from grapevine.nn.models.category_encoder import CategoryEncoder
from grapevine.nn.models.correct_and_smooth import CorrectAndSmooth
from grapevine.nn.models.deep_graph_infomax import DeepGraphInfomax
from grapevine.nn.models.deepgcn import DeepGCNLayer
from grapevine.nn.models.gpse import GPSE, GPSENodeEncoder
from grapevine.nn.models.graph_gps import GraphGPS
from grapevine.nn.models.graph_unet import GraphUNet
from grapevine.nn.models.jumping_knowledge import HeteroJumpingKnowledge, JumpingKnowledge
from grapevine.nn.models.label_prop import LabelPropagation
from grapevine.nn.models.lightgcn import LightGCN
from grapevine.nn.models.linkx import LINKX
from grapevine.nn.models.lpformer import LPFormer
from grapevine.nn.models.mask_label import MaskLabel
from grapevine.nn.models.meta import MetaLayer
from grapevine.nn.models.metapath2vec import MetaPath2Vec
from grapevine.nn.models.mlp import MLP
from grapevine.nn.models.neural_fingerprint import NeuralFingerprint
from grapevine.nn.models.node2vec import Node2Vec
from grapevine.nn.models.pmlp import PMLP
from grapevine.nn.models.polynormer import Polynormer
from grapevine.nn.models.re_net import RENet
from grapevine.nn.models.rect import RECT_L
from grapevine.nn.models.rev_gnn import GroupAddRev
from grapevine.nn.models.sgformer import SGFormer
from grapevine.nn.models.sign_net import SignNet
from grapevine.nn.models.signed_gcn import SignedGCN
from grapevine.nn.models.tgn import TGNMemory

__all__ = [
    "ARGA",
    "ARGVA",
    "GAE",
    "GAT",
    "GCN",
    "GIN",
    "GNNFF",
    "GPSE",
    "LINKX",
    "MLP",
    "PMLP",
    "PNA",
    "RECT_L",
    "VGAE",
    "ARLinkPredictor",
    "AttentiveFP",
    "CategoryEncoder",
    "CorrectAndSmooth",
    "DeepGCNLayer",
    "DeepGraphInfomax",
    "DimeNet",
    "DimeNetPlusPlus",
    "EdgeCNN",
    "GPSENodeEncoder",
    "GraphGPS",
    "GraphSAGE",
    "GraphUNet",
    "GroupAddRev",
    "HeteroJumpingKnowledge",
    "InnerProductDecoder",
    "JumpingKnowledge",
    "LPFormer",
    "LabelPropagation",
    "LightGCN",
    "MaskLabel",
    "MetaLayer",
    "MetaPath2Vec",
    "NeuralFingerprint",
    "Node2Vec",
    "Polynormer",
    "RENet",
    "SGFormer",
    "SchNet",
    "SignNet",
    "SignedGCN",
    "TGNMemory",
    "ViSNet",
    "captum_output_to_dicts",
    "to_captum_input",
    "to_captum_model",
]
