"""The planner's rewrites of trees: each rule has a name, a reason and one function from node to node.

split_linear  Linear(cat([x_i, x_j, e]))  -> one product per part; Linear(x_j - x_i) -> Linear(x_j) - Linear(x_i)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine.plan import note
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, tail_of

ONE_SIDED = (Side.SRC, Side.DST, Side.EDGE, Side.NONE)


def rewrite(node: Node, memo: dict[Node, Node]) -> Node:
    """The tree with every linear map of parts from different sides taken apart."""
    if not isinstance(node, Apply) or node.side in ONE_SIDED:
        return node
    found = memo.get(node)
    if found is None:
        args = tuple(
            Many(tuple(rewrite(n, memo) if isinstance(n, Node) else n for n in a.nodes))
            if isinstance(a, Many)
            else rewrite(a, memo)
            if isinstance(a, Node)
            else a
            for a in node.args
        )
        same = all(a is b or isinstance(a, Many) for a, b in zip(args, node.args, strict=True))
        fresh = node if same else Apply(node.name, node.func, args, node.params, node.tail, node.dtype)
        found = memo[node] = split_linear(fresh)
    return found


def split_linear(node: Apply) -> Node:
    """A linear map over parts as a sum of linear maps of the parts; those of node parts are then done once per node."""
    x, weight, bias = linear_parts(node)
    if weight is None or x is None or x.side in ONE_SIDED:
        return node
    pieces = _merged(_pieces(x, weight))
    if len(pieces) < 2 or all(part.side not in (Side.SRC, Side.DST) for part, _, _ in pieces):
        return node
    note("split_linear", "-", (), " ".join(f"{'+-'[sign < 0]} W[{tuple(w.shape)}]" for _, w, sign in pieces))
    total: Node | None = None
    for part, block, sign in pieces:
        # The bias goes with the first part, so that it is counted once per edge.
        first = total is None
        scaled = block if sign > 0 or not first else -block
        piece = Apply(
            "linear",
            F.linear,
            (part, Leaf(Side.NONE, scaled), bias if first else None),
            {},
            node.tail,
            node.dtype,
        )
        if total is None:
            total = piece
        elif sign > 0:
            total = Apply("add", torch.add, (total, piece), {}, node.tail, node.dtype)
        else:
            total = Apply("sub", torch.sub, (total, piece), {}, node.tail, node.dtype)
    assert total is not None
    return total


def linear_parts(node: Node) -> tuple[Node | None, Tensor | None, Node | None]:
    """`(x, W, b)` of a node that computes `x @ W.T + b` with one weight for all edges; else Nones."""
    if isinstance(node, Apply) and node.name == "linear" and isinstance(node.args[1], Leaf):
        return node.args[0], node.args[1].read(), node.args[2]
    if isinstance(node, Apply) and node.name == "matmul" and isinstance(node.args[1], Leaf):
        weight = node.args[1].read()
        if weight.dim() == 2:
            return node.args[0], weight.t(), None
    return None, None, None


def _pieces(x: Node, weight: Tensor) -> list[tuple[Node, Tensor, float]]:
    """Parts of the input with their columns of the weight and their signs."""
    if isinstance(x, Apply) and x.side not in ONE_SIDED:
        axis = len(x.tail)
        if x.name == "cat" and x.args[1] == axis:
            found, start = [], 0
            for part in x.args[0].nodes:
                width = tail_of(part)[-1]
                found += _pieces(part, weight[:, start : start + width])
                start += width
            return found
        if x.name in ("add", "sub") and not x.params:
            left, right = x.args
            if all(isinstance(n, Node) and n.side and tail_of(n) == x.tail for n in (left, right)):
                sign = 1.0 if x.name == "add" else -1.0
                return _pieces(left, weight) + [(p, w, s * sign) for p, w, s in _pieces(right, weight)]
    return [(x, weight, 1.0)]


def _merged(pieces: list[tuple[Node, Tensor, float]]) -> list[tuple[Node, Tensor, float]]:
    """One product for a part that occurs several times, as x_i does in cat([x_i, x_j - x_i])."""
    total: dict[Node, tuple[Tensor, float]] = {}
    for part, block, sign in pieces:
        if part in total:
            known, known_sign = total[part]
            total[part] = (known + block if sign == known_sign else known - block, known_sign)
        else:
            total[part] = (block, sign)
    return [(part, block, sign) for part, (block, sign) in total.items()]
