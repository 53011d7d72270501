"""A dot product per edge as an edge program: a product, summed over each head's features."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.edge_program import triton as edge_program
from grapevine.ops.edge_program.code import Code, Instruction, LeafSpec
from grapevine.ops.order import Order


def reasons(order: Order, a: Tensor, b: Tensor, heads: int, b_on: str) -> list[str]:
    return _triton.reasons(a, b)


def run(order: Order, a: Tensor, b: Tensor, heads: int, b_on: str) -> Tensor:
    leaves = (LeafSpec("row", "full"), LeafSpec(b_on, "full"))
    code = Code(leaves, (), (Instruction("mul", 2, (0, 1)),), 3, 2, a.shape[1], heads)
    return edge_program.run(order, code, [a, b], "map")[0]
