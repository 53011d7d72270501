"""Edge programs as Triton kernels, compiled once per program."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from grapevine.ops import _triton
from grapevine.ops.edge_program.code import Code, LeafSpec
from grapevine.ops.order import Order

#: Rows of more positions are cut into pieces of so many, which are reduced apart and combined in order.
HEAVY = 1024
#: Numbers of a tile, which one warp works on.
TILE = 512


def reasons(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> list[str]:
    return _triton.reasons(*leaves)


class Heavy:
    """The rows of an order that are cut into pieces.

    Attributes:
        rows: `(H,)` which they are.
        ptr: `(H + 1,)` the pieces of each, as compressed rows.
        owner: `(P,)` the row of every piece.
        first, last: `(P,)` its first position, and the one after its last.
    """

    def __init__(self, ptr: Tensor, rows: Tensor) -> None:
        parts = (ptr[rows + 1] - ptr[rows] + HEAVY - 1) // HEAVY
        self.rows = rows
        self.ptr = torch.nn.functional.pad(parts.cumsum(0), (1, 0))
        self.owner = rows.repeat_interleave(parts)
        nth = torch.arange(self.owner.numel(), device=ptr.device) - self.ptr[:-1].repeat_interleave(parts)
        self.first = ptr[self.owner] + (nth * HEAVY).to(ptr.dtype)
        self.last = torch.minimum(self.first + HEAVY, ptr[self.owner + 1])


_heavy = WeakTensorKeyDictionary()  # by an order's ptr, from which all of it follows


def heavy_rows(order: Order) -> Heavy | None:
    """The order's heavy rows, None where there are none; found once per order."""
    if order.ptr not in _heavy:
        rows = (order.ptr.diff() > HEAVY).nonzero().flatten()
        _heavy[order.ptr] = Heavy(order.ptr, rows) if rows.numel() else None
    found: Heavy | None = _heavy[order.ptr]
    return found


@lru_cache(maxsize=1024)
def _encoded(code: Code) -> dict[str, Any]:
    """The program as the kernels' compile-time arguments."""
    from grapevine.ops.edge_program.triton_kernel import static

    at = {slot: slot for slot in range(len(code.leaves) + len(code.constants))}
    steps = []
    for step in code.instructions:
        a, b, c = (at[slot] for slot in (step.args * 3)[:3])
        at[step.out] = len(at)
        steps.append((step.name, a, b, c))
    specs = tuple((leaf.on, leaf.mode, leaf.period, _stride(leaf, code.features)) for leaf in code.leaves)
    return {
        "SPECS": static(specs),
        "CONSTANTS": len(code.constants),
        "STEPS": static(tuple(steps)),
        "ROOT": at[code.root],
        "FEATURES": code.features,
    }


def _stride(leaf: LeafSpec, features: int) -> int:
    """Numbers in a row of the leaf."""
    sizes = {"full": features, "scalar": 1, "groups": features // leaf.period, "periodic": leaf.period}
    return sizes[leaf.mode]


@lru_cache(maxsize=1024)
def _constants(constants: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(constants or (0.0,), dtype=dtype, device=device)


def run(
    order: Order, code: Code, leaves: Sequence[Tensor], how: str, dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor | None]:
    """As the op's contract has it; `dtype` is the result's, where it is not the leaves'."""
    like = leaves[0]
    rows = order.num_edges if how == "map" else order.num_rows
    out = like.new_empty(rows, code.groups or code.features, dtype=dtype)
    ties = out.new_empty(out.shape, dtype=torch.int32) if how in ("max", "min") else None
    if out.numel() == 0 or code.features == 0:
        return out.zero_(), ties
    from grapevine.ops.edge_program import triton_kernel as kernels

    groups = 0 if code.groups == code.features else code.groups
    span = code.features // max(groups, 1)
    block = min(kernels.triton.next_power_of_2(span), 128)
    blocks = groups or -(-span // block)
    wide = torch.float64 if like.dtype is torch.float64 else torch.float32
    shape = {
        "BLOCK_F": block, "BLOCK_K": max(4, min(32, TILE // block)), "num_warps": 1,
        "STORE": kernels.DTYPES[out.dtype], "WIDE": kernels.DTYPES[wide],
        # Every instruction rounds by itself. Else a message that the backward pass of max computes anew, in another
        # program, might not be the one that was the largest.
        "enable_fp_fusion": False,
    }  # fmt: skip
    program = _encoded(code)
    given = (tuple(leaf.contiguous() for leaf in leaves), _constants(code.constants, like.dtype, like.device))
    ends = (order.perm, order.other)
    all_rows, heavy = (order.ptr, order.ptr[1:], None), heavy_rows(order)
    with _triton.on_device(like):
        if how == "map":
            kernels.map_kernel[order.num_rows, blocks](
                *given, *all_rows, *ends, out, **program, **shape, GROUPS=groups, LIMIT=HEAVY
            )
            if heavy is not None:
                pieces = (heavy.first, heavy.last, heavy.owner)
                kernels.map_kernel[heavy.owner.numel(), blocks](
                    *given, *pieces, *ends, out, **program, **shape, GROUPS=groups, LIMIT=None
                )
            return out, None
        kernels.reduce_kernel[order.num_rows, blocks](
            *given, order.ptr, *all_rows, *ends, None, out, ties,
            **program, **shape, HOW=how, BY_ROW=True, LIMIT=HEAVY,
        )  # fmt: skip
        if heavy is not None:
            pieces = (heavy.first, heavy.last, heavy.owner)
            part = out.new_empty(heavy.owner.numel(), code.features, dtype=wide)
            counts = None if ties is None else ties.new_empty(part.shape)
            kernels.reduce_kernel[heavy.owner.numel(), blocks](
                *given, order.ptr, *pieces, *ends, None, part, counts,
                **program, **shape, HOW="sum" if how == "mean" else how, BY_ROW=False, LIMIT=None,
            )  # fmt: skip
            copy = _encoded(Code((LeafSpec("edge", "full"),), (), (), 1, 0, code.features))
            kernels.reduce_kernel[heavy.rows.numel(), blocks](
                (part,), part, order.ptr, heavy.ptr, heavy.ptr[1:], heavy.rows, None, None, counts, out, ties,
                **copy, **shape, HOW=how, BY_ROW=True, LIMIT=None,
            )  # fmt: skip
    return out, ties
