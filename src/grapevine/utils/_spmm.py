"""Sparse times dense matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index


def spmm(src: Tensor, other: Tensor, reduce: str = "sum") -> Tensor:
    r"""Multiplies a sparse matrix with a dense one, with any reduction in place of the sum.

    .. math:: y_i = \operatorname{reduce}_{j: A_{ij} \ne 0}\ A_{ij}\, x_j

    Args:
        src: `(N, M)` sparse matrix A in COO, CSR or CSC layout.
        other: `(M, F)` features.
        reduce: `"sum"` (or `"add"`), `"mean"`, `"min"` or `"max"`; over the entries that A stores.

    Returns:
        `(N, F)`; rows without an entry are 0.

    Raises:
        GraphValueError: if `src` is not sparse, for an unknown `reduce` or sizes that do not fit.

    Example:
        >>> spmm(torch.tensor([[0., 2.], [3., 1.]]).to_sparse(), torch.tensor([[1.], [4.]]), reduce="max")
        tensor([[8.],
                [4.]])
    """
    reduce = "sum" if reduce == "add" else reduce
    if reduce not in ("sum", "mean", "min", "max"):
        raise GraphValueError(f"expected reduce 'sum', 'mean', 'min' or 'max', got {reduce!r}")
    if not is_torch_sparse_tensor(src):
        raise GraphValueError(
            f"expected a torch.sparse matrix in COO, CSR or CSC layout, got {type(src).__name__}; "
            "use to_torch_csr_tensor(edge_index) or x.to_sparse()"
        )
    if other.size(0) != src.size(1):
        raise GraphValueError(
            f"expected {src.size(1)} rows for as many columns of 'src', got {other.size(0)}"
        )
    src = src.coalesce() if src.layout == torch.sparse_coo else src
    edges = Edges.of(src)
    value = to_edge_index(src)[1]
    value = value.view(-1, *[1] * (other.dim() - 1))
    return edges.reduce(edges.edge(value) * edges.src(other), reduce)
