"""The lazy mailbox: what user-defined reduce functions do to their messages, as reductions over the edges.

A mail `(nodes, messages per node, ...)` has no single length of axis 1, so it is kept as one row per edge. Ops that
treat every message alike run on those rows; reductions over axis 1 are reductions at the destinations; a softmax over
axis 1 is one over the edges of each node. Whatever else a function asks for raises `NeedsBuckets`: it is then called
once per number of messages, on real tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.edges import Edges
from grapevine.engine.table import TABLE
from grapevine.errors import GrapevineError


class NeedsBuckets(GrapevineError):
    """A function needs its messages as real tensors, nodes of equal degree together."""


class Mailbox:
    """Who receives messages, along which edges.

    Args:
        relation: the edges.
    """

    __slots__ = ("receivers", "relation")

    def __init__(self, relation: Edges) -> None:
        self.relation = relation
        self.receivers: Tensor | None = relation.derived("receivers", lambda: _receivers(relation))

    @property
    def size(self) -> int:
        """How many nodes receive something."""
        return self.relation.num_dst if self.receivers is None else self.receivers.shape[0]

    def to_nodes(self, rows: Tensor) -> Tensor:
        """Of one row per destination, those of the receivers."""
        return rows if self.receivers is None else rows.index_select(0, self.receivers)

    def to_edges(self, rows: Tensor) -> Tensor:
        """One row per receiver, as seen from the edges."""
        if self.receivers is not None:
            rows = rows.new_zeros((self.relation.num_dst, *rows.shape[1:])).index_copy(
                0, self.receivers, rows
            )
        return self.relation.dst(rows)


def _receivers(relation: Edges) -> Tensor | None:
    """The nodes that some edge arrives at; None where all of them are."""
    receives = relation.in_degrees() > 0
    return None if bool(receives.all()) else receives.nonzero().flatten()


def _operator(name: str) -> Callable[..., Any]:
    function = getattr(Tensor, name)

    def method(self: Mail, *args: Any) -> Any:
        return Mail.__torch_function__(function, (Mail,), (self, *args))

    return method


class Mail:
    """One message per edge that passes for a tensor `(nodes, messages per node, ...)` until somebody counts axis 1.

    Args:
        box: whose mail it is.
        rows: `(E, ...)`, lazy or real.
    """

    __slots__ = ("box", "rows")

    def __init__(self, box: Mailbox, rows: Tensor) -> None:
        self.box = box
        self.rows = rows

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _apply(func, args, dict(kwargs or {}))

    @property
    def dtype(self) -> torch.dtype:
        return self.rows.dtype

    @property
    def device(self) -> torch.device:
        return self.rows.device

    @property
    def requires_grad(self) -> bool:
        return self.rows.requires_grad

    @property
    def ndim(self) -> int:
        return self.rows.dim() + 1

    def dim(self) -> int:
        return self.ndim

    def size(self, dim: int | None = None) -> int:
        axis = None if dim is None else dim % self.ndim
        if axis == 0:
            return self.box.size
        if axis is None or axis == 1:
            _refuse("size")
        return self.rows.shape[axis - 1]

    def __len__(self) -> int:
        return self.box.size

    def __getattr__(self, name: str) -> Any:
        function = getattr(Tensor, name, None)
        if not callable(function) or name.startswith("_"):
            _refuse(name)

        def method(*args: Any, **kwargs: Any) -> Any:
            return _apply(function, (self, *args), kwargs)

        return method

    def __iter__(self) -> Iterator[Any]:
        _refuse("iteration")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        _refuse("numpy")

    def __bool__(self) -> bool:
        _refuse("bool")

    __add__, __radd__ = _operator("__add__"), _operator("__radd__")
    __sub__, __rsub__ = _operator("__sub__"), _operator("__rsub__")
    __mul__, __rmul__ = _operator("__mul__"), _operator("__rmul__")
    __truediv__, __rtruediv__ = _operator("__truediv__"), _operator("__rtruediv__")
    __pow__, __matmul__ = _operator("__pow__"), _operator("__matmul__")
    __neg__, __abs__ = _operator("__neg__"), _operator("__abs__")
    __gt__, __ge__ = _operator("__gt__"), _operator("__ge__")
    __lt__, __le__ = _operator("__lt__"), _operator("__le__")
    __getitem__ = _operator("__getitem__")


class Extreme(tuple[Any, Any]):
    """What `mail.max(1)` gives: values, and indices that only real tensors have."""

    __slots__ = ()

    @property
    def values(self) -> Any:
        return self[0]

    @property
    def indices(self) -> Any:
        return self[1]


class Unknown:
    """An answer that only real tensors could give; harmless until somebody uses it."""

    def __getattr__(self, name: str) -> NoReturn:
        _refuse("indices")

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        _refuse("indices")


def _refuse(what: str) -> NoReturn:
    raise NeedsBuckets(f"{what} of a mail needs real messages")


# -- ops -------------------------------------------------------------------------------------------


def _apply(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = func.__name__
    record = TABLE.get(func)
    if args and isinstance(args[0], Mail) and name in _ALONG:
        return _ALONG[name](args[0], func, args[1:], kwargs)
    if record is not None and kwargs.get("out") is None and not kwargs.get("inplace"):
        if record.kind == "pointwise":
            return _pointwise(func, args, kwargs)
        if record.name == "linear" and isinstance(args[0], Mail) and args[0].ndim > 2:
            return _with_weights(func, args, kwargs)
        if record.name == "matmul" and isinstance(args[0], Mail) and args[0].ndim > 2 and args[1].dim() <= 2:
            return _with_weights(func, args, kwargs)
        if record.name == "layer_norm" and isinstance(args[0], Mail):
            return _with_weights(func, args, kwargs)
        if record.kind == "join" and name != "stack":
            return _cat(*args, **kwargs)
        if record.name == "dropout" and len(args) < 4:  # drawn for every number alike
            return _with_weights(func, args, kwargs)
        if record.name == "contiguous":
            return args[0]
    _refuse(name)


def _box(values: Any) -> Mailbox:
    return next(v.box for v in values if isinstance(v, Mail))


def _pointwise(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    """Every message alike: on the rows."""
    box = _box((*args, *kwargs.values()))
    ndim = max(a.ndim for a in (*args, *kwargs.values()) if isinstance(a, (Mail, Tensor)))
    rows = [_operand(a, box, ndim) for a in args]
    return Mail(box, func(*rows, **{key: _operand(a, box, ndim) for key, a in kwargs.items()}))


def _operand(x: Any, box: Mailbox, ndim: int) -> Any:
    """An operand as seen from the edges: axis 1 of a mail, over which a plain tensor must not vary, is gone."""
    if isinstance(x, Mail):
        if x.ndim != ndim or x.box is not box:
            _refuse("an operand")
        return x.rows
    if isinstance(x, Unknown):
        _refuse("indices")
    if not isinstance(x, Tensor) or x.dim() < ndim - 1:
        return x
    if x.dim() == ndim - 1 and x.shape[0] == 1:
        return x[0]
    if x.dim() == ndim and x.shape[1] == 1:
        if x.shape[0] == box.size:
            return box.to_edges(x.squeeze(1))
        if x.shape[0] == 1:
            return x[0, 0]
    _refuse("an operand")


def _with_weights(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    """An op on the last axes, with weights that all messages share."""
    mail, *rest = args
    if any(isinstance(a, Mail) for a in (*rest, *kwargs.values())):
        _refuse(func.__name__)
    return Mail(mail.box, func(mail.rows, *rest, **kwargs))


def _cat(tensors: Any, dim: int = 0) -> Mail:
    box, ndim = _box(tensors), max(t.ndim for t in tensors)
    if dim % ndim < 2 or not all(isinstance(t, Mail) for t in tensors):
        _refuse("cat")
    return Mail(box, torch.cat([_operand(t, box, ndim) for t in tensors], dim % ndim - 1))


def _dims(mail: Mail, dim: Any) -> int:
    """An axis counted from the front."""
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int) or not -mail.ndim <= dim < mail.ndim:
        _refuse("several axes")
    return dim % mail.ndim


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> dict[str, Any]:
    given = {**dict(zip(names, args)), **kwargs}
    if len(args) > len(names) or given.keys() - set(names):
        _refuse("an unknown argument")
    return given


def _reduction(how: str) -> Callable[..., Any]:
    """Over axis 1: at the destinations; over later ones: on the rows."""

    def reduce(mail: Mail, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = _given(args, kwargs, "dim", "keepdim")
        axis, keepdim = _dims(mail, given.get("dim")), given.get("keepdim", False)
        if axis == 0:
            _refuse("axis 0")
        pair = func.__name__ in ("max", "min")
        if axis > 1:
            out = func(mail.rows, axis - 1, keepdim)
            return Extreme((Mail(mail.box, out[0]), Unknown())) if pair else Mail(mail.box, out)
        if how == "mean" and not mail.dtype.is_floating_point:
            _refuse("mean of integers")
        nodes = mail.box.to_nodes(mail.box.relation.reduce(mail.rows, how))
        nodes = nodes.unsqueeze(1) if keepdim else nodes
        return Extreme((nodes, Unknown())) if pair else nodes

    return reduce


def _softmax(mail: Mail, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    names = ("dim", "_stacklevel", "dtype") if func is F.softmax else ("dim", "dtype")
    given = _given(args, kwargs, *names)
    axis = _dims(mail, given.get("dim"))
    if axis == 0 or given.get("dtype") is not None:
        _refuse("softmax")
    relation = mail.box.relation
    return Mail(mail.box, relation.softmax(mail.rows) if axis == 1 else func(mail.rows, axis - 1))


def _unsqueeze(mail: Mail, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    dim = _given(args, kwargs, "dim").get("dim", 0)
    axis = dim % (mail.ndim + 1)
    if axis < 2:
        _refuse("unsqueeze")
    return Mail(mail.box, mail.rows.unsqueeze(axis - 1))


def _squeeze(mail: Mail, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    axis = _dims(mail, _given(args, kwargs, "dim").get("dim"))
    if axis < 2:
        _refuse("squeeze")
    return Mail(mail.box, mail.rows.squeeze(axis - 1))


def _getitem(mail: Mail, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mail:
    """`mail[:, :, i]` and `mail[..., i]`: all messages, some of their features."""
    index = args[0] if isinstance(args[0], tuple) else (args[0],)
    if index[0] is Ellipsis:
        inside = len(index) - 1 - sum(i is None for i in index) <= mail.ndim - 2
        steps: tuple[Any, ...] = index
    else:
        inside = len(index) > 1 and all(isinstance(i, slice) and i == slice(None) for i in index[:2])
        steps = index[1:]
    if not inside or any(isinstance(i, (Tensor, Mail, list)) for i in index):
        _refuse("getitem")
    return Mail(mail.box, mail.rows[steps])


_ALONG: dict[str, Callable[..., Any]] = {
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "amax": _reduction("max"),
    "amin": _reduction("min"),
    "softmax": _softmax,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "__getitem__": _getitem,
}
