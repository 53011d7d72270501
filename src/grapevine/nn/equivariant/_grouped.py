"""Products of a row per edge with a matrix per node, without a matrix per edge.

    at_edges:  out[e] = h[e] @ p[node(e)]            (E, M), (N, M, C) -> (E, C)
    at_nodes:  out[n] = sum over e of n: h[e] z[e]   (E, M), (E, C) -> (N, M, C)

Each is the other's derivative, so derivatives of any order exist, and none stores more than its operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.engine import must_be_plain


@dataclass(frozen=True, slots=True)
class Bucket:
    """Nodes with about as many edges each.

    `rows` (B, D): the edges of each node, `filled` (B, D): False where a row repeats another node's; None where
    all are.
    """

    nodes: Tensor | None  #: (B,); None for all nodes in order
    rows: Tensor | None  #: None for all edges in order
    filled: Tensor | None
    shape: tuple[int, int]

    def edges(self, x: Tensor) -> Tensor:
        """(E, C) -> (B, D, C)."""
        return x.view(*self.shape, -1) if self.rows is None else x[self.rows]

    def of_nodes(self, x: Tensor) -> Tensor:
        """(N, ...) -> (B, ...)."""
        return x if self.nodes is None else x[self.nodes]


@dataclass(frozen=True, slots=True)
class Groups:
    """The edges of every node, in buckets; `index` (E,) is the node of every edge."""

    index: Tensor
    num_nodes: int
    buckets: tuple[Bucket, ...]

    @classmethod
    def by_src(cls, edges: Edges) -> Groups:
        """Edges grouped by their source."""
        return cls.by_dst(edges.reverse())

    @classmethod
    def by_dst(cls, edges: Edges) -> Groups:
        """Edges grouped by their destination."""
        return edges.derived("groups", lambda: cls(edges.dst_index, edges.num_dst, _buckets(edges)))


def _buckets(edges: Edges) -> tuple[Bucket, ...]:
    order = edges.by_dst
    ptr = order.ptr.long()
    degrees = ptr.diff()
    if edges.num_edges == 0:
        return ()
    low, high = (int(d) for d in torch.aminmax(degrees))
    if low == high and order.perm is None:
        return (Bucket(None, None, None, (edges.num_dst, high)),)
    # Widths grow by about a quarter of an octave, so that at most a fifth of the rows is repeated in vain.
    exponent = (degrees.clamp(min=1).double().log2() * 4).ceil()
    width = torch.where(degrees <= 8, degrees, (2 ** (exponent / 4)).ceil().long().clamp(max=high))
    found = []
    for size in width.unique().tolist():
        if size == 0:
            continue
        nodes = (width == size).nonzero().squeeze(1)
        places = ptr[nodes].unsqueeze(1) + torch.arange(size, device=ptr.device)
        filled = places < ptr[nodes + 1].unsqueeze(1)
        places = torch.where(filled, places, 0)
        rows = places if order.perm is None else order.perm.long()[places]
        found.append(Bucket(nodes, rows, None if bool(filled.all()) else filled, (len(nodes), size)))
    return tuple(found)


def at_edges(groups: Groups, h: Tensor, p: Tensor) -> Tensor:
    """Every edge's row times the matrix of its node: (E, M), (N, M, C) -> (E, C)."""
    if must_be_plain():
        return torch.einsum("em,emc->ec", h, p[groups.index])
    out: Tensor = _AtEdges.apply(groups, h, p)
    return out


def at_nodes(groups: Groups, h: Tensor, z: Tensor) -> Tensor:
    """The outer products of two rows per edge, summed at every node: (E, M), (E, C) -> (N, M, C)."""
    if must_be_plain():
        products = h.unsqueeze(2) * z.unsqueeze(1)
        return products.new_zeros(groups.num_nodes, *products.shape[1:]).index_add(0, groups.index, products)
    out: Tensor = _AtNodes.apply(groups, h, z)
    return out


class _AtEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Groups, h: Tensor, p: Tensor) -> Tensor:
        ctx.groups = groups
        ctx.save_for_backward(h, p)
        h = h.contiguous()
        out: Tensor | None = None
        for bucket in groups.buckets:
            product = bucket.edges(h) @ bucket.of_nodes(p)
            if bucket.rows is None:
                return product.flatten(0, 1)
            out = h.new_empty(h.shape[0], p.shape[2]) if out is None else out
            filled = bucket.filled
            rows = bucket.rows if filled is None else bucket.rows[filled]
            out[rows.flatten()] = product.flatten(0, 1) if filled is None else product[filled]
        return h.new_empty(0, p.shape[2]) if out is None else out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, p = ctx.saved_tensors
        _, for_h, for_p = ctx.needs_input_grad
        return (
            None,
            at_edges(ctx.groups, grad, p.transpose(1, 2)) if for_h else None,
            at_nodes(ctx.groups, h, grad) if for_p else None,
        )


class _AtNodes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Groups, h: Tensor, z: Tensor) -> Tensor:
        ctx.groups = groups
        ctx.save_for_backward(h, z)
        h, z = h.contiguous(), z.contiguous()
        out = h.new_zeros(groups.num_nodes, h.shape[1], z.shape[1])
        for bucket in groups.buckets:
            left, right = bucket.edges(h), bucket.edges(z)
            if bucket.filled is not None:
                empty = ~bucket.filled.unsqueeze(2)
                left, right = left.masked_fill(empty, 0), right.masked_fill(empty, 0)
            product = left.transpose(1, 2) @ right
            if bucket.nodes is None:
                return product
            out[bucket.nodes] = product
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, z = ctx.saved_tensors
        _, for_h, for_z = ctx.needs_input_grad
        return (
            None,
            at_edges(ctx.groups, z, grad.transpose(1, 2)) if for_h else None,
            at_edges(ctx.groups, h, grad) if for_z else None,
        )
