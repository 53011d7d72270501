"""The planner: named rules rewrite a message's tree until kernels fit it; what is left is computed edge by edge.

split_linear  Linear(cat([x_i, x_j, e]))        -> one product per part, those of nodes done once per node
lift          f(x_j), f of the source alone     -> f(x) once per node, then gathered
distribute    sum and mean of a + b             -> the sum of both reductions, where one side is a node's own
factor        sum of c(dst) * m                 -> c(dst) times the reduction of m
sink_linear   sum of Linear(m)                  -> Linear(sum of m), the bias once per message
kernel        copy, or scale by edge, head, feature, with sum / mean / max / min: no message is stored
attention     sum of softmax(e) * x_j           -> softmax and sum in one pass: no weight is stored
typed         x_j @ weight[type]                -> one product per type of edge (see `products`)
reorder       sum of x_j @ W                    -> (sum of x_j) @ W, where that is less work
join          reduction of cat([a, b])          -> cat of the reductions of a and b (cuts and joins: see `layout`)
fuse          any element-wise message          -> one edge program, reduced or written per edge
chunk         what is left, over a memory budget -> blocks of destinations, computed again in the backward pass
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine import chunk, evaluate, kernels, plain, products
from grapevine.engine.attention import EdgeSoftmax, softmax_below, softmax_of
from grapevine.engine.edge_tensor import EdgeTensor, materialise, record_softmax, takes_scores, tree_of
from grapevine.engine.fused import spread_of
from grapevine.engine.lowering import element_wise
from grapevine.engine.mode import budget, computes_now, kernels_pay, must_be_plain
from grapevine.engine.plan import note
from grapevine.engine.rules import linear_parts, rewrite
from grapevine.engine.table import VIEWS
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, needs_autograd, tail_of, walk
from grapevine.engine.values import Values
from grapevine.topology import Topology

#: Dtypes that kernels reduce; others (integers, complex) take ATen's reductions.
FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
REDUCTIONS = ("sum", "mean", "max", "min", "mul")


def reduce(topology: Topology, m: Tensor, how: str) -> Tensor:
    """Reduces a message at the destinations.

    Args:
        topology: who sends to whom.
        m: `(E, ...)`, lazy or real.
        how: one of sum, mean, max, min, mul.

    Returns:
        `(num_dst, ...)`; zero where nothing arrives (one for mul).
    """
    if isinstance(m, EdgeTensor) and not m.topology.same_as(topology):
        m = materialise(m)
    if computes_now() or how == "mul" or m.dtype not in FLOATS:
        return plain.reduce(topology.dst_index, topology.num_dst, materialise(m), how)
    if not isinstance(m, EdgeTensor):
        if how == "sum" and not kernels_pay(m.numel()):
            return plain.reduce(topology.dst_index, topology.num_dst, m, how)
        return _stored(topology, m, how, "the message came as a stored tensor")
    with torch._C.DisableTorchFunctionSubclass():
        if m.plain is not None:
            return _stored(topology, materialise(m), how, "the message was computed already", written=False)
        node = tree_of(m)
        if node is None or needs_autograd(node):
            return _stored(
                topology, materialise(m), how, "a gradient hook or a foreign autograd function watches it"
            )
        shape = (topology.num_dst, *m.shape[1:])
        planner = _Planner(topology, m.dtype)
        out = planner.reduce(rewrite(node), how)
        return out if out.shape == shape else out.expand(shape)


def softmax(topology: Topology, e: Tensor) -> Tensor:
    """Softmax over the edges that arrive at each destination, `(E, ...)`; lazy for lazy scores."""
    if computes_now() or e.dtype not in FLOATS:
        return plain.softmax(topology.dst_index, topology.num_dst, materialise(e))
    lazy = isinstance(e, EdgeTensor) and e.recording and e.topology.same_as(topology)
    scores = edge_values(e)
    return record_softmax(topology, scores) if lazy else EdgeSoftmax(topology, scores).weights()


def edge_values(e: Any) -> Any:
    """A lazy tensor's real values: by a program of its own, where one fits; anything else as it is."""
    if not isinstance(e, EdgeTensor):
        return e
    with torch._C.DisableTorchFunctionSubclass():
        known = e.plain is not None or e.dtype not in FLOATS or must_be_plain()
        node = None if known else tree_of(e)
        if node is None or needs_autograd(node):
            return materialise(e)
        out = _Planner(e.topology, e.dtype).values(rewrite(node))
        return out if out.shape == e.shape else out.expand(e.shape)


def _stored(topology: Topology, m: Tensor, how: str, why: str, written: bool = True) -> Tensor:
    """Reduces a message that is there; `written` says that nobody has counted its bytes yet."""
    note("stored", "edges", m.shape, "segment_" + how, m if written else None, stored=True, why=why)
    return kernels.reduce_edges(topology, m, how)


class _Planner(Values):
    """What is reduced, by the first rule that fits; what rules need per edge comes from `Values`."""

    __slots__ = ()

    def reduce(self, node: Node, how: str) -> Tensor:
        """The reduction of `node` at the destinations, shape up to broadcasting of trailing dims."""
        out = self.by_rule(node, how)
        if out is None:
            out = self.program(node, how)
        if out is not None:
            return out
        m = self.values(node)
        if m.dim() == 0 or m.shape[0] != self.topology.num_edges:
            m = m.expand(self.topology.num_edges, *m.shape[1:])
        if isinstance(node, Leaf):
            return _stored(self.topology, m, how, "the message is given per edge", written=False)
        out = kernels.reduce_edges(self.topology, m, how)
        note("kernel", "nodes", out.shape, f"segment_{how}", out)
        return out

    def by_rule(self, node: Node, how: str) -> Tensor | None:
        """The reduction by any rule that needs neither a program of its own nor a stored message."""
        if node.side is Side.DST:
            return self.constant(node, how)
        out = self.reorder(node, how) if how in ("sum", "mean") else None
        if out is not None:
            return out
        if node.side is Side.SRC and self.lifts(node):
            x = self.lift(node)
            note("kernel", "nodes", (self.topology.num_dst, *x.shape[1:]), f"gather_{how}", x)
            return kernels.reduce_source(self.topology, x, None, how)
        if isinstance(node, Apply) and node.name == "cat":
            return self.join(node, how)
        out = self.linear(node, how) if how in ("sum", "mean") else None
        if out is None:
            out = self.scaled(node, how)
        return self.chunked(node, how) if out is None else out

    def reorder(self, node: Node, how: str) -> Tensor | None:
        """`x_j @ W`, perhaps weighted: the sum first, where that is less work than the product first; None for that."""
        weight, rows = None, node
        if (
            isinstance(node, Apply)
            and node.name == "mul"
            and not node.params
            and _both(node.args, (Node, Node))
        ):
            weight, rows = node.args if node.args[1].side is Side.SRC else node.args[::-1]
            if weight.side is not Side.EDGE or math.prod(weight.tail) != 1 or weight.dtype is not node.dtype:
                return None
        x, matrix, bias = linear_parts(rows)
        if x is None or matrix is None or rows.side is not Side.SRC or len(rows.tail) != 1:
            return None
        (given,), (made,) = x.tail, rows.tail
        # A dense product does some sixteen multiplications in the time that one gathered number takes.
        edges, dense = self.topology.num_edges, given * made / 16
        first = edges * made + self.topology.num_src * dense
        last = edges * given + self.topology.num_dst * dense
        if last >= first or rows in self.lifted or (weight is not None and isinstance(bias, Leaf)):
            note("reorder", "-", (), f"product first: {made} instead of {given} features per edge")
            return None
        note("reorder", "-", (), f"{how} first: {given} instead of {made} features per edge")
        inner = x if weight is None else Apply("mul", torch.mul, (weight, x), {}, x.tail, node.dtype)
        return self.sink(self.reduce(inner, how), matrix, bias, how)

    def sink(self, inner: Tensor, matrix: Tensor, bias: Node | None, how: str) -> Tensor:
        """The linear map of a sum or mean of messages: the bias comes once per message."""
        out = F.linear(inner, matrix)
        if isinstance(bias, Leaf):
            counts = self.topology.in_degrees(out.dtype)
            counts = counts if how == "sum" else (counts > 0).to(out.dtype)
            out = out + counts.unsqueeze(1) * bias.read()
        note("sink_linear", "nodes", out.shape, "torch", out)
        return out

    def join(self, node: Apply, how: str) -> Tensor:
        """A cat's reduction: that of each part; programs over parts of one shape share a pass over the edges."""
        parts: tuple[Node, ...] = node.args[0].nodes
        outs = [self.by_rule(p, how) for p in parts]
        left = [p for p, out in zip(parts, outs, strict=True) if out is None]
        together: dict[Node, Tensor] = {}
        if how in ("sum", "mean"):
            for tail in {p.tail for p in left}:
                group = list(dict.fromkeys(p for p in left if p.tail == tail))
                if len(group) > 1:
                    together.update(self.programs(group, how))
        wide = []
        for p, out in zip(parts, outs, strict=True):
            out = together.get(p) if out is None else out
            out = self.reduce(p, how) if out is None else out
            wide.append(out.expand(self.topology.num_dst, *p.tail))
        found = torch.cat(wide, node.args[1])
        note("join", "nodes", found.shape, "torch", found)
        return found

    def chunked(self, node: Node, how: str) -> Tensor | None:
        """Block by block, where the message would not fit into the memory budget."""
        most = budget()
        if most is None:
            return None
        root = self.with_lifted(node, {})
        works = (n for n in walk(root) if isinstance(n, Apply) and n.name not in VIEWS)
        if all(element_wise(n.name) for n in works):
            return None  # a program stores no message
        size = chunk.bytes_per_edge(root)
        if size * self.topology.num_edges <= most:
            return None
        parts = chunk.blocks(self.topology, max(most // size, 1))
        out = chunk.reduce(self.topology, root, how, parts)
        note("chunk", "edges", out.shape, f"{len(parts)} blocks", out)
        return out

    def with_lifted(self, node: Node, memo: dict[Node, Node]) -> Node:
        """The tree with what depends on one side alone computed once per node."""
        if not isinstance(node, Apply):
            return node
        found = memo.get(node)
        if found is None:
            if node.side is Side.NONE:
                found = Leaf(Side.NONE, evaluate.on_nodes(node, self.lifted))
            elif node.side in (Side.SRC, Side.DST) and self.lifts(node):
                found = Leaf(node.side, self.lift(node))
            elif softmax_of(node) is not None:  # of all edges, so not of a block's
                found = Leaf(Side.EDGE, self.values(node))
            else:
                args = tuple(
                    Many(tuple(self.with_lifted(n, memo) if isinstance(n, Node) else n for n in a.nodes))
                    if isinstance(a, Many)
                    else self.with_lifted(a, memo)
                    if isinstance(a, Node)
                    else a
                    for a in node.args
                )
                found = Apply(node.name, node.func, args, node.params, node.tail, node.dtype)
            memo[node] = found
        return found

    def constant(self, node: Node, how: str) -> Tensor:
        """The message depends on its destination alone: every edge of a node carries the same."""
        x = self.lift(node)
        degrees = self.topology.in_degrees(x.dtype).view(-1, *[1] * (x.dim() - 1))
        note("constant", "nodes", x.shape, "degree", x)
        return x * degrees if how == "sum" else torch.where(degrees > 0, x, torch.zeros_like(x))

    def linear(self, node: Node, how: str) -> Tensor | None:
        """Rules that hold because sum and mean are linear."""
        if not isinstance(node, Apply):
            return None
        if node.name in ("add", "sub") and not node.params and _both(node.args, (Node, Node)):
            left, right = node.args
            one_sided = left.side is Side.DST or right.side is Side.DST or left.side is right.side is Side.SRC
            if left.side and right.side and one_sided:
                note("distribute", "-", (), f"{how}(a) {'+' if node.name == 'add' else '-'} {how}(b)")
                a, b = self.reduce(left, how), self.reduce(right, how)
                return a + b if node.name == "add" else a - b
        if node.name == "mul" and not node.params:
            for factor, rest in (node.args, node.args[::-1]):
                if isinstance(factor, (int, float)):
                    return factor * self.reduce(rest, how)
                if (
                    isinstance(factor, Node)
                    and isinstance(rest, Node)
                    and factor.side is Side.DST
                    and rest.side
                ):
                    x = self.lift(factor)
                    note("factor", "nodes", x.shape, "torch", x)
                    return x * self.reduce(rest, how)
        heads = products.by_head(node)
        if heads is not None:
            rows, of = heads
            inner = self.reduce(rows, how)
            out = evaluate.on_nodes(of(Leaf(Side.DST, inner.expand(inner.shape[0], *rows.tail))), {})
            note("sink_linear", "nodes", out.shape, "torch", out)
            return out
        x_node, weight, bias = linear_parts(node)
        if x_node is None or weight is None or len(node.tail) != 1:
            return None
        return self.sink(self.reduce(x_node, how), weight, bias, how)

    def scaled(self, node: Node, how: str) -> Tensor | None:
        """`w * x_j` with w per edge, head or feature."""
        if not (
            isinstance(node, Apply)
            and node.name == "mul"
            and not node.params
            and _both(node.args, (Node, Node))
        ):
            return None
        for weight, rows in (node.args, node.args[::-1]):
            given = _dtype(weight)
            if weight.side is not Side.EDGE or _dtype(rows) is not node.dtype:
                continue
            if given is not node.dtype and (given is None or given.is_floating_point):
                continue  # another precision: rounded as torch rounds it, op by op
            if rows.side is Side.SRC and self.lifts(rows):
                x = self.lift(rows)
            elif rows.side is Side.EDGE and how in ("sum", "mean") and tail_of(rows) == node.tail:
                x = self.values(rows)
            else:
                continue
            scale = _per_group(weight, x)
            if scale is not None:
                shape = (self.topology.num_dst, *x.shape[1:])
                softmax = softmax_below(weight) if how == "sum" and rows.side is Side.SRC and scale else None
                if softmax is not None and given is x.dtype and takes_scores(softmax):
                    note("attention", "nodes", shape, "attention", x)
                    return kernels.attention(self.topology, softmax.scores.read(), x)
                w = self.values(weight).to(x.dtype).reshape(self.topology.num_edges, scale)
                note("kernel", "nodes", shape, f"gather_scale_{how}", x)
                if rows.side is Side.EDGE:
                    return kernels.reduce_edges(self.topology, x, how, w)
                return kernels.reduce_source(self.topology, x, w, how)
        return None


def _both(args: tuple[object, ...], kinds: tuple[type, ...]) -> bool:
    return len(args) == len(kinds) and all(isinstance(a, k) for a, k in zip(args, kinds, strict=True))


def _dtype(node: Node) -> torch.dtype | None:
    return node.tensor.dtype if isinstance(node, Leaf) else node.dtype if isinstance(node, Apply) else None


def _per_group(weight: Node, x: Tensor) -> int | None:
    """K, if a weight `(E, a, 1, ..)` or `(E, a, b, ..)` scales rows `(N, a, b, ..)` in K equal groups of features."""
    mine, tail = tail_of(weight), tuple(x.shape[1:])
    if len(mine) != len(tail):
        return None
    mode = spread_of(mine, tail)
    return None if mode is None or mode[0] == "periodic" else math.prod(mine)
