"""`gather_file(array, index) -> (n, ...)`: rows of a `numpy.memmap`, read in the order of the file.

Args: `array` (N, ...) a whole memory-mapped array; `index` (n,) int64 in [0, N). The compiled backend reads the file
itself: what is read never counts as memory of the process, as pages of a mapping do.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.gather_file import cpu, reference

gather_file = Op(
    "gather_file", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
