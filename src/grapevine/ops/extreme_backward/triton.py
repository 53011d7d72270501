"""The gradient of max and min as edge programs: `where(message == out, share * ..., 0)`."""

from __future__ import annotations

from torch import Tensor

from grapevine.ops import _triton
from grapevine.ops.edge_program import triton as edge_program
from grapevine.ops.edge_program.code import Code, Instruction, LeafSpec
from grapevine.ops.gather_reduce.triton import per_group
from grapevine.ops.order import Order


def reasons(
    order: Order,
    x: Tensor,
    weight: Tensor | None,
    x_on: str,
    out: Tensor,
    share: Tensor,
    ties: Tensor | None = None,
) -> list[str]:
    return _triton.reasons(x, weight, out, share)


def run(
    order: Order,
    x: Tensor,
    weight: Tensor | None,
    x_on: str,
    out: Tensor,
    share: Tensor,
    ties: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    share = share if ties is None else share / ties.clamp(min=1)
    features = x.shape[1]
    if weight is None:
        mine, theirs = ("edge", "row") if x_on == "edge" else ("row", "other")
        specs = (LeafSpec(mine, "full"), LeafSpec(theirs, "full"), LeafSpec(theirs, "full"))
        steps = (Instruction("eq", 4, (0, 1)), Instruction("where", 5, (4, 2, 3)))
        code = Code(specs, (0.0,), steps, 6, 5, features)
        return edge_program.run(order, code, [x, out, share], "map" if x_on == "edge" else "sum")[0], None
    leaves, groups = [x, out, share, weight], weight.shape[1]
    both = [
        edge_program.run(order, _weighted(features, groups, factor, sums), leaves, how)[0]
        for factor, sums, how in ((3, 0, "sum"), (0, groups, "map"))
    ]
    return both[0], both[1]


def _weighted(features: int, groups: int, factor: int, sums: int) -> Code:
    """`where(weight * x == out, factor * share, 0)` for the leaves x, out, share, weight; `factor` is one of them."""
    specs = (LeafSpec("row", "full"), LeafSpec("other", "full"), LeafSpec("other", "full"))
    steps = (
        Instruction("mul", 5, (3, 0)),
        Instruction("round", 6, (5,)),
        Instruction("eq", 7, (6, 1)),
        Instruction("mul", 8, (factor, 2)),
        Instruction("where", 9, (7, 8, 4)),
    )
    return Code((*specs, per_group("edge", groups, features)), (0.0,), steps, 10, 9, features, sums)
