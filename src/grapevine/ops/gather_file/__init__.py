"""`gather_file(array, index, empty, cache) -> (n, ...)`: rows of a `numpy.memmap`, read in the order of the file.

Args: `array` (N, ...) a whole memory-mapped array; `index` (n,) int64 in [0, N); `empty(shape, dtype)` gives the memory
to write to, by default fresh; `cache`, from `row_cache(array, num_bytes)`, keeps the rows that are asked for most.
The compiled backend reads the file itself: what is read never counts as memory of the process, as mapped pages do.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.gather_file import cpu, reference
from grapevine.ops.gather_file.cpu import row_cache

__all__ = ["gather_file", "row_cache"]

gather_file = Op(
    "gather_file", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
