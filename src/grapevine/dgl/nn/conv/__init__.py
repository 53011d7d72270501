"""Layers that send messages."""

from grapevine.dgl.nn.conv.agnnconv import AGNNConv
from grapevine.dgl.nn.conv.appnpconv import APPNPConv
from grapevine.dgl.nn.conv.atomicconv import AtomicConv
from grapevine.dgl.nn.conv.cfconv import CFConv
from grapevine.dgl.nn.conv.chebconv import ChebConv
from grapevine.dgl.nn.conv.cugraph_gatconv import CuGraphGATConv
from grapevine.dgl.nn.conv.cugraph_relgraphconv import CuGraphRelGraphConv
from grapevine.dgl.nn.conv.cugraph_sageconv import CuGraphSAGEConv
from grapevine.dgl.nn.conv.densechebconv import DenseChebConv
from grapevine.dgl.nn.conv.densegraphconv import DenseGraphConv
from grapevine.dgl.nn.conv.densesageconv import DenseSAGEConv
from grapevine.dgl.nn.conv.dgnconv import DGNConv
from grapevine.dgl.nn.conv.dotgatconv import DotGatConv
from grapevine.dgl.nn.conv.edgeconv import EdgeConv
from grapevine.dgl.nn.conv.edgegatconv import EdgeGATConv
from grapevine.dgl.nn.conv.egatconv import EGATConv
from grapevine.dgl.nn.conv.egnnconv import EGNNConv
from grapevine.dgl.nn.conv.gatconv import GATConv
from grapevine.dgl.nn.conv.gatedgraphconv import GatedGraphConv
from grapevine.dgl.nn.conv.gatv2conv import GATv2Conv
from grapevine.dgl.nn.conv.gcn2conv import GCN2Conv
from grapevine.dgl.nn.conv.ginconv import GINConv
from grapevine.dgl.nn.conv.gineconv import GINEConv
from grapevine.dgl.nn.conv.gmmconv import GMMConv
from grapevine.dgl.nn.conv.graphconv import EdgeWeightNorm, GraphConv
from grapevine.dgl.nn.conv.grouprevres import GroupRevRes
from grapevine.dgl.nn.conv.hgtconv import HGTConv
from grapevine.dgl.nn.conv.nnconv import NNConv
from grapevine.dgl.nn.conv.pnaconv import PNAConv
from grapevine.dgl.nn.conv.relgraphconv import RelGraphConv
from grapevine.dgl.nn.conv.sageconv import SAGEConv
from grapevine.dgl.nn.conv.sgconv import SGConv
from grapevine.dgl.nn.conv.tagconv import TAGConv
from grapevine.dgl.nn.conv.twirlsconv import TWIRLSConv, TWIRLSUnfoldingAndAttention

__all__ = [
    "AGNNConv",
    "APPNPConv",
    "AtomicConv",
    "CFConv",
    "ChebConv",
    "CuGraphGATConv",
    "CuGraphRelGraphConv",
    "CuGraphSAGEConv",
    "DGNConv",
    "DenseChebConv",
    "DenseGraphConv",
    "DenseSAGEConv",
    "DotGatConv",
    "EGATConv",
    "EGNNConv",
    "EdgeConv",
    "EdgeGATConv",
    "EdgeWeightNorm",
    "GATConv",
    "GATv2Conv",
    "GCN2Conv",
    "GINConv",
    "GINEConv",
    "GMMConv",
    "GatedGraphConv",
    "GraphConv",
    "GroupRevRes",
    "HGTConv",
    "NNConv",
    "PNAConv",
    "RelGraphConv",
    "SAGEConv",
    "SGConv",
    "TAGConv",
    "TWIRLSConv",
    "TWIRLSUnfoldingAndAttention",
]
