"""The planner's rewrites of trees: each rule has a name, a reason and one function from node to node.

split_linear  Linear(cat([x_i, x_j, e]))  -> one product per part; Linear(x_j - x_i) -> Linear(x_j) - Linear(x_i)

Those about cuts and joins are in `layout`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine.layout import Layout
from grapevine.engine.lowering import element_wise
from grapevine.engine.plan import note
from grapevine.engine.products import split_heads
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, tail_of

ONE_SIDED = (Side.SRC, Side.DST, Side.EDGE, Side.NONE)


def rewrite(node: Node) -> Node:
    """The tree with every linear map of parts from different sides taken apart, cuts pushed down, joins pulled up."""
    return _rewritten(node, {}, Layout())


def _rewritten(node: Node, memo: dict[Node, Node], layout: Layout) -> Node:
    if not isinstance(node, Apply) or node.side in (Side.SRC, Side.DST, Side.NONE):
        return node
    found = memo.get(node)
    if found is None:
        args = tuple(
            Many(tuple(_rewritten(n, memo, layout) if isinstance(n, Node) else n for n in a.nodes))
            if isinstance(a, Many)
            else _rewritten(a, memo, layout)
            if isinstance(a, Node)
            else a
            for a in node.args
        )
        same = all(a is b or (isinstance(a, Many) and a == b) for a, b in zip(args, node.args, strict=True))
        fresh = node if same else Apply(node.name, node.func, args, node.params, node.tail, node.dtype)
        split = split_linear(split_heads(as_sum(weights_joined(fresh))))
        found = memo[node] = layout.simplified(split) if isinstance(split, Apply) else split
    return found


def split_linear(node: Node) -> Node:
    """A linear map over parts as a sum of linear maps of the parts; those of node parts are then done once per node."""
    x, weight, bias = linear_parts(node)
    if not isinstance(node, Apply) or weight is None or x is None or x.side in ONE_SIDED:
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


def as_sum(node: Apply) -> Apply:
    """A mean or Euclidean norm over trailing axes of an element-wise message by way of a sum, which programs know."""
    inner = next(iter(node.operands))
    named = (
        node.name in ("mean", "norm", "vector_norm") and isinstance(inner, Apply) and element_wise(inner.name)
    )
    if not named or inner.side in ONE_SIDED[:2] or node.dtype not in (torch.float32, torch.float64):
        return node
    if node.dtype is not inner.dtype or 0 in inner.tail:
        return node
    names = {"mean": (), "norm": ("p",), "vector_norm": ("ord",)}[node.name]
    given = {**dict(zip((*names, "dim", "keepdim"), node.args[1:], strict=False)), **node.params}
    order = given.get("p", given.get("ord", 2))
    if order not in (2, "fro") or given.get("dtype") is not None or given.get("out") is not None:
        return node
    dim: Any = given["dim"]
    axes: tuple[int, ...] = (dim,) if isinstance(dim, int) else dim
    keep = len(node.tail) == len(inner.tail)

    def made(name: str, func: Callable[..., Tensor], *args: Any) -> Apply:
        tail, dtype = (inner.tail if name == "mul" else node.tail), node.dtype
        return Apply(name, func, args, {}, tail, torch.bool if name == "compare" else dtype)

    if node.name == "mean":
        part = made("mul", torch.mul, inner, 1.0 / math.prod(inner.tail[a - 1] for a in axes))
        return made("sum", torch.sum, part, axes, keep)
    total = made("sum", torch.sum, made("mul", torch.mul, inner, inner), axes, keep)
    nothing = made("compare", torch.eq, total, 0.0)
    # The gradient at zero is zero, as torch has it.
    root = made("sqrt", torch.sqrt, made("where", torch.where, nothing, 1.0, total))
    return made("where", torch.where, nothing, 0.0, root)


def weights_joined(node: Apply) -> Apply:
    """`e1 * (e2 * x_j)` as `(e1 * e2) * x_j`, where both are one number per edge: a kernel takes one weight."""
    if node.name != "mul" or node.params or not all(isinstance(a, Node) for a in node.args):
        return node
    for outer, rest in (node.args, node.args[::-1]):
        if not (
            _is_weight(outer, node) and isinstance(rest, Apply) and rest.name == "mul" and not rest.params
        ):
            continue
        for inner, rows in (rest.args, rest.args[::-1]):
            if not (isinstance(rows, Node) and rows.side is Side.SRC and _is_weight(inner, node)):
                continue
            if rows.dtype is node.dtype and rows.tail == node.tail:
                weight = Apply("mul", torch.mul, (outer, inner), {}, outer.tail, node.dtype)
                note("weights", "-", (), "e1 * (e2 * x_j) = (e1 * e2) * x_j")
                return Apply("mul", torch.mul, (weight, rows), {}, node.tail, node.dtype)
    return node


def _is_weight(node: Any, product: Apply) -> bool:
    """True for one number per edge."""
    if not isinstance(node, Node) or node.side is not Side.EDGE or node.dtype is not product.dtype:
        return False
    return len(node.tail) == len(product.tail) and all(size == 1 for size in node.tail)


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
