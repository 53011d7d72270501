"""Element-wise expressions over numbered slots: what an edge program is made from, and how it is differentiated.

Expressions are interned: equal ones are one object, so common subexpressions are computed once and derivatives share
them with the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakValueDictionary


class Expr:
    """`op` applied to expressions; a leaf is `slot` with its number, or `const` with its value. Made by `make`."""

    __slots__ = ("__weakref__", "args", "op")

    def __init__(self, op: str, args: tuple[Any, ...]) -> None:
        self.op = op
        self.args = args

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.args))})"


_interned: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


def make(op: str, *args: Any) -> Expr:
    """The one expression `op(*args)`."""
    key = (op, *(id(a) if isinstance(a, Expr) else (type(a), a) for a in args))
    found = _interned.get(key)
    if found is None:
        found = _interned[key] = Expr(op, args)
    return found


def slot(number: int) -> Expr:
    """The leaf of this number."""
    return make("slot", number)


def const(value: float) -> Expr:
    """A number."""
    return make("const", float(value))


def is_const(e: Expr, value: float) -> bool:
    return e.op == "const" and e.args[0] == value


def is_leaf(e: Expr) -> bool:
    """True for a slot or number, which a program has nothing to do for."""
    return is_leaf(e.args[0]) if e.op == "detach" else e.op in ("slot", "const")


def add(a: Expr, b: Expr) -> Expr:
    if is_const(a, 0.0):
        return b
    if is_const(b, 0.0):
        return a
    if (
        a.op == b.op == "where" and a.args[0] is b.args[0]
    ):  # the two branches of one choice, as derivatives make them
        for (_, p, rest), (_, other, q) in ((a.args, b.args), (b.args, a.args)):
            if is_const(rest, 0.0) and is_const(other, 0.0):
                return make("where", a.args[0], p, q)
    return make("add", a, b)


def sub(a: Expr, b: Expr) -> Expr:
    if is_const(b, 0.0):
        return a
    return neg(b) if is_const(a, 0.0) else make("sub", a, b)


def mul(a: Expr, b: Expr) -> Expr:
    if is_const(a, 0.0) or is_const(b, 0.0):
        return const(0.0)
    if is_const(a, 1.0):
        return b
    if is_const(b, 1.0):
        return a
    for factor, choice in ((a, b), (b, a)):
        if factor.op == "const" and math.isfinite(factor.args[0]) and choice.op == "where":
            condition, p, q = choice.args
            if is_const(p, 0.0) or is_const(q, 0.0):  # inwards, so that `add` can join the branches
                return make("where", condition, mul(factor, p), mul(factor, q))
    return make("mul", a, b)


def div(a: Expr, b: Expr) -> Expr:
    return a if is_const(b, 1.0) else make("div", a, b)


def neg(a: Expr) -> Expr:
    return const(-a.args[0]) if a.op == "const" else make("neg", a)


def children(e: Expr) -> tuple[Expr, ...]:
    return tuple(a for a in e.args if isinstance(a, Expr))


def ordered(*roots: Expr) -> list[Expr]:
    """Every expression below `roots`, and these, operands before their users."""
    done: dict[int, Expr] = {}
    order: list[Expr] = []
    pending: list[tuple[Expr, bool]] = [(root, False) for root in reversed(roots)]
    while pending:
        e, ready = pending.pop()
        if id(e) in done:
            continue
        if ready:
            done[id(e)] = e
            order.append(e)
        else:
            pending.append((e, True))
            pending.extend((c, False) for c in reversed(children(e)))
    return order


def slots(root: Expr) -> Iterator[int]:
    """Numbers of the leaves that `root` reads."""
    return (e.args[0] for e in ordered(root) if e.op == "slot")


def _extreme(take: str) -> Callable[..., tuple[Expr, ...]]:
    def rule(e: Expr, g: Expr, a: Expr, b: Expr) -> tuple[Expr, ...]:
        # Equal operands share the gradient evenly, as in torch.
        half = mul(const(0.5), make("eq", a, b))
        wins = make("gt", a, b) if take == "max" else make("gt", b, a)
        loses = make("gt", b, a) if take == "max" else make("gt", a, b)
        return mul(g, add(wins, half)), mul(g, add(loses, half))

    return rule


def _power(e: Expr, g: Expr, a: Expr, b: Expr) -> tuple[Expr | None, Expr | None]:
    if b.op == "const":
        return mul(g, mul(b, make("pow", a, const(b.args[0] - 1)))), None
    zero = const(0.0)
    by_base = mul(g, mul(b, make("pow", a, sub(b, const(1.0)))))
    by_exponent = mul(g, mul(e, make("log", a)))
    flat = mul(make("eq", a, zero), make("ge", b, zero))  # zero, to whatever power
    return (
        make("where", make("eq", b, zero), zero, by_base),
        make("where", flat, zero, by_exponent),
    )


#: For each instruction, the gradients of its operands from that of its result: (e, g, *operands) -> one each.
#: Those that are constant almost everywhere (comparisons, sign) have none, nor has `detach`, which is no instruction.
DERIVATIVES: dict[str, Callable[..., tuple[Expr | None, ...]]] = {
    "add": lambda e, g, a, b: (g, g),
    "sub": lambda e, g, a, b: (g, neg(g)),
    "mul": lambda e, g, a, b: (mul(g, b), mul(g, a)),
    "div": lambda e, g, a, b: (div(g, b), neg(div(mul(g, e), b))),
    "maximum": _extreme("max"),
    "minimum": _extreme("min"),
    "pow": _power,
    "where": lambda e, g, c, a, b: (None, make("where", c, g, const(0.0)), make("where", c, const(0.0), g)),
    "neg": lambda e, g, a: (neg(g),),
    "abs": lambda e, g, a: (mul(g, make("sign", a)),),
    "relu": lambda e, g, a: (make("where", make("gt", a, const(0.0)), g, const(0.0)),),
    "exp": lambda e, g, a: (mul(g, e),),
    "log": lambda e, g, a: (div(g, a),),
    "log1p": lambda e, g, a: (div(g, add(a, const(1.0))),),
    "expm1": lambda e, g, a: (mul(g, add(e, const(1.0))),),
    "sqrt": lambda e, g, a: (div(mul(g, const(0.5)), e),),
    "sin": lambda e, g, a: (mul(g, make("cos", a)),),
    "cos": lambda e, g, a: (neg(mul(g, make("sin", a))),),
    "tanh": lambda e, g, a: (mul(g, sub(const(1.0), mul(e, e))),),
    "sigmoid": lambda e, g, a: (mul(g, mul(e, sub(const(1.0), e))),),
    "erf": lambda e, g, a: (mul(g, mul(const(2.0 / math.sqrt(math.pi)), make("exp", neg(mul(a, a))))),),
    "round": lambda e, g, a: (g,),
}


def gradients(seeds: list[tuple[Expr, Expr]]) -> dict[int, Expr]:
    """The gradient of every leaf slot, from pairs of an expression and its gradient (reverse mode, symbolically)."""
    adjoint: dict[int, Expr] = {}

    def collect(e: Expr, part: Expr) -> None:
        known = adjoint.get(id(e))
        adjoint[id(e)] = part if known is None else add(known, part)

    for root, seed in seeds:
        collect(root, seed)
    found: dict[int, Expr] = {}
    for e in reversed(ordered(*(root for root, _ in seeds))):
        g = adjoint.get(id(e))
        if g is None:
            continue
        if e.op == "slot":
            found[e.args[0]] = g
            continue
        rule = DERIVATIVES.get(e.op)
        if rule is None:
            continue
        for operand, part in zip(children(e), rule(e, g, *e.args), strict=True):
            if part is not None and operand.op != "const":
                collect(operand, part)
    return found
