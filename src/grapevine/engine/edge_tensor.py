"""`EdgeTensor`: a tensor with one row per edge that is not there yet.

A real `torch.Tensor` (shape, dtype, device, `requires_grad`) without storage, carrying an expression tree. What the op
table knows is recorded; anything else is computed there and then, so the fallback is always correct and only speed
differs. Three nets, from above: `__torch_function__` records or materialises; `Materialise` and `Record` carry the
gradient where a value was needed; `__torch_dispatch__` serves callers that come from C++.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from grapevine.engine import evaluate, table
from grapevine.engine.mode import computes_now, records
from grapevine.engine.tree import Apply, Cell, Leaf, Many, Node, Side
from grapevine.errors import GrapevineError
from grapevine.topology import Topology

_plainly = torch._C.DisableTorchFunctionSubclass
_alive: ContextVar[list[weakref.ref[EdgeTensor]] | None] = ContextVar("grapevine_alive", default=None)


class EdgeTensor(Tensor):
    """One row per edge, recorded instead of computed. Made by `Edges.src`, `Edges.dst` and `Edges.edge`.

    Use it as any tensor: `print`, `.numpy()`, indexing, unknown functions and in-place ops all work, on real values.
    """

    topology: Topology
    node: Node
    plain: Tensor | None
    relatives: list[weakref.ref[EdgeTensor]] | None

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        with _plainly():
            op = table.TABLE.get(func)
            if op is not None:
                out = _record(op, func, tuple(args), kwargs)
                if out is not NotImplemented:
                    return out
            return _compute(func, tuple(args), kwargs)

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        touched = [a for a in args if isinstance(a, EdgeTensor)]
        plain = {id(a): evaluate.value(a.node, a.topology) for a in touched}
        mutable = func._schema.is_mutable
        if mutable:
            plain = {key: tensor.clone() for key, tensor in plain.items()}
        out = func(*_swap(args, lambda a: plain.get(id(a), None)), **_swap(kwargs, _value))
        if mutable and touched and isinstance(args[0], EdgeTensor):
            _adopt(args[0], plain[id(args[0])])
            return args[0] if isinstance(out, Tensor) else out
        return out

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        with _plainly():
            return f"EdgeTensor(shape={list(self.shape)}, dtype={self.dtype}, recorded={describe(self.node)})"


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


def _wrap(topology: Topology, node: Node, tail: Sequence[int], dtype: torch.dtype) -> EdgeTensor:
    out: EdgeTensor = Tensor._make_wrapper_subclass(
        EdgeTensor, (topology.num_edges, *tail), dtype=dtype, device=topology.device
    )
    out.topology = topology
    out.node = node
    out.plain = None
    out.relatives = None
    alive = _alive.get()
    if alive is not None:
        alive.append(weakref.ref(out))
    return out


class Read(torch.autograd.Function):
    """A leaf: rows of nodes or edges, as seen from the edges."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, topology: Topology, node: Leaf) -> Tensor:
        ctx.topology, ctx.node = topology, node
        return _wrap(topology, node, x.shape[1:], x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        if ctx.node.side is Side.EDGE:
            return grad, None, None
        to = ctx.topology if ctx.node.side is Side.DST else ctx.topology.reverse()
        return evaluate.kernels.segment_sum(to, grad), None, None


class Record(torch.autograd.Function):
    """One recorded op: the graph's step for those who ask for the gradient of a materialised value."""

    @staticmethod
    def forward(
        ctx: Any, topology: Topology, node: Apply, operands: tuple[Node, ...], tail: Any, dtype: Any, *inputs: Tensor
    ) -> Tensor:
        ctx.topology, ctx.node, ctx.operands = topology, node, operands
        return _wrap(topology, node, tail, dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        needed = ctx.needs_input_grad[5:]
        grads = evaluate.operand_gradients(ctx.node, ctx.topology, ctx.operands, needed, grad)
        return None, None, None, None, None, *grads


class Materialise(torch.autograd.Function):
    """Value from the tree, gradient into the wrapper's own `grad_fn`."""

    @staticmethod
    def forward(ctx: Any, wrapper: EdgeTensor) -> Tensor:
        return evaluate.value(wrapper.node, wrapper.topology).detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class Rebind(torch.autograd.Function):
    """After an in-place op: the wrapper stands for `plain`, and so does its gradient."""

    @staticmethod
    def forward(ctx: Any, wrapper: EdgeTensor, plain: Tensor, node: Leaf) -> Tensor:
        ctx.node = node
        ctx.mark_dirty(wrapper)
        return wrapper

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        return None, grad, None


def read(topology: Topology, x: Tensor, side: Side) -> Tensor:
    """`x` as seen from the edges: lazily where messages are recorded, else as real rows.

    Args:
        x: `(num_src, ...)`, `(num_dst, ...)` or `(E, ...)`, by side.
    """
    if not records(x):
        if side is Side.EDGE:
            return x
        return x.index_select(0, topology.src_index if side is Side.SRC else topology.dst_index)
    node = Leaf(side, x)
    if x.requires_grad and torch.is_grad_enabled():
        out: Tensor = Read.apply(x, topology, node)
        return out
    return _wrap(topology, node, x.shape[1:], x.dtype)


# -- from wrappers to values ---------------------------------------------------------------------------


def materialise(x: Any) -> Any:
    """The real tensor behind an edge tensor, with its gradient; anything else as it is."""
    if not isinstance(x, EdgeTensor):
        return x
    with _plainly():
        wanted = x.requires_grad and torch.is_grad_enabled()
        if x.plain is not None and (x.plain.requires_grad or not wanted):
            return x.plain
        if wanted:
            x.plain = Materialise.apply(x)
        else:
            x.plain = evaluate.value(x.node, x.topology)
        return x.plain


def tree_of(x: EdgeTensor) -> Node | None:
    """The tree, if the gradient may be taken through it; None where someone else's `grad_fn` stands in between."""
    if not x.requires_grad:
        return x.node
    step = x.grad_fn
    # A leaf that asks for its own gradient, or the output of somebody's autograd function, is opaque.
    if step is None or getattr(step, "node", None) is not x.node:
        return None
    return x.node


def _value(x: Any) -> Any:
    return evaluate.value(x.node, x.topology) if isinstance(x, EdgeTensor) else None


def _swap(items: Any, find: Callable[[Any], Any]) -> Any:
    """Replaces every edge tensor inside nested lists, tuples and dicts."""
    if isinstance(items, EdgeTensor):
        found = find(items)
        return _value(items) if found is None else found
    if isinstance(items, (tuple, list)):
        swapped = [_swap(i, find) for i in items]
        if isinstance(items, tuple) and hasattr(items, "_fields"):
            return type(items)(*swapped)
        return type(items)(swapped)
    if isinstance(items, dict):
        return {key: _swap(i, find) for key, i in items.items()}
    return items


# Answered by the wrapper itself, without computing anything.
_ABOUT = {
    getattr(Tensor, name).__get__
    for name in (
        "shape", "dtype", "device", "requires_grad", "grad_fn", "ndim", "is_leaf", "layout", "is_cuda", "is_cpu",
        "is_sparse", "is_quantized", "is_meta", "is_mps", "is_xpu", "is_nested", "itemsize", "grad", "retains_grad", "output_nr", "_version",
    )
} | {
    Tensor.size, Tensor.dim, Tensor.numel, Tensor.nelement, Tensor.stride, Tensor.__len__, Tensor.is_contiguous, Tensor.is_floating_point,
    Tensor.is_complex, Tensor.element_size, Tensor.get_device, Tensor.ndimension, torch.is_floating_point, torch.is_complex, torch.numel,
    Tensor.requires_grad.__set__, Tensor.requires_grad_, Tensor.grad.__set__, Tensor.__hash__, Tensor.type, torch.is_tensor, Tensor.is_inference,
}  # fmt: skip
_HOOKS = {
    Tensor.register_hook,
    Tensor.retain_grad,
    Tensor.register_post_accumulate_grad_hook,
    Tensor._backward_hooks.__set__,
}
_INPLACE = {f"__i{op}__" for op in ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")} | {"__setitem__"}  # fmt: skip
_IMPOSSIBLE = {"detach_", "set_", "resize_", "resize_as_", "swap_", "transpose_", "t_", "squeeze_", "unsqueeze_"}


def _compute(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the table does not know: on real tensors, here and now."""
    if func in _ABOUT and not (func is Tensor.type and len(args) > 1):
        return func(*args, **kwargs)
    if func in _HOOKS:
        cell = args[0].node.cell
        if cell is not None:
            cell.hooked = True
        return func(*args, **kwargs)
    name = getattr(func, "__name__", "")
    inplace = name in _INPLACE or (name.endswith("_") and not name.endswith("__")) or kwargs.get("inplace") is True
    if inplace and args and isinstance(args[0], EdgeTensor):
        return _change(func, name, args, kwargs)
    return func(*_swap(args, materialise), **_swap(kwargs, materialise))


def _change(func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An in-place op: on a real tensor, which the wrapper, and every view of the same rows, stand for from then on."""
    if name in _IMPOSSIBLE:
        raise GrapevineError(f"{name} cannot change a message in place; use the form without the underscore")
    wrapper: EdgeTensor = args[0]
    rest = _swap(args[1:], materialise)
    kwargs = _swap(kwargs, materialise)
    family = [w for w in (r() for r in wrapper.relatives or ()) if w is not None and w is not wrapper]
    if not family:
        target = materialise(wrapper)
        func(target, *rest, **kwargs)
        _adopt(wrapper, target)
    else:
        root = wrapper.node
        while isinstance(root, Apply) and root.name in table.VIEWS:
            root = root.args[0]
        base = next((w for w in family if w.node is root), None)
        memo = {root: evaluate.connected(root, wrapper.topology) if base is None else materialise(base)}
        values = {w: evaluate.connected(w.node, wrapper.topology, memo) for w in (wrapper, *family)}
        func(values[wrapper], *rest, **kwargs)
        for member, target in values.items():
            _adopt(member, target)
    return None if name == "__setitem__" else wrapper


def _adopt(wrapper: EdgeTensor, plain: Tensor) -> None:
    node = Leaf(Side.EDGE, plain)
    if torch.is_grad_enabled() and (wrapper.requires_grad or plain.requires_grad):
        Rebind.apply(wrapper, plain, node)
    wrapper.node = node
    wrapper.plain = plain


# -- recording ---------------------------------------------------------------------------------------------


def _record(op: table.OpRecord, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The edge tensor of one more op, or NotImplemented where it cannot be one row per edge."""
    call = op.bind(func, args, kwargs)
    if call is None:
        return NotImplemented
    if isinstance(call, EdgeTensor):  # an op that does nothing here, such as dropout outside training
        return call
    topology = None
    for tensor in call.tensors():
        if isinstance(tensor, EdgeTensor):
            if topology is None:
                topology = tensor.topology
            elif not topology.same_as(tensor.topology):
                return NotImplemented
        elif type(tensor) not in (Tensor, torch.nn.Parameter):
            return NotImplemented
    if topology is None or computes_now() or (op.autocasts and torch.is_autocast_enabled(topology.device.type)):
        return NotImplemented
    num_edges = topology.num_edges
    inputs: list[Tensor] = []
    operands: list[Node] = []
    wanted = False

    def leaf(x: Any) -> Any:
        nonlocal wanted
        if not isinstance(x, Tensor):
            return x
        node: Node | None
        if isinstance(x, EdgeTensor):
            node = tree_of(x)
            if node is None:
                x = materialise(x)
                node = Leaf(Side.EDGE, x)
        else:
            aligned = call.aligned and x.dim() == call.ndim and x.dim() > 0 and x.shape[0] == num_edges
            node = Leaf(Side.EDGE if aligned else Side.NONE, x)
        wanted = wanted or x.requires_grad
        inputs.append(x)
        operands.append(node)
        return node

    nodes = tuple(Many(tuple(leaf(i) for i in a)) if isinstance(a, (list, tuple)) else leaf(a) for a in call.args)
    shape = table.infer(call, nodes, inputs, operands)
    if shape is None:
        return NotImplemented
    tail, dtype = shape
    node: Node = Apply(op.name, call.func, nodes, call.params, Cell())
    if wanted and not torch.is_grad_enabled():
        node = Apply("detach", torch.detach, (node,), {})
        wanted = False
    if op.name == "detach" or not (dtype.is_floating_point or dtype.is_complex):
        wanted = False
    if wanted:
        out = Record.apply(topology, node, tuple(operands), tail, dtype, *inputs)
    else:
        out = _wrap(topology, node, tail, dtype)
    if op.name in table.VIEWS:
        base: EdgeTensor = call.args[0]
        if base.relatives is None:
            base.relatives = [weakref.ref(base)]
        base.relatives.append(weakref.ref(out))
        out.relatives = base.relatives
    return out


# -- lifetime -------------------------------------------------------------------------------------------------


@contextmanager
def scope() -> Iterator[None]:
    """No lazy tensor outlives this block: those still held at its end get their values there."""
    alive: list[weakref.ref[EdgeTensor]] = []
    token = _alive.set(alive)
    try:
        yield
    finally:
        _alive.reset(token)
    for reference in alive:
        survivor = reference()
        if survivor is not None:
            materialise(survivor)
