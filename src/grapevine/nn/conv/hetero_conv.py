"""One layer for each type of edge."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.engine import computes_now
from grapevine.errors import GraphValueError
from grapevine.nn.conv._terms import Totals, terms_of
from grapevine.nn.module_dict import ModuleDict
from grapevine.utils.hetero import check_add_self_loops

EdgeType = tuple[str, str, str]
_OVER_STACK: dict[str, Any] = {
    "min": torch.min,
    "max": torch.max,
    "mul": torch.prod,
}
_AGGRS = ("sum", "mean", *_OVER_STACK, "cat")


def group(xs: list[Tensor], aggr: str | None) -> Tensor | None:
    """Combines what several relations brought to the same nodes.

    Args:
        xs: (N, F) each.
        aggr: `"sum"`, `"mean"`, `"min"`, `"max"`, `"mul"`; `"cat"` for the features side by side, (N, R F); None for a
            stack, (N, R, F).

    Returns:
        None for an empty list.

    Example:
        >>> group([torch.tensor([[1.0]]), torch.tensor([[3.0]])], "mean").tolist()
        [[2.0]]
    """
    if not xs:
        return None
    if aggr is None:
        return torch.stack(xs, dim=1)
    if len(xs) == 1:
        return xs[0]
    if aggr == "cat":
        return torch.cat(xs, dim=-1)
    if aggr in ("sum", "mean"):  # needs no stack
        total = reduce(torch.add, xs)
        return total if aggr == "sum" else total / len(xs)
    out = _OVER_STACK[aggr](torch.stack(xs), dim=0)
    return out if isinstance(out, Tensor) else out[0]


class HeteroConv(Module):
    r"""Runs a layer for each type of edge, and combines what arrives at each type of node.

    .. math::
        \mathbf{X}^{\prime}_t = \bigoplus_{r = (s, \cdot, t)} f_r (\mathbf{X}_s, \mathbf{X}_t, \mathbf{E}_r)

    Sums and means of `SAGEConv` and `GraphConv` are computed together: messages of all relations in one pass, and one
    product for all layers that end at a node type. Layers with hooks, or with methods of their own, are called one by
    one, as all others are.

    Args:
        convs: layers by edge type (source, relation, destination).
        aggr: how to combine: `"sum"`, `"mean"`, `"min"`, `"max"`, `"mul"`, `"cat"`, or None for a stack (N, R, F).

    Forward:
        args, kwargs: the arguments of the layers as dictionaries, by position or by name with `_dict` at its end: by
            edge type (`edge_index_dict`, `edge_attr_dict`), or by node type (`x_dict`), of which a layer gets the one
            value, or the pair of source and destination where their types differ.

    Returns:
        features by node type, of those at which some layer ended: one without edges is left out.

    Raises:
        GraphValueError: for a layer that adds self-loops between different types, an unknown `aggr`, or a keyword
            without `_dict`.

    Example:
        >>> from grapevine.nn.conv import SAGEConv
        >>> rates, rated = ("user", "rates", "item"), ("item", "rated_by", "user")
        >>> conv = HeteroConv({rates: SAGEConv((3, 4), 2), rated: SAGEConv((4, 3), 2)})
        >>> edges = torch.tensor([[0, 1], [0, 0]])
        >>> out = conv({"user": torch.ones(2, 3), "item": torch.ones(1, 4)}, {rates: edges, rated: edges.flip(0)})
        >>> {node_type: list(x.shape) for node_type, x in out.items()}
        {'item': [1, 2], 'user': [2, 2]}
    """

    def __init__(self, convs: Mapping[EdgeType, Module], aggr: str | None = "sum") -> None:
        super().__init__()
        for edge_type, module in convs.items():
            check_add_self_loops(module, [edge_type])
        if aggr is not None and aggr not in _AGGRS:
            raise GraphValueError(f"expected aggr among {', '.join(_AGGRS)} or None, got {aggr!r}")
        unused = {edge_type[0] for edge_type in convs} - {edge_type[-1] for edge_type in convs}
        if unused:
            warnings.warn(
                f"the node types {sorted(unused)} are the destination of no edge type, so that their features are not "
                "updated; add reverse edge types with ToUndirected()",
                stacklevel=2,
            )
        self.convs = ModuleDict(convs)
        self.aggr = aggr

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for conv in self.convs.values():
            conv.reset_parameters()  # type: ignore[operator]

    def forward(self, *args_dict: Mapping[Any, Any], **kwargs_dict: Mapping[Any, Any]) -> dict[str, Tensor]:
        for name in kwargs_dict:
            if not name.endswith("_dict"):
                raise GraphValueError(
                    f"expected keywords that end in '_dict', got {name!r}; pass {name}_dict={{...}}"
                )
        calls = self._calls(args_dict, kwargs_dict)
        if self.aggr in ("sum", "mean") and not computes_now():
            return self._added(calls)
        outs: dict[str, list[Tensor]] = {}
        for node_type, conv, args, kwargs in calls:
            outs.setdefault(node_type, []).append(conv(*args, **kwargs))
        return {node_type: group(xs, self.aggr) for node_type, xs in outs.items()}  # type: ignore[misc]

    def _calls(
        self, args_dict: Sequence[Mapping[Any, Any]], kwargs_dict: Mapping[str, Mapping[Any, Any]]
    ) -> Iterator[tuple[str, Module, list[Any], dict[str, Any]]]:
        """The layers that have edges: where each ends, and what it is called with."""
        given = [*args_dict, *kwargs_dict.values()]
        for edge_type, conv in self.convs.items():
            if not any(edge_type in values for values in given):
                continue
            found = [_of_type(values, edge_type) for values in args_dict]
            args = [value for is_there, value in found if is_there]
            named = {name: _of_type(values, edge_type) for name, values in kwargs_dict.items()}
            kwargs = {name[: -len("_dict")]: value for name, (is_there, value) in named.items() if is_there}
            yield edge_type[-1], conv, args, kwargs

    def _added(self, calls: Iterator[tuple[str, Module, list[Any], dict[str, Any]]]) -> dict[str, Tensor]:
        totals, count = Totals(), Counter[str]()
        for node_type, conv, args, kwargs in calls:
            totals.add(node_type, terms_of(conv, *args, **kwargs))
            count[node_type] += 1
        sums = totals.values()
        if self.aggr == "sum":
            return sums
        return {key: total / count[key] if count[key] > 1 else total for key, total in sums.items()}

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(num_relations={len(self.convs)})"


def _of_type(values: Mapping[Any, Any], edge_type: EdgeType) -> tuple[bool, Any]:
    """Whether there is a value for a layer on edges of this type, and which."""
    source, _, target = edge_type
    if edge_type in values:
        return True, values[edge_type]
    if source not in values and target not in values:
        return False, None
    if source == target:
        return True, values[source]
    return True, (values.get(source), values.get(target))
