"""`EdgeTensor`: a tensor with one row per edge that is not there yet.

A real `torch.Tensor` (shape, dtype, device, `requires_grad`) without storage, carrying an expression tree. What the op
table knows is recorded; anything else is computed there and then, so the fallback is always correct and only speed
differs. `__torch_function__` records or computes; `Read` and `Record` carry the gradient where a value was needed;
`__torch_dispatch__` serves callers that come from C++.
"""

from __future__ import annotations

import inspect
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.engine import evaluate, kernels, table
from grapevine.engine.attention import EdgeSoftmax, softmax_of
from grapevine.engine.binding import Call
from grapevine.engine.mode import STORED_PAYS, computes_now, is_small, kernels_pay, must_be_plain, records
from grapevine.engine.plan import is_drawn, note, stored_plainly
from grapevine.engine.tree import Apply, Leaf, Many, Node, Side, version
from grapevine.errors import GrapevineError
from grapevine.topology import Topology

_plainly = torch._C.DisableTorchFunctionSubclass
_alive: ContextVar[list[weakref.ref[EdgeTensor]] | None] = ContextVar("grapevine_alive", default=None)
_BOTH = Side.SRC | Side.DST
_NUMBER_BY_NUMBER = table.ELEMENT_WISE | table.VIEWS
_MAX_DEPTH = 64  # deeper trees are computed, or their recursive evaluation would meet Python's limit


class EdgeTensor(Tensor):
    """One row per edge, recorded instead of computed. Made by `Edges.src`, `Edges.dst` and `Edges.edge`.

    Use it as any tensor: `print`, `.numpy()`, indexing, unknown functions and in-place ops all work, on real values.

    Attributes:
        topology: the edges.
        node: the expression it stands for.
        plain: its real values, once somebody needed them, and
        plain_version: their version then.
        handed: real values on their way to being connected with its gradient.
        base: for a lazy view, the message whose rows it shows; else None.
        views: the lazy views of these rows.
        recording: False once its block has ended: ops on it are computed at once.
        rows: its shape.
    """

    topology: Topology
    node: Node
    plain: Tensor | None = None
    plain_version: int = 0
    handed: Tensor | None = None
    base: EdgeTensor | None = None
    views: list[weakref.ref[EdgeTensor]] | None = None
    recording: bool = True
    rows: torch.Size

    # Asked for more often than anything else, and never another; torch's own way here takes twenty times as long.
    shape = property(attrgetter("rows"))

    def dim(self) -> int:
        return len(self.rows)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        args, kwargs = tuple(args), kwargs or {}
        op = table.TABLE.get(func) if args else None
        if op is not None and op.kind == "composed":
            autocast = op.autocasts and torch._C._is_any_autocast_enabled()
            out = None if autocast else op.bind(func, args, kwargs)
            if out is not None:
                return out
            op = None
        with _plainly():
            out = NotImplemented if op is None else _record(op, func, args, kwargs)
            return _compute(func, args, kwargs) if out is NotImplemented else out

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is _CONNECT and args[0].handed is not None:
            return args[0].handed
        kwargs = kwargs or {}
        written: dict[EdgeTensor, Tensor] = {}
        if func._schema.is_mutable:
            for argument, given in _bind(func._schema.arguments, args, kwargs):
                if argument.alias_info is not None and argument.alias_info.is_write:
                    for wrapper in given if isinstance(given, (list, tuple)) else (given,):
                        if isinstance(wrapper, EdgeTensor):
                            written[wrapper] = evaluate.value(wrapper.node, wrapper.topology).clone()

        def real(x: EdgeTensor) -> Tensor:
            return written[x] if x in written else evaluate.value(x.node, x.topology)

        out = func(*_swap(args, real), **_swap(kwargs, real))
        for wrapper, plain in written.items():
            if wrapper.base is not None or wrapper.views is not None:
                raise GrapevineError(
                    "compiled code changed a message with views in place; pass it message.clone() instead"
                )
            wrapper.node = Leaf(Side.EDGE, plain)
            wrapper.plain, wrapper.plain_version = plain, version(plain)
            if out is plain:
                out = wrapper
        return out

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        with _plainly():
            return f"EdgeTensor(shape={list(self.shape)}, dtype={self.dtype}, recorded={describe(self.node)})"


#: An identity with an autograd rule: through it `materialise` connects values, handed over by the wrapper,
#: with its gradient.
_CONNECT = torch.ops.aten.clone.default


def _bind(arguments: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    yield from zip(arguments, args, strict=False)
    yield from ((a, kwargs[a.name]) for a in arguments if a.name in kwargs)


def describe(node: Node) -> str:
    """A tree on one line, such as `mul(edge, src)`."""
    if isinstance(node, Leaf):
        return (node.side.name or "shared").lower() if node.side else "shared"
    assert isinstance(node, Apply)
    parts: list[str] = []
    for arg in node.args:
        items = arg.nodes if isinstance(arg, Many) else (arg,)
        parts += [describe(a) if isinstance(a, Node) else repr(a) for a in items]
    return f"{node.name}({', '.join(parts)})"


# -- making wrappers -------------------------------------------------------------------------------


def _wrap(topology: Topology, node: Node) -> EdgeTensor:
    rows = torch.Size((topology.num_edges, *node.tail))
    out: EdgeTensor = Tensor._make_wrapper_subclass(
        EdgeTensor, rows, dtype=node.dtype, device=topology.device
    )
    out.rows = rows
    out.topology = topology
    out.node = node
    alive = _alive.get()
    if alive is not None:
        alive.append(weakref.ref(out))
    return out


class Read(torch.autograd.Function):
    """A leaf: rows of nodes or edges, as seen from the edges."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, topology: Topology, node: Leaf) -> Tensor:
        ctx.topology, ctx.node = topology, node
        return _wrap(topology, node)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad = materialise(grad)
        if ctx.node.side is Side.EDGE:
            return grad, None, None
        to = ctx.topology if ctx.node.side is Side.DST else ctx.topology.reverse()
        return kernels.segment_sum(to, grad), None, None


class Record(torch.autograd.Function):
    """One recorded op: the graph's step for those who ask for the gradient of a materialised value."""

    @staticmethod
    def forward(ctx: Any, topology: Topology, node: Apply, *inputs: Tensor) -> Tensor:
        ctx.topology, ctx.node = topology, node
        return _wrap(topology, node)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        needed = ctx.needs_input_grad[2:]
        return None, None, *evaluate.operand_gradients(ctx.node, ctx.topology, needed, materialise(grad))


class Rebind(torch.autograd.Function):
    """After an in-place op: the wrapper stands for `plain`, and so does its gradient."""

    @staticmethod
    def forward(ctx: Any, wrapper: EdgeTensor, plain: Tensor, node: Leaf) -> Tensor:
        ctx.node = node
        ctx.mark_dirty(wrapper)
        return wrapper

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        return None, materialise(grad), None


# As `apply` itself ends, without its provisions for `torch.func` transforms, in which nothing is recorded.
_read: Callable[..., Any] = super(torch.autograd.Function, Read).apply
_step: Callable[..., Any] = super(torch.autograd.Function, Record).apply


def read(topology: Topology, x: Tensor, side: Side) -> Tensor:
    """`x` as seen from the edges: lazily where messages are recorded, else as real rows.

    Args:
        x: `(num_src, ...)`, `(num_dst, ...)` or `(E, ...)`, by side.
    """
    if isinstance(x, EdgeTensor):
        if side is Side.EDGE and x.recording and x.topology.same_as(topology):
            return x
        x = materialise(x)
    if not records(x, topology.num_edges):
        if side is Side.EDGE:
            return x
        if _is_derived(x) and not computes_now() and kernels_pay(topology.num_edges * x[:1].numel()):
            return kernels.gather(topology if side is Side.SRC else topology.reverse(), x)
        return x.index_select(0, topology.src_index if side is Side.SRC else topology.dst_index)
    node = Leaf(side, x)
    if side is not Side.EDGE:
        stored_plainly(topology.num_edges, node.tail, node.dtype)
    if x.requires_grad and torch.is_grad_enabled():
        out: Tensor = _read(x, topology, node)
        return out
    return _wrap(topology, node)


def _is_derived(x: Tensor) -> bool:
    """True for rows that somebody will want the gradient of, as far as kernels know them."""
    known = type(x) in (Tensor, torch.nn.Parameter) and x.is_floating_point()
    return known and x.requires_grad and torch.is_grad_enabled()


# -- from wrappers to values ---------------------------------------------------------------------------


def materialise(x: Any) -> Any:
    """The real tensor behind an edge tensor, with its gradient; anything else as it is."""
    if not isinstance(x, EdgeTensor):
        return x
    with _plainly():
        _notice(x)
        wanted = x.requires_grad and torch.is_grad_enabled()
        if x.plain is not None and (x.plain.requires_grad or not wanted):
            return x.plain
        if x.base is not None and not _apart(x):
            plain = _look(x, materialise(x.base))
        elif must_be_plain():
            plain = _CONNECT(x)
        elif (softmax := softmax_of(x.node)) is not None and not x.node.hooked:
            plain, x.node.passed = softmax.weights(), True
        else:
            plain = evaluate.value(x.node, x.topology).detach()
            if wanted:
                x.handed = plain
                plain, x.handed = _CONNECT(x), None
        if not must_be_plain():  # else the tensor belongs to a transform that will end
            x.plain, x.plain_version = plain, version(plain)
            if plain.is_inference():  # later changes of it could not be noticed
                _expose(x)
        return plain


def tree_of(x: EdgeTensor) -> Node | None:
    """The tree, if the gradient may be taken through it; None where someone else's `grad_fn` stands in between."""
    _notice(x)
    return None if _opaque(x) else x.node


def _opaque(x: EdgeTensor) -> bool:
    """True for a leaf that asks for its own gradient, and for the output of somebody's autograd function."""
    return x.requires_grad and getattr(x.grad_fn, "node", None) is not x.node


def _swap(items: Any, real: Callable[[EdgeTensor], Any]) -> Any:
    """Replaces every edge tensor inside nested lists, tuples and dicts."""
    if isinstance(items, EdgeTensor):
        return real(items)
    if isinstance(items, (tuple, list)):
        swapped = [_swap(i, real) for i in items]
        if isinstance(items, tuple) and hasattr(items, "_fields"):
            return type(items)(*swapped)
        return type(items)(swapped)
    if isinstance(items, dict):
        return {key: _swap(i, real) for key, i in items.items()}
    return items


def _accessor(name: str, access: str) -> Any:
    """What `__torch_function__` is told when the attribute `name` of a tensor is read or set."""
    return getattr(getattr(Tensor, name), access)


# Answered by the wrapper itself, without computing anything.
_ABOUT = {
    _accessor(name, "__get__")
    for name in (
        "shape", "dtype", "device", "requires_grad", "grad_fn", "ndim", "is_leaf", "layout", "is_cuda", "is_cpu",
        "is_sparse", "is_quantized", "is_meta", "is_mps", "is_xpu", "is_nested", "itemsize",
        "grad", "retains_grad", "output_nr", "_version",
    )
} | {
    Tensor.size, Tensor.dim, Tensor.numel, Tensor.nelement, Tensor.stride, Tensor.__len__, Tensor.is_contiguous, Tensor.is_floating_point,
    Tensor.is_complex, Tensor.element_size, Tensor.get_device, Tensor.ndimension, torch.is_floating_point, torch.is_complex, torch.numel,
    _accessor("requires_grad", "__set__"), Tensor.requires_grad_, _accessor("grad", "__set__"), Tensor.__hash__, Tensor.type, torch.is_tensor, Tensor.is_inference,
}  # fmt: skip
_HOOKS = {
    Tensor.register_hook,
    Tensor.retain_grad,
    Tensor.register_post_accumulate_grad_hook,
    _accessor("_backward_hooks", "__set__"),
}
# Hand out memory that can be written to without a trace.
_EXPORTS = {
    _accessor("data", "__get__"), Tensor.numpy, Tensor.__array__, Tensor.__dlpack__, Tensor.data_ptr, Tensor.untyped_storage, Tensor.storage, Tensor.share_memory_,
}  # fmt: skip
_INPLACE = {f"__i{op}__" for op in ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")} | {"__setitem__"}  # fmt: skip
_IMPOSSIBLE = {"detach_", "set_", "resize_", "resize_as_", "swap_", "transpose_", "t_", "squeeze_", "unsqueeze_", "swapaxes_", "swapdims_"}  # fmt: skip


def _compute(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the table does not know: on real tensors, here and now."""
    if func in _ABOUT and not (func is Tensor.type and len(args) > 1):
        return func(*args, **kwargs)
    if func in _HOOKS:
        if not args[0].recording and args[0].plain.requires_grad:  # its block has ended
            return func(args[0].plain, *args[1:], **kwargs)
        _watch(args[0])
        args[0].node.altered |= func is not Tensor.retain_grad
        return func(*args, **kwargs)
    if func in (torch.autograd.grad, torch.autograd.backward, Tensor.backward):
        return _differentiate(func, args, kwargs)
    if func in _EXPORTS:
        _expose(args[0])
    elif args and isinstance(args[0], EdgeTensor) and _writes(func, args, kwargs):
        return _change(func, args, kwargs)
    elif is_drawn():
        _explain(func, (*args, *kwargs.values()))
    out = func(*_swap(args, materialise), **_swap(kwargs, materialise))
    # Where a tensor gives itself back, so does the message.
    return next((a for a in (*args, *kwargs.values()) if isinstance(a, EdgeTensor) and a.plain is out), out)


def _explain(func: Callable[..., Any], given: Sequence[Any]) -> None:
    """Notes in the plan which messages an unknown op needs stored."""
    name = getattr(func, "__name__", str(func))
    for x in given:
        if isinstance(x, EdgeTensor) and x.plain is None:
            note("stored", "edges", x.shape, "torch", x, stored=True, why=f"{name} is not in the op table")


def _watch(wrapper: EdgeTensor) -> None:
    """Somebody wants the gradient of this very message: from now on autograd takes every step."""
    if wrapper.node.passed:
        raise GrapevineError(
            "the gradient of this message was asked for after a kernel had reduced it, so it is "
            "not computed; do this instead: "
            "x_j.retain_grad() or x_j.register_hook(...) before the aggregation, or run inside gv.materialised()"
        )
    wrapper.node.hooked = True


def _differentiate(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch.autograd.grad` and `backward`: outputs are real, inputs may be messages."""
    given = inspect.signature(func).bind(*args, **kwargs).arguments
    inputs = given.pop("inputs", None)
    for wrapper in inputs if isinstance(inputs, (list, tuple)) else (inputs,):
        if isinstance(wrapper, EdgeTensor):
            _watch(wrapper)
    with torch.enable_grad():
        given = _swap(given, materialise)
    return _swap(func(**given, inputs=inputs), materialise)


# -- changes in place ----------------------------------------------------------------------------------------


def _writes(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """True for a call that changes its first argument."""
    name = getattr(func, "__name__", "")
    if name in _INPLACE or (name.endswith("_") and not name.endswith("__")) or kwargs.get("inplace") is True:
        return True
    if not any(a is True for a in args[1:]) or getattr(F, name, None) is not func:
        return False
    return inspect.signature(func).bind(*args, **kwargs).arguments.get("inplace") is True


def _change(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An in-place op: on real values, which the wrapper, and every view of the same rows, stand for from then on."""
    name = getattr(func, "__name__", "")
    if name in _IMPOSSIBLE:
        raise GrapevineError(f"{name} cannot change a message in place; use the form without the underscore")
    if must_be_plain():
        raise GrapevineError(
            f"{name} would change a message in place inside a transform that it was made outside of"
        )
    wrapper: EdgeTensor = args[0]
    rest, kwargs = _swap(args[1:], materialise), _swap(kwargs, materialise)
    _notice(wrapper)
    family = _realise(wrapper)
    func(wrapper.plain, *rest, **kwargs)
    for member in family:
        _adopt(member)
    return None if name == "__setitem__" else wrapper


def _family(wrapper: EdgeTensor) -> list[EdgeTensor]:
    """A message with all living views of its rows, itself first."""
    base = wrapper if wrapper.base is None else wrapper.base
    return [base, *(v for v in (reference() for reference in base.views or ()) if v is not None)]


def _chain(node: Node) -> Iterator[Node]:
    """The views from a node down to what they look at."""
    while isinstance(node, Apply) and node.name in table.VIEWS:
        yield node
        node = node.args[0]


def _apart(view: EdgeTensor) -> bool:
    """True for a view with a gradient of its own, which therefore does not simply show its base."""
    return _opaque(view) or any(node.hooked for node in _chain(view.node))


def _look(view: EdgeTensor, real: Tensor) -> Tensor:
    """The view of its base's real values."""
    steps = list(_chain(view.node))
    if not steps:
        assert view.plain is not None
        return view.plain
    for node in steps:
        node.passed = True
    first = steps[-1]
    assert isinstance(first, Apply)
    return evaluate.connected(view.node, view.topology, {first.args[0]: real})


def _realise(wrapper: EdgeTensor) -> list[EdgeTensor]:
    """Gives a message and its views real values that share memory, and returns them all."""
    base, *views = family = _family(wrapper)
    node = base.node
    if isinstance(node, Leaf) and node.side is Side.EDGE and base.plain is not node.tensor:
        # Edge features as they were handed in: a change must reach the user's tensor, as it does without the engine.
        if base.plain is not None and base.plain.requires_grad:
            raise GrapevineError(
                "edge features that need a gradient were changed in place after they had been used; "
                "do this instead: edge_attr = edge_attr.clone(), and change that"
            )
        base.plain = node.tensor
    elif base.plain is None or version(base.plain) == base.plain_version:
        real = materialise(base)
        if softmax_of(node) is not None:  # its derivative reads its values
            base.plain = real.clone()
    assert base.plain is not None
    for view in views:
        if isinstance(view.node, Apply) and _apart(view):
            raise GrapevineError(
                "a message was changed in place while somebody waits for the gradient of a view of it; "
                "do this instead: m = m.clone(), and change that"
            )
        view.plain = _look(view, base.plain)
    for member in family:
        assert member.plain is not None
        member.plain_version = version(member.plain)
        if isinstance(member.node, Leaf) and member.node.lent:
            member.node.leave_copy()
    return family


def _notice(wrapper: EdgeTensor) -> None:
    """Where somebody wrote to real values through a plain view of them, the messages stand for what they are now."""
    base = wrapper if wrapper.base is None else wrapper.base
    if base.plain is not None and version(base.plain) != base.plain_version:
        for member in _realise(base):
            _adopt(member)


def _adopt(wrapper: EdgeTensor) -> None:
    """After a change of its real values, the wrapper stands for them, and so does its gradient."""
    plain = wrapper.plain
    assert plain is not None
    node = Leaf(Side.EDGE, plain)
    if torch.is_grad_enabled() and (wrapper.requires_grad or plain.requires_grad):
        Rebind.apply(wrapper, plain, node)  # type: ignore[no-untyped-call]
    elif not wrapper.is_inference():
        torch.autograd.graph.increment_version(wrapper)
    wrapper.node, wrapper.plain_version = node, version(plain)


def _expose(wrapper: EdgeTensor) -> None:
    """Before somebody gets hold of their memory: a message and its views stand for their real values from now on."""
    for member in _realise(wrapper):
        assert member.plain is not None
        member.node = Leaf(Side.EDGE, member.plain)


# -- recording ---------------------------------------------------------------------------------------------


def _record(
    op: table.OpRecord, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The edge tensor of one more op, or NotImplemented where it cannot be one row per edge."""
    call = op.bind(func, args, kwargs)
    if not isinstance(call, Call):  # an op that does nothing here, such as dropout outside training
        return NotImplemented if call is None else call
    tensors = call.tensors()
    topology = None
    for tensor in tensors:
        if isinstance(tensor, EdgeTensor):
            if not tensor.recording or tensor.node.depth >= _MAX_DEPTH:
                return NotImplemented
            if topology is None:
                topology = tensor.topology
            elif not topology.same_as(tensor.topology):
                return NotImplemented
        elif type(tensor) not in (Tensor, torch.nn.Parameter):
            return NotImplemented
    if (
        topology is None
        or computes_now()
        or (op.autocasts and torch.is_autocast_enabled(topology.device.type))
    ):
        return NotImplemented
    inputs: list[Tensor] = []
    nodes = tuple(
        Many(tuple(_operand(a, call, topology, inputs) for a in arg))
        if isinstance(arg, list)
        else _operand(arg, call, topology, inputs)
        for arg in call.args
    )
    result = table.infer(call.func, nodes, call.params)
    if result is None:
        return NotImplemented
    tail, dtype = result
    name = call.name or op.name
    node = Apply(name, call.func, nodes, call.params, tail, dtype)
    # Products may become dot products, and what is not element-wise may be taken apart.
    both = op.kind == "pointwise" and name != "mul" and _BOTH in node.side
    if both and is_small(topology.num_edges, math.prod(tail), STORED_PAYS) and not _of_sums(node):
        return NotImplemented
    wanted = (
        name != "detach"
        and (dtype.is_floating_point or dtype.is_complex)
        and any(x.requires_grad for x in inputs)
    )
    if wanted and not torch.is_grad_enabled():
        node = Apply("detach", torch.detach, (node,), {}, tail, dtype)
        wanted = False
    out = _step(topology, node, *inputs) if wanted else _wrap(topology, node)
    if name not in table.VIEWS:
        stored_plainly(topology.num_edges, tail, dtype)
    else:
        seen: EdgeTensor = call.args[0]
        out.base = base = seen if seen.base is None else seen.base
        base.views = base.views or []
        base.views.append(weakref.ref(out))
    return out


def _of_sums(node: Node) -> bool:
    """True for what was made of sums over features, which may be dot products, by element-wise ops."""
    while isinstance(node, Apply) and node.name in _NUMBER_BY_NUMBER:
        node = next((n for n in node.operands if _BOTH in n.side), node.operands[0])
    return isinstance(node, Apply) and node.name == "sum"


def _operand(x: Any, call: Call, topology: Topology, inputs: list[Tensor]) -> Any:
    """The node of one argument, its tensor added to `inputs`; other arguments as they are."""
    if not isinstance(x, Tensor):
        return x
    node: Node | None
    if isinstance(x, EdgeTensor):
        node = tree_of(x)
        if isinstance(node, Leaf):
            node.lent = True
        elif node is None:
            x = materialise(x)
            node = Leaf(Side.EDGE, x)
    else:
        node = Leaf(Side.EDGE if call.has_rows(x, topology.num_edges) else Side.NONE, x)
    inputs.append(x)
    return node


def record_softmax(topology: Topology, scores: Tensor) -> EdgeTensor:
    """The weights of an attention, lazily: a sum that reads nothing else may then do without them.

    Args:
        scores: (E, ...), real.
    """
    softmax = EdgeSoftmax(topology, scores if torch.is_grad_enabled() else scores.detach())
    node = softmax.node()
    out: EdgeTensor = _step(topology, node, scores) if softmax.wanted() else _wrap(topology, node)
    softmax.wrapper = weakref.ref(out)
    stored_plainly(topology.num_edges, node.tail, node.dtype)
    return out


def takes_scores(softmax: EdgeSoftmax) -> bool:
    """True for the first sum that asks, unless the weights are stored already, or will be when this block ends."""
    wrapper, alive = softmax.wrapper(), _alive.get()
    held = wrapper is not None and alive is not None and any(known() is wrapper for known in alive)
    first = not (softmax.used or held or softmax.value is not None)
    softmax.used = True
    return first


# -- lifetime -------------------------------------------------------------------------------------------------


def in_scope() -> bool:
    """True inside a block at whose end lazy tensors get their values."""
    return not must_be_plain() and _alive.get() is not None


class scope(AbstractContextManager[None]):
    """No lazy tensor outlives this block: those still held at its end get their values there."""

    # A class rather than a generator with `contextmanager`: entered by every layer, it costs half as much.
    __slots__ = ("_alive", "_token")

    def __enter__(self) -> None:
        self._alive: list[weakref.ref[EdgeTensor]] = []
        self._token = None if must_be_plain() else _alive.set(self._alive)

    def __exit__(self, *raised: object) -> None:
        if self._token is not None:
            _alive.reset(self._token)
        for reference in self._alive:
            survivor = reference()
            if survivor is not None:
                _settle(survivor)


def _settle(survivor: EdgeTensor) -> None:
    """From now on the wrapper stands for its values, and records no more."""
    with _plainly():
        node = survivor.node
        own = isinstance(node, Leaf) and node.side is Side.EDGE and not node.hooked
        plain = node.tensor if own and isinstance(node, Leaf) else materialise(survivor)
        survivor.node, survivor.plain, survivor.plain_version = Leaf(Side.EDGE, plain), plain, version(plain)
        survivor.recording = False
