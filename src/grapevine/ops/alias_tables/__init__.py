"""`alias_tables(ptr, weight) -> (E,) int64`: tables for draws in proportion to weight, in constant time (Vose).

Args: `ptr` (R + 1,) int32 or int64 rows, `weight` (E,) float32, not negative. Each number holds a threshold (lower 32
bits, of 2^32) and the slot within the row to go to above it (upper 32 bits; all ones: the row has no weight).
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.alias_tables import cpu, reference

alias_tables = Op(
    "alias_tables", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
