"""From a model for one type of nodes and edges to one for many."""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node, Tracer
from torch.nn import Module, ModuleDict, ModuleList, Parameter, Sequential
from torch.nn.parameter import is_lazy

from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index
from grapevine.nn.aggr import Aggregation
from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils._trim_to_layer import TrimToLayer, trim
from grapevine.utils.hetero import check_add_self_loops, get_unused_node_types

EdgeType = tuple[str, str, str]
Type = str | EdgeType
Metadata = tuple[Sequence[str], Sequence[EdgeType]]

_COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "mean": torch.add,
    "min": torch.minimum,
    "max": torch.maximum,
    "mul": torch.mul,
}


def to_hetero(
    module: Module,
    metadata: Metadata,
    aggr: str = "sum",
    input_map: dict[str, str] | None = None,
    debug: bool = False,
) -> GraphModule:
    r"""Turns a model into one for several types of nodes and edges.

    Every layer that sends messages becomes one layer per edge type, every other one becomes one per node type (or edge
    type, where it works on edges):

    .. math::
        \mathbf{h}^{(\ell)}_v = \bigoplus_{r \in \mathcal{R}} f^{(\ell, r)} \left( \mathbf{h}^{(\ell - 1)}_v,
        \{ \mathbf{h}^{(\ell - 1)}_w : w \in \mathcal{N}^{(r)}(v) \} \right)

    Args:
        module: a model that `torch.fx` can trace; its layers and the children of its `torch.nn.Sequential`s are the
            steps. It stays as it is; layers are copied, and drawn anew where there is more than one copy.
        metadata: node types, and edge types (source, relation, destination): `HeteroData.metadata()`.
        aggr: how to combine what several edge types bring: `"sum"`, `"mean"`, `"min"`, `"max"`, `"mul"`. Likewise for
            the node types, where an `Aggregation` reduces nodes to graphs.
        input_map: `"node"`, `"edge"` or `"graph"` for arguments of `forward`; by default those with `edge` or `adj` in
            their name are on edges, others on nodes.
        debug: print the new program.

    Returns:
        a model whose arguments and results are dictionaries by node type or edge type, except those on graphs.

    Raises:
        GraphValueError: for empty metadata, an unknown `aggr`, layers that add self-loops between different types, and
            node types that are needed after no edge type has updated them.

    Example:
        >>> from grapevine.nn.conv import SAGEConv
        >>> class Model(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = SAGEConv((-1, -1), 8)
        ...     def forward(self, x, edge_index):
        ...         return self.conv(x, edge_index).relu()
        >>> rates, rated = ("user", "rates", "item"), ("item", "rated_by", "user")
        >>> model = to_hetero(Model(), (["user", "item"], [rates, rated]))
        >>> edges = torch.tensor([[0, 1], [0, 0]])
        >>> out = model({"user": torch.ones(2, 3), "item": torch.ones(1, 4)}, {rates: edges, rated: edges.flip(0)})
        >>> {node_type: list(x.shape) for node_type, x in out.items()}
        {'user': [2, 8], 'item': [1, 8]}

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """
    _check(metadata)
    if aggr not in _COMBINE:
        raise GraphValueError(f"expected aggr among {', '.join(_COMBINE)}, got {aggr!r}")
    return _PerType(module, metadata, aggr, input_map).build(debug)


def to_hetero_with_bases(
    module: Module,
    metadata: Metadata,
    num_bases: int,
    in_channels: dict[str, int] | None = None,
    input_map: dict[str, str] | None = None,
    debug: bool = False,
) -> GraphModule:
    r"""Turns a model into one for several types of nodes and edges, whose number of parameters does not grow with them.

    All types are joined into one graph, on which every layer that sends messages becomes the sum of a few copies, with
    a learned weight a for each of them and each edge type:

    .. math::
        \mathbf{h}^{(\ell)}_v = \sum_{b = 1}^B f^{(\ell, b)} \left( \mathbf{h}^{(\ell - 1)}_v,
        \{ a^{(\ell)}_{r, b} \cdot \mathbf{h}^{(\ell - 1)}_w : w \in \mathcal{N}^{(r)}(v), r \in \mathcal{R} \} \right)

    Args:
        module: a model that `torch.fx` can trace; its layers and the children of its `torch.nn.Sequential`s are the
            steps. It stays as it is.
        metadata: node types, and edge types (source, relation, destination): `HeteroData.metadata()`.
        num_bases: number of copies B.
        in_channels: for arguments of `forward`, the size to which a linear map per type brings the features first.
        input_map: `"node"` or `"edge"` for arguments of `forward`; by default those with `edge` or `adj` in their name
            are on edges, others on nodes.
        debug: print the new program.

    Returns:
        a model whose arguments and results are dictionaries by node type or edge type.

    Raises:
        GraphValueError: for empty metadata, and in `forward` for a layer that adds self-loops.

    Example:
        >>> from grapevine.nn.conv import SAGEConv
        >>> class Model(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = SAGEConv((4, 4), 8)
        ...     def forward(self, x, edge_index):
        ...         return self.conv(x, edge_index).relu()
        >>> rates, rated = ("user", "rates", "item"), ("item", "rated_by", "user")
        >>> model = to_hetero_with_bases(Model(), (["user", "item"], [rates, rated]), num_bases=2, in_channels={"x": 4})
        >>> edges = torch.tensor([[0, 1], [0, 0]])
        >>> out = model({"user": torch.ones(2, 3), "item": torch.ones(1, 5)}, {rates: edges, rated: edges.flip(0)})
        >>> {node_type: list(x.shape) for node_type, x in out.items()}
        {'user': [2, 8], 'item': [1, 8]}

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """
    _check(metadata)
    return _Joined(module, metadata, num_bases, in_channels or {}, input_map).build(debug)


def _check(metadata: Metadata) -> None:
    if len(metadata) != 2 or not metadata[0] or not metadata[1]:
        raise GraphValueError(
            f"expected metadata as a list of node types and a list of edge types, neither empty, got {metadata!r}; "
            "do this instead: data.metadata()"
        )
    node_types, edge_types = metadata
    unused = get_unused_node_types(node_types, edge_types)
    if unused:
        warnings.warn(
            f"the node types {sorted(unused)} are the destination of no edge type, so that their features are not "
            "updated; add reverse edge types with ToUndirected()",
            stacklevel=3,
        )
    for name in (*node_types, *(relation for _, relation, _ in edge_types)):
        if not name.isidentifier():
            warnings.warn(
                f"the type {name!r} holds characters that cannot stand in the name of a module, and are replaced; "
                "use letters, digits and underscores",
                stacklevel=3,
            )


def _name(key: Type) -> str:
    """A type in names of modules."""
    name = key if isinstance(key, str) else "__".join(key)
    return name.replace(" ", "_").replace("-", "_").replace(":", "_")


# -- what both have in common --------------------------------------------------------------------------------


class _Steps(Tracer):
    """Traces down to layers; only `Sequential` is looked into."""

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        return not isinstance(m, Sequential)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        # The tracer steps in where `Module.__call__` is called; aggregations have a `__call__` of their own.
        if isinstance(attr_val, Aggregation):
            return lambda *args, **kwargs: self.call_module(attr_val, attr_val.forward, args, kwargs)
        return super().getattr(attr, attr_val, parameter_proxy_cache)


class _Rewrite:
    """Writes a traced model anew, step by step.

    Attributes:
        level: of each step of the old graph: `"node"`, `"edge"` or `"graph"`.
        env: what stands for each step of the old graph in the new one.
    """

    def __init__(self, module: Module, input_map: dict[str, str] | None) -> None:
        self.module = module
        self.old = _Steps().trace(module)
        self.new = Graph()
        self.env: dict[Node, Any] = {}
        self.level = {}
        for node in self.old.nodes:
            self.level[node] = self._level(node, input_map or {})

    def _level(self, node: Node, input_map: dict[str, str]) -> str:
        if node.op == "placeholder":
            on_edges = "edge" in node.name or "adj" in node.name
            return input_map.get(node.name, "edge" if on_edges else "node")
        if node.op == "call_module" and isinstance(self._submodule(node), MessagePassing):
            return "node"
        if node.op == "call_module" and isinstance(self._submodule(node), Aggregation):
            return "graph"
        if node.op == "call_function" and "training" in node.kwargs:
            warnings.warn(
                f"the call of {node.name!r} with a keyword 'training' keeps the value that it has now; "
                "use a module such as torch.nn.Dropout instead",
                stacklevel=5,
            )
        if (trimmed := self._trimmed(node)) is not None:
            return self._level_of(trimmed)
        levels = {self.level[n] for n in node.all_input_nodes}
        return "edge" if "edge" in levels else "node" if "node" in levels else "graph"

    def _level_of(self, value: Any) -> str:
        return self.level[value] if isinstance(value, Node) else "graph"

    def _trimmed(self, node: Node) -> Any:
        """What a step takes from `TrimToLayer`: the argument that it was before; None for other steps."""
        if node.op != "call_function" or node.target is not operator.getitem:
            return None
        source, which = node.args
        if not (isinstance(source, Node) and source.op == "call_module" and isinstance(which, int)):
            return None
        return source.args[3 + which] if isinstance(self._submodule(source), TrimToLayer) else None

    def _submodule(self, node: Node) -> Module:
        return self.module.get_submodule(str(node.target))

    def build(self, debug: bool) -> GraphModule:
        """The new model."""
        for node in self.old.nodes:
            self.rewrite(node)
        first = [str(n.target).partition(".")[0] for n in self.old.nodes if n.op == "call_module"]
        children = dict(self.module.named_children())
        converted = {name: self._convert(children[name], name) for name in dict.fromkeys([*first, *children])}
        converted.update(self.added())
        root = copy.copy(self.module)
        root._modules = dict(converted)
        model = GraphModule(root, self.new)
        for name, child in converted.items():  # in this order, and with those that the program does not use
            model._modules.pop(name, None)
            model.add_module(name, child)
        self.new.lint()
        if debug:
            model.print_readable()
        return model

    def _convert(self, module: Module, target: str) -> Module:
        if isinstance(module, (ModuleList, Sequential)):
            return ModuleList(self._convert(child, f"{target}.{i}") for i, child in enumerate(module))
        if isinstance(module, ModuleDict):
            return ModuleDict({key: self._convert(child, f"{target}.{key}") for key, child in module.items()})
        return self.convert(module, target)

    def rewrite(self, node: Node) -> None:
        raise AssertionError("each rewrite has its own")

    def convert(self, module: Module, target: str) -> Module:
        raise AssertionError("each rewrite has its own")

    def added(self) -> dict[str, Module]:
        """Modules that the old model does not have."""
        return {}

    def _emit(self, op: str, target: Any, args: Any, kwargs: Any = None, name: str | None = None) -> Node:
        return self.new.create_node(op, target, args, kwargs or {}, name=name)


def _over(value: Any, on_node: Callable[[Node], Any]) -> Any:
    """Replaces every step inside nested arguments."""
    if isinstance(value, Node):
        return on_node(value)
    if isinstance(value, dict):
        return {key: _over(v, on_node) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return (
            type(value)(_over(v, on_node) for v in value)
            if type(value) in (list, tuple)
            else [_over(v, on_node) for v in value]
        )
    return value


def _reset(module: Module, target: str) -> None:
    """Draws new numbers for a copy."""
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()  # type: ignore[operator]
    elif any(is_lazy(p) or p.numel() for p in module.parameters()):
        warnings.warn(
            f"the copies of {target!r} begin with the same numbers; give it a method reset_parameters()",
            stacklevel=2,
        )


# -- one layer for each type ---------------------------------------------------------------------------------


def pick(values: Mapping[Any, Any] | None, key: Type) -> Any:
    """The value of a type; None where there is none."""
    return None if values is None else values.get(key)


def combine(values: Sequence[Tensor], aggr: str) -> Tensor:
    """What several relations brought, as one."""
    out = reduce(_COMBINE[aggr], values)
    return out / len(values) if aggr == "mean" else out


class _PerType(_Rewrite):
    """Every step on nodes or edges becomes one step per type; `env` holds dictionaries for those."""

    def __init__(
        self, module: Module, metadata: Metadata, aggr: str, input_map: dict[str, str] | None
    ) -> None:
        super().__init__(module, input_map)
        self.aggr = aggr
        self.types: dict[str, Sequence[Type]] = {"node": metadata[0], "edge": metadata[1]}
        self.used: dict[str, dict[Type, None]] = {}

    def rewrite(self, node: Node) -> None:
        level = self.level[node]
        if node.op == "output":
            self.new.output(_over(node.args[0], self._result))
        elif node.op == "placeholder":
            given = self._emit("placeholder", node.target, node.args, name=node.name)
            if level == "graph":
                self.env[node] = given
            else:
                self.env[node] = {
                    key: self._emit("call_function", pick, (given, key), name=f"{node.name}__{_name(key)}")
                    for key in self.types[level]
                }
        elif node.op == "call_module" and isinstance(self._submodule(node), MessagePassing):
            self.env[node] = self._send(node)
        elif node.op == "call_module" and isinstance(self._submodule(node), Aggregation):
            parts = self._each(node, self.types["node"])
            self.env[node] = self._combined(list(parts.values()), node.name)
        elif node.op == "call_module" and isinstance(self._submodule(node), TrimToLayer):
            self.env[node] = None  # its parts are taken one by one, below
        elif (value := self._trimmed(node)) is not None:
            self.env[node] = self._trim(node, value)
        elif level == "graph":
            args, kwargs = self._arguments(node, None)
            self.env[node] = self._emit(node.op, node.target, args, kwargs, node.name)
        else:
            self.env[node] = self._each(node, self.types[level])

    def _each(self, node: Node, types: Sequence[Type]) -> dict[Type, Node]:
        """One step per type that has all it needs."""
        outs = {}
        for key in types:
            if all(self._there(n, key) for n in node.all_input_nodes):
                args, kwargs = self._arguments(node, key)
                outs[key] = self._emit(
                    node.op, self._target(node, key), args, kwargs, f"{node.name}__{_name(key)}"
                )
        return outs

    def _send(self, node: Node) -> dict[Type, Node]:
        """One layer per edge type; what arrives at a node type is combined."""
        check_add_self_loops(self._submodule(node), self.types["edge"])  # type: ignore[arg-type]
        outs: dict[Type, list[Node]] = {}
        for key in self.types["edge"]:
            args, kwargs = self._arguments(node, key, pairs=True)
            name = f"{node.name}__{_name(key)}"
            out = self._emit("call_module", self._target(node, key), args, kwargs, name)
            outs.setdefault(key[-1], []).append(out)
        return {key: self._combined(parts, f"{node.name}__{_name(key)}") for key, parts in outs.items()}

    def _trim(self, node: Node, value: Node) -> dict[Type, Node]:
        """The features, edges or values of every type that a layer still needs."""
        layer, *sampled = node.args[0].args[:3]  # type: ignore[union-attr]
        counts = self.env[sampled[0 if node.args[1] == 0 else 1]]  # type: ignore[index]
        dim = 1 if node.args[1] == 1 else 0
        return {
            key: self._emit(
                "call_function", trim, (layer, counts[key], of_type, dim), name=f"{node.name}__{_name(key)}"
            )
            for key, of_type in self.env[value].items()
        }

    def _combined(self, parts: list[Node], name: str) -> Node:
        return (
            parts[0]
            if len(parts) == 1
            else self._emit("call_function", combine, (parts, self.aggr), name=name)
        )

    def _target(self, node: Node, key: Type) -> Any:
        if node.op != "call_module":
            return node.target
        self.used.setdefault(str(node.target), {})[key] = None
        return f"{node.target}.{_name(key)}"

    def _there(self, node: Node, key: Type) -> bool:
        value = self.env[node]
        return not isinstance(value, dict) or key in value or (isinstance(key, tuple) and key[0] in value)

    def _arguments(self, node: Node, key: Type | None, pairs: bool = False) -> tuple[Any, Any]:
        """The arguments of a step for one type; with `pairs`, a pair of features belongs to source and destination."""

        def of_type(n: Node, key: Type | None) -> Any:
            value = self.env[n]
            if not isinstance(value, dict):
                return value
            if key in value:
                return value[key]
            if isinstance(key, tuple) and key[0] in value:
                return value[key[0]] if key[0] == key[-1] else (value[key[0]], value.get(key[-1]))
            raise GraphValueError(
                f"expected features for {key!r} at the step {node.name!r}, but the step {n.name!r} has made none; "
                "every node type must be the destination of some edge type, so that its features are updated"
            )

        def argument(value: Any) -> Any:
            if pairs and isinstance(value, (tuple, list)) and len(value) == 2:
                first, second = value
                on_nodes = all(isinstance(end, Node) and self.level[end] == "node" for end in value)
                if isinstance(key, tuple) and on_nodes:
                    return of_type(first, key[0]), of_type(second, key[-1])
            return _over(value, lambda n: of_type(n, key))

        return tuple(argument(a) for a in node.args), {name: argument(a) for name, a in node.kwargs.items()}

    def _result(self, node: Node) -> Any:
        return self.env[node]

    def convert(self, module: Module, target: str) -> Module:
        if target not in self.used:
            return module
        keys = [key for level in ("node", "edge") for key in self.types[level] if key in self.used[target]]
        copies = ModuleDict()
        for key in keys:
            copies[_name(key)] = copy.deepcopy(module)
            if len(keys) > 1:
                _reset(copies[_name(key)], target)
        return copies


# -- all types in one graph ----------------------------------------------------------------------------------


def _is_index(value: Tensor) -> bool:
    return is_torch_sparse_tensor(value) or (
        value.dim() == 2 and value.size(0) == 2 and value.dtype == torch.int64
    )


def _rows(value: Tensor) -> int:
    """Number of nodes or edges that a tensor describes."""
    if is_torch_sparse_tensor(value):
        return value._nnz()
    return value.size(1) if _is_index(value) else value.size(-2 if value.dim() > 1 else 0)


def count(values: Mapping[Type, Tensor], types: Sequence[Type]) -> list[int]:
    """Number of nodes or edges of each type."""
    return [_rows(values[key]) for key in types]


def type_numbers(values: Mapping[Type, Tensor], types: Sequence[Type]) -> Tensor:
    """The number of its type for each edge."""
    device = values[types[0]].device
    sizes = torch.tensor(count(values, types), device=device)
    return torch.arange(len(types), device=device).repeat_interleave(sizes)


def join(values: Mapping[Type, Tensor], types: Sequence[Type]) -> Tensor:
    """Features of all types, one below another."""
    return torch.cat([values[key] for key in types], dim=-2 if values[types[0]].dim() > 1 else 0)


def join_edges(
    values: Mapping[Type, Tensor],
    types: Sequence[EdgeType],
    node_types: Sequence[str],
    sizes: Sequence[int] | None,
) -> Tensor:
    """Edges, or edge features, of all types; the nodes numbered through."""
    if not _is_index(values[types[0]]):
        return join(values, types)
    if sizes is None:
        raise GraphValueError(
            "expected an argument with node features beside the edges, got none; see input_map"
        )
    start = {key: sum(sizes[:i]) for i, key in enumerate(node_types)}
    pairs = []
    for key in types:
        value = values[key]
        value = to_edge_index(value)[0].flip(0) if is_torch_sparse_tensor(value) else value
        pairs.append(torch.stack([value[0] + start[key[0]], value[1] + start[key[-1]]]))
    return torch.cat(pairs, dim=1)


def part(value: Tensor, types: Sequence[Type], sizes: Sequence[int]) -> dict[Type, Tensor]:
    """Features of all types, apart again."""
    return dict(zip(types, value.split(list(sizes), dim=-2 if value.dim() > 1 else 0)))


class _Joined(_Rewrite):
    """Every step runs once, on the nodes or edges of all types."""

    def __init__(
        self,
        module: Module,
        metadata: Metadata,
        num_bases: int,
        in_channels: dict[str, int],
        input_map: dict[str, str] | None,
    ) -> None:
        super().__init__(module, input_map)
        self.num_bases = num_bases
        self.in_channels = in_channels
        self.types: dict[str, list[Type]] = {"node": list(metadata[0]), "edge": list(metadata[1])}
        self.sizes: dict[str, Node] = {}
        self.edge_type: Node | None = None
        self.aligned: dict[str, Module] = {}
        self._join_inputs([n for n in self.old.nodes if n.op == "placeholder"])

    def _join_inputs(self, nodes: list[Node]) -> None:
        given = {n: self._emit("placeholder", n.target, n.args, name=n.name) for n in nodes}
        for n, value in given.items():
            level = self.level[n]
            if level in self.types and level not in self.sizes and not n.args:
                types = self.types[level]
                self.sizes[level] = self._emit("call_function", count, (value, types), name=f"{level}_sizes")
                if level == "edge":
                    self.edge_type = self._emit(
                        "call_function", type_numbers, (value, types), name="edge_type"
                    )
        for n, value in given.items():
            level = self.level[n]
            if level == "graph":
                self.env[n] = value
                continue
            if n.name in self.in_channels:
                target = f"align_lin__{n.name}"
                self.aligned[target] = LinearAlign(self.types[level], self.in_channels[n.name])
                value = self._emit("call_module", target, (value,), name=f"{n.name}__aligned")
            args: tuple[Any, ...] = (value, self.types[level])
            if level == "edge":
                args = (*args, self.types["node"], self.sizes.get("node"))
            self.env[n] = self._emit(
                "call_function", join_edges if level == "edge" else join, args, name=f"{n.name}__joined"
            )

    def rewrite(self, node: Node) -> None:
        if node.op == "placeholder":
            return
        if node.op == "output":
            self.new.output(_over(node.args[0], self._result))
            return
        args, kwargs = (_over(a, self.env.__getitem__) for a in (node.args, node.kwargs))
        if node.op == "call_module" and isinstance(self._submodule(node), MessagePassing):
            args = (self.edge_type, *args)
        self.env[node] = self._emit(node.op, node.target, args, kwargs, node.name)

    def _result(self, node: Node) -> Any:
        level = self.level[node]
        if level == "graph":
            return self.env[node]
        args = (self.env[node], self.types[level], self.sizes[level])
        return self._emit("call_function", part, args, name=f"{node.name}__parted")

    def convert(self, module: Module, target: str) -> Module:
        if isinstance(module, MessagePassing):
            return HeteroBasisConv(module, len(self.types["edge"]), self.num_bases)
        return module

    def added(self) -> dict[str, Module]:
        return self.aligned


class LinearAlign(Module):
    """Brings the features of each type to one size by a linear map of its own.

    Args:
        keys: the types.
        out_channels: that size.

    Forward:
        x_dict: features by type.

    Example:
        >>> LinearAlign(["a"], 2)({"a": torch.ones(3, 5)})["a"].shape
        torch.Size([3, 2])
    """

    def __init__(self, keys: Sequence[Type], out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.lins = ModuleDict({_name(key): Linear(-1, out_channels, bias=False) for key in keys})

    def forward(self, x_dict: Mapping[Type, Tensor]) -> dict[Type, Tensor]:
        return {key: self.lins[_name(key)](x) for key, x in x_dict.items()}

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(num_relations={len(self.lins)}, out_channels={self.out_channels})"


class HeteroBasisConv(Module):
    """The sum of copies of a layer, in each of which the messages of each edge type have a learned weight.

    Args:
        module: the layer.
        num_relations: number of edge types R.
        num_bases: number of copies.

    Forward:
        edge_type: type of each edge, int64 (E,) in [0, R).
        args, kwargs: of the layer.

    Raises:
        GraphValueError: in `forward`, for a layer that adds self-loops.

    Example:
        >>> from grapevine.nn.conv import SAGEConv
        >>> conv = HeteroBasisConv(SAGEConv(4, 8), num_relations=2, num_bases=3)
        >>> conv(torch.tensor([0, 1]), torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])
    """

    def __init__(self, module: MessagePassing, num_relations: int, num_bases: int) -> None:
        super().__init__()
        self.num_relations = num_relations
        self.num_bases = num_bases
        self.convs = ModuleList()
        device = next((p.device for p in module.parameters()), None)
        for _ in range(num_bases):
            conv: Any = copy.deepcopy(module)
            conv.edge_type_weight = Parameter(torch.empty(1, num_relations, device=device))
            conv.register_message_forward_hook(_weigh)
            self.convs.append(conv)
            if num_bases == 1:  # keeps its numbers
                torch.nn.init.xavier_uniform_(conv.edge_type_weight)
        if num_bases > 1:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for conv in self.convs:
            _reset(conv, repr(conv))
            torch.nn.init.xavier_uniform_(conv.edge_type_weight)  # type: ignore[arg-type]

    def forward(self, edge_type: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return sum(self._run(edge_type, args, kwargs))  # type: ignore[return-value]

    def _run(self, edge_type: Tensor, args: Any, kwargs: Any) -> Iterator[Tensor]:
        for conv in self.convs:
            conv._edge_type = edge_type
            yield conv(*args, **kwargs)
            del conv._edge_type

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(num_relations={self.num_relations}, num_bases={self.num_bases})"


def _weigh(module: Any, inputs: Any, message: Tensor) -> Tensor:
    """A hook on messages: each times the weight of its edge's type."""
    edge_type = module._edge_type
    axis = module.node_dim % message.dim()
    if message.shape[axis] != edge_type.shape[0]:
        raise GraphValueError(
            f"expected a message for each of {edge_type.shape[0]} edges, got {message.shape[axis]} from {module}; "
            "where the layer adds self-loops, pass add_self_loops=False"
        )
    weight = module.edge_type_weight.view(-1)[edge_type]
    return weight.view(-1, *[1] * (message.dim() - 1 - axis)) * message
