"""Between `edge_index` and PyTorch's sparse matrices, whose entry (i, j) is the edge from i to j."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph.num_nodes import bound
from grapevine.graph.sorting import coalesce, index2ptr, ptr2index

Size = int | tuple[int | None, int | None] | None

_LAYOUTS = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc)


def is_torch_sparse_tensor(src: Any) -> bool:
    """Whether `src` is a `torch` tensor in COO, CSR or CSC layout.

    Example:
        >>> is_torch_sparse_tensor(torch.eye(2).to_sparse())
        True
    """
    return isinstance(src, Tensor) and src.layout in _LAYOUTS


def is_sparse(src: Any) -> bool:
    """Whether `src` is a sparse matrix; the same as `is_torch_sparse_tensor`.

    Example:
        >>> is_sparse(torch.eye(2))
        False
    """
    return is_torch_sparse_tensor(src)


def _shape(edge_index: Tensor, size: Size) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if size is None:
        return (bound(edge_index),) * 2
    rows, cols = size
    return (
        bound(edge_index[0]) if rows is None else rows,
        bound(edge_index[1]) if cols is None else cols,
    )


def to_torch_sparse_tensor(
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    size: Size = None,
    is_coalesced: bool = False,
    layout: torch.layout = torch.sparse_coo,
) -> Tensor:
    """A sparse matrix from edges; duplicates are summed.

    Args:
        edge_index: `(2, E)` rows and columns.
        edge_attr: `(E, ...)` values; ones by default.
        size: number of rows and columns, or of both; None is found from the indices.
        is_coalesced: promise that the edges are sorted (by row; by column for CSC) and unique.
        layout: `torch.sparse_coo`, `torch.sparse_csr` or `torch.sparse_csc`.

    Raises:
        GraphValueError: for another layout.

    Example:
        >>> to_torch_sparse_tensor(torch.tensor([[0, 1], [1, 0]]), layout=torch.sparse_csr).to_dense()
        tensor([[0., 1.],
                [1., 0.]])
    """
    if layout not in _LAYOUTS:
        raise GraphValueError(f"expected the layout sparse_coo, sparse_csr or sparse_csc, got {layout}")
    num_rows, num_cols = _shape(edge_index, size)
    if not is_coalesced:
        edge_index, edge_attr = coalesce(edge_index, edge_attr, sort_by_row=layout != torch.sparse_csc)
    if edge_attr is None:
        edge_attr = torch.ones(edge_index.size(1), device=edge_index.device)
    row, col = edge_index
    shape = (num_rows, num_cols, *edge_attr.shape[1:])
    with warnings.catch_warnings():  # PyTorch says once that it does not check, and that CSR is in beta
        warnings.simplefilter("ignore", UserWarning)
        if layout == torch.sparse_coo:
            return torch.sparse_coo_tensor(edge_index, edge_attr, shape, is_coalesced=True)
        if layout == torch.sparse_csr:
            return torch.sparse_csr_tensor(index2ptr(row, num_rows), col, edge_attr, shape)
        return torch.sparse_csc_tensor(index2ptr(col, num_cols), row, edge_attr, shape)


def to_torch_coo_tensor(
    edge_index: Tensor, edge_attr: Tensor | None = None, size: Size = None, is_coalesced: bool = False
) -> Tensor:
    """`to_torch_sparse_tensor` with the layout `torch.sparse_coo`.

    Example:
        >>> to_torch_coo_tensor(torch.tensor([[0, 1], [1, 0]])).is_coalesced()
        True
    """
    return to_torch_sparse_tensor(edge_index, edge_attr, size, is_coalesced, torch.sparse_coo)


def to_torch_csr_tensor(
    edge_index: Tensor, edge_attr: Tensor | None = None, size: Size = None, is_coalesced: bool = False
) -> Tensor:
    """`to_torch_sparse_tensor` with the layout `torch.sparse_csr`.

    Example:
        >>> to_torch_csr_tensor(torch.tensor([[0, 1], [1, 0]])).crow_indices()
        tensor([0, 1, 2])
    """
    return to_torch_sparse_tensor(edge_index, edge_attr, size, is_coalesced, torch.sparse_csr)


def to_torch_csc_tensor(
    edge_index: Tensor, edge_attr: Tensor | None = None, size: Size = None, is_coalesced: bool = False
) -> Tensor:
    """`to_torch_sparse_tensor` with the layout `torch.sparse_csc`.

    Example:
        >>> to_torch_csc_tensor(torch.tensor([[0, 1], [1, 0]])).ccol_indices()
        tensor([0, 1, 2])
    """
    return to_torch_sparse_tensor(edge_index, edge_attr, size, is_coalesced, torch.sparse_csc)


def to_edge_index(adj: Tensor) -> tuple[Tensor, Tensor]:
    """The rows and columns of a sparse matrix, and its values, in the order in which it stores them.

    Args:
        adj: a `torch` tensor in COO (duplicates are summed), CSR or CSC layout.

    Returns:
        `edge_index` (2, E) int64 and the values (E, ...).

    Raises:
        GraphTypeError: if `adj` is no sparse matrix.

    Example:
        >>> to_edge_index(torch.tensor([[0., 2.], [3., 0.]]).to_sparse())
        (tensor([[0, 1],
            [1, 0]]), tensor([2., 3.]))
    """
    if not is_torch_sparse_tensor(adj):
        raise GraphTypeError(
            "expected a torch.sparse matrix in COO, CSR or CSC layout, got "
            f"{f'the layout {adj.layout}' if isinstance(adj, Tensor) else type(adj).__name__}"
        )
    if adj.layout == torch.sparse_coo:
        adj = adj.coalesce()
        return adj.indices().detach().long(), adj.values()
    if adj.layout == torch.sparse_csr:
        col = adj.col_indices().detach()
        row = ptr2index(adj.crow_indices().detach(), output_size=col.numel())
    else:
        row = adj.row_indices().detach()
        col = ptr2index(adj.ccol_indices().detach(), output_size=row.numel())
    return torch.stack([row, col]).long(), adj.values()


def set_sparse_value(adj: Tensor, value: Tensor) -> Tensor:
    """A sparse matrix with the entries of `adj` and other values.

    Args:
        adj: a `torch` tensor in COO, CSR or CSC layout.
        value: `(E, ...)`, in the order of `to_edge_index(adj)`.

    Example:
        >>> set_sparse_value(torch.eye(2).to_sparse(), torch.tensor([2., 3.])).to_dense()
        tensor([[2., 0.],
                [0., 3.]])
    """
    edge_index, _ = to_edge_index(adj)
    num_rows, num_cols = adj.shape[:2]
    return to_torch_sparse_tensor(edge_index, value, (num_rows, num_cols), True, adj.layout)
