"""`sort_rows(index, num_rows) -> (ptr, perm)`: stable counting sort of edges by one endpoint.

Args: `index` (E,) int64 in [0, num_rows). Returns `ptr` (num_rows + 1,) and `perm` (E,), int32 below 2^31, else int64;
`perm` is None where the index was sorted already.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.sort_rows import cpu, reference, triton

sort_rows = Op(
    "sort_rows",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
