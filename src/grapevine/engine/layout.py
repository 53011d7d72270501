"""The planner's rules about trailing dims: a part of a message is a message of parts.

slice  f(a, b)[..., k]       -> f(a[..., k], b[..., k]), down to what is computed once per node, or stored anyway
view   f(a, b).view(...)     -> f(a.view(...), b.view(...)), and so the other rearrangements
join   f(cat([a, b]), c)     -> cat([f(a, c[..]), f(b, c[..])]), up to the reduction, which takes each part by itself;
       cat([a, b]).sum(-1)   -> a.sum(-1) + b.sum(-1)

None of them adds arithmetic; what they save is the message that would have to be stored to be cut or joined.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from grapevine.engine.binding import expand_rows, view_rows
from grapevine.engine.evaluate import on_nodes
from grapevine.engine.plan import note
from grapevine.engine.table import ELEMENT_WISE, infer
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side

#: What becomes of each trailing axis: a place, a range `(start, stop, step)`, or, for a new axis, None.
Cut = tuple[int | tuple[int, int, int] | None, ...]
Shape = tuple[int, ...]
_CUTS = ("getitem", "narrow", "select")
_VIEWS = ("view", "unsqueeze", "squeeze", "flatten", "unflatten")
_TURNS = ("transpose", "permute")
#: Axes of at most this length are summed place by place.
_SHORT = 8


@dataclass(slots=True)
class Layout:
    """Applies the rules to one tree; equal parts of a node are one node."""

    known: dict[Any, Node] = field(default_factory=dict)

    def simplified(self, node: Apply) -> Node:
        """The node, whose operands are simplified already, with cuts pushed down and joins pulled up."""
        if _opaque(node) or 0 in node.tail:
            return node
        inner = next(iter(node.operands))
        if node.name not in ("cat", "stack") and node.name not in ELEMENT_WISE:
            if _kept(inner) or 0 in inner.tail:
                return node
            if node.name in _CUTS:
                found = self.part(inner, _cut(node, inner.tail))
            elif node.name in _VIEWS:
                found = self.viewed(inner, node.tail)
            elif node.name in _TURNS:
                found = self.turned(inner, _turn(node))
            else:
                return self.summed(node, inner)
            if found is not node and not (isinstance(found, Apply) and found.operands[:1] == (inner,)):
                note("slice" if node.name in _CUTS else "view", "-", (), node.name)
                return found
            return node
        return self.joined(node) if node.name in ("cat", "stack") else self.spread(node)

    # -- joins -----------------------------------------------------------------------------------------

    def joined(self, node: Apply) -> Node:
        """A cat with the parts of inner ones in its own list; a stack is a cat of parts with one more axis."""
        parts, axis = list(node.args[0].nodes), node.args[1] - 1
        if node.name == "stack":
            parts = [self.viewed(p, (*p.tail[:axis], 1, *p.tail[axis:])) for p in parts]
        flat = [q for p in parts for q in (_parts(p)[0] if _parts(p)[1] == axis else [p])]
        return _cat([p for p in flat if p.tail[axis]], axis)

    def spread(self, node: Apply) -> Node:
        """An element-wise op of a cat as the cat of the op on each part, where the parts are wide enough to pay."""
        for operand in node.operands:
            parts, axis = _parts(operand)
            rank = len(node.tail)
            if not parts or len(operand.tail) != rank or operand.tail[axis] != node.tail[axis]:
                continue
            # Each part is a pass over the edges, each number of a message that is stored a write and a read.
            if math.prod(node.tail) < 2 * len(parts):
                continue
            note("join", "-", (), f"{node.name} of {len(parts)} parts")
            ends = [0, *accumulate(p.tail[axis] for p in parts)]
            whole = _whole(node.tail)
            return _cat(
                [
                    self.on_parts(node, (*whole[:axis], (a, b, 1), *whole[axis + 1 :]))
                    for a, b in pairwise(ends)
                ],
                axis,
            )
        return node

    def summed(self, node: Apply, inner: Node) -> Node:
        """A sum or mean over trailing axes of joined parts."""
        axes = summed_axes(node)
        if axes is None:
            return node
        keep = len(node.tail) == len(inner.tail)
        count = math.prod(inner.tail[a] for a in axes)
        if count == 1:
            return self.viewed(inner, node.tail)
        parts, axis = _parts(inner)
        if not node.dtype.is_floating_point:
            return node
        if not parts:
            return self.summed_apart(node, inner, axes[0], keep) if len(axes) == 1 else node
        dim = tuple(a + 1 for a in axes)
        sums = [self.apply("sum", torch.sum, (p, dim, keep)) for p in parts]
        sums = [self.simplified(s) if isinstance(s, Apply) else s for s in sums]
        if axis in axes:
            note("join", "-", (), f"sum of {len(parts)} parts")
            out = sums[0]
            for s in sums[1:]:
                out = self.apply("add", torch.add, (out, s))
        else:
            out = _cat(sums, axis if keep else axis - sum(a < axis for a in axes))
        return out if node.name == "sum" else self.pointwise("mul", torch.mul, (out, 1.0 / count))

    def summed_apart(self, node: Apply, inner: Node, axis: int, keep: bool) -> Node:
        """A sum over a short axis in front of others, such as that of heads: its places added up."""
        length = inner.tail[axis]
        if axis == len(inner.tail) - 1 or length > _SHORT or node.name != "sum":
            return node
        whole, places = _whole(inner.tail), [(k, k + 1, 1) if keep else k for k in range(length)]
        out, *rest = (self.part(inner, (*whole[:axis], k, *whole[axis + 1 :])) for k in places)
        for part in rest:
            out = self.pointwise("add", torch.add, (out, part))
        return out

    # -- cuts and views ----------------------------------------------------------------------------------

    def part(self, node: Node, cut: Cut) -> Node:
        """`node[:, *cut]`."""
        if cut == _whole(node.tail):
            return node
        return self.once((node, "part", cut), lambda: self._part(node, cut))

    def _part(self, node: Node, cut: Cut) -> Node:
        parts, axis = _parts(node)
        if not _kept(node) and isinstance(node, Apply):
            if node.name in ELEMENT_WISE or node.name == "expand":
                return self.on_parts(node, cut)
            if parts:
                found = self._part_of_join(parts, axis, cut)
                if found is not None:
                    return found
        return self.apply("getitem", operator.getitem, (node, _index(cut)))

    def on_parts(self, node: Apply, cut: Cut) -> Node:
        """The op on the parts of its operands, each broadcast as it was."""
        args = tuple(self._operand_part(a, node.tail, cut) if isinstance(a, Node) else a for a in node.args)
        if node.name == "expand":
            return self.expanded(args[0], _cut_shape(node.tail, cut))
        return self.pointwise(node.name, node.func, args, node.params)

    def _operand_part(self, node: Node, tail: Shape, cut: Cut) -> Node:
        """The part of an operand that an op on rows of shape `tail` needs for its own part; ones are repeated."""
        taken: list[Any] = []
        left = list(zip(reversed(node.tail), reversed(tail), strict=False))[::-1]
        for item in reversed(cut):
            if item is None:
                taken.append(None)
            elif left:
                mine, full = left.pop()
                one = mine == 1 and full != 1
                taken.append(item if not one else 0 if isinstance(item, int) else (0, 1, 1))
        items: Cut = tuple(reversed(taken))
        if node.side is not Side.NONE:
            return self.part(node, items)
        lead = (slice(None),) * max(len(node.tail) - len(tail), 0)
        # New axes in front of all that a shared tensor has come by broadcasting.
        while items and items[0] is None and len(node.tail) < len(tail):
            items = items[1:]
        return self.shared(node, ("part", items), lambda x: x[lead + _index(items)[1:]])

    def _part_of_join(self, parts: list[Node], axis: int, cut: Cut) -> Node | None:
        at = [i for i, item in enumerate(cut) if item is not None][axis]
        item, start, found = cut[at], 0, []
        for p in parts:
            width = p.tail[axis]
            if isinstance(item, int):
                if start <= item < start + width:
                    return self.part(p, (*cut[:at], item - start, *cut[at + 1 :]))
            else:
                assert item is not None
                if item[2] != 1:
                    return None
                low, high = max(item[0] - start, 0), min(item[1] - start, width)
                if low < high:
                    found.append(self.part(p, (*cut[:at], (low, high, 1), *cut[at + 1 :])))
            start += width
        return _cat(found, sum(not isinstance(i, int) for i in cut[:at])) if found else None

    def viewed(self, node: Node, tail: Shape) -> Node:
        """`node.view(E, *tail)`."""
        if tail == node.tail:
            return node
        return self.once((node, "view", tail), lambda: self._viewed(node, tail))

    def _viewed(self, node: Node, tail: Shape) -> Node:
        if isinstance(node, Apply) and not _kept(node):
            pairs = _blocks(node.tail, tail)
            if node.name == "expand":
                return self.expanded(self._operand_view(node.args[0], node.tail, pairs, tail), tail)
            if node.name in ELEMENT_WISE:
                args = [
                    self._operand_view(a, node.tail, pairs, tail) if isinstance(a, Node) else a
                    for a in node.args
                ]
                return self.pointwise(node.name, node.func, tuple(args), node.params)
            parts, axis = _parts(node)
            for (first, last), (low, high) in pairs if parts else ():
                if not first <= axis < last:
                    continue
                before, inside = math.prod(node.tail[axis + 1 : last]), math.prod(tail[low + 1 : high])
                if first != axis or low == high or any(p.tail[axis] * before % inside for p in parts):
                    break
                shapes = [(*tail[:low], p.tail[axis] * before // inside, *tail[low + 1 :]) for p in parts]
                return _cat([self.viewed(p, s) for p, s in zip(parts, shapes, strict=True)], low)
        return self.apply("view", view_rows, (node, tail))

    def _operand_view(self, node: Node, old: Shape, pairs: list[Any], tail: Shape) -> Node:
        """A view for an operand that is broadcast to rows of shape `old`, which become `tail`."""
        lead = max(len(node.tail) - len(old), 0)
        mine = (1,) * (len(old) - len(node.tail)) + tuple(node.tail[lead:])
        wide, shape = list(mine), []
        for (first, last), (low, high) in pairs:
            if all(m == 1 for m in mine[first:last]):
                shape += [1] * (high - low)
            else:
                wide[first:last] = old[first:last]  # a part that is broadcast inside of a block of axes
                shape += tail[low:high]
        new = tuple(shape)
        if node.side is Side.NONE:
            return self.shared(
                node, ("view", tuple(wide), new), lambda x: x.expand(*(1,) * lead, *wide).reshape(new)
            )
        if math.prod(wide) == math.prod(node.tail):  # nothing but axes of length one is new
            return self.viewed(node, new)
        return self.apply("view", view_rows, (self.expanded(node, tuple(wide)), new))

    def turned(self, node: Node, order: Shape) -> Node:
        """`node.permute(0, *(axis + 1 for axis in order))`."""
        if order == tuple(range(len(order))):
            return node
        return self.once((node, "turn", order), lambda: self._turned(node, order))

    def _turned(self, node: Node, order: Shape) -> Node:
        if isinstance(node, Apply) and not _kept(node):
            if node.name == "expand":
                return self.expanded(
                    self.turned(node.args[0], order), tuple(node.tail[axis] for axis in order)
                )
            if node.name in ELEMENT_WISE:
                args = [self._operand_turned(a, order) if isinstance(a, Node) else a for a in node.args]
                return self.pointwise(node.name, node.func, tuple(args), node.params)
            parts, axis = _parts(node)
            if parts:
                return _cat([self.turned(p, order) for p in parts], order.index(axis))
        return self.apply("permute", torch.permute, (node, (0, *(axis + 1 for axis in order))))

    def _operand_turned(self, node: Node, order: Shape) -> Node:
        if node.side is not Side.NONE:
            return self.turned(node, order)
        rank = len(order)

        def turn(x: Tensor) -> Tensor:
            x = x.reshape(x.shape[-rank:]) if x.dim() > rank else x[(None,) * (rank - x.dim())]
            return x.permute(order)

        return self.shared(node, ("turn", order), turn)

    def expanded(self, node: Node, tail: Shape) -> Node:
        return node if tuple(node.tail) == tail else self.apply("expand", expand_rows, (node, tail))

    # -- making nodes ---------------------------------------------------------------------------------------

    def once(self, key: tuple[Any, ...], build: Callable[[], Node]) -> Node:
        """What `build` makes of a node, made once."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = build()
        return found

    def shared(self, node: Node, key: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> Node:
        """A shared tensor, rearranged here and now."""
        return self.once((node, *key), lambda: Leaf(Side.NONE, change(on_nodes(node, {}))))

    def pointwise(
        self,
        name: str,
        func: Callable[..., Tensor],
        args: tuple[Any, ...],
        params: dict[str, Any] | None = None,
    ) -> Node:
        """An element-wise op, a join if one of its operands is one."""
        made = self.apply(name, func, args, params)
        return made if not isinstance(made, Apply) or _opaque(made) else self.spread(made)

    def apply(
        self,
        name: str,
        func: Callable[..., Tensor],
        args: tuple[Any, ...],
        params: dict[str, Any] | None = None,
    ) -> Node:
        params = params or {}
        inferred = infer(func, args, params)
        assert inferred is not None, "an op of rows has rows"
        return Apply(name, func, args, params, *inferred)


def _opaque(node: Node) -> bool:
    """What is computed once per node, or is there already: it is cut there."""
    return isinstance(node, Leaf) or node.side in (Side.SRC, Side.DST, Side.NONE)


def _kept(node: Node) -> bool:
    """What no rule goes into."""
    return _opaque(node) or not (node.name in ELEMENT_WISE or node.name in ("cat", "expand"))  # type: ignore[attr-defined]


def _parts(node: Node) -> tuple[list[Node], int]:
    """The parts of a cat, and its axis among the trailing ones."""
    if isinstance(node, Apply) and node.name == "cat" and not _opaque(node):
        return list(node.args[0].nodes), node.args[1] - 1
    return [], -1


def _cat(parts: list[Node], axis: int) -> Node:
    if len(parts) == 1:
        return parts[0]
    tail = list(parts[0].tail)
    tail[axis] = sum(p.tail[axis] for p in parts)
    dtype = parts[0].dtype
    for p in parts[1:]:
        dtype = torch.promote_types(dtype, p.dtype)
    return Apply("cat", torch.cat, (Many(tuple(parts)), axis + 1), {}, tuple(tail), dtype)


def _whole(tail: Shape) -> Cut:
    return tuple((0, width, 1) for width in tail)


def _cut(node: Apply, tail: Shape) -> Cut:
    """The cut that a recorded op makes into rows of shape `tail`."""
    if node.name == "getitem":
        given = list(node.args[1])
        if Ellipsis in given:
            at = given.index(Ellipsis)
            missing = len(tail) + 1 - sum(i is not None and i is not Ellipsis for i in given)
            given[at : at + 1] = [slice(None)] * missing
        given = given[1:]
        given += [slice(None)] * (len(tail) - sum(i is not None for i in given))
    else:
        axis, start = node.args[1] - 1, node.args[2]
        start = start + tail[axis] if start < 0 else start
        given = [slice(None)] * len(tail)
        given[axis] = start if node.name == "select" else slice(start, start + node.args[3])
    cut: list[Any] = []
    axis = 0
    for item in given:
        if item is None:
            cut.append(None)
            continue
        width = tail[axis]
        axis += 1
        cut.append(item.indices(width) if isinstance(item, slice) else item + width if item < 0 else item)
    return tuple((c[0], max(c[1], c[0]), c[2]) if isinstance(c, tuple) else c for c in cut)


def _index(cut: Cut) -> tuple[Any, ...]:
    """The cut as torch wants it, edges first."""
    return (slice(None), *(slice(*c) if isinstance(c, tuple) else c for c in cut))


def _cut_shape(tail: Shape, cut: Cut) -> Shape:
    return tuple(1 if c is None else len(range(*c)) for c in cut if not isinstance(c, int))


def _turn(node: Apply) -> Shape:
    rank = len(node.tail) + 1
    if node.name == "permute":
        return tuple(axis % rank - 1 for axis in node.args[1][1:])
    order = list(range(rank - 1))
    first, second = node.args[1] - 1, node.args[2] - 1
    order[first], order[second] = order[second], order[first]
    return tuple(order)


def summed_axes(node: Apply) -> tuple[int, ...] | None:
    """Trailing axes, from 0, that a plain sum or mean runs over; None for anything else."""
    if node.name not in ("sum", "mean") or "dtype" in node.params or len(node.args) > 3:
        return None
    dim = node.params.get("dim", node.args[1] if len(node.args) > 1 else None)
    if isinstance(dim, int):
        dim = (dim,)
    return tuple(sorted(d - 1 for d in dim)) if dim else None


def _blocks(old: Shape, new: Shape) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Runs of axes of `old` and of `new` that hold the same numbers, as short as possible."""
    found, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        first, low = i, j
        ones = i < len(old) and old[i] == 1, j < len(new) and new[j] == 1
        if ones[0] != ones[1]:
            i, j = i + ones[0], j + ones[1]
        else:
            a, b, i, j = old[i], new[j], i + 1, j + 1
            while a != b:
                if a < b:
                    a, i = a * old[i], i + 1
                else:
                    b, j = b * new[j], j + 1
        found.append(((first, i), (low, j)))
    return found
