"""`edge_program(order, code, leaves, how) -> (out, ties)`: any element-wise message, reduced without being stored.

    out[r, f] = reduce over the positions k of row r of  message(k, f)         how = sum, mean, max, min
    out[e, f] = message(e, f),  or its sums over `code.groups` groups of f     how = map

Args: `code` says how the message is computed from the leaves (see `Code`); `leaves` are `(M, S)` tensors of one
floating dtype, as `code.leaves` describes them.
Returns: `out` as `gather_reduce` does, or (E, F) or (E, groups) for map; `ties` for max and min, else None.
Sums run over k in ascending order, heavy rows in blocks, as in `gather_reduce`.

`edge_outputs(order, code, outputs, leaves) -> (out, ...)`: several sums, means and maps of one program (`Output` says
which), its leaves read and its common instructions run once where the backend can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.edge_program import cpu, reference, triton
from grapevine.ops.edge_program.code import INSTRUCTIONS, Code, Instruction, LeafSpec, Output
from grapevine.ops.order import Order

edge_program = Op(
    "edge_program",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)


def _one_by_one(run: Callable[..., tuple[Tensor, Any]]) -> Callable[..., tuple[Tensor, ...]]:
    """Several outputs by a program of its own for each."""

    def outputs(
        order: Order, code: Code, wanted: tuple[Output, ...], leaves: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        single = (replace(code, root=o.root, groups=o.groups if o.how == "map" else 0) for o in wanted)
        return tuple(run(order, c, leaves, o.how)[0] for c, o in zip(single, wanted, strict=True))

    return outputs


def _outputs_reasons(reasons: Callable[..., list[str]]) -> Callable[..., list[str]]:
    return lambda order, code, wanted, leaves: reasons(order, code, leaves, "")


edge_outputs = Op(
    "edge_outputs",
    Backend("cpu", cpu.outputs, _outputs_reasons(cpu.reasons)),
    Backend("triton", _one_by_one(triton.run), _outputs_reasons(triton.reasons)),
    Backend("reference", _one_by_one(reference.run), no_reasons),
)

__all__ = ["INSTRUCTIONS", "Code", "Instruction", "LeafSpec", "Output", "edge_outputs", "edge_program"]
