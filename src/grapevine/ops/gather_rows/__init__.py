"""`gather_rows(x, index, empty) -> x[index]`: rows of a tensor, on the calling thread alone.

Args: `x` (N, ...), any dtype; `index` (n,) int64 in [0, N); `empty(shape, dtype)` gives the memory to write to, by
default fresh. Prefetch threads call it: torch's own gather would start a team of threads for each of them.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.gather_rows import cpu, reference

gather_rows = Op(
    "gather_rows", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
