"""From recorded PyTorch ops to instructions: each op of the table that edge programs can run, in a few primitives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from grapevine.engine.expr import Expr, add, const, div, make, mul, neg, sub
from grapevine.engine.tree import Apply

Lower = Callable[..., "Expr | None"]


def _step(a: Expr, above: Expr, below: Expr) -> Expr:
    return make("where", make("gt", a, const(0.0)), above, below)


def _power(a: Expr, b: Expr) -> Expr:
    if b.op != "const":
        base = a.args[0] if a.op == "const" else 0.0
        return make("exp", mul(const(math.log(base)), b)) if base > 0 else make("pow", a, b)
    exponent = b.args[0]
    if exponent == 1.0:
        return a
    if exponent in (2.0, 3.0):
        return mul(a, a) if exponent == 2.0 else mul(mul(a, a), a)
    if exponent == 0.5:
        return make("sqrt", a)
    return div(const(1.0), a) if exponent == -1.0 else make("pow", a, b)


def _hypot(a: Expr, b: Expr) -> Expr:
    # Scaled by the larger one, so that no square overflows; the scale cancels, and so its gradient.
    top = make("detach", make("maximum", make("abs", a), make("abs", b)))
    scale = make("where", make("eq", top, const(0.0)), const(1.0), top)
    p, q = div(a, scale), div(b, scale)
    return mul(scale, make("sqrt", add(mul(p, p), mul(q, q))))


def _sinh(a: Expr) -> Expr:
    grown = make("expm1", a)
    return mul(const(0.5), add(grown, div(grown, add(grown, const(1.0)))))


#: Floats of at least the first size are whole; adding and subtracting the second rounds those below.
_WHOLE = {torch.float32: (2.0**22, 1.5 * 2.0**23), torch.float64: (2.0**51, 1.5 * 2.0**52)}


def _whole(name: str, a: Expr, dtype: torch.dtype) -> Expr | None:
    """floor, ceil, round (to even) or trunc; constant between steps, so that no gradient passes."""
    if dtype not in _WHOLE:
        return None
    limit, shift = map(const, _WHOLE[dtype])
    near = make("sub", make("add", a, shift), shift)
    floor = sub(near, make("gt", near, a))
    ceil = add(near, make("gt", a, near))
    zero = const(0.0)
    out = {
        "round": near,
        "floor": floor,
        "ceil": ceil,
        "trunc": make("where", make("gt", a, zero), floor, ceil),
    }
    return make("detach", make("where", make("gt", limit, make("abs", a)), out[name], a))


def _logical(name: str, a: Expr, b: Expr | None = None) -> Expr:
    """Of ones and zeros."""
    if b is None:
        return sub(const(1.0), a)
    if name in ("logical_and", "and"):
        return make("minimum", a, b)
    return make("maximum", a, b) if name in ("logical_or", "or") else sub(const(1.0), make("eq", a, b))


def _clamp(a: Expr, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Expr | None:
    low, high = low if low is not None else min, high if high is not None else max
    # The gradient passes where the value is kept, bounds included: not torch.maximum's rule.
    out = a
    for bound, name in ((low, "low"), (high, "high")):
        if bound is None:
            continue
        if not (isinstance(bound, (int, float)) or (isinstance(bound, Expr) and bound.op == "const")):
            return None
        edge = bound if isinstance(bound, Expr) else const(bound)
        keeps = make("ge", out, edge) if name == "low" else make("ge", edge, out)
        out = make("where", keeps, out, edge)
    return out


def _elu(a: Expr, alpha: Any = 1.0, scale: float = 1.0, rate: float = 1.0) -> Expr:
    slope = alpha.args[0] if isinstance(alpha, Expr) else alpha
    low = mul(const(slope * scale), make("expm1", mul(const(rate), a)))
    return _step(a, mul(const(scale), a), low)


def _gelu(a: Expr, approximate: str = "none") -> Expr:
    if approximate == "tanh":
        inner = mul(const(math.sqrt(2.0 / math.pi)), add(a, mul(const(0.044715), mul(mul(a, a), a))))
        gate = mul(const(0.5), add(const(1.0), make("tanh", inner)))
    else:
        gate = mul(const(0.5), add(const(1.0), make("erf", mul(a, const(math.sqrt(0.5))))))
    return mul(a, gate)


def _softplus(a: Expr, beta: Any = 1.0, threshold: Any = 20.0) -> Expr:
    rate, top = (v.args[0] if isinstance(v, Expr) else v for v in (beta, threshold))
    scaled = mul(const(rate), a)
    soft = div(_log_one_plus_exp(scaled), const(rate))
    return make("where", make("gt", scaled, const(top)), a, soft)


def _log_one_plus_exp(a: Expr) -> Expr:
    return add(make("relu", a), make("log1p", make("exp", neg(make("abs", a)))))


def _leaky(a: Expr, negative_slope: Any = 0.01) -> Expr:
    slope = negative_slope if isinstance(negative_slope, Expr) else const(negative_slope)
    if slope.op != "const":
        return _step(a, a, mul(slope, a))
    return make("mul", a, _step(a, const(1.0), slope))  # the factor is the derivative too


def _scaled(rule: Callable[[Expr, Expr], Expr]) -> Lower:
    def lower(a: Expr, b: Expr, alpha: float = 1.0) -> Expr:
        return rule(a, b if alpha == 1 else mul(const(alpha), b))

    return lower


_SELU = (1.6732632423543772, 1.0507009873554805)

#: Lowering by the name of the op's record; arguments are expressions, options come by keyword.
LOWERINGS: dict[str, Lower] = {
    "mul": lambda a, b: make("mul", a, b),  # a zero keeps infinities and nans visible
    "add": _scaled(add),
    "sub": _scaled(sub),
    "rsub": _scaled(lambda a, b: sub(b, a)),
    "div": div,
    "rdiv": lambda a, b: div(b, a),
    "pow": _power,
    "maximum": lambda a, b: make("maximum", a, b),
    "minimum": lambda a, b: make("minimum", a, b),
    "where": lambda c, a, b: make("where", c, a, b),
    "clamp": _clamp,
    "neg": neg,
    "abs": lambda a: make("abs", a),
    "exp": lambda a: make("exp", a),
    "log": lambda a: make("log", a),
    "log1p": lambda a: make("log1p", a),
    "expm1": lambda a: make("expm1", a),
    "sqrt": lambda a: make("sqrt", a),
    "rsqrt": lambda a: div(const(1.0), make("sqrt", a)),
    "square": lambda a: mul(a, a),
    "reciprocal": lambda a: div(const(1.0), a),
    "sin": lambda a: make("sin", a),
    "cos": lambda a: make("cos", a),
    "tanh": lambda a: make("tanh", a),
    "sigmoid": lambda a: make("sigmoid", a),
    "relu": lambda a: make("relu", a),
    "relu6": lambda a: _clamp(a, 0.0, 6.0),
    "leaky_relu": _leaky,
    "elu": _elu,
    "selu": lambda a: _elu(a, *_SELU),
    "celu": lambda a, alpha=1.0: _elu(
        a, alpha, 1.0, 1.0 / (alpha.args[0] if isinstance(alpha, Expr) else alpha)
    ),
    "gelu": _gelu,
    "silu": lambda a: mul(a, make("sigmoid", a)),
    "mish": lambda a: mul(a, make("tanh", _log_one_plus_exp(a))),
    "logsigmoid": lambda a: neg(_log_one_plus_exp(neg(a))),
    "softplus": _softplus,
    "sign": lambda a: make("sign", a),
    "clone": lambda a: a,
    "detach": lambda a: make("detach", a),
    "erf": lambda a: make("erf", a),
    "exp2": lambda a: make("exp", mul(const(math.log(2.0)), a)),
    "log2": lambda a: mul(const(1.0 / math.log(2.0)), make("log", a)),
    "log10": lambda a: mul(const(1.0 / math.log(10.0)), make("log", a)),
    "rpow": lambda a, b: _power(b, a),
    "hypot": _hypot,
    "tan": lambda a: div(make("sin", a), make("cos", a)),
    "sinh": _sinh,
    "cosh": lambda a: mul(const(0.5), add(make("exp", a), make("exp", neg(a)))),
    "softsign": lambda a: div(a, add(const(1.0), make("abs", a))),
    "masked_fill": lambda a, mask, value: make("where", mask, value, a),
    "lerp": lambda a, b, weight: add(a, mul(weight, sub(b, a))),
    "isfinite": lambda a: make("eq", make("sub", a, a), const(0.0)),
}
#: Records whose rule goes by the function that was called, or by the dtype.
_BY_FUNCTION = ("compare", "logical", "floor", "ceil", "round", "trunc", "addcmul")

_COMPARISONS: dict[str, Lower] = {
    "gt": lambda a, b: make("gt", a, b),
    "ge": lambda a, b: make("ge", a, b),
    "lt": lambda a, b: make("gt", b, a),
    "le": lambda a, b: make("ge", b, a),
    "eq": lambda a, b: make("eq", a, b),
    "ne": lambda a, b: sub(const(1.0), make("eq", a, b)),
}


def element_wise(name: str) -> bool:
    """True for the records that edge programs may run."""
    return name in LOWERINGS or name in _BY_FUNCTION


def runs(node: Apply, dtype: torch.dtype) -> bool:
    """True where a program over numbers of this dtype computes what the op does: not in arithmetic of integers."""
    if not element_wise(node.name):
        return False
    if node.dtype is torch.bool:  # ones and zeros, of what programs represent exactly
        known = (torch.bool,) if node.name == "logical" else (torch.bool, dtype)
        return all(n.dtype in known for n in node.operands)
    return node.dtype is dtype


def lower(
    name: str, func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], dtype: torch.dtype
) -> Expr | None:
    """The expression of one recorded op; None where programs do not know it, or not with these options.

    Args:
        name: of the op's record.
        func: the torch function that was called.
        args: expressions, and numbers as constants.
        options: its keyword arguments.
        dtype: of the program.
    """
    rule: Lower | None
    called = func.__name__.strip("_")
    if name == "compare":
        rule = _COMPARISONS.get(called)
    elif name == "logical":
        return _logical(called, *args)
    elif name in ("floor", "ceil", "round", "trunc"):
        return None if options else _whole(name, args[0], dtype)
    elif name == "addcmul":
        by = mul if called == "addcmul" else div
        return add(args[0], mul(const(options.get("value", 1.0)), by(args[1], args[2])))
    elif name == "clamp" and called in ("clamp_min", "clamp_max"):
        bound = args[1] if len(args) > 1 else next(iter(options.values()))
        return _clamp(args[0], bound) if called == "clamp_min" else _clamp(args[0], None, bound)
    else:
        rule = LOWERINGS.get(name)
    options = {k: v for k, v in options.items() if k != "inplace"}
    if rule is None or any(not isinstance(v, (int, float, str)) and v is not None for v in options.values()):
        return None
    if name in ("div", "rdiv") and options.get("rounding_mode") is not None:
        return None
    options.pop("rounding_mode", None)
    return rule(*args, **options)
