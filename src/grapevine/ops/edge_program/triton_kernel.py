# mypy: ignore-errors
"""The Triton kernels: an edge program over the rows of an order, reduced or written per edge.

An instance owns one piece of an order (a row, or a part of a heavy one) and one block of features, and walks the
piece's positions in tiles of BLOCK_K positions x BLOCK_F features. The program is known when the kernel is compiled:
the loop in `message` that interprets it is unrolled, and straight-line code is left. Each place of a tile has an
accumulator of its own; they are folded once, at the end. So numbers are added in a fixed order, and no two instances
write the same one.

What the compiler knows is written in capitals, or lies in the tuples SPECS and STEPS. Tuples are read in place: Triton
would make tensors of the numbers in a tuple that is assigned to a name.
"""

from __future__ import annotations

from typing import Any

import torch

from grapevine.errors import require

triton: Any = require("triton")
tl: Any = require("triton.language", "triton")

DTYPES = {
    torch.float32: tl.float32, torch.float64: tl.float64, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16
}  # fmt: skip


def static(value: Any) -> Any:
    """A tuple of numbers and names, known when a kernel is compiled."""
    return tuple(map(static, value)) if isinstance(value, tuple) else tl.constexpr(value)


@triton.jit
def expm1(x):
    """Kahan's form: what rounding loses in u is lost in log(u) too, and cancels."""
    u = tl.exp(x)
    exact = (u - 1) * (x / tl.log(u))
    return tl.where(u == 1, x, tl.where((u == 0) | (u == float("inf")), u - 1, exact))


@triton.jit
def log1p(x):
    u = 1 + x
    return tl.where(u == 1, x, tl.where(u == float("inf"), u, tl.log(u) * (x / (u - 1))))


@triton.jit
def tanh(x):
    t = expm1(-2 * tl.abs(x))
    return tl.where(x < 0, t, -t) / (t + 2)


@triton.jit
def power(a, b):
    """`a ** b` as C has it, through double precision: in single, b * log(a) would lose digits."""
    x, y = a.to(tl.float64), b.to(tl.float64)
    whole = tl.floor(y) == y
    odd = whole & (tl.floor(y / 2) * 2 != y)
    size = tl.exp2(y * tl.log2(tl.abs(x)))
    size = tl.where((y == 0) | (tl.abs(x) == 1), 1.0, size)
    negative = (x < 0) | ((x == 0) & (1 / x < 0))
    signed = tl.where(negative & odd, -size, size)
    known = whole | (x >= 0) | (x == float("-inf")) | (x != x)
    return tl.where((x == 1) | (y == 0), 1.0, tl.where(known, signed, float("nan"))).to(a.dtype)


@triton.jit
def apply(NAME: tl.constexpr, a, b, c, STORE: tl.constexpr):
    """One instruction, as `INSTRUCTIONS` defines it."""
    if NAME == "add":
        out = a + b
    elif NAME == "sub":
        out = a - b
    elif NAME == "mul":
        out = a * b
    elif NAME == "div":
        out = a / b
    elif NAME == "maximum":
        out = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    elif NAME == "minimum":
        out = tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
    elif NAME == "gt":
        out = (a > b).to(a.dtype)
    elif NAME == "ge":
        out = (a >= b).to(a.dtype)
    elif NAME == "eq":
        out = (a == b).to(a.dtype)
    elif NAME == "pow":
        out = power(a, b)
    elif NAME == "where":
        out = tl.where(a != 0, b, c)
    elif NAME == "neg":
        out = -a
    elif NAME == "abs":
        out = tl.abs(a)
    elif NAME == "relu":
        out = tl.where(a <= 0, 0.0, a)
    elif NAME == "sign":
        out = (a > 0).to(a.dtype) - (a < 0).to(a.dtype)
    elif NAME == "exp":
        out = tl.exp(a)
    elif NAME == "log":
        out = tl.log(a)
    elif NAME == "log1p":
        out = log1p(a)
    elif NAME == "expm1":
        out = expm1(a)
    elif NAME == "sqrt":
        out = tl.sqrt(a)
    elif NAME == "sin":
        out = tl.sin(a)
    elif NAME == "cos":
        out = tl.cos(a)
    elif NAME == "tanh":
        out = tanh(a)
    elif NAME == "sigmoid":
        out = 1 / (1 + tl.exp(-a))
    elif NAME == "erf":
        out = tl.erf(a)
    else:
        tl.static_assert(NAME == "round")
        out = a.to(STORE).to(a.dtype)
    return out


@triton.jit
def read(
    leaf, ON: tl.constexpr, MODE: tl.constexpr, PERIOD: tl.constexpr, STRIDE: tl.constexpr,
    row, other, edge, here, f, wide,
):  # fmt: skip
    """A leaf's tile, of a shape that broadcasts to (BLOCK_K, BLOCK_F)."""
    EACH: tl.constexpr = ON == "other" or ON == "edge"
    if ON == "row":
        leaf += row * STRIDE
    elif ON == "other":
        leaf += other * STRIDE
    elif ON == "edge":
        leaf += edge * STRIDE
    if MODE == "groups":
        f = f // PERIOD
    elif MODE == "periodic":
        f = f % PERIOD
    if MODE != "scalar":
        out = tl.load(leaf + f, mask=here & wide if EACH else wide, other=0.0)
    elif EACH:
        out = tl.load(leaf, mask=here, other=0.0)
    else:
        out = tl.load(leaf)
    return out


@triton.jit
def position(index, k, here):
    """What an index of the order says at positions `k`; None is the identity."""
    out = k
    if index is not None:
        out = tl.load(index + k, mask=here, other=0)
    return out.to(tl.int64)


@triton.jit
def message(
    leaves, constants, perm, other, row, k, here, f, wide,
    SPECS, CONSTANTS: tl.constexpr, STEPS, ROOT: tl.constexpr, STORE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """The program's value at positions `k` of a row and features `f`; its slots are a tuple that grows."""
    edge, end = position(perm, k, here), position(other, k, here)
    slots = ()
    for i in tl.static_range(len(SPECS)):
        tile = read(
            leaves[i], SPECS[i][0], SPECS[i][1], SPECS[i][2], SPECS[i][3], row, end, edge, here, f, wide
        )
        slots = slots + (tile.to(WIDE),)
    for i in tl.static_range(CONSTANTS):
        slots = slots + (tl.load(constants + i).to(WIDE),)
    for i in tl.static_range(len(STEPS)):
        out = apply(STEPS[i][0], slots[STEPS[i][1]], slots[STEPS[i][2]], slots[STEPS[i][3]], STORE)
        slots = slots + (out,)
    return slots[ROOT]


@triton.jit
def bounds(first, last, owner, LIMIT: tl.constexpr):
    """This instance's row, its first position and the one after its last: none where they are more than LIMIT."""
    row = tl.program_id(0)
    start, stop = tl.load(first + row), tl.load(last + row)
    if LIMIT is not None:
        stop = tl.where(stop - start > LIMIT, start, stop)
    if owner is not None:
        row = tl.load(owner + row)
    return row.to(tl.int64), start, stop


@triton.jit
def reduce_kernel(
    leaves, constants, ptr, first, last, owner, perm, other, counts, out, ties,
    SPECS, CONSTANTS: tl.constexpr, STEPS, ROOT: tl.constexpr, HOW: tl.constexpr, FEATURES: tl.constexpr,
    LIMIT: tl.constexpr, BY_ROW: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_F: tl.constexpr,
    STORE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Reduces positions `first[p] .. last[p] - 1` of row `owner[p]` to row p of `out`, or to the owner's if BY_ROW.

    Where they are None, `owner[p]` is p, and each position in `counts` stands for one message.
    """
    row, start, stop = bounds(first, last, owner, LIMIT)
    f = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)[None, :]
    wide = f < FEATURES
    START: tl.constexpr = float("-inf") if HOW == "max" else float("inf") if HOW == "min" else 0.0
    BETTER: tl.constexpr = "maximum" if HOW == "max" else "minimum"
    value = tl.full((BLOCK_K, BLOCK_F), START, WIDE)
    tied = tl.full((BLOCK_K, BLOCK_F), 0, tl.int32)
    for at in range(start, stop, BLOCK_K):
        k = at + tl.arange(0, BLOCK_K)[:, None]
        here = k < stop
        m = message(
            leaves, constants, perm, other, row, k, here, f, wide, SPECS, CONSTANTS, STEPS, ROOT, STORE, WIDE
        )  # fmt: skip
        if HOW == "sum" or HOW == "mean":
            value += tl.where(here, m, 0.0)
        else:  # messages compare as they would be stored, and a nan wins
            m = tl.where(here, m.to(STORE).to(WIDE), START)
            count = here.to(tl.int32)
            if counts is not None:
                count = tl.load(counts + k.to(tl.int64) * FEATURES + f, mask=here & wide, other=0)
            best = apply(BETTER, value, m, m, STORE)
            tied = tl.where(value == best, tied, 0) + tl.where(m == best, count, 0)
            value = best
    target = row if BY_ROW else tl.program_id(0).to(tl.int64)
    to = target * FEATURES + f
    if HOW == "sum" or HOW == "mean":
        total = tl.sum(value, 0)[None, :]
        if HOW == "mean":
            total = total / tl.maximum(tl.load(ptr + row + 1) - tl.load(ptr + row), 1).to(WIDE)
        tl.store(out + to, total.to(out.dtype.element_ty), mask=wide)
    else:
        best = tl.max(value, 0) if HOW == "max" else tl.min(value, 0)
        best = tl.where(tl.max((value != value).to(tl.int32), 0) > 0, float("nan"), best)[None, :]
        total = tl.sum(tl.where(value == best, tied, 0), 0)[None, :]
        tl.store(out + to, tl.where(start == stop, 0.0, best).to(out.dtype.element_ty), mask=wide)
        tl.store(ties + to, total, mask=wide)


@triton.jit
def map_kernel(
    leaves, constants, first, last, owner, perm, other, out,
    SPECS, CONSTANTS: tl.constexpr, STEPS, ROOT: tl.constexpr, FEATURES: tl.constexpr, GROUPS: tl.constexpr,
    LIMIT: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_F: tl.constexpr, STORE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Writes the messages of a piece to their edges, `out[edge]`, or their sums over a group of features."""
    row, start, stop = bounds(first, last, owner, LIMIT)
    lane = tl.arange(0, BLOCK_F)[None, :]
    for at in range(start, stop, BLOCK_K):
        k = at + tl.arange(0, BLOCK_K)[:, None]
        here = k < stop
        edge = position(perm, k, here)
        if GROUPS == 0:
            f = tl.program_id(1) * BLOCK_F + lane
            wide = f < FEATURES
            m = message(
                leaves, constants, perm, other, row, k, here, f, wide, SPECS, CONSTANTS, STEPS, ROOT, STORE, WIDE
            )  # fmt: skip
            m = tl.broadcast_to(m.to(out.dtype.element_ty), (BLOCK_K, BLOCK_F))
            tl.store(out + edge * FEATURES + f, m, mask=here & wide)
        else:
            SPAN: tl.constexpr = FEATURES // GROUPS
            total = tl.zeros((BLOCK_K, BLOCK_F), WIDE)
            for d in range(0, SPAN, BLOCK_F):
                f = tl.program_id(1) * SPAN + d + lane
                wide = d + lane < SPAN
                m = message(
                    leaves, constants, perm, other, row, k, here, f, wide, SPECS, CONSTANTS, STEPS, ROOT, STORE, WIDE
                )  # fmt: skip
                total += tl.where(wide, m, 0.0)
            total = tl.sum(total, 1)[:, None].to(out.dtype.element_ty)
            tl.store(out + edge * GROUPS + tl.program_id(1), total, mask=here)
