"""Edge features from the features of both ends: `u_dot_v`, `e_mul_u`, `copy_v` and their relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.function.algebra import OPERATIONS, READ, lowered, message, stored
from grapevine.dgl.structure import GraphStructure
from grapevine.edges import Edges
from grapevine.engine import kernels
from grapevine.engine.incidence import incidence
from grapevine.engine.mode import records
from grapevine.engine.plan import note
from grapevine.engine.planner import FLOATS

_NAMES = [
    f"{x}_{op}_{y}" for x in "uve" for y in "uve" if x != y for op in ("add", "sub", "mul", "div", "dot")
]
__all__ = ["copy_e", "copy_u", "copy_v", "gsddmm", *_NAMES]


def gsddmm(
    g: GraphStructure, op: str, lhs_data: Any, rhs_data: Any, lhs_target: str = "u", rhs_target: str = "v"
) -> Any:
    """One value per edge from two operands.

        x_e = op(x_lhs, x_rhs)    for every edge e = (u -> v)

    Args:
        g: the graph.
        op: add, sub, mul, div, dot, copy_lhs or copy_rhs.
        lhs_data: one row per source, destination or edge; in a graph of several edge types, a list by type id. None
            where `op` does not need it.
        rhs_data: likewise.
        lhs_target: where `lhs_data` lives: `u` (source), `v` (destination) or `e` (edge).
        rhs_target: where `rhs_data` lives.

    Returns:
        `(E, ...)`; the last axis is one for dot. In a graph of several edge types, a tuple by edge type id.

    Raises:
        DGLError: if the operands' rows cannot be broadcast, or for an unknown op.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 1]))
        >>> gsddmm(g, "add", torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([5., 6.])
    """
    if len(g._relations) == 1:
        return _on(g._relations[0], op, lhs_data, rhs_data, lhs_target, rhs_target)
    ends = enumerate(zip(g._relations, g._schema.ends))
    return tuple(
        _on(
            relation,
            op,
            None if op == "copy_rhs" else lhs_data[_place(lhs_target, pair, type_id)],
            None if op == "copy_lhs" else rhs_data[_place(rhs_target, pair, type_id)],
            lhs_target,
            rhs_target,
        )
        for type_id, (relation, pair) in ends
    )


def _place(target: str, pair: tuple[int, int], type_id: int) -> int:
    """Where in a list by type the operand of a relation stands."""
    return type_id if target == "e" else pair[0 if target == "u" else 1]


def _on(relation: Edges, op: str, x: Any, y: Any, x_target: str, y_target: str) -> Tensor:
    if op == "copy_lhs":
        m = READ[x_target](relation, lowered(x))
    elif op == "copy_rhs":
        m = READ[y_target](relation, lowered(y))
    elif op in OPERATIONS:
        given = _edge_by_edge(relation, x, y, x_target, y_target) if op == "dot" else None
        if given is not None:
            return given
        m = message(relation, op, x, y, x_target, y_target)
    else:
        raise DGLError(f"unknown op {op!r}; choose one of {', '.join(OPERATIONS)}, copy_lhs, copy_rhs")
    return stored(relation, m)


def _edge_by_edge(relation: Edges, x: Tensor, y: Tensor, x_target: str, y_target: str) -> Tensor | None:
    """`e_dot_v` and its like, as the planner has it; None where the planner has to see the message.

    On a graph that serves once the recording would cost as much as the products.
    """
    if y_target == "e":
        x, y, x_target, y_target = y, x, y_target, x_target
    if x_target != "e" or x.shape[1:] != y.shape[1:] or x.dim() < 2 or not y.numel():
        return None
    plain = x.dtype is y.dtype and x.dtype in FLOATS and x.device == y.device == relation.device
    rows = relation.num_edges, relation.num_dst if y_target == "v" else relation.num_src
    fits = (x.shape[0], y.shape[0]) == rows
    if not (plain and fits and records(x, rows[0]) and records(y, rows[0])) or x.is_cuda:
        return None
    joined = incidence(relation, y_target == "v")
    out = kernels.dot(joined, kernels.flat(x), kernels.flat(y), x.shape[1:-1].numel())
    note("kernel", "edges", (*x.shape[:-1], 1), "edge_dot", out)
    return out.view(*x.shape[:-1], 1)


def copy_u(g: GraphStructure, x: Any) -> Any:
    """The source's row for every edge: `(N_src, ...)` -> `(E, ...)`."""
    return gsddmm(g, "copy_lhs", x, None)


def copy_v(g: GraphStructure, x: Any) -> Any:
    """The destination's row for every edge: `(N_dst, ...)` -> `(E, ...)`."""
    return gsddmm(g, "copy_rhs", None, x)


def copy_e(g: GraphStructure, x: Any) -> Any:
    """The edge features themselves."""
    return x


_ENDS = {"u": "`(N_src, ...)` source", "v": "`(N_dst, ...)` destination", "e": "`(E, ...)` edge"}


def _binary(lhs: str, op: str, rhs: str) -> Callable[[GraphStructure, Any, Any], Any]:
    def function(g: GraphStructure, x: Any, y: Any) -> Any:
        return gsddmm(g, op, x, y, lhs_target=lhs, rhs_target=rhs)

    function.__name__ = function.__qualname__ = f"{lhs}_{op}_{rhs}"
    function.__doc__ = f"""One value per edge: `{op}` of two features, rows broadcast.

    Args:
        g: the graph.
        x: {_ENDS[lhs]} features.
        y: {_ENDS[rhs]} features.
    """
    return function


u_add_v, u_sub_v, u_mul_v = _binary("u", "add", "v"), _binary("u", "sub", "v"), _binary("u", "mul", "v")
u_div_v, u_dot_v = _binary("u", "div", "v"), _binary("u", "dot", "v")
u_add_e, u_sub_e, u_mul_e = _binary("u", "add", "e"), _binary("u", "sub", "e"), _binary("u", "mul", "e")
u_div_e, u_dot_e = _binary("u", "div", "e"), _binary("u", "dot", "e")
v_add_u, v_sub_u, v_mul_u = _binary("v", "add", "u"), _binary("v", "sub", "u"), _binary("v", "mul", "u")
v_div_u, v_dot_u = _binary("v", "div", "u"), _binary("v", "dot", "u")
v_add_e, v_sub_e, v_mul_e = _binary("v", "add", "e"), _binary("v", "sub", "e"), _binary("v", "mul", "e")
v_div_e, v_dot_e = _binary("v", "div", "e"), _binary("v", "dot", "e")
e_add_u, e_sub_u, e_mul_u = _binary("e", "add", "u"), _binary("e", "sub", "u"), _binary("e", "mul", "u")
e_div_u, e_dot_u = _binary("e", "div", "u"), _binary("e", "dot", "u")
e_add_v, e_sub_v, e_mul_v = _binary("e", "add", "v"), _binary("e", "sub", "v"), _binary("e", "mul", "v")
e_div_v, e_dot_v = _binary("e", "div", "v"), _binary("e", "dot", "v")
