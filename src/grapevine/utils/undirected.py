"""Directed and undirected edges."""

from grapevine.graph.direction import (
    is_undirected,
    to_undirected,
)

__all__ = [
    "is_undirected",
    "to_undirected",
]
