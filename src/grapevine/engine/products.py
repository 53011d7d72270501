"""Products with several matrices: one for each head, and one for each type of edge.

typed   x_j @ weight[type]           -> one product per type, over the edges sorted by it: no matrix per edge is stored
heads   einsum("ehc,hcd->ehd", a + b) -> the sum of both products; those of node parts are done once per node
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grapevine.engine import kernels
from grapevine.engine.plan import note
from grapevine.engine.tree import Apply, Node, Side
from grapevine.topology import grouping


class Typed(NamedTuple):
    """A product of rows with the matrix of their edge's type.

    Attributes:
        rows: (E, ..., F).
        types: (E,).
        weight: (T, F, F').
    """

    rows: Node
    types: Node
    weight: Node


def typed(node: Apply) -> Typed | None:
    """The parts of `rows @ weight[types]`, written as matmul, bmm or einsum; None for anything else."""
    if node.name == "bmm":
        rows, matrices = node.args
    elif node.name == "einsum" and len(node.args) == 3:
        left, _, out = node.args[0].partition("->")
        first, second = left.split(",")
        _, rows, matrices = node.args
        if len(first) == 3 and isinstance(rows, Apply) and rows.name == "take" and len(second) != 3:
            first, second, rows, matrices = second, first, matrices, rows
        if len(second) != 3 or second[1] != first[-1] or out != first[:-1] + second[2] or second[2] in first:
            return None
    else:
        return None
    if not (isinstance(matrices, Apply) and matrices.name == "take" and isinstance(rows, Node) and rows.side):
        return None
    types, weight = matrices.args
    if len(types.tail) or len(weight.tail) != 3 or not rows.tail or rows.tail[-1] != weight.tail[1]:
        return None
    if node.name == "bmm" and len(rows.tail) != 2:
        return None
    return Typed(rows, types, weight)


class Permuted(torch.autograd.Function):
    """`x[order]`; `back` is the inverse."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, back: Tensor) -> Tensor:
        ctx.order, ctx.back = order, back
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return kernels.run(Permuted, grad, ctx.back, ctx.order), None, None


def product(rows: Tensor, types: Tensor, weight: Tensor) -> Tensor | None:
    """`out[e] = rows[e] @ weight[types[e]]`, a product per type; None where a type is out of range."""
    if types.numel():
        low, high = types.aminmax()
        if low < 0 or high >= weight.shape[0]:
            return None  # numbers from the end, or torch's own error
    groups = grouping(types, weight.shape[0])
    sizes, order, back = groups.derived("by group", lambda: _sorted(groups))
    x = rows if order is None else kernels.run(Permuted, rows, order, back)
    parts = [
        r @ w
        for r, w in zip(x.flatten(1, -2).split(sizes) if x.dim() > 2 else x.split(sizes), weight, strict=True)
    ]
    out = torch.cat(parts).view(*rows.shape[:-1], weight.shape[2])
    return out if order is None else kernels.run(Permuted, out, back, order)


def _sorted(groups: Any) -> tuple[list[int], Tensor | None, Tensor | None]:
    """How many edges each type has, the edges by type, and the place of each among those."""
    by_type = groups.by_dst
    sizes = by_type.ptr.diff().tolist()
    if by_type.perm is None:
        return sizes, None, None
    order = by_type.edges()
    return (
        sizes,
        order,
        torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=order.device)),
    )


def by_head(node: Node) -> tuple[Node, Callable[[Node], Apply]] | None:
    """The rows that a product with shared matrices is linear in, and the product as a function of others."""
    if not isinstance(node, Apply) or node.name not in ("einsum", "bmm") or len(node.operands) != 2:
        return None
    rows = [n for n in node.operands if n.side is not Side.NONE]
    if len(rows) != 1:
        return None

    def of(part: Node) -> Apply:
        args = tuple(part if a is rows[0] else a for a in node.args)
        return Apply(node.name, node.func, args, node.params, node.tail, node.dtype)

    return rows[0], of


def split_heads(node: Apply) -> Node:
    """A product per head of a sum as the sum of products, where all of them are then of nodes alone."""
    found = by_head(node)
    if found is None or not _of_nodes(found[0]) or found[0].side in (Side.SRC, Side.DST):
        return node
    note("split_linear", "-", (), node.name)
    return _distributed(*found)


def _of_nodes(rows: Node) -> bool:
    """True for a sum of rows that depend on one side of the edges each."""
    if rows.side in (Side.SRC, Side.DST):
        return True
    if not isinstance(rows, Apply) or rows.name not in ("add", "sub") or rows.params:
        return False
    return all(
        isinstance(p, Node) and p.tail == rows.tail and p.dtype is rows.dtype and _of_nodes(p)
        for p in rows.args
    )


def _distributed(rows: Node, of: Callable[[Node], Apply]) -> Apply:
    if rows.side in (Side.SRC, Side.DST):
        return of(rows)
    assert isinstance(rows, Apply)
    parts, like = tuple(_distributed(p, of) for p in rows.args), of(rows)
    return Apply(rows.name, rows.func, parts, {}, like.tail, like.dtype)
