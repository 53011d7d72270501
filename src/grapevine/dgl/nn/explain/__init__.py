"""Why a model answered as it did: masks over edges and features, and decisive subgraphs."""

from grapevine.dgl.nn.explain.gnnexplainer import GNNExplainer, HeteroGNNExplainer
from grapevine.dgl.nn.explain.subgraphx import HeteroSubgraphX, SubgraphX

__all__ = ["GNNExplainer", "HeteroGNNExplainer", "HeteroSubgraphX", "SubgraphX"]
