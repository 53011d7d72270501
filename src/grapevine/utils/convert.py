"""Conversion from and to other formats."""

from grapevine.data.convert import (
    from_networkx,
    from_scipy_sparse_matrix,
    to_networkx,
    to_scipy_sparse_matrix,
)

__all__ = [
    "from_networkx",
    "from_scipy_sparse_matrix",
    "to_networkx",
    "to_scipy_sparse_matrix",
]
