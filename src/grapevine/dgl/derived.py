"""The methods of a graph that make another graph of it: the functions of `subgraph` and `rewire`."""

from __future__ import annotations

from grapevine.dgl import rewire
from grapevine.dgl import subgraph as parts
from grapevine.dgl.export import to_cugraph as as_cugraph
from grapevine.dgl.export import to_networkx as as_networkx
from grapevine.dgl.structure import GraphStructure


class DerivedMethods(GraphStructure):
    """Each is the function of the same name with this graph as the first argument."""

    subgraph = parts.node_subgraph
    edge_subgraph = parts.edge_subgraph
    in_subgraph = parts.in_subgraph
    out_subgraph = parts.out_subgraph
    khop_in_subgraph = parts.khop_in_subgraph
    khop_out_subgraph = parts.khop_out_subgraph
    node_type_subgraph = parts.node_type_subgraph
    edge_type_subgraph = parts.edge_type_subgraph

    add_self_loop = rewire.add_self_loop
    remove_self_loop = rewire.remove_self_loop
    reverse = rewire.reverse
    to_simple = rewire.to_simple
    line_graph = rewire.line_graph
    reorder_graph = rewire.reorder_graph

    to_networkx = as_networkx
    to_cugraph = as_cugraph
