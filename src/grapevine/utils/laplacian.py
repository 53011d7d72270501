"""Laplacians."""

from grapevine.graph.laplacian import (
    get_laplacian,
)

__all__ = [
    "get_laplacian",
]
