"""Softmax over the edges of each row as edge programs: its maximum, its sum, its values.

The contract's 1e-16 is left out: beside a sum of at least 1 it is below half a unit in the last place, in any dtype.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.edge_program import triton as edge_program
from grapevine.ops.edge_program.code import Code, Instruction, LeafSpec
from grapevine.ops.order import Order


def reasons(order: Order, e: Tensor) -> list[str]:
    return _triton.reasons(e)


@lru_cache(maxsize=1024)
def _code(leaves: tuple[str, ...], steps: tuple[Instruction, ...], heads: int) -> Code:
    specs = tuple(LeafSpec(on, "full") for on in leaves)
    slots = len(specs) + len(steps)
    return Code(specs, (), steps, slots, slots - 1, heads)


def run(order: Order, e: Tensor) -> Tensor:
    heads, wide = e.shape[1], torch.promote_types(e.dtype, torch.float32)
    top, _ = edge_program.run(order, _code(("edge",), (), heads), [e], "max")
    power = (Instruction("sub", 2, (0, 1)), Instruction("exp", 3, (2,)))
    total, _ = edge_program.run(order, _code(("edge", "row"), power, heads), [e, top], "sum", wide)
    share = (Instruction("sub", 3, (0, 1)), Instruction("exp", 4, (3,)), Instruction("div", 5, (4, 2)))
    return edge_program.run(order, _code(("edge", "row", "row"), share, heads), [e, top, total], "map")[0]


def reasons_backward(order: Order, p: Tensor, grad: Tensor) -> list[str]:
    return _triton.reasons(p, grad)


def run_backward(order: Order, p: Tensor, grad: Tensor) -> Tensor:
    heads, wide = p.shape[1], torch.promote_types(p.dtype, torch.float32)
    product = (Instruction("mul", 2, (0, 1)),)
    mixed, _ = edge_program.run(order, _code(("edge", "edge"), product, heads), [p, grad], "sum", wide)
    rest = (Instruction("sub", 3, (1, 2)), Instruction("mul", 4, (0, 3)))
    return edge_program.run(order, _code(("edge", "edge", "row"), rest, heads), [p, grad, mixed], "map")[0]
