"""What attention layers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine import engine
from grapevine.edges import Edges
from grapevine.graph.sparse import is_torch_sparse_tensor, to_torch_sparse_tensor
from grapevine.nn.conv._derived import check_rows, self_looped
from grapevine.nn.message_passing import MessagePassing


@dataclass(frozen=True, slots=True)
class Arranged:
    """A graph whose edges may have been sorted by destination.

    Attributes:
        edges: the graph.
        origin: (E,), the former number of each edge; None where they stayed as they were.
    """

    edges: Any
    origin: Tensor | None = None

    def rows(self, value: Tensor | None) -> Tensor | None:
        """Rows of the former edges, (E, ...), in the new order."""
        if value is None or self.origin is None:
            return value
        check_rows(value, self.origin.shape[0])
        return value.index_select(0, self.origin)

    def back(self, value: Tensor) -> Tensor:
        """Rows of these edges, (E, ...), lazy or real, in the former order."""
        value = engine.materialise(value)
        return value if self.origin is None else torch.empty_like(value).index_copy(0, self.origin, value)


def arranged(
    adjacency: Any, size: tuple[int, int] | None, dropout: float, layer: MessagePassing | None = None
) -> Arranged:
    """The edges in ascending order of their destinations, where there are many: the graph to keep an attention on.

    A few numbers per edge are written and read by several kernels: in this order they stream, in any other every edge
    is a miss in the cache, which small graphs fit into.

    Args:
        adjacency: the graph, in any form; returned as it is where nothing changes.
        size: (N_src, N_dst).
        dropout: that is active on the attention; its draws go by the order of the edges, which then stays.
        layer: explainers of it count on that order too.
    """
    if engine.computes_now() or dropout or (layer is not None and layer.explain):
        return Arranged(adjacency)
    edges = Edges.of(adjacency, size)
    if engine.is_small(edges.num_edges, 1) or edges.sorted:
        return Arranged(adjacency)
    found = self_looped(edges, "none")
    return Arranged(found.edges, found.origin)


def attend(
    layer: MessagePassing,
    edges: Any,
    attention: Callable[[], Tensor],
    kept: bool | None = False,
    **given: Any,
) -> tuple[Tensor, Tensor | None]:
    """`layer.propagate(edges, alpha=attention(), **given)`, and those weights where they are to be kept.

    Others stay lazy until a sum takes them: no local name may hold them, or they would be stored when the block ends.
    """
    alpha = attention() if kept else None
    with layer.propagating():
        out = layer.propagate(edges, alpha=attention() if alpha is None else alpha, **given)
    return out, alpha


def head_scores(x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
    """`x · a` for each head and each `a` of the weights: (N, *, H, F) and (1, H, F) -> (N, *, H).

    Large ones as one product with a block-diagonal matrix, which reads x once and stores nothing of its size.
    """
    heads = x.shape[-2]
    if (
        engine.computes_now()
        or engine.is_small(x.shape[0], x.shape[1:].numel(), 8)
        or any(a.dtype is not x.dtype for a in weights)
    ):
        return tuple((x * a).sum(-1) for a in weights)
    blocks = torch.cat([torch.block_diag(*a.view(heads, 1, -1)) for a in weights])
    return F.linear(x.flatten(-2), blocks).split(heads, dim=-1)


def end_scores(
    x_src: Tensor, x_dst: Tensor | None, att_src: Tensor, att_dst: Tensor
) -> tuple[Tensor, Tensor | None]:
    """`head_scores` of both ends, by one product where they are the same features; None for an end without any."""
    if x_dst is x_src:
        score_src, score_dst = head_scores(x_src, att_src, att_dst)
        return score_src, score_dst
    return head_scores(x_src, att_src)[0], None if x_dst is None else head_scores(x_dst, att_dst)[0]


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
        return edges.edge_index if strided else edges, engine.materialise(alpha)
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
