"""Messages in blocks of receiving nodes, computed again in the backward pass: memory of a block, not of all edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.engine import materialised
from grapevine.engine.mode import is_small

#: Edges per block: a block's tensors of 64 features then fit the cache of a core.
BLOCK = 8_192
#: Messages of more numbers than this are computed in blocks.
BUDGET = 1 << 23


@dataclass(frozen=True, slots=True)
class Block:
    """The edges that arrive at the nodes `start` to `stop`: all sources, these destinations, numbered from 0."""

    edges: Edges
    ids: Tensor | None  #: of its edges among all edges; None for all of them
    start: int
    stop: int

    def rows(self, x: Tensor) -> Tensor:
        """The rows of the destinations."""
        return x if self.ids is None else x[self.start : self.stop]

    def of_edges(self, e: Tensor) -> Tensor:
        """The rows of the edges."""
        return e if self.ids is None else e[self.ids]


#: `run(block, *tensors)` returns what arrives at the block's destinations.
Run = Callable[..., tuple[Tensor, ...]]


def whole(edges: Edges) -> Block:
    """All edges as one block."""
    return Block(edges, None, 0, edges.num_dst)


def blocks_of(edges: Edges) -> list[Block]:
    """Blocks of about `BLOCK` edges; more where the graph is sparse, or the gradients of sources would dominate."""

    def build() -> list[Block]:
        size = max(BLOCK, 2 * edges.num_src)
        order = edges.by_dst
        ptr = order.ptr.long()
        perm = torch.arange(edges.num_edges, device=ptr.device) if order.perm is None else order.perm.long()
        cuts = torch.searchsorted(ptr, torch.arange(size, edges.num_edges, size, device=ptr.device)).tolist()
        bounds = sorted({0, *cuts, edges.num_dst})
        found = []
        for start, stop in pairwise(bounds):
            ids = perm[int(ptr[start]) : int(ptr[stop])]
            ends = edges.src_index[ids], edges.dst_index[ids] - start
            found.append(Block(Edges(ends, size=(edges.num_src, stop - start)), ids, start, stop))
        return found

    return edges.derived(("blocks", BLOCK), build)


def in_blocks(edges: Edges, run: Run, width: int, *tensors: Tensor | None) -> tuple[Tensor, ...]:
    """`run` over all edges; in blocks with recomputation where messages of `width` numbers would take much memory.

    Args:
        edges: who sends to whom.
        run: called as `run(block, *tensors)`; returns tensors with one row per destination of the block. It reads no
            other tensor that needs a gradient.
        width: numbers per message.
        tensors: what `run` reads; None is handed through.
    """
    if is_small(edges.num_edges, width // 8):  # planning several steps would cost more than storing them
        with materialised():
            return run(whole(edges), *tensors)
    if edges.num_edges * width <= BUDGET:
        return run(whole(edges), *tensors)
    out: tuple[Tensor, ...] = _Blockwise.apply(edges, run, *tensors)
    return out


class _Blockwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edges: Edges, run: Run, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        ctx.edges, ctx.run = edges, run
        ctx.save_for_backward(*tensors)
        with materialised():  # a block fits the cache: there is nothing to win by planning it
            parts = [run(block, *tensors) for block in blocks_of(edges)]
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
        totals: list[Tensor | None] = [None] * len(tensors)
        if torch.is_grad_enabled():  # the gradient shall be differentiated again: all edges at once
            given = [tensors[i] for i in wanted]
            out = ctx.run(whole(ctx.edges), *tensors)
            found = torch.autograd.grad(out, given, grads, create_graph=True, allow_unused=True)
            for i, g in zip(wanted, found, strict=True):
                totals[i] = g
            return None, None, *totals
        leaves = [
            None if t is None else t.detach().requires_grad_(i in wanted) for i, t in enumerate(tensors)
        ]
        given = [leaves[i] for i in wanted]
        for block in blocks_of(ctx.edges):
            with torch.enable_grad(), materialised():
                out = ctx.run(block, *leaves)
            found = torch.autograd.grad(out, given, [block.rows(g) for g in grads], allow_unused=True)
            for i, g in zip(wanted, found, strict=True):
                if g is not None:
                    known = totals[i]
                    totals[i] = g.clone() if known is None else known.add_(g)
        return None, None, *totals
