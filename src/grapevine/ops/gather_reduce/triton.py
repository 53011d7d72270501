"""Gather, scale and reduce as an edge program of one instruction."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.edge_program import triton as edge_program
from grapevine.ops.edge_program.code import Code, Instruction, LeafSpec
from grapevine.ops.order import Order


def reasons(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> list[str]:
    return _triton.reasons(x, weight)


def per_group(on: str, groups: int, features: int) -> LeafSpec:
    """How a leaf with one number for each group of features is read."""
    if groups == features:
        return LeafSpec(on, "full")
    return LeafSpec(on, "scalar") if groups == 1 else LeafSpec(on, "groups", features // groups)


@lru_cache(maxsize=1024)
def _scaled(features: int, groups: int, x_on: str, weight_on: str) -> Code:
    leaves = (LeafSpec(x_on, "full"), per_group(weight_on, groups, features))
    return Code(leaves, (), (Instruction("mul", 2, (0, 1)),), 3, 2, features)


def run(
    order: Order, x: Tensor, weight: Tensor | None, x_on: str, weight_on: str, reduce: str
) -> tuple[Tensor, Tensor | None]:
    features = x.shape[1]
    if weight is None:
        return edge_program.run(order, Code((LeafSpec(x_on, "full"),), (), (), 1, 0, features), [x], reduce)
    return edge_program.run(order, _scaled(features, weight.shape[1], x_on, weight_on), [x, weight], reduce)
