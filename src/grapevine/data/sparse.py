"""Sparse matrices (`torch.sparse` COO, CSR, CSC) as attributes of a graph: join, cut, select."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph import to_edge_index, to_torch_sparse_tensor

Dims = int | tuple[int, ...]


def _dims(dim: Dims) -> tuple[int, ...]:
    return tuple(d % 2 for d in ((dim,) if isinstance(dim, int) else dim))


def cat(matrices: Sequence[Tensor], dim: Dims) -> Tensor:
    """Joins sparse matrices along one dimension, or on the block diagonal where `dim` names both.

    Args:
        matrices: sparse matrices (rows, columns).
        dim: 0 (below each other), 1 (beside each other) or (0, 1) (block diagonal); negative dims count from
            the end.

    Returns:
        One sparse matrix in the layout of the first one.

    Raises:
        GraphValueError: if the sizes across a dimension that is not joined differ.

    Example:
        >>> a = torch.tensor([[1.0, 2.0]]).to_sparse()
        >>> cat([a, a], dim=(0, 1)).to_dense()
        tensor([[1., 2., 0., 0.],
                [0., 0., 1., 2.]])
    """
    dims, layout = _dims(dim), matrices[0].layout
    for d in {0, 1} - set(dims):
        sizes = {int(matrix.shape[d]) for matrix in matrices}
        if len(sizes) > 1:
            raise GraphValueError(
                f"expected sparse matrices of one size along dimension {d}, got sizes {sorted(sizes)}; "
                f"do this instead: build each with size {max(sizes)} there"
            )
    indices, values, offset = [], [], [0, 0]
    for matrix in matrices:
        index, value = to_edge_index(matrix)
        indices.append(index + torch.tensor(offset, device=index.device).view(2, 1))
        values.append(value)
        for d in dims:
            offset[d] += int(matrix.shape[d])
    rows, cols = (offset[d] if d in dims else int(matrices[0].shape[d]) for d in (0, 1))
    # Blocks that follow each other along the dimension by which the layout sorts its entries stay sorted.
    major = 1 if layout == torch.sparse_csc else 0
    in_order = major in dims and all(matrix.layout == layout for matrix in matrices)
    return to_torch_sparse_tensor(torch.cat(indices, 1), torch.cat(values), (rows, cols), in_order, layout)


def narrow(matrix: Tensor, dim: Dims, start: Sequence[int], stop: Sequence[int]) -> Tensor:
    """Cuts a block out of a sparse matrix, one pair of bounds for each of the dimensions `dim`.

    Example:
        >>> narrow(torch.eye(3).to_sparse(), dim=(0, 1), start=(1, 1), stop=(3, 2)).to_dense()
        tensor([[1.],
                [0.]])
    """
    index, value = to_edge_index(matrix)
    size, shift = [int(n) for n in matrix.shape[:2]], [0, 0]
    keep = torch.ones(index.size(1), dtype=torch.bool, device=index.device)
    for d, low, high in zip(_dims(dim), start, stop):
        keep &= (index[d] >= low) & (index[d] < high)
        size[d], shift[d] = high - low, low
    index = index[:, keep] - torch.tensor(shift, device=index.device).view(2, 1)
    return to_torch_sparse_tensor(index, value[keep], (size[0], size[1]), True, matrix.layout)


def select(matrix: Tensor, dim: Dims, index_or_mask: Tensor) -> Tensor:
    """Returns the rows, the columns or (`dim=(0, 1)`) both that distinct ids or a mask name, in their order.

    Example:
        >>> select(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).to_sparse(), 1, torch.tensor([1, 0])).to_dense()
        tensor([[2., 1.],
                [4., 3.]])
    """
    index, value = to_edge_index(matrix)
    size = [int(n) for n in matrix.shape[:2]]
    ids = index_or_mask.nonzero().view(-1) if index_or_mask.dtype == torch.bool else index_or_mask
    for d in _dims(dim):
        place = index.new_full((size[d],), -1)
        place[ids] = torch.arange(ids.numel(), device=index.device)
        moved = place[index[d]]
        keep = moved >= 0
        other = index[1 - d, keep]
        index = torch.stack([moved[keep], other] if d == 0 else [other, moved[keep]])
        value = value[keep]
        size[d] = ids.numel()
    return to_torch_sparse_tensor(index, value, (size[0], size[1]), False, matrix.layout)
