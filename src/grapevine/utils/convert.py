"""Conversion from and to other formats."""

from grapevine.data.convert import (
    from_networkx,
    from_scipy_sparse_matrix,
    to_networkx,
    to_scipy_sparse_matrix,
)
from grapevine.utils._foreign import from_dgl, from_networkit, from_trimesh, to_dgl, to_networkit, to_trimesh

__all__ = [
    "from_dgl",
    "from_networkit",
    "from_networkx",
    "from_scipy_sparse_matrix",
    "from_trimesh",
    "to_dgl",
    "to_networkit",
    "to_networkx",
    "to_scipy_sparse_matrix",
    "to_trimesh",
]
