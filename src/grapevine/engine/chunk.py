"""Messages that need real work per edge, such as a network with a nonlinearity inside, block by block of edges.

The forward pass keeps nothing of a block but its reduced rows; the backward pass computes the block once more. So the
memory is that of one block, for twice the forward's time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grapevine.engine import kernels, plain
from grapevine.engine.tree import Apply, Leaf, Node, Side, call, tail_of, walk
from grapevine.topology import Topology


@dataclass(frozen=True, slots=True)
class Block:
    """Some destinations in a row and the edges that arrive at them.

    Attributes:
        first, last: the destinations `first .. last - 1`.
        edges: their edges' numbers.
        src, row: of these edges, the source, and the destination counted from `first`.
    """

    first: int
    last: int
    edges: Tensor
    src: Tensor
    row: Tensor

    def index(self, side: Side) -> Tensor | None:
        """Which rows of a leaf the block reads; None for all of what is shared."""
        if not side:
            return None
        return {Side.SRC: self.src, Side.DST: self.row + self.first, Side.EDGE: self.edges}[side]


def bytes_per_edge(root: Node) -> int:
    """What the plain way keeps for one edge: every intermediate, its gradient, and the gathered rows."""
    total = 0
    for node in walk(root):
        if isinstance(node, Leaf):
            total += math.prod(tail_of(node)) * node.tensor.element_size() if node.side else 0
        elif isinstance(node, Apply) and node.dtype is not None:
            total += 2 * math.prod(node.tail) * node.dtype.itemsize
    return max(total, 1)


def blocks(topology: Topology, most: int) -> list[Block]:
    """The destinations cut into blocks of at most so many edges; one destination is never cut in two."""
    order = topology.by_dst
    ptr, perm = order.ptr.long(), order.edges()
    found, first = [], 0
    while first < topology.num_dst:
        start = int(ptr[first])
        last = int(torch.searchsorted(ptr, start + most, right=True)) - 1
        last = min(max(last, first + 1), topology.num_dst)
        edges = perm[start : int(ptr[last])]
        row = topology.dst_index.index_select(0, edges) - first
        found.append(Block(first, last, edges, topology.src_index.index_select(0, edges), row))
        first = last
    return found


def reduce(topology: Topology, root: Node, how: str, parts: list[Block]) -> Tensor:
    """The reduction of `root` at the destinations, one block after the other."""
    leaves = [node for node in walk(root) if isinstance(node, Leaf)]
    program = _Program(topology, root, leaves, how, parts)
    return kernels.run(Chunked, program, *(leaf.read() for leaf in leaves))


@dataclass(frozen=True, slots=True)
class _Program:
    topology: Topology
    root: Node
    leaves: list[Leaf]
    how: str
    parts: list[Block]

    def on_block(self, block: Block, tensors: list[Tensor]) -> Tensor:
        """The block's rows of the result, from the rows that it reads."""
        memo: dict[Node, Tensor] = dict(zip(self.leaves, tensors, strict=True))
        m = _value(self.root, memo)
        if m.dim() == 0 or m.shape[0] != block.edges.shape[0]:
            m = m.expand(block.edges.shape[0], *m.shape[1:])
        return plain.reduce(block.row, block.last - block.first, m, self.how)

    def whole(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Everything at once, differentiable any number of times."""
        t = self.topology
        all_edges = torch.arange(t.num_edges, device=t.device)
        block = Block(0, t.num_dst, all_edges, t.src_index, t.dst_index)
        return self.on_block(
            block, [_rows(x, block, n.side) for x, n in zip(tensors, self.leaves, strict=True)]
        )


def _value(node: Node, memo: dict[Node, Tensor]) -> Tensor:
    found = memo.get(node)
    if found is None:
        assert isinstance(node, Apply)
        found = memo[node] = call(node, lambda child: _value(child, memo))
    return found


def _rows(tensor: Tensor, block: Block, side: Side) -> Tensor:
    index = block.index(side)
    return tensor if index is None else tensor.index_select(0, index)


class Chunked(torch.autograd.Function):
    """Blocks forward, the same blocks again backward."""

    @staticmethod
    def forward(ctx: Any, program: _Program, *tensors: Tensor) -> Tensor:
        ctx.program = program
        ctx.save_for_backward(*tensors)
        sides = [leaf.side for leaf in program.leaves]
        with torch.no_grad():
            rows = [
                program.on_block(b, [_rows(x, b, side) for x, side in zip(tensors, sides, strict=True)])
                for b in program.parts
            ]
        return torch.cat(rows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        program, tensors = ctx.program, ctx.saved_tensors
        needed = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # second derivatives take everything at once
            aliases = [x.view_as(x) for x in tensors]
            wanted = [x for x, need in zip(aliases, needed, strict=True) if need]
            found = iter(
                torch.autograd.grad(
                    program.whole(tuple(aliases)), wanted, grad, create_graph=True, allow_unused=True
                )
            )
            return None, *(next(found) if need else None for need in needed)
        totals = [torch.zeros_like(x) if need else None for x, need in zip(tensors, needed, strict=True)]
        for block in program.parts:
            inputs = [
                _rows(x.detach(), block, leaf.side).requires_grad_(need)
                for x, leaf, need in zip(tensors, program.leaves, needed, strict=True)
            ]
            with torch.enable_grad():
                out = program.on_block(block, inputs)
            wanted = [x for x, need in zip(inputs, needed, strict=True) if need]
            if not out.requires_grad:
                continue
            found = iter(torch.autograd.grad(out, wanted, grad[block.first : block.last], allow_unused=True))
            for total, leaf in zip(totals, program.leaves, strict=True):
                part = None if total is None else next(found)
                if total is None or part is None:
                    continue
                index = block.index(leaf.side)
                if index is None:
                    total += part
                else:
                    total.index_add_(0, index, part)
        return None, *totals
