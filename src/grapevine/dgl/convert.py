"""Graphs from edge lists, and from one form of graph to another."""

from __future__ import annotations

from grapevine.dgl.construct import block_to_graph, create_block, graph, heterograph
from grapevine.dgl.export import to_networkx
from grapevine.dgl.foreign import (
    bipartite_from_networkx,
    bipartite_from_scipy,
    from_networkx,
    from_pyg,
    from_scipy,
    to_pyg,
)
from grapevine.dgl.homogeneous import to_heterogeneous, to_homogeneous

__all__ = [
    "bipartite_from_networkx",
    "bipartite_from_scipy",
    "block_to_graph",
    "create_block",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "graph",
    "heterograph",
    "to_heterogeneous",
    "to_homogeneous",
    "to_networkx",
    "to_pyg",
]
