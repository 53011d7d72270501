"""How many nodes an adjacency speaks of."""

from grapevine.graph.num_nodes import (
    maybe_num_nodes,
    maybe_num_nodes_dict,
)

__all__ = [
    "maybe_num_nodes",
    "maybe_num_nodes_dict",
]
