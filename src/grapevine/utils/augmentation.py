"""Random change of features and edges."""

from grapevine.graph.dropout import (
    add_random_edge,
    mask_feature,
    shuffle_node,
)

__all__ = [
    "add_random_edge",
    "mask_feature",
    "shuffle_node",
]
