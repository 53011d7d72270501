"""Random removal of edges, nodes and paths."""

from grapevine.graph.dropout import (
    dropout_adj,
    dropout_edge,
    dropout_node,
    dropout_path,
)

__all__ = [
    "dropout_adj",
    "dropout_edge",
    "dropout_node",
    "dropout_path",
]
