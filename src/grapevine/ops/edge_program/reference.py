"""The specification: every slot is stored for every edge."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.ops.edge_program.code import INSTRUCTIONS, Code, spread
from grapevine.ops.gather_reduce.reference import reduced, split
from grapevine.ops.order import Order


def message(order: Order, code: Code, leaves: Sequence[Tensor]) -> Tensor:
    """The (E, F) messages in the order's sequence."""
    like = leaves[0]
    slots: list[Tensor] = []
    for leaf, spec in zip(leaves, code.leaves, strict=True):
        values = leaf if spec.on == "shared" else leaf.index_select(0, order.index_of(spec.on))
        slots.append(spread(values, spec, code.features))
    slots += [like.new_full((1, 1), c) for c in code.constants]
    slots += [like] * (code.slots - len(slots))
    for step in code.instructions:
        slots[step.out] = INSTRUCTIONS[step.name](*(slots[a] for a in step.args))
    return slots[code.root].expand(order.num_edges, code.features)


def run(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> tuple[Tensor, Tensor | None]:
    m = message(order, code, leaves)
    if how != "map":
        return reduced(order, m.contiguous(), how)
    if code.groups:
        m = split(m, code.groups).sum(-1)
    edges = order.edges()
    return torch.empty_like(m).index_copy_(0, edges, m), None
