"""Graph convolutions: layers that send messages along edges."""

from grapevine.nn.conv.agnn_conv import AGNNConv
from grapevine.nn.conv.antisymmetric_conv import AntiSymmetricConv
from grapevine.nn.conv.appnp import APPNP
from grapevine.nn.conv.arma_conv import ARMAConv
from grapevine.nn.conv.cg_conv import CGConv
from grapevine.nn.conv.cheb_conv import ChebConv
from grapevine.nn.conv.cluster_gcn_conv import ClusterGCNConv
from grapevine.nn.conv.dir_gnn_conv import DirGNNConv
from grapevine.nn.conv.dna_conv import DNAConv
from grapevine.nn.conv.dynamic_edge_conv import DynamicEdgeConv
from grapevine.nn.conv.edge_conv import EdgeConv
from grapevine.nn.conv.eg_conv import EGConv
from grapevine.nn.conv.fa_conv import FAConv
from grapevine.nn.conv.feast_conv import FeaStConv
from grapevine.nn.conv.film_conv import FiLMConv
from grapevine.nn.conv.fused_gat_conv import FusedGATConv
from grapevine.nn.conv.gat_conv import GATConv
from grapevine.nn.conv.gated_graph_conv import GatedGraphConv
from grapevine.nn.conv.gatv2_conv import GATv2Conv
from grapevine.nn.conv.gcn2_conv import GCN2Conv
from grapevine.nn.conv.gcn_conv import GCNConv
from grapevine.nn.conv.gen_conv import GENConv
from grapevine.nn.conv.general_conv import GeneralConv
from grapevine.nn.conv.gin_conv import GINConv, GINEConv
from grapevine.nn.conv.gmm_conv import GMMConv
from grapevine.nn.conv.gps_conv import GPSConv
from grapevine.nn.conv.graph_conv import GraphConv
from grapevine.nn.conv.gravnet_conv import GravNetConv
from grapevine.nn.conv.han_conv import HANConv
from grapevine.nn.conv.heat_conv import HEATConv
from grapevine.nn.conv.hetero_conv import HeteroConv
from grapevine.nn.conv.hgt_conv import HGTConv
from grapevine.nn.conv.hypergraph_conv import HypergraphConv
from grapevine.nn.conv.le_conv import LEConv
from grapevine.nn.conv.lg_conv import LGConv
from grapevine.nn.conv.meshcnn_conv import MeshCNNConv
from grapevine.nn.conv.mf_conv import MFConv
from grapevine.nn.conv.mixhop_conv import MixHopConv
from grapevine.nn.conv.nn_conv import NNConv
from grapevine.nn.conv.pan_conv import PANConv
from grapevine.nn.conv.pdn_conv import PDNConv
from grapevine.nn.conv.pna_conv import PNAConv
from grapevine.nn.conv.point_conv import PointNetConv
from grapevine.nn.conv.point_gnn_conv import PointGNNConv
from grapevine.nn.conv.point_transformer_conv import PointTransformerConv
from grapevine.nn.conv.ppf_conv import PPFConv
from grapevine.nn.conv.res_gated_graph_conv import ResGatedGraphConv
from grapevine.nn.conv.rgat_conv import RGATConv
from grapevine.nn.conv.rgcn_conv import FastRGCNConv, RGCNConv
from grapevine.nn.conv.sage_conv import SAGEConv
from grapevine.nn.conv.sg_conv import SGConv
from grapevine.nn.conv.signed_conv import SignedConv
from grapevine.nn.conv.simple_conv import SimpleConv
from grapevine.nn.conv.spline_conv import SplineConv
from grapevine.nn.conv.ssg_conv import SSGConv
from grapevine.nn.conv.supergat_conv import SuperGATConv
from grapevine.nn.conv.tag_conv import TAGConv
from grapevine.nn.conv.transformer_conv import TransformerConv
from grapevine.nn.conv.wl_conv import WLConv
from grapevine.nn.conv.wl_conv_continuous import WLConvContinuous
from grapevine.nn.conv.x_conv import XConv
from grapevine.nn.message_passing import MessagePassing

ECConv = NNConv
PointConv = PointNetConv

__all__ = [
    "APPNP",
    "AGNNConv",
    "ARMAConv",
    "AntiSymmetricConv",
    "CGConv",
    "ChebConv",
    "ClusterGCNConv",
    "DNAConv",
    "DirGNNConv",
    "DynamicEdgeConv",
    "ECConv",
    "EGConv",
    "EdgeConv",
    "FAConv",
    "FastRGCNConv",
    "FeaStConv",
    "FiLMConv",
    "FusedGATConv",
    "GATConv",
    "GATv2Conv",
    "GCN2Conv",
    "GCNConv",
    "GENConv",
    "GINConv",
    "GINEConv",
    "GMMConv",
    "GPSConv",
    "GatedGraphConv",
    "GeneralConv",
    "GraphConv",
    "GravNetConv",
    "HANConv",
    "HEATConv",
    "HGTConv",
    "HeteroConv",
    "HypergraphConv",
    "LEConv",
    "LGConv",
    "MFConv",
    "MeshCNNConv",
    "MessagePassing",
    "MixHopConv",
    "NNConv",
    "PANConv",
    "PDNConv",
    "PNAConv",
    "PPFConv",
    "PointConv",
    "PointGNNConv",
    "PointNetConv",
    "PointTransformerConv",
    "RGATConv",
    "RGCNConv",
    "ResGatedGraphConv",
    "SAGEConv",
    "SGConv",
    "SSGConv",
    "SignedConv",
    "SimpleConv",
    "SplineConv",
    "SuperGATConv",
    "TAGConv",
    "TransformerConv",
    "WLConv",
    "WLConvContinuous",
    "XConv",
]
