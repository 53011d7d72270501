"""`MessagePassing`: a layer in three sentences, message, aggregate, update; the engine does the rest."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from grapevine import engine
from grapevine.edges import Edges, native, slip_of_sparse
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph import is_torch_sparse_tensor, to_edge_index
from grapevine.nn.aggr import Aggregation
from grapevine.nn.resolver import aggregation_resolver
from grapevine.topology import remember_grouping

#: Arguments that `propagate` knows without being told.
SPECIAL = frozenset(
    {
        "edge_index",
        "adj_t",
        "edge_index_i",
        "edge_index_j",
        "size",
        "size_i",
        "size_j",
        "ptr",
        "index",
        "dim_size",
    }
)
_EDGE_VALUES = ("edge_weight", "edge_attr", "edge_type")
#: Aggregations that a product with a sparse matrix may stand for.
_PRODUCTS = ("add", "sum", "mean", "min", "max")
_FLOWS = ("source_to_target", "target_to_source")
_HOOKS = ("propagate", "message", "aggregate", "message_and_aggregate", "edge_update")
_REQUIRED = inspect.Parameter.empty


#: The methods whose arguments are found by name, each with the number of those that come first (`self`, the messages).
_METHODS = {
    "message": 1,
    "aggregate": 2,
    "message_and_aggregate": 2,
    "update": 2,
    "edge_update": 1,
}


def _parameters(function: Callable[..., Any], skip: int) -> tuple[dict[str, Any], bool]:
    """Names and defaults of a method's parameters after the first `skip`, and whether it takes any others."""
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = {p.name: p.default for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return named, open_ended


class _Asking:
    """Classes that know what their methods ask for."""

    #: The arguments of each method with their defaults, and whether it takes any others.
    _asked: dict[str, tuple[dict[str, Any], bool]]
    #: Whether `forward` is one of this package's.
    _shipped: bool

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)  # read here, once a class: compilers cannot read signatures
        forward = getattr(cls, "forward", None)
        cls._shipped = str(getattr(forward, "__module__", "")).startswith("grapevine.")
        cls._asked = {name: _parameters(getattr(cls, name), skip) for name, skip in _METHODS.items()}


class MessagePassing(_Asking, torch.nn.Module):
    r"""Base class of layers that send messages along edges.

        out_i = update(aggregate over j -> i of message(x_i, x_j, e_ij))

    Override `message`, and where needed `aggregate`, `update`, `edge_update` or `message_and_aggregate`. Their
    arguments are what was given to `propagate`; a name ending in `_i` or `_j` asks for a node tensor as seen from
    each edge's target or source. Messages are lazy edge tensors: write plain PyTorch, and what the planner can fuse is
    never stored.

    Args:
        aggr: "sum" (or "add"), "mean", "max", "min", "mul", any other name or module of `grapevine.nn.aggr`, a list of
            them, or None where `aggregate` is overridden.
        aggr_kwargs: arguments of that aggregation.
        flow: "source_to_target" (messages go from `edge_index[0]` to `edge_index[1]`) or "target_to_source".
        node_dim: the axis of nodes in node tensors.
        decomposed_layers: accepted for compatibility; messages are not stored, so that
            splitting their features saves nothing.

    Attributes:
        fuse: True; False turns the engine off for this layer, as `gv.materialised()` does for a block.

    Shapes:
        `propagate(edge_index, size=None, **kwargs)`: `edge_index` is `(2, E)`, a `torch.sparse` tensor
        `(N_dst, N_src)`, or `gv.Edges`; node tensors are `(N, ...)`, or a pair `((N_src, ...), (N_dst, ...))` for a
        bipartite graph.

    Departures from PyTorch Geometric: no code is generated, so classes defined anywhere work.

    Example:
        >>> import torch, grapevine as gv
        >>> class Layer(gv.nn.MessagePassing):
        ...     def forward(self, x, edge_index):
        ...         return x + 0.5 * self.propagate(edge_index, x=x)
        ...     def message(self, x_i, x_j):
        ...         return 0.5 * x_i + 2 * x_j
        >>> x = torch.tensor([[6.0, 4.0], [0.0, 1.0]])
        >>> Layer(aggr="max")(x, torch.tensor([[0, 1], [1, 0]])).tolist()
        [[7.5, 6.0], [6.0, 5.25]]

    Source: Gilmer et al., "Neural Message Passing for Quantum Chemistry", arXiv:1704.01212; the interface is
    PyTorch Geometric's.
    """

    #: Set it to False to store this layer's messages edge by edge and reduce them by plain ATen ops, as inside
    #: `gv.materialised()`, and to send messages where `message_and_aggregate` would multiply.
    fuse: bool = True
    supports_edge_weight: bool | None = None
    supports_edge_attr: bool | None = None

    def __init__(
        self,
        aggr: str | list[str] | Aggregation | None = "sum",
        *,
        aggr_kwargs: dict[str, Any] | None = None,
        flow: str = "source_to_target",
        node_dim: int = -2,
        decomposed_layers: int = 1,
    ) -> None:
        super().__init__()
        if flow not in _FLOWS:
            raise GraphValueError(f"expected flow to be one of {_FLOWS}, got {flow!r}")
        self.aggr: str | list[str] | None
        if aggr is None:
            self.aggr = None
        elif isinstance(aggr, (str, Aggregation)):
            self.aggr = str(aggr)
        else:
            self.aggr = [str(a) for a in aggr]
        self.aggr_module = None if aggr is None else aggregation_resolver(aggr, **(aggr_kwargs or {}))
        self.flow = flow
        self.node_dim = node_dim
        self.decomposed_layers = decomposed_layers
        #: Whether `message_and_aggregate` takes sparse adjacencies: it is overridden, and no other
        #: aggregation is asked for.
        self._multiplies = type(self).message_and_aggregate is not MessagePassing.message_and_aggregate and (
            self.aggr is None or (isinstance(self.aggr, str) and self.aggr in _PRODUCTS)
        )
        self._explain: bool | None = None
        self._edge_mask: Tensor | None = None
        self._loop_mask: Tensor | None = None
        self._apply_sigmoid = True
        self._hooks: dict[str, OrderedDict[int, Callable[..., Any]]] = {}

    def reset_parameters(self) -> None:
        """Resets the aggregation's parameters."""
        if self.aggr_module is not None:
            self.aggr_module.reset_parameters()

    # -- what a layer overrides -----------------------------------------------------------------------

    def message(self, x_j: Tensor) -> Tensor:
        """The message along each edge; by default the source's features."""
        return x_j

    def aggregate(
        self, inputs: Tensor, index: Tensor, ptr: Tensor | None = None, dim_size: int | None = None
    ) -> Tensor:
        """Reduces the messages that arrive at each node, as `aggr` says."""
        if self.aggr_module is None:
            raise GraphTypeError(
                f"{type(self).__name__} has aggr=None and no aggregate(); pass aggr='sum' or override aggregate"
            )
        out: Tensor = self.aggr_module(inputs, index, ptr=ptr, dim_size=dim_size, dim=self.node_dim)
        return out

    def update(self, inputs: Tensor) -> Tensor:
        """The node's new features from what it received; by default just that."""
        return inputs

    def message_and_aggregate(self, edge_index: Any) -> Tensor:
        """Both at once from a sparse adjacency `adj_t`; used where a layer overrides it and receives `torch.sparse`."""
        raise GraphTypeError(
            f"{type(self).__name__} does not override message_and_aggregate; use propagate instead"
        )

    def edge_update(self) -> Tensor:
        """New features of the edges, for `edge_updater`."""
        raise GraphTypeError(
            f"{type(self).__name__} does not override edge_update; define it to use edge_updater"
        )

    # -- the machine -----------------------------------------------------------------------------------

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        # Shipped layers look at an adjacency before they propagate; others may want the matrix that they are given.
        if self._shipped and not torch.compiler.is_compiling():
            inputs = tuple(i if isinstance(i, Tensor) else native(i) for i in inputs)
            options = {name: o if isinstance(o, Tensor) else native(o) for name, o in options.items()}
        return super().__call__(*inputs, **options)

    def propagate(
        self, edge_index: Any, size: tuple[int | None, int | None] | None = None, **kwargs: Any
    ) -> Tensor:
        """Sends messages: `message`, `aggregate`, `update`.

        Args:
            edge_index: `(2, E)`, `torch.sparse` (or torch_sparse's) `(N_dst, N_src)`, or `gv.Edges`.
            size: `(N_src, N_dst)`; read off the node tensors where None.
            **kwargs: everything the methods ask for by name.

        Raises:
            GraphTypeError: if a method asks for something that was not given.
            GraphValueError: for ids and node tensors that do not fit each other.
        """
        edge_index, size, kwargs = self._before("propagate", edge_index, size, kwargs)
        matrix = edge_index
        if not isinstance(edge_index, Tensor):
            if isinstance(edge_index, str):  # in the first position it once was the aggregation
                raise GraphValueError(
                    f"expected an edge_index in front, got {edge_index!r}; do this instead: "
                    f"super().__init__(aggr={edge_index!r}), and self.propagate(edge_index, ...)"
                )
            edge_index = native(edge_index)
        if self.fuse and self._multiplies and not self.explain and is_torch_sparse_tensor(edge_index):
            given = _Given(self, edge_index, size, kwargs, ("message_and_aggregate", "update"))
            out = self._fused(given, matrix)
        else:
            with self.propagating():
                given = _Given(self, edge_index, size, kwargs, ("message", "aggregate", "update"))
                out = self._message_passing(given)
        return self._after("propagate", out, edge_index, given.sizes, kwargs)

    def propagating(self) -> AbstractContextManager[None]:
        """Inside it messages are recorded, and end with it; or stored, if the layer is not to fuse.

        `propagate` and `edge_updater` open it themselves. A layer that hands what `edge_updater` returns to `propagate`
        opens it around both: an attention, which a sum takes in one pass, is then never stored.
        """
        return engine.scope() if self.fuse or engine.must_be_plain() else engine.materialised()

    def _message_passing(self, given: _Given) -> Tensor:
        inputs = self._arguments("message", given)
        inputs = given.replace(inputs, *self._before("message", inputs))
        out = self.message(**inputs)
        out = self._after("message", out, inputs)
        if self.explain:
            out = self.explain_message(out, **self._arguments("explain_message", given))
        inputs = self._arguments("aggregate", given)
        inputs = given.replace(inputs, *self._before("aggregate", inputs))
        reduced = self.aggregate(out, **inputs)
        reduced = self._after("aggregate", reduced, inputs)
        out = self.update(reduced, **self._arguments("update", given))
        return _settled(out)

    def _fused(self, given: _Given, matrix: Any) -> Tensor:
        inputs = self._arguments("message_and_aggregate", given)
        adjacency, inputs = self._before("message_and_aggregate", matrix, inputs)
        out = self.message_and_aggregate(adjacency, **inputs)
        out = self._after("message_and_aggregate", out, adjacency, inputs)
        return _settled(self.update(out, **self._arguments("update", given)))

    def edge_updater(
        self, edge_index: Any, size: tuple[int | None, int | None] | None = None, **kwargs: Any
    ) -> Tensor:
        """Computes new edge features with `edge_update`, whose arguments are found as those of `message`.

        Inside `propagating()` they may be lazy, as those of a message are.
        """
        lazy = self.fuse and engine.in_scope() and not (self.explain or self._hooks)
        with nullcontext() if lazy else self.propagating():
            given = _Given(self, edge_index, size, kwargs, ("edge_update",))
            return self._edge_update(given, size, lazy)

    def _edge_update(
        self, given: _Given, size: Any, lazy: bool
    ) -> Tensor:  # lazy tensors of its frame end here
        inputs = self._arguments("edge_update", given)
        edge_index, size, inputs = self._before("edge_update", given.adjacency, size, inputs)
        out = self.edge_update(**inputs)
        out = out if lazy else _settled(out, engine.edge_values)
        return self._after("edge_update", out, edge_index, size, inputs)

    def _arguments(self, method: str, given: _Given) -> dict[str, Any]:
        """What a method asks for by name, found in what was given."""
        asked = self._asked.get(method)
        named, open_ended = asked or _parameters(getattr(self, method), 1)  # explainers replace theirs
        found = {}
        for name, default in named.items():
            value = given.find(name)
            if value is _REQUIRED:
                if default is _REQUIRED:
                    raise GraphTypeError(
                        f"{type(self).__name__}.{method} asks for {name!r}, which propagate was not given; "
                        f"do this instead: self.propagate(edge_index, {given.base(name)}=...); "
                        f"given were {', '.join(given.kwargs) or 'no arguments'}"
                    )
                value = default
            found[name] = value
        if open_ended:
            found.update({k: v for k, v in given.kwargs.items() if k not in found})
        return found

    # -- explanations ---------------------------------------------------------------------------------

    @property
    def explain(self) -> bool:
        """True while an explainer weighs the messages by a mask over the edges."""
        return bool(self._explain)

    @explain.setter
    def explain(self, explain: bool | None) -> None:
        self._explain = explain

    def explain_message(self, inputs: Tensor, dim_size: int | None) -> Tensor:
        """Multiplies each message by its edge's mask (through a sigmoid where the explainer asks for it)."""
        mask = self._edge_mask
        if mask is None:
            raise GraphValueError(
                "expected an edge mask while explain is set, got none; set it with an explainer first"
            )
        if self._apply_sigmoid:
            mask = mask.sigmoid()
        axis = self.node_dim % inputs.dim()
        if inputs.shape[axis] != mask.shape[0]:  # the layer added self-loops after the mask was made
            assert self._loop_mask is not None
            mask = mask[self._loop_mask]
            loops = mask.new_ones(inputs.shape[axis] - mask.shape[0])
            mask = torch.cat([mask, loops])
        shape = [1] * inputs.dim()
        shape[axis] = -1
        return inputs * mask.view(shape)

    def jittable(self, typing: str | None = None) -> MessagePassing:
        """The layer itself, for programs of the time when compilers wanted another one."""
        return self

    def __prepare_scriptable__(self) -> MessagePassing:  # `torch.jit.script` asks every module
        raise GraphTypeError(
            f"expected {type(self).__name__} to be traced, got torch.jit.script, which cannot follow lazy messages; "
            "do this instead: torch.jit.trace(model, inputs), torch.export.export(model, inputs) or "
            "torch.compile(model)"
        )

    # -- hooks -------------------------------------------------------------------------------------------

    def _hooked(self, name: str) -> list[Callable[..., Any]]:
        return list(self._hooks.get(name, {}).values())

    def _before(self, name: str, *inputs: Any) -> tuple[Any, ...]:
        for hook in self._hooked(name + "_pre") if self._hooks else ():
            result = hook(self, inputs)
            if result is not None:
                inputs = result if isinstance(result, tuple) else (result,)
        return inputs

    def _after(self, name: str, out: Any, *inputs: Any) -> Any:
        for hook in self._hooked(name) if self._hooks else ():
            result = hook(self, inputs, out)
            if result is not None:
                out = result
        return out

    def _register(self, name: str, hook: Callable[..., Any]) -> RemovableHandle:
        hooks = self._hooks.setdefault(name, OrderedDict())
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_propagate_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (edge_index, size, kwargs))` before `propagate`; may return a replacement."""
        return self._register("propagate_pre", hook)

    def register_propagate_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, inputs, out)` after `propagate`; may return another output."""
        return self._register("propagate", hook)

    def register_message_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (kwargs,))` before `message`."""
        return self._register("message_pre", hook)

    def register_message_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (kwargs,), out)` after `message`."""
        return self._register("message", hook)

    def register_aggregate_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (kwargs,))` before `aggregate`."""
        return self._register("aggregate_pre", hook)

    def register_aggregate_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (kwargs,), out)` after `aggregate`."""
        return self._register("aggregate", hook)

    def register_message_and_aggregate_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (edge_index, kwargs))` before `message_and_aggregate`."""
        return self._register("message_and_aggregate_pre", hook)

    def register_message_and_aggregate_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (edge_index, kwargs), out)` after `message_and_aggregate`."""
        return self._register("message_and_aggregate", hook)

    def register_edge_update_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (edge_index, size, kwargs))` before `edge_update`."""
        return self._register("edge_update_pre", hook)

    def register_edge_update_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, (edge_index, size, kwargs), out)` after `edge_update`."""
        return self._register("edge_update", hook)

    def __repr__(self) -> str:
        if hasattr(self, "in_channels") and hasattr(self, "out_channels"):
            return f"{type(self).__name__}({self.in_channels}, {self.out_channels})"
        return f"{type(self).__name__}({getattr(self, 'channels', '')})"


def _settled(out: Any, real: Callable[[Any], Any] = engine.materialise) -> Any:
    """Real tensors in place of lazy ones, also inside a tuple; `real` makes one of the other."""
    return tuple(map(real, out)) if isinstance(out, tuple) else real(out)


class _Given:
    """What `propagate` was given, and how each argument of a method is found in it."""

    __slots__ = ("_edges", "adjacency", "kwargs", "layer", "replaced", "sizes")

    def __init__(
        self,
        layer: MessagePassing,
        adjacency: Any,
        size: Any,
        kwargs: dict[str, Any],
        methods: tuple[str, ...],
    ) -> None:
        self.layer = layer
        self.adjacency = adjacency
        self.kwargs = kwargs
        self.replaced: dict[str, Any] = {}
        forward = layer.flow == "source_to_target"
        sizes: list[int | None] = [None, None] if size is None else list(size)
        if is_torch_sparse_tensor(adjacency):
            if not forward:
                raise GraphValueError(
                    "expected flow='source_to_target' with a sparse adjacency, got "
                    "'target_to_source'; pass adj_t.t() instead"
                )
            sizes = [adjacency.shape[1], adjacency.shape[0]]
        for method in methods:
            for asked in layer._asked[method][0]:
                if asked[-2:] not in ("_i", "_j") or asked in SPECIAL:
                    continue
                name = asked[:-2]  # a node tensor seen from the edges
                value = kwargs.get(name)
                if isinstance(
                    value, (tuple, list)
                ):  # (those that send, those that receive), whatever the flow
                    self._fit(sizes, 0 if forward else 1, value[0], name)
                    self._fit(sizes, 1 if forward else 0, value[1], name)
                else:
                    self._fit(sizes, 1 if (asked[-1] == "i") == forward else 0, value, name)
        self.sizes = sizes
        self._edges: Edges | None = None

    @property
    def edges(self) -> Edges:
        """Who sends to whom, in the layer's flow; a fused layer never asks."""
        if self._edges is None:
            first, second = self.sizes
            if first is None or second is None:  # one set of nodes where only one side is known
                first = second = second if first is None else first
            edges = Edges.of(self.adjacency, None if first is None or second is None else (first, second))
            self.sizes = list(edges.size)
            self._edges = edges if self.layer.flow == "source_to_target" else edges.reverse()
        return self._edges

    def _fit(self, sizes: list[int | None], side: int, value: Any, name: str) -> None:
        """Reads the number of nodes of one side off a node tensor."""
        if not isinstance(value, Tensor) or value.dim() == 0:
            return
        axis = self.axis(value)
        if axis is None:
            return
        rows = value.shape[axis]
        if sizes[side] is None:
            sizes[side] = rows
        elif sizes[side] != rows:
            which = "source" if side == 0 else "destination"
            if instead := slip_of_sparse(self.adjacency):
                raise GraphValueError(f"expected an adjacency of {rows} nodes, got a sparse tensor{instead}")
            raise GraphValueError(
                f"expected {sizes[side]} rows of {name!r} for the {which} nodes, got {rows} "
                f"(shape {list(value.shape)}); "
                f"every node tensor needs one row per node; for a bipartite graph pass {name}=(x_src, x_dst)"
            )

    def axis(self, value: Tensor) -> int | None:
        """The node axis of a tensor; None where it has too few dims."""
        axis = self.layer.node_dim
        axis = axis + value.dim() if axis < 0 else axis
        return axis if 0 <= axis < value.dim() else None

    @staticmethod
    def base(name: str) -> str:
        return name[:-2] if name[-2:] in ("_i", "_j") else name

    def replace(self, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        """What a hook made of some arguments, which holds for the methods that follow too."""
        if after is not before:
            self.replaced.update(after)
        return after

    def find(self, name: str) -> Any:
        """The value of an argument called `name`; `inspect.Parameter.empty` if there is none."""
        if name in self.replaced:
            return self.replaced[name]
        if name in self.kwargs and name not in ("index", "ptr", "dim_size"):
            value = self.kwargs[name]
            return self.stored_values(name) if value is None and name in _EDGE_VALUES else value
        if name in SPECIAL:
            return self.special(name)
        if name[-2:] in ("_i", "_j"):
            value = self.kwargs.get(name[:-2], _REQUIRED)
            if value is not _REQUIRED:
                return self.lifted(value, name[-1] == "i", name[:-2])
        return _REQUIRED

    def stored_values(self, name: str) -> Tensor | None:
        """The values of a sparse adjacency, which serve as weights, types or (where there are several) as features."""
        if not (isinstance(self.adjacency, Tensor) and is_torch_sparse_tensor(self.adjacency)):
            return None
        values = to_edge_index(self.adjacency)[1]
        return None if name == "edge_attr" and values.dim() == 1 else values

    def special(self, name: str) -> Any:
        if name in ("edge_index", "adj_t"):  # whichever of the two it is
            sparse = is_torch_sparse_tensor(self.adjacency)
            if sparse != (name == "adj_t"):
                return None
            return self.adjacency if isinstance(self.adjacency, Tensor) else self.edges.edge_index
        if name == "ptr":  # edges need not be sorted, so there is none to hand out
            return None
        edges = self.edges
        if name == "index" or name == "edge_index_i":
            return remember_grouping(edges) if not engine.computes_now() else edges.dst_index
        if name == "edge_index_j":
            return edges.src_index
        if name == "size":
            return list(self.sizes)
        if name in ("size_i", "dim_size"):
            return edges.num_dst
        assert name == "size_j"
        return edges.num_src

    def lifted(self, value: Any, target: bool, name: str) -> Any:
        """A node tensor as seen from the edges."""
        if isinstance(value, (tuple, list)):
            value = value[1 if target else 0]
        if not isinstance(value, Tensor):
            return value
        axis = self.axis(value)
        if axis == 0:
            return self.edges.dst(value) if target else self.edges.src(value)
        if axis is None:
            raise GraphValueError(
                f"expected {name!r} to have a node axis at {self.layer.node_dim}, got shape {list(value.shape)}; "
                "add a feature axis with x.unsqueeze(-1), or build the layer with node_dim=0"
            )
        return value.index_select(axis, self.edges.dst_index if target else self.edges.src_index)
