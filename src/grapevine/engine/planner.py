"""The planner: named rules rewrite a message's tree until kernels fit it; what is left is computed edge by edge.

split_linear  Linear(cat([x_i, x_j, e]))        -> one product per part, those of nodes done once per node
lift          f(x_j), f of the source alone     -> f(x) once per node, then gathered
distribute    sum and mean of a + b             -> the sum of both reductions, where one side is a node's own
factor        sum of c(dst) * m                 -> c(dst) times the reduction of m
sink_linear   sum of Linear(m)                  -> Linear(sum of m), the bias once per message
kernel        copy, or scale by edge, head, feature, with sum / mean / max / min: no message is stored
fuse          any element-wise message          -> one edge program, reduced or written per edge
chunk         what is left, over a memory budget -> blocks of destinations, computed again in the backward pass
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine import chunk, evaluate, expr, fused, kernels, plain
from grapevine.engine.edge_tensor import EdgeTensor, materialise, tree_of
from grapevine.engine.expr import Expr
from grapevine.engine.fused import Result, Slot, spread_of
from grapevine.engine.lowering import element_wise, lower
from grapevine.engine.mode import budget, computes_now, is_small
from grapevine.engine.plan import note
from grapevine.engine.rules import linear_parts, rewrite
from grapevine.engine.table import VIEWS
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, call, needs_autograd, tail_of, walk
from grapevine.topology import Topology

#: Dtypes that kernels reduce; others (integers, complex) take ATen's reductions.
FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
#: Programs pay from messages of so many times the numbers that recording pays from.
_PROGRAM_PAYS = 8
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
        if how == "sum" and is_small(m.numel(), 1):
            return plain.reduce(topology.dst_index, topology.num_dst, m, how)
        return _stored(topology, m, how, "the message came as a stored tensor")
    with torch._C.DisableTorchFunctionSubclass():
        if m.plain is not None:
            return _stored(topology, materialise(m), how, "the message was computed already")
        node = tree_of(m)
        if node is None or needs_autograd(node):
            return _stored(
                topology, materialise(m), how, "a gradient hook or a foreign autograd function watches it"
            )
        shape = (topology.num_dst, *m.shape[1:])
        planner = _Planner(topology, m.dtype)
        out = planner.reduce(rewrite(node, {}), how)
        return out if out.shape == shape else out.expand(shape)


def softmax(topology: Topology, e: Tensor) -> Tensor:
    """Softmax over the edges that arrive at each destination, `(E, ...)`."""
    if computes_now() or e.dtype not in FLOATS:
        return plain.softmax(topology.dst_index, topology.num_dst, materialise(e))
    scores = edge_values(topology, e)
    note("softmax", "edges", scores.shape, "segment_softmax", scores)
    return kernels.softmax(topology, scores)


def edge_values(topology: Topology, e: Tensor) -> Tensor:
    """A lazy tensor's real values for a kernel that needs them stored: by a program of its own, where one fits."""
    if not isinstance(e, EdgeTensor):
        return e
    with torch._C.DisableTorchFunctionSubclass():
        node = None if e.plain is not None or not e.topology.same_as(topology) else tree_of(e)
        if node is None or needs_autograd(node):
            real: Tensor = materialise(e)
            return real
        out = _Planner(topology, e.dtype).values(rewrite(node, {}))
        return out if out.shape == e.shape else out.expand(e.shape)


def _stored(topology: Topology, m: Tensor, how: str, why: str) -> Tensor:
    note("stored", "edges", m.shape, "segment_" + how, m, stored=True, why=why)
    return kernels.reduce_edges(topology, m, how)


@dataclass(slots=True)
class _Planner:
    topology: Topology
    dtype: torch.dtype
    lifted: dict[Node, Tensor] = field(default_factory=dict)

    # -- reductions ------------------------------------------------------------------------------------

    def reduce(self, node: Node, how: str) -> Tensor:
        """The reduction of `node` at the destinations, shape up to broadcasting of trailing dims."""
        if node.side is Side.DST:
            return self.constant(node, how)
        if node.side is Side.SRC and self.lifts(node):
            x = self.lift(node)
            note("kernel", "nodes", (self.topology.num_dst, *x.shape[1:]), f"gather_{how}", x)
            return kernels.reduce_source(self.topology, x, None, how)
        out = self.linear(node, how) if how in ("sum", "mean") else None
        if out is None:
            out = self.scaled(node, how)
        if out is None:
            out = self.chunked(node, how)
        if out is None:
            out = self.program(node, how)
        if out is not None:
            return out
        m = self.values(node)
        if m.dim() == 0 or m.shape[0] != self.topology.num_edges:
            m = m.expand(self.topology.num_edges, *m.shape[1:])
        why = "the message is given per edge" if isinstance(node, Leaf) else "not element-wise"
        return _stored(self.topology, m, how, why)

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
        x_node, weight, bias = linear_parts(node)
        if x_node is None or weight is None or len(node.tail) != 1:
            return None
        inner = self.reduce(x_node, how)
        note("sink_linear", "nodes", (inner.shape[0], *node.tail), "torch", inner)
        out = F.linear(inner, weight)
        if isinstance(bias, Leaf):
            counts = self.topology.in_degrees(out.dtype)
            counts = counts if how == "sum" else (counts > 0).to(out.dtype)
            out = out + counts.unsqueeze(1) * bias.read()
        return out

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
                note("kernel", "nodes", shape, f"gather_scale_{how}", x)
                w = self.values(weight).to(x.dtype).reshape(self.topology.num_edges, scale)
                if rows.side is Side.EDGE:
                    return kernels.reduce_edges(self.topology, x, how, w)
                return kernels.reduce_source(self.topology, x, w, how)
        return None

    # -- values per edge ----------------------------------------------------------------------------------

    def lifts(self, node: Node) -> bool:
        """True where a one-sided subtree is cheaper per node than per edge."""
        nodes = self.topology.num_src if node.side is Side.SRC else self.topology.num_dst
        return isinstance(node, Leaf) or nodes <= self.topology.num_edges

    def lift(self, node: Node) -> Tensor:
        """The value of a one-sided subtree, computed once per node."""
        known = node in self.lifted
        x = evaluate.on_nodes(node, self.lifted)
        if isinstance(node, Apply) and not known:
            note("lift", "nodes", x.shape, "torch", x)
        nodes = self.topology.num_src if node.side is Side.SRC else self.topology.num_dst
        return x if x.shape[0] == nodes else x.expand(nodes, *x.shape[1:])

    def values(self, node: Node) -> Tensor:
        """One row per edge, stored; where it pays, computed by a program that stores nothing else."""
        if isinstance(node, Apply) and node.side not in (Side.EDGE, Side.NONE):
            widest = tail_of(node.args[0]) if node.name == "sum" else node.tail
            if not is_small(self.topology.num_edges, math.prod(widest), _PROGRAM_PAYS):
                out = self.dot(node)
                if out is None:
                    out = self.program(node, "map")
                return self.op_by_op(node) if out is None else out
        return self.op_by_op(node)

    def dot(self, node: Apply) -> Tensor | None:
        """`(a * b).sum(-1)` of two sides: a dot product per edge and head."""
        inner = node.args[0]
        if node.name != "sum" or not (isinstance(inner, Apply) and inner.name == "mul" and not inner.params):
            return None
        axes = node.params.get("dim", node.args[1] if len(node.args) > 1 else None)
        wide = inner.tail
        if axes not in (len(wide), (len(wide),)) or "dtype" in node.params or 0 in wide:
            return None
        found: dict[Side, Tensor] = {}
        for part in inner.args:
            if not isinstance(part, Node) or tail_of(part) != wide:
                return None
            if part.side in (Side.SRC, Side.DST) and self.lifts(part):
                found[part.side] = self.lift(part)
            elif part.side is Side.EDGE:
                found[part.side] = self.values(part)
        if len(found) != 2 or any(x.dtype is not self.dtype for x in found.values()):
            return None
        forward = Side.DST in found
        topology = self.topology if forward else self.topology.reverse()
        a = kernels.flat(found.pop(Side.DST if forward else Side.SRC))
        ((side, rest),) = found.items()
        heads = math.prod(wide[:-1])
        b_on = "edge" if side is Side.EDGE else "other"
        out = kernels.dot(topology, a, kernels.flat(rest), heads, b_on)
        note("kernel", "edges", (self.topology.num_edges, *node.tail), "edge_dot", out)
        return out.view(self.topology.num_edges, *node.tail)

    def op_by_op(self, node: Node) -> Tensor:
        """One row per edge by the node's own op, on the stored values of its operands."""
        if isinstance(node, Leaf):
            return evaluate.connected(node, self.topology)
        assert isinstance(node, Apply)
        if node.side in (Side.SRC, Side.DST) and self.lifts(node):
            return evaluate.connected(Leaf(node.side, self.lift(node)), self.topology)
        out = call(node, self.values)
        if node.side not in (Side.EDGE, Side.NONE):
            note(
                "stored",
                "edges",
                out.shape,
                "torch",
                out,
                stored=True,
                why=f"{node.name} is not element-wise",
            )
        return out

    def program(self, node: Node, how: str) -> Tensor | None:
        """The node as an edge program, reduced or mapped; None where it is not element-wise over enough of its tree."""
        groups = 0
        tail = tail_of(node)
        inner = node
        if isinstance(node, Apply) and node.name == "sum" and how == "map":
            inner = node.args[0]
            wide = tail_of(inner)
            axes = node.params.get("dim", node.args[1] if len(node.args) > 1 else None)
            if axes not in (len(wide), (len(wide),)) or "dtype" in node.params:
                return None
            groups, tail = math.prod(wide[:-1]), wide
            if groups == 0 or wide[-1] == 0:
                return None
        if not isinstance(inner, Apply) or not element_wise(inner.name) or inner.dtype is not self.dtype:
            return None
        if is_small(self.topology.num_edges, math.prod(tail), _PROGRAM_PAYS):
            return None
        build = _Build(self, [], [], {})
        root = build.expression(inner)
        if root is None or not build.slots or root.op in ("slot", "const"):
            return None
        slots, tensors = build.spread_over(root, tuple(tail))
        out = fused.run(self.topology, Result(root, how, groups), slots, tuple(tail), tensors)
        if how == "map":
            shape = (self.topology.num_edges, *(tail_of(node)))
            note("fuse", "edges", shape, "program_map" + ("_sum" if groups else ""), out)
            return out.view(shape)
        note("fuse", "nodes", out.shape, f"program_{how}", out)
        return out


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


@dataclass(slots=True)
class _Build:
    """Gathers the leaves of a program while its tree is turned into an expression."""

    planner: _Planner
    slots: list[Slot]
    tensors: list[Tensor]
    known: dict[object, Expr]

    def expression(self, node: Node) -> Expr | None:
        found = self.known.get(node)
        if found is None:
            found = self._expression(node)
            if found is not None:
                self.known[node] = found
        return found

    def _expression(self, node: Node) -> Expr | None:
        planner = self.planner
        if isinstance(node, Leaf):
            return self.leaf(node.side, node.read())
        assert isinstance(node, Apply)
        if node.side is Side.NONE:
            return self.leaf(Side.NONE, evaluate.on_nodes(node, planner.lifted))
        if node.side in (Side.SRC, Side.DST) and planner.lifts(node):
            return self.leaf(node.side, planner.lift(node))
        # Integer and boolean arithmetic keeps its own dtype; comparisons become ones and zeros.
        lowers = element_wise(node.name) and (node.dtype is planner.dtype or node.name == "compare")
        args: list[Expr] = []
        for arg in node.args if lowers else ():
            part: Expr | None
            if isinstance(arg, Node):
                part = self.expression(arg)
            elif isinstance(arg, (int, float)):
                part = expr.const(float(arg))
            else:
                part = None
            if part is None:
                break
            args.append(part)
        if len(args) == len(node.args):
            lowered = lower(node.name, node.func, tuple(args), node.params)
            if lowered is not None:
                return lowered
        return self.leaf(Side.EDGE, planner.op_by_op(node) if lowers else planner.values(node))

    def leaf(self, side: Side, tensor: Tensor) -> Expr | None:
        if tensor.dtype is not self.planner.dtype:
            if tensor.is_floating_point() or tensor.is_complex():
                return None
            tensor = tensor.to(self.planner.dtype)
        key = (side, id(tensor))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = expr.slot(len(self.slots))
            self.slots.append(Slot(side, tuple(tensor.shape[1:] if side else tensor.shape)))
            self.tensors.append(tensor)
        return found

    def spread_over(self, root: Expr, tail: tuple[int, ...]) -> tuple[tuple[Slot, ...], tuple[Tensor, ...]]:
        """The leaves, those that cover the message in no simple way spread out first."""
        slots, tensors = list(self.slots), list(self.tensors)
        used = set(expr.slots(root))
        for i, (slot, tensor) in enumerate(zip(self.slots, self.tensors, strict=True)):
            if i not in used:  # gathered for a part that then could not be lowered
                slots[i], tensors[i] = Slot(Side.NONE, ()), tensor.new_zeros(())
                continue
            if len(slot.tail) > len(tail):  # shared, with a one in place of the edges
                slots[i] = slot = Slot(slot.side, slot.tail[-len(tail) :] if tail else ())
            if spread_of(slot.tail, tail) is None:
                rows = tensor.shape[:1] if slot.side else ()
                slots[i], tensors[i] = Slot(slot.side, tail), tensor.expand(*rows, *tail)
        return tuple(slots), tuple(tensors)
