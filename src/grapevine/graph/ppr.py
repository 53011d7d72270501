"""Personalised PageRank."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from grapevine.graph.components import adjacency
from grapevine.graph.num_nodes import maybe_num_nodes


def _only(matrix: sparse.csr_array, mask: np.ndarray) -> sparse.csr_array:
    """The entries at which `mask` is true."""
    out = matrix.copy()
    out.data = np.where(mask, out.data, 0.0)
    out.eliminate_zeros()
    return out


def get_ppr(
    edge_index: Tensor,
    alpha: float = 0.2,
    eps: float = 1e-5,
    target: Tensor | None = None,
    num_nodes: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Personalised PageRank vectors, approximated by pushing residuals along edges.

    .. math:: \pi_i = \alpha \sum_{t \ge 0} (1 - \alpha)^t (D^{-1} A)^t_{i \cdot}

    Mass is pushed until every residual is below :math:`\alpha \epsilon \deg(v)`; all nodes push at once.

    Args:
        edge_index: `(2, E)` integers.
        alpha: probability to return to the start.
        eps: precision.
        target: `(T,)` the starting nodes; all by default.
        num_nodes: number of nodes.

    Returns:
        `edge_index` (2, K) from starting nodes to nodes with a score, and the scores (K,).

    Example:
        >>> get_ppr(torch.tensor([[0, 1], [1, 0]]), alpha=0.5, eps=1e-7)
        (tensor([[0, 0, 1, 1],
            [0, 1, 0, 1]]), tensor([0.6667, 0.3333, 0.3333, 0.6667]))

    Source: Local Graph Partitioning using PageRank Vectors (Andersen, Chung, Lang, 2006).
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    adj = adjacency(edge_index, num_nodes).astype(np.float64)
    degree = np.asarray(adj.sum(axis=1)).reshape(-1)
    step = sparse.diags_array((1 - alpha) / np.maximum(degree, 1)) @ adj
    nodes = np.arange(num_nodes) if target is None else target.cpu().numpy()

    rows, cols, scores = [], [], []
    for begin in range(0, len(nodes), 512):  # bounds the memory that the residuals need
        part = nodes[begin : begin + 512]
        shape = (len(part), num_nodes)
        pushed = sparse.csr_array((np.full(len(part), alpha), (np.arange(len(part)), part)), shape=shape)
        score = residual = sparse.csr_array(shape)
        while pushed.nnz > 0:
            score = score + pushed
            residual = residual + pushed @ step
            large = residual.data >= alpha * eps * degree[residual.indices]
            pushed, residual = _only(residual, large), _only(residual, ~large)
        score.sort_indices()
        out = score.tocoo()
        rows.append(part[out.row])
        cols.append(out.col)
        scores.append(out.data)
    index = np.stack([np.concatenate(rows), np.concatenate(cols)]) if rows else np.empty((2, 0))
    weight = np.concatenate(scores) if scores else np.empty(0)
    return (
        torch.from_numpy(index.astype(np.int64)).to(edge_index.device),
        torch.from_numpy(weight.astype(np.float32)).to(edge_index.device),
    )
