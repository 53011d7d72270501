"""What attention layers share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.graph.sparse import is_torch_sparse_tensor, to_torch_sparse_tensor


def with_weights(edge_index: Any, edges: Any, alpha: Tensor) -> tuple[Any, Tensor]:
    """The graph in the form in which it came, and the attention of its edges.

    Args:
        edge_index: the adjacency that the layer was given.
        edges: the edges that the attention belongs to: with loops, or `edge_index` itself.
        alpha: (E, H).

    Returns:
        `(edge_index, alpha)`; for a sparse adjacency one that holds the attention, beside it in the same order.
    """
    if not is_torch_sparse_tensor(edge_index):
        strided = isinstance(edge_index, Tensor) and isinstance(edges, Edges)
        return edges.edge_index if strided else edges, alpha
    edges = Edges.of(edges)
    rows, columns = edges.dst_index, edges.src_index
    first, second = (columns, rows) if edge_index.layout is torch.sparse_csc else (rows, columns)
    order = (first * max(edges.size) + second).argsort(stable=True)
    entries, alpha = torch.stack([rows[order], columns[order]]), alpha[order]
    size = (edges.num_dst, edges.num_src)
    return to_torch_sparse_tensor(entries, alpha, size, is_coalesced=True, layout=edge_index.layout), alpha


def join_heads(out: Tensor, concat: bool) -> Tensor:
    """(N, H, F) heads side by side, (N, H F), or their mean (N, F)."""
    return out.flatten(1) if concat else out.mean(1)
