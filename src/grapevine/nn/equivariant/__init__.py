"""Networks that turn with their input: EGNN, the SE(3)-Transformer, SchNet, DimeNet, PaiNN and ViSNet."""

from grapevine.nn.equivariant.attention import AttentionBlockSE3, AttentionSE3
from grapevine.nn.equivariant.basis import get_basis, update_basis_with_fused
from grapevine.nn.equivariant.convolution import ConvSE3, ConvSE3FuseLevel, RadialProfile, VersatileConvSE3
from grapevine.nn.equivariant.dimenet import DimeNet, DimeNetPlusPlus, triplets_of
from grapevine.nn.equivariant.egnn import E_GCL, EGNN, EGNN_QM9, E_GCL_vel, EGNN_nbody, EGNN_vel
from grapevine.nn.equivariant.fiber import Fiber
from grapevine.nn.equivariant.frames import FrameAttention, frames_of
from grapevine.nn.equivariant.gnnff import GNNFF
from grapevine.nn.equivariant.graphs import PointGraph, make_full_graph, make_topk_graph
from grapevine.nn.equivariant.harmonics import clebsch_gordan, spherical_harmonics, wigner_3j
from grapevine.nn.equivariant.layers import GPooling, LinearSE3, NormSE3
from grapevine.nn.equivariant.nbody import GNN, RF_vel
from grapevine.nn.equivariant.painn import PaiNN, PaiNNMessage, PaiNNUpdate
from grapevine.nn.equivariant.schnet import CFConv, SchNet
from grapevine.nn.equivariant.transformer import (
    SE3Transformer,
    SE3TransformerPooled,
    SE3TransformerWrapper,
    with_distance,
)
from grapevine.nn.equivariant.visnet import ViSNet, ViSNetBlock

__all__ = [
    "EGNN",
    "EGNN_QM9",
    "E_GCL",
    "GNN",
    "GNNFF",
    "AttentionBlockSE3",
    "AttentionSE3",
    "CFConv",
    "ConvSE3",
    "ConvSE3FuseLevel",
    "DimeNet",
    "DimeNetPlusPlus",
    "EGNN_nbody",
    "EGNN_vel",
    "E_GCL_vel",
    "Fiber",
    "FrameAttention",
    "GPooling",
    "LinearSE3",
    "NormSE3",
    "PaiNN",
    "PaiNNMessage",
    "PaiNNUpdate",
    "PointGraph",
    "RF_vel",
    "RadialProfile",
    "SE3Transformer",
    "SE3TransformerPooled",
    "SE3TransformerWrapper",
    "SchNet",
    "VersatileConvSE3",
    "ViSNet",
    "ViSNetBlock",
    "clebsch_gordan",
    "frames_of",
    "get_basis",
    "make_full_graph",
    "make_topk_graph",
    "spherical_harmonics",
    "triplets_of",
    "update_basis_with_fused",
    "wigner_3j",
    "with_distance",
]
