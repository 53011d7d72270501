"""`farthest_points(x, ptr, count, start) -> (sum of count,) int64`: points that cover each graph, farthest first.

Args: `x` (N, D) floating; in main memory, int64: `ptr` (G + 1,), graph g owns the points ptr[g] to ptr[g + 1] - 1;
`count` (G,), how many of its points to choose, at most all of them; `start` (G,), which of its points comes first.

Returns the chosen points, graph after graph, each in the order of choice: the one with the largest squared distance to
its nearest chosen one, of equal ones the first; none twice.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.farthest_points import cpu, reference

farthest_points = Op(
    "farthest_points", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
