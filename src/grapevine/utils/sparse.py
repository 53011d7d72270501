"""Between `edge_index` and sparse matrices."""

from grapevine.graph.dense import dense_to_sparse
from grapevine.graph.sorting import index2ptr, ptr2index
from grapevine.graph.sparse import (
    is_sparse,
    is_torch_sparse_tensor,
    set_sparse_value,
    to_edge_index,
    to_torch_coo_tensor,
    to_torch_csc_tensor,
    to_torch_csr_tensor,
    to_torch_sparse_tensor,
)

__all__ = [
    "dense_to_sparse",
    "index2ptr",
    "is_sparse",
    "is_torch_sparse_tensor",
    "ptr2index",
    "set_sparse_value",
    "to_edge_index",
    "to_torch_coo_tensor",
    "to_torch_csc_tensor",
    "to_torch_csr_tensor",
    "to_torch_sparse_tensor",
]
