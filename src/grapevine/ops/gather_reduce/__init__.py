"""`gather_reduce(order, x, weight, x_on, weight_on, reduce) -> (out, ties)`: gather, scale and reduce in one pass.

    out[r, f] = reduce over positions k of row r:  weight[wi(k), f // (F / K)] * x[xi(k), f]

`x_on` and `weight_on` say what the rows of x and weight belong to: `"other"` (the opposite node, `order.other[k]`) or
`"edge"` (the edge, `order.perm[k]`). So copying node rows, copying edge rows, scaling by edge, by head or by feature,
and a mean's derivative are one kernel.

Args: `x` (M, F); `weight` (M', K) with K dividing F, or None; `reduce` one of sum, mean, max, min.
Returns: `out` (R, F), zero for empty rows; for max and min also `ties` (R, F) int32, how many messages attain it;
else None.
Sums run over k in ascending order, in accumulators of at least float32; rows of more than 4,096 positions are cut into
blocks of 4,096 whose partial results are combined in order, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.gather_reduce import cpu, reference, triton

gather_reduce = Op(
    "gather_reduce",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
