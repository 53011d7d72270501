"""The engine: lazy edge tensors, the op table, the planner's rules, and the plan one can read."""

from grapevine.engine.edge_tensor import EdgeTensor, in_scope, materialise, read, scope
from grapevine.engine.mode import (
    computes_now,
    is_materialised,
    is_small,
    materialised,
    memory_budget,
    must_be_plain,
    recorded,
)
from grapevine.engine.plan import Plan, Step, plan
from grapevine.engine.planner import edge_values, reduce, softmax
from grapevine.engine.tree import Side

__all__ = [
    "EdgeTensor",
    "Plan",
    "Side",
    "Step",
    "computes_now",
    "edge_values",
    "in_scope",
    "is_materialised",
    "is_small",
    "materialise",
    "materialised",
    "memory_budget",
    "must_be_plain",
    "plan",
    "read",
    "recorded",
    "reduce",
    "scope",
    "softmax",
]
