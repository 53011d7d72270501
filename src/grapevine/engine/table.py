"""The op table: which torch functions are recorded, and under which conditions the edge axis stays axis 0.

One record per op; everything else about an op (its value, its gradient) comes from calling it. An op enters the table
only if row e of its result depends on row e of its edge operands alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine import composed
from grapevine.engine.binding import (
    Bind,
    along,
    cast,
    dropout,
    expand,
    flatten,
    getitem,
    join,
    layer_norm,
    linear,
    matmul,
    part,
    permute,
    pointwise,
    prelu,
    same,
    take,
    transpose,
    unflatten,
    unsqueeze,
    view,
    where_method,
)
from grapevine.engine.tree import Many, Node, Side


@dataclass(frozen=True, slots=True)
class OpRecord:
    """One op: its name, the torch functions that mean it, and how a call of them is taken apart."""

    name: str
    functions: tuple[Callable[..., Any], ...]
    bind: Bind
    #: Arguments for the op's test. Words stand for tensors (see tests/engine/test_table.py), a dict for keywords; the
    #: message comes first where it is not named.
    samples: tuple[tuple[Any, ...], ...] = ((),)
    #: True where autocast runs it in another dtype.
    autocasts: bool = False
    kind: str = field(default="pointwise")


def _methods(*names: str) -> tuple[Callable[..., Any], ...]:
    """The functions of these names in torch, torch.Tensor and torch.nn.functional; operators are the tensor's alone."""
    return tuple(
        getattr(room, n)
        for n in names
        for room in ((Tensor,) if n[0] == "_" else (torch, Tensor, F))
        if hasattr(room, n)
    )


def _unary(*names: str, autocasts: bool = False) -> OpRecord:
    return OpRecord(names[0], _methods(*names), pointwise, autocasts=autocasts)


_S: Any = ((2.0,), (3,), ("like",), ("row",), ("feature",), ("scalar",), ("again",))

# fmt: off
RECORDS: tuple[OpRecord, ...] = (
    OpRecord("mul", _methods("mul", "multiply", "__mul__", "__rmul__"), pointwise, _S),
    OpRecord("add", _methods("add"), pointwise, (*_S, ("like", {"alpha": 3}))),
    OpRecord("add", (Tensor.__add__, Tensor.__radd__), pointwise, _S),
    OpRecord("sub", _methods("sub", "subtract"), pointwise, (*_S, ("like", {"alpha": 3}))),
    OpRecord("sub", (Tensor.__sub__,), pointwise, _S),
    OpRecord("rsub", _methods("rsub", "__rsub__"), pointwise, _S),
    OpRecord("div", _methods("div", "divide"), pointwise, (*_S, (2.0, {"rounding_mode": "floor"}))),
    OpRecord("div", _methods("true_divide", "__truediv__", "__div__"), pointwise, _S),
    OpRecord("rdiv", _methods("__rtruediv__", "__rdiv__"), pointwise, _S, autocasts=True),
    OpRecord("pow", _methods("pow", "__pow__"), pointwise, ((2.0,), (3,), (-1,), (0.5,), (1.7,), (0,), ("like",)), autocasts=True),
    OpRecord("maximum", _methods("maximum", "fmax"), pointwise, (("like",), ("row",), ("again",))),
    OpRecord("minimum", _methods("minimum", "fmin"), pointwise, (("like",), ("feature",), ("again",))),
    OpRecord("where", (torch.where,), pointwise, (("mask", "message", "like"), ("mask", 0.5, "message"))),
    OpRecord("where", (Tensor.where,), where_method, (("mask", "like"), ("mask", 0.5))),
    OpRecord("clamp", _methods("clamp", "clip"), pointwise, ((-0.5,), (-0.5, 0.5), ({"max": 0.5},))),
    OpRecord("clamp", _methods("clamp_min", "clamp_max"), pointwise, ((0.5,),)),
    OpRecord("compare", _methods("gt", "ge", "lt", "le", "eq", "ne", "__gt__", "__ge__", "__lt__", "__le__", "__eq__", "__ne__"), pointwise, ((0.5,), ("like",))),
    _unary("neg", "negative", "__neg__"),
    _unary("abs", "absolute", "__abs__"),
    _unary("exp", autocasts=True),
    _unary("log", autocasts=True),
    _unary("log1p", autocasts=True),
    _unary("expm1", autocasts=True),
    _unary("sqrt"),
    _unary("rsqrt", autocasts=True),
    _unary("square", autocasts=True),
    _unary("reciprocal", autocasts=True),
    _unary("sin"),
    _unary("cos"),
    _unary("tanh"),
    _unary("sigmoid"),
    _unary("relu"),
    _unary("relu6"),
    OpRecord("leaky_relu", (F.leaky_relu,), pointwise, ((), (0.2,), ({"negative_slope": 0.3},), (0.2, False))),
    OpRecord("elu", (F.elu,), pointwise, ((), (0.5,))),
    _unary("selu"),
    OpRecord("celu", (torch.celu, F.celu), pointwise, ((), (0.5,))),
    OpRecord("gelu", (F.gelu,), pointwise, ((), ({"approximate": "tanh"},))),
    _unary("silu"),
    _unary("mish"),
    _unary("hardtanh"),
    OpRecord("softplus", (F.softplus,), pointwise, ((), (2, 1.0)), autocasts=True),
    _unary("logsigmoid"),
    _unary("sign"),
    _unary("tan", autocasts=True),
    _unary("atan"),
    _unary("sinh", autocasts=True),
    _unary("cosh", autocasts=True),
    _unary("asinh"),
    _unary("erf"),
    _unary("exp2"),
    _unary("log2", autocasts=True),
    _unary("log10", autocasts=True),
    _unary("floor"),
    _unary("ceil"),
    _unary("round"),
    _unary("trunc"),
    _unary("hardswish"),
    _unary("softsign"),
    _unary("isfinite"),
    OpRecord("rpow", (Tensor.__rpow__,), pointwise, ((2.0,),), autocasts=True),
    OpRecord("remainder", _methods("remainder", "fmod", "__mod__"), pointwise, ((0.7,), ("like",))),
    OpRecord("atan2", _methods("atan2"), pointwise, (("like",),), autocasts=True),
    OpRecord("hypot", _methods("hypot"), pointwise, (("like",),)),
    OpRecord("logaddexp", _methods("logaddexp"), pointwise, (("like",),)),
    OpRecord("lerp", _methods("lerp"), pointwise, (("like", 0.3), ("like", "row"))),
    OpRecord("addcmul", _methods("addcmul", "addcdiv"), pointwise, (("like", "row", {"value": 0.5}),), autocasts=True),
    OpRecord("masked_fill", _methods("masked_fill"), pointwise, (("mask", 0.5), ("mask", "scalar"))),
    OpRecord("logical", _methods("logical_and", "logical_or", "logical_xor", "__and__", "__or__", "__xor__"), pointwise, (("truth", "mask"),)),
    OpRecord("logical", _methods("logical_not", "bitwise_not", "__invert__"), pointwise, (("truth",),)),
    OpRecord("prelu", (torch.prelu, Tensor.prelu), prelu, (("feature",),), autocasts=True, kind="trailing"),
    OpRecord("cast", (Tensor.long, Tensor.int, Tensor.bool, Tensor.double), cast, ((), ("truth",)), kind="trailing"),
    OpRecord("cast", (Tensor.float, Tensor.half, Tensor.bfloat16), cast, (("truth",),), kind="trailing"),
    OpRecord("cast", (Tensor.to, Tensor.type_as), cast, (("int",),), kind="trailing"),
    _unary("clone"),
    _unary("detach"),
    OpRecord("sum", _methods("sum"), along(), ((-1,), ((1,),), (-1, True), ({"dim": 1, "keepdim": True},)), autocasts=True, kind="trailing"),
    OpRecord("mean", _methods("mean"), along(), ((-1,), (1, True)), kind="trailing"),
    OpRecord("norm", (torch.norm, Tensor.norm), along(2), ((2, -1), ({"dim": -1, "keepdim": True},), (1, -1)), autocasts=True, kind="trailing"),
    OpRecord("vector_norm", (torch.linalg.vector_norm,), along(2), ((2, -1), ({"dim": -1, "keepdim": True},)), autocasts=True, kind="trailing"),
    OpRecord("amax", _methods("amax"), along(), ((-1,),), kind="trailing"),
    OpRecord("amin", _methods("amin"), along(), ((-1,),), kind="trailing"),
    OpRecord("highest", (composed.highest,), along(), ((-1,), (1, True)), kind="trailing"),
    OpRecord("lowest", (composed.lowest,), along(), ((-1,), (1, True)), kind="trailing"),
    OpRecord("argmax", (composed.highest_at, composed.lowest_at), along(), ((-1,), (1, True)), kind="trailing"),
    OpRecord("argmax", _methods("argmax", "argmin"), along(), ((-1,), ({"dim": -1, "keepdim": True},)), kind="trailing"),
    OpRecord("any", _methods("any", "all"), along(), (("truth", -1), ("truth", {"dim": -1, "keepdim": True})), kind="trailing"),
    OpRecord("prod", _methods("prod"), along(), ((-1,), (-1, True)), autocasts=True, kind="trailing"),
    OpRecord("cumsum", _methods("cumsum"), along(), ((-1,),), autocasts=True, kind="trailing"),
    OpRecord("var", _methods("var", "std"), along(), ((-1,), ({"dim": -1, "correction": 0, "keepdim": True},)), kind="trailing"),
    OpRecord("logsumexp", _methods("logsumexp"), along(), ((-1,), (-1, True)), autocasts=True, kind="trailing"),
    OpRecord("log_softmax", (torch.log_softmax, Tensor.log_softmax, F.log_softmax), along(), ((-1,),), autocasts=True, kind="trailing"),
    OpRecord("cross", (torch.linalg.cross, torch.cross, Tensor.cross), along(2, operands=2), (("like", {"dim": -1}),), autocasts=True, kind="trailing"),
    OpRecord("cosine_similarity", (F.cosine_similarity,), along(2, operands=2), (("like", -1),), autocasts=True, kind="trailing"),
    OpRecord("softmax", (torch.softmax, Tensor.softmax, F.softmax), along(), ((-1,), ({"dim": 1},)), autocasts=True, kind="trailing"),
    OpRecord("layer_norm", (F.layer_norm,), layer_norm, (((3,),), ((3,), "feature", "feature"), ([3], {"eps": 0.1})), autocasts=True, kind="trailing"),
    OpRecord("view", _methods("view", "reshape"), view, (((-1, 3, 1),), (("edges", 3, 1),)), kind="layout"),
    OpRecord("unsqueeze", _methods("unsqueeze"), unsqueeze, ((-1,), (1,)), kind="layout"),
    OpRecord("squeeze", _methods("squeeze"), along(), ((-1,), ("thin", -1), ("thin", (1, 2))), kind="layout"),
    OpRecord("flatten", _methods("flatten"), flatten, ((1,), ({"start_dim": 1},)), kind="layout"),
    OpRecord("transpose", _methods("transpose"), transpose, (("cube", 1, 2), ("cube", -1, -2)), kind="layout"),
    OpRecord("transpose", _methods("swapaxes", "swapdims"), transpose, (("cube", 1, -1),), kind="layout"),
    OpRecord("unflatten", (torch.unflatten, Tensor.unflatten), unflatten, (("cube", -1, (3, 1)), ("cube", {"dim": 1, "sizes": (-1, 2)})), kind="layout"),
    OpRecord("narrow", _methods("narrow"), part, ((-1, 1, 2), (1, 0, 1)), kind="layout"),
    OpRecord("select", _methods("select"), part, ((-1, 1), (1, 0)), kind="layout"),
    OpRecord("permute", _methods("permute"), permute, (("cube", (0, 2, 1)),), kind="layout"),
    OpRecord("expand", (Tensor.expand,), expand, (("thin", ("edges", 2, 3)), ("thin", -1, 1, 4)), kind="layout"),
    OpRecord("expand", (Tensor.expand_as,), expand, (("like",),), kind="layout"),
    OpRecord("getitem", (Tensor.__getitem__,), getitem, (((slice(None), 0),), ((Ellipsis, slice(0, 2)),), ((slice(None), None),), ((Ellipsis, -1),), (slice(None),), ("weight", "types")), kind="layout"),
    OpRecord("cat", (torch.cat, torch.concat, torch.concatenate), join(False), ((["message", "like"], -1), (["row", "message", "again"], 1), (("like", "message"), {"dim": -1})), kind="join"),
    OpRecord("stack", (torch.stack,), join(True), ((["message", "like"], 1), (["like", "message"], {"dim": -1})), kind="join"),
    OpRecord("linear", (F.linear,), linear, (("weight",), ("weight", "bias"), ({"weight": "weight", "bias": "bias"},)), autocasts=True, kind="linear"),
    OpRecord("matmul", _methods("matmul", "__matmul__"), matmul, (("matrix",), ("feature",)), autocasts=True, kind="linear"),
    OpRecord("matmul", _methods("mm"), matmul, (("matrix",),), autocasts=True, kind="linear"),
    OpRecord("bmm", _methods("bmm"), matmul, (("cube", "matrices"),), autocasts=True, kind="linear"),
    OpRecord("take", _methods("index_select"), take, (("weight", 0, "types"),), kind="linear"),
    OpRecord("take", (F.embedding,), take, (("types", "weight"), ("types", {"weight": "weight"})), kind="linear"),
    OpRecord("einsum", (composed.rows_einsum,), composed.bind_einsum, (("ehc,hcd->ehd", "cube", "heads"),), autocasts=True, kind="linear"),
    OpRecord("einsum", (torch.einsum,), composed.einsum, (("ehc,hcd->ehd", "cube", "heads"), ("ec,cd->ed", "message", "matrix")), autocasts=True, kind="composed"),
    OpRecord("extreme", (torch.max, torch.min, Tensor.max, Tensor.min), composed.extreme, ((-1,), ({"dim": 1, "keepdim": True},), ("like",)), kind="composed"),
    OpRecord("chunk", _methods("chunk"), composed.chunk, ((2, -1), ({"chunks": 3, "dim": 1},)), kind="composed"),
    OpRecord("split", _methods("split"), composed.split, ((2, -1), ([1, 2], {"dim": 1})), kind="composed"),
    OpRecord("split", _methods("split_with_sizes"), composed.split, (([1, 2], -1),), kind="composed"),
    OpRecord("unbind", _methods("unbind"), composed.unbind, ((-1,), ({"dim": 1},)), kind="composed"),
    OpRecord("normalize", (F.normalize,), composed.normalize, ((), ({"p": 1.0, "dim": -1},)), kind="composed"),
    OpRecord("glu", (F.glu,), composed.glu, (("cube", 1),), kind="composed"),
    OpRecord("contiguous", (Tensor.contiguous,), same, kind="same"),
    OpRecord("dropout", (F.dropout,), dropout, ((0.5, False), ({"training": False},)), kind="same"),
)
# fmt: on

TABLE: dict[Callable[..., Any], OpRecord] = {f: record for record in RECORDS for f in record.functions}
#: Ops whose result shares memory with their first operand.
VIEWS = {record.name for record in RECORDS if record.kind == "layout"} | {"detach"}

#: Ops whose result at one place depends on their operands at that place alone, broadcast.
ELEMENT_WISE = {record.name for record in RECORDS if record.kind == "pointwise"} | {"cast"}

_inferred: dict[Any, tuple[tuple[int, ...], torch.dtype] | None] = {}


def infer(
    func: Callable[..., Tensor], nodes: tuple[Any, ...], params: dict[str, Any]
) -> tuple[tuple[int, ...], torch.dtype] | None:
    """Trailing shape and dtype of `func(*nodes, **params)`, from torch itself on a few rows; None where axis 0 moves.

    Remembered by all that torch's answer depends on: the function, shapes and dtypes of the tensors, every other
    argument with its type (2 and 2.0 are equal), and the dtype that integers are promoted to.
    """
    key = (func, *map(_signature, nodes), repr(params) if params else None, torch.get_default_dtype())
    try:
        return _inferred[key]
    except KeyError:
        pass
    operands = [
        n
        for node in nodes
        for n in (node.nodes if isinstance(node, Many) else (node,))
        if isinstance(n, Node)
    ]
    # A few rows in place of E, of a number that no other axis has. The meta device would do, but loads
    # torch's compiler.
    taken = {size for n in operands for size in n.tail}
    rows = next(n for n in range(2, 3 + len(taken)) if n not in taken)

    def described(node: Any) -> Any:
        if isinstance(node, Many):
            return [described(n) for n in node.nodes]
        if not isinstance(node, Node):
            return node
        return torch.ones(
            node.tail if node.side is Side.NONE else (rows, *node.tail), dtype=node.dtype, device="cpu"
        )

    try:
        with torch.no_grad():
            out = func(*map(described, nodes), **params)
    except (RuntimeError, TypeError, IndexError):
        return None  # the call itself will raise, on real tensors and with the real numbers in its message
    found = None
    if isinstance(out, Tensor) and out.dim() > 0 and out.shape[0] == rows:
        found = (tuple(out.shape[1:]), out.dtype)
    if len(_inferred) > 4096:
        _inferred.clear()
    _inferred[key] = found
    return found


def _signature(node: Any) -> Any:
    if isinstance(node, Node):
        return node.tail, node.dtype, node.side is Side.NONE
    if isinstance(node, Many):
        return tuple(map(_signature, node.nodes))
    return repr(node) if isinstance(node, tuple) else (type(node), node)  # slices cannot be hashed
