"""Isolated nodes."""

from grapevine.graph.isolated import (
    contains_isolated_nodes,
    remove_isolated_nodes,
)

__all__ = [
    "contains_isolated_nodes",
    "remove_isolated_nodes",
]
