"""What the planner needs per node or per edge: lifted subtrees, dot products, programs, and what must be stored.

lift   f(x_j), f of the source alone  -> f(x) once per node, then gathered where an op needs rows of edges
dot    (a * b).sum(-1) of two sides   -> a dot product per edge and head
fuse   any element-wise message       -> one edge program, reduced or written per edge
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grapevine.engine import evaluate, fused, kernels, products
from grapevine.engine.attention import softmax_of
from grapevine.engine.build import Build
from grapevine.engine.expr import is_leaf
from grapevine.engine.fused import Result
from grapevine.engine.incidence import incidence
from grapevine.engine.layout import summed_axes
from grapevine.engine.lowering import element_wise
from grapevine.engine.mode import STORED_PAYS, is_small
from grapevine.engine.plan import note
from grapevine.engine.table import VIEWS
from grapevine.engine.tree import Apply, Leaf, Node, Side, call, tail_of
from grapevine.topology import Topology


@dataclass(slots=True)
class Values:
    """The values of one tree's nodes.

    Attributes:
        topology: the edges.
        dtype: of the message.
        lifted: what was computed once per node.
    """

    topology: Topology
    dtype: torch.dtype
    lifted: dict[Node, Tensor] = field(default_factory=dict)

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
            out = self.dot(node)
            widest = tail_of(node.args[0]) if node.name == "sum" else node.tail
            if out is None and not is_small(self.topology.num_edges, math.prod(widest), STORED_PAYS):
                out = self.program(node, "map")
            if out is not None:
                return out
        return self.op_by_op(node)

    def dot(self, node: Apply) -> Tensor | None:
        """`(a * b).sum(-1)` of two sides: a dot product per edge and head."""
        inner = node.args[0]
        if node.name != "sum" or not (isinstance(inner, Apply) and inner.name == "mul" and not inner.params):
            return None
        wide = inner.tail
        if summed_axes(node) != (len(wide) - 1,) or 0 in wide:
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
        heads, at_dst = math.prod(wide[:-1]), Side.DST in found
        rows = kernels.flat(found.pop(Side.DST if at_dst else Side.SRC))
        ((side, rest),) = found.items()
        if side is Side.EDGE:  # most of what there is to read: in the order of the edges
            out = kernels.dot(incidence(self.topology, at_dst), kernels.flat(rest), rows, heads)
        else:
            out = kernels.dot(self.topology, rows, kernels.flat(rest), heads)
        note("kernel", "edges", (self.topology.num_edges, *node.tail), "edge_dot", out)
        return out.view(self.topology.num_edges, *node.tail)

    def op_by_op(self, node: Node) -> Tensor:
        """One row per edge by the node's own op, on the stored values of its operands."""
        if isinstance(node, Leaf):
            return self.gathered(node)
        assert isinstance(node, Apply)
        softmax = softmax_of(node)
        if softmax is not None:
            return softmax.weights()
        if node.side in (Side.SRC, Side.DST) and self.lifts(node):
            return self.gathered(Leaf(node.side, self.lift(node)))
        parts = products.typed(node)
        if parts is not None:
            found = products.product(*(self.values(n) if n.side else evaluate.on_nodes(n, {}) for n in parts))
            if found is not None:
                note("typed", "edges", found.shape, "torch", found, stored=True, why="a matrix for each type")
                return found
        out = call(node, self.values)
        if node.side is Side.EDGE and node.name not in VIEWS:
            note("lift", "edges", out.shape, "torch", out)
        elif node.side and node.name not in VIEWS:
            why = f"{node.name} is not element-wise"
            note("stored", "edges", out.shape, "torch", out, stored=True, why=why)
        return out

    def gathered(self, leaf: Leaf) -> Tensor:
        """A leaf's rows as the edges see them."""
        out = evaluate.connected(leaf, self.topology)
        if leaf.side in (Side.SRC, Side.DST):
            why = "an op that is not element-wise, or a small program, reads it"
            note("stored", "edges", out.shape, "gather_rows", out, stored=True, why=why)
        return out

    def program(self, node: Node, how: str) -> Tensor | None:
        """The node as an edge program, reduced or mapped; None where it is not element-wise over enough of its tree."""
        groups = 0
        tail = tail_of(node)
        inner = node
        if isinstance(node, Apply) and node.name == "sum" and how == "map":
            inner = node.args[0]
            wide = tail_of(inner)
            axes = summed_axes(node)
            if axes is None or axes != tuple(range(axes[0], len(wide))) or 0 in wide:
                return None
            groups, tail = math.prod(wide[: axes[0]]), wide
        if not self.fits_program(inner):
            return None
        build = Build(self)
        root = build.expression(inner)
        if root is None or not build.slots or is_leaf(root):
            return None
        slots, tensors = build.spread_over((root,), tuple(tail))
        (out,) = fused.run(self.topology, (Result(root, how, groups),), slots, tuple(tail), tensors)
        if how == "map":
            shape = (self.topology.num_edges, *(tail_of(node)))
            note("fuse", "edges", shape, "program_map" + ("_sum" if groups else ""), out)
            return out.view(shape)
        note("fuse", "nodes", out.shape, f"program_{how}", out)
        return out

    def fits_program(self, node: Node) -> bool:
        """True for an element-wise message that is large enough for a program."""
        if not isinstance(node, Apply) or not element_wise(node.name) or node.dtype is not self.dtype:
            return False
        return not is_small(self.topology.num_edges, math.prod(node.tail), STORED_PAYS)

    def programs(self, nodes: list[Node], how: str) -> dict[Node, Tensor]:
        """Sums or means of several messages of one shape, in one pass; only of those that fit."""
        build = Build(self)
        roots = {}
        for node in nodes:
            root = build.expression(node) if self.fits_program(node) else None
            if root is not None and not is_leaf(root):
                roots[node] = root
        if not roots or not build.slots:
            return {}
        tail = tuple(nodes[0].tail)
        slots, tensors = build.spread_over(tuple(roots.values()), tail)
        results = tuple(Result(root, how) for root in roots.values())
        outs = fused.run(self.topology, results, slots, tail, tensors)
        for out in outs:
            note("fuse", "nodes", out.shape, f"program_{how}", out)
        return dict(zip(roots, outs, strict=True))
