"""The planner: named rules rewrite a message's tree until kernels fit it; what is left is computed edge by edge.

    distribute    sum and mean of a + b             -> the sum of both reductions
    factor        sum of c(dst) * m                 -> c(dst) times the reduction of m
    split_linear  Linear(cat([x_i, x_j, e]))        -> one product per part, those of nodes done once per node
    lift          f(x_j), f of the source alone     -> f(x) once per node, then gathered
    kernel        copy, or scale by edge, head, feature, with sum / mean / max / min: no message is stored
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine import evaluate, kernels, plain
from grapevine.engine.edge_tensor import EdgeTensor, materialise, tree_of
from grapevine.engine.mode import computes_now
from grapevine.engine.plan import note
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, needs_autograd
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
        return _stored(topology, m, how, "the message came as a stored tensor")
    with torch._C.DisableTorchFunctionSubclass():
        shape = (topology.num_dst, *m.shape[1:])
        node = tree_of(m)
        if node is None or needs_autograd(node):
            return _stored(topology, materialise(m), how, "a gradient hook or a foreign autograd function watches it")
        out = _Planner(topology, how).run(node)
        return out if out.shape == shape else out.expand(shape)


def softmax(topology: Topology, e: Tensor) -> Tensor:
    """Softmax over the edges that arrive at each destination, `(E, ...)`."""
    e = materialise(e)
    if computes_now() or e.dtype not in FLOATS:
        return plain.softmax(topology.dst_index, topology.num_dst, e)
    note("softmax", "edges", e.shape, "segment_softmax", e)
    return kernels.softmax(topology, e)


def _stored(topology: Topology, m: Tensor, how: str, why: str) -> Tensor:
    note("stored", "edges", m.shape, "segment_" + how, m, stored=True, why=why)
    return kernels.reduce_edges(topology, m, how)


@dataclass(slots=True)
class _Planner:
    topology: Topology
    how: str

    def run(self, node: Node) -> Tensor:
        """The reduction of `node` at the destinations, shape up to broadcasting of trailing dims."""
        if self.how in ("sum", "mean"):
            node = split_linear(node, self.topology)
            if isinstance(node, Apply) and node.name in ("add", "sub") and not node.params:
                left, right = node.args
                if _both(left, right):
                    note("distribute", "-", (), f"{self.how}(a) {'+' if node.name == 'add' else '-'} {self.how}(b)")
                    a, b = self.run(left), self.run(right)
                    return a + b if node.name == "add" else a - b
        if node.side is Side.DST:
            return self.constant(node)
        if node.side is Side.SRC:
            x = self.lift(node, self.topology.num_src)
            note("kernel", "nodes", (self.topology.num_dst, *x.shape[1:]), f"gather_{self.how}", x)
            return kernels.reduce_source(self.topology, x, None, self.how)
        scaled = self.scaled(node)
        if scaled is not None:
            return scaled
        m = evaluate.connected(node, self.topology)
        if m.dim() == 0 or m.shape[0] != self.topology.num_edges:
            m = m.expand(self.topology.num_edges, *m.shape[1:])
        why = "the message is given per edge" if isinstance(node, Leaf) else "no kernel for this form"
        return _stored(self.topology, m, self.how, why)

    def lift(self, node: Node, num_nodes: int) -> Tensor:
        """The value of a one-sided subtree, computed once per node."""
        x = evaluate.on_nodes(node, {})
        if isinstance(node, Apply):
            note("lift", "nodes", x.shape, "torch", x)
        return x if x.shape[0] == num_nodes else x.expand(num_nodes, *x.shape[1:])

    def constant(self, node: Node) -> Tensor:
        """The message depends on its destination alone: every edge of a node carries the same."""
        x = self.lift(node, self.topology.num_dst)
        degrees = self.topology.in_degrees(x.dtype).view(-1, *[1] * (x.dim() - 1))
        note("constant", "nodes", x.shape, "degree", x)
        return x * (degrees if self.how == "sum" else (degrees > 0).to(x.dtype))

    def scaled(self, node: Node) -> Tensor | None:
        """`w * x_j` with w per edge, head or feature; and `c(dst) * m` under a sum."""
        if not (isinstance(node, Apply) and node.name == "mul" and not node.params):
            return None
        left, right = node.args
        if not _both(left, right):
            return self.times_number(left, right)
        for factor, rest in ((left, right), (right, left)):
            if self.how in ("sum", "mean") and factor.side is Side.DST and rest.side:
                x = self.lift(factor, self.topology.num_dst)
                note("factor", "nodes", x.shape, "torch", x)
                return x * self.run(rest)
        for weight, rows in ((left, right), (right, left)):
            if weight.side is Side.EDGE and rows.side is Side.SRC:
                w = evaluate.connected(weight, self.topology)
                x = self.lift(rows, self.topology.num_src)
                scale = _per_group(w, x)
                if scale is not None:
                    shape = (self.topology.num_dst, *x.shape[1:])
                    note("kernel", "nodes", shape, f"gather_scale_{self.how}", x)
                    return kernels.reduce_source(self.topology, x, scale, self.how)
        return None

    def times_number(self, left: Node | float, right: Node | float) -> Tensor | None:
        """A number times a message, under a sum."""
        number, node = (left, right) if isinstance(right, Node) else (right, left)
        if self.how not in ("sum", "mean") or not isinstance(node, Node) or not isinstance(number, (int, float)):
            return None
        return number * self.run(node)


def _both(left: object, right: object) -> bool:
    return isinstance(left, Node) and isinstance(right, Node) and bool(left.side) and bool(right.side)


def _per_group(w: Tensor, x: Tensor) -> Tensor | None:
    """A weight `(E, a, 1, ..)` or `(E, a, b, ..)` against rows `(N, a, b, ..)` as `(E, K)`, features in K equal groups."""
    if w.dim() != x.dim() or w.dtype is not x.dtype:
        return None
    groups = 1
    tail = list(zip(w.shape[1:], x.shape[1:], strict=True))
    while tail and tail[0][0] == tail[0][1]:
        groups *= tail.pop(0)[0]
    if any(mine != 1 for mine, _ in tail):
        return None
    return w.reshape(w.shape[0], groups)


def split_linear(node: Node, topology: Topology) -> Node:
    """A linear map of concatenated parts as a sum of linear maps of the parts, where some part lives on nodes."""
    if not (isinstance(node, Apply) and node.name == "linear" and node.side not in (Side.SRC, Side.DST, Side.EDGE)):
        return node
    x, weight, bias = node.args
    parts = _columns(x)
    if parts is None:
        return node
    assert isinstance(weight, Leaf)
    matrix = weight.read()
    total: Node | None = None
    start = 0
    for part, width in parts:
        block = Leaf(Side.NONE, matrix[:, start : start + width])
        start += width
        # The bias goes with the first part, so that it is counted once per edge.
        piece = Apply("linear", F.linear, (part, block, bias if total is None else None), {})
        total = piece if total is None else Apply("add", torch.add, (total, piece), {})
    assert total is not None
    if start != matrix.shape[1]:
        return node
    note("split_linear", "-", (), " + ".join(f"W[:, {w}]" for _, w in parts))
    return total


def _columns(node: Node) -> list[tuple[Node, int]] | None:
    """The parts of a concatenation along the last axis, with their widths."""
    if not (isinstance(node, Apply) and node.name == "cat" and isinstance(node.args[0], Many)):
        return None
    found = []
    for part in node.args[0].nodes:
        width = _width(part)
        if width is None or node.args[1] != 1:
            return None
        found.append((part, width))
    return found


def _width(node: Node) -> int | None:
    """Features of a 2-D node, where they can be told from the tree."""
    if isinstance(node, Leaf):
        return node.tensor.shape[1] if node.tensor.dim() == 2 and node.side else None
    assert isinstance(node, Apply)
    if node.kept is not None:
        return node.kept[0].shape[1]
    widths = [_width(n) for n in node.args if isinstance(n, Node) and n.side]
    if node.name in ("mul", "add", "sub", "div", "neg", "relu") and widths and None not in widths:
        return max(w for w in widths if w is not None)
    return None
