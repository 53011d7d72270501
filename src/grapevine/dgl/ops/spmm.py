"""Messages and their reduction in one step: `copy_u_sum`, `u_mul_e_max` and their relatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.core import finite
from grapevine.dgl.function.algebra import lowered, message
from grapevine.dgl.structure import GraphStructure
from grapevine.edges import Edges

_OPS = ("add", "sub", "mul", "div", "copy_u", "copy_e")
_NAMES = [
    f"{op if op[:4] == 'copy' else f'u_{op}_e'}_{how}" for op in _OPS for how in ("sum", "max", "min", "mean")
]
__all__ = ["gspmm", *_NAMES]


def gspmm(g: GraphStructure, op: str, reduce_op: str, lhs_data: Any, rhs_data: Any) -> Any:
    """Messages of source and edge features, reduced at the destinations.

        x_v = reduce over edges e = (u -> v) of op(x_u, x_e)

    Args:
        g: the graph.
        op: add, sub, mul, div, copy_lhs (the source feature alone) or copy_rhs (the edge feature alone).
        reduce_op: sum, max, min or mean.
        lhs_data: `(N_src, ...)` source features; in a graph of several edge types, a list by node type id. None where
            `op` does not need it.
        rhs_data: `(E, ...)` edge features; in a graph of several edge types, a list by edge type id.

    Returns:
        `(N_dst, ...)`; zero for nodes that nobody sends to. In a graph of several edge types, a tuple by node type id
        (None for types that receive nothing), messages of all types reduced together.

    Raises:
        DGLError: if the features' rows cannot be broadcast, for an unknown op, for the mean over several edge types.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 1]))
        >>> gspmm(g, "mul", "sum", torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([ 0., 11.])
    """
    if len(g._relations) == 1:
        relation = g._relations[0]
        return relation.reduce(_messages(relation, op, lhs_data, rhs_data), reduce_op)
    if reduce_op == "mean":
        raise DGLError(
            "the mean over several edge types at once is not defined; use multi_update_all instead"
        )
    found: dict[int, list[Tensor]] = {}
    for type_id, relation in enumerate(g._relations):
        src_id, dst_id = g._schema.ends[type_id]
        x = None if lhs_data is None else lhs_data[src_id]
        y = None if rhs_data is None else rhs_data[type_id]
        if x is None and y is None:
            continue
        out = relation.reduce(_messages(relation, op, x, y), reduce_op)
        if reduce_op != "sum":
            worst = float("-inf") if reduce_op == "max" else float("inf")
            empty = (relation.in_degrees() == 0).view(-1, *[1] * (out.dim() - 1))
            out = out.masked_fill(empty, worst)
        found.setdefault(dst_id, []).append(out)
    return tuple(_joined(found[i], reduce_op) if i in found else None for i in range(len(g._schema.ntypes)))


def _messages(relation: Edges, op: str, x: Any, y: Any) -> Tensor:
    if op == "copy_lhs":
        return relation.src(lowered(x))
    if op == "copy_rhs":
        return lowered(y)  # stored as it is, so there is nothing to record
    if op not in ("add", "sub", "mul", "div"):
        raise DGLError(f"unknown op {op!r}; choose one of add, sub, mul, div, copy_lhs, copy_rhs")
    return message(relation, op, x, y, "u", "e")


def _joined(rows: Sequence[Tensor], how: str) -> Tensor:
    if how == "sum":
        return rows[0] if len(rows) == 1 else torch.stack(list(rows)).sum(0)
    stacked = torch.stack(list(rows))
    return finite((stacked.max(0) if how == "max" else stacked.min(0)).values)


def _binary(op: str, how: str) -> Callable[[GraphStructure, Any, Any], Any]:
    def function(g: GraphStructure, x: Any, y: Any) -> Any:
        return gspmm(g, op, how, x, y)

    function.__name__ = function.__qualname__ = f"u_{op}_e_{how}"
    function.__doc__ = f"""The {how} over incoming edges of `{op}` of source and edge feature; zero for nodes without.

    Args:
        g: the graph.
        x: `(N_src, ...)` source features.
        y: `(E, ...)` edge features.
    """
    return function


def _copy(of: str, how: str) -> Callable[[GraphStructure, Any], Any]:
    def function(g: GraphStructure, x: Any) -> Any:
        return gspmm(g, "copy_lhs", how, x, None) if of == "u" else gspmm(g, "copy_rhs", how, None, x)

    rows = "`(N_src, ...)` source" if of == "u" else "`(E, ...)` edge"
    function.__name__ = function.__qualname__ = f"copy_{of}_{how}"
    function.__doc__ = f"""The {how} of features over incoming edges; zero for nodes without.

    Args:
        g: the graph.
        x: {rows} features.
    """
    return function


u_add_e_sum, u_add_e_max = _binary("add", "sum"), _binary("add", "max")
u_add_e_min, u_add_e_mean = _binary("add", "min"), _binary("add", "mean")
u_sub_e_sum, u_sub_e_max = _binary("sub", "sum"), _binary("sub", "max")
u_sub_e_min, u_sub_e_mean = _binary("sub", "min"), _binary("sub", "mean")
u_mul_e_sum, u_mul_e_max = _binary("mul", "sum"), _binary("mul", "max")
u_mul_e_min, u_mul_e_mean = _binary("mul", "min"), _binary("mul", "mean")
u_div_e_sum, u_div_e_max = _binary("div", "sum"), _binary("div", "max")
u_div_e_min, u_div_e_mean = _binary("div", "min"), _binary("div", "mean")
copy_u_sum, copy_u_max = _copy("u", "sum"), _copy("u", "max")
copy_u_min, copy_u_mean = _copy("u", "min"), _copy("u", "mean")
copy_e_sum, copy_e_max = _copy("e", "sum"), _copy("e", "max")
copy_e_min, copy_e_mean = _copy("e", "min"), _copy("e", "mean")
