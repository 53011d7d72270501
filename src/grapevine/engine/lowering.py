"""From recorded PyTorch ops to instructions: each op of the table that edge programs can run, in a few primitives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from grapevine.engine.expr import Expr, add, const, div, make, mul, neg, sub

Lower = Callable[..., "Expr | None"]


def _step(a: Expr, above: Expr, below: Expr) -> Expr:
    return make("where", make("gt", a, const(0.0)), above, below)


def _power(a: Expr, b: Expr) -> Expr | None:
    if b.op != "const":
        return None
    exponent = b.args[0]
    if exponent == 1.0:
        return a
    if exponent in (2.0, 3.0):
        return mul(a, a) if exponent == 2.0 else mul(mul(a, a), a)
    if exponent == 0.5:
        return make("sqrt", a)
    return div(const(1.0), a) if exponent == -1.0 else make("pow", a, b)


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
    return _step(a, a, mul(slope, a))


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
}

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
    return name in LOWERINGS or name == "compare"


def lower(name: str, func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Expr | None:
    """The expression of one recorded op; None where programs do not know it, or not with these options.

    Args:
        name: of the op's record.
        func: the torch function that was called.
        args: expressions, and numbers as constants.
        options: its keyword arguments.
    """
    rule: Lower | None
    if name == "compare":
        rule = _COMPARISONS.get(func.__name__.strip("_"))
    elif name == "clamp" and func.__name__ in ("clamp_min", "clamp_max"):
        bound = args[1] if len(args) > 1 else next(iter(options.values()))
        return _clamp(args[0], bound) if func.__name__ == "clamp_min" else _clamp(args[0], None, bound)
    else:
        rule = LOWERINGS.get(name)
    options = {k: v for k, v in options.items() if k != "inplace"}
    if rule is None or any(not isinstance(v, (int, float, str)) and v is not None for v in options.values()):
        return None
    if name in ("div", "rdiv") and options.get("rounding_mode") is not None:
        return None
    options.pop("rounding_mode", None)
    return rule(*args, **options)
