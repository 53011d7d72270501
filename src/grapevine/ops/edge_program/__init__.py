"""`edge_program(order, code, leaves, how) -> (out, ties)`: any element-wise message, reduced without being stored.

    out[r, f] = reduce over the positions k of row r of  message(k, f)         how = sum, mean, max, min
    out[e, f] = message(e, f),  or its sums over `code.groups` groups of f     how = map

Args: `code` says how the message is computed from the leaves (see `Code`); `leaves` are `(M, S)` tensors of one
floating dtype, as `code.leaves` describes them.
Returns: `out` as `gather_reduce` does, or (E, F) or (E, groups) for map; `ties` for max and min, else None.
Sums run over k in ascending order, heavy rows in blocks, as in `gather_reduce`.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.edge_program import cpu, reference
from grapevine.ops.edge_program.code import INSTRUCTIONS, Code, Instruction, LeafSpec

edge_program = Op(
    "edge_program", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)

__all__ = ["INSTRUCTIONS", "Code", "Instruction", "LeafSpec", "edge_program"]
