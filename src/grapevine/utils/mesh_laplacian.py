"""Laplacians of meshes."""

from grapevine.graph.laplacian import (
    get_mesh_laplacian,
)

__all__ = [
    "get_mesh_laplacian",
]
