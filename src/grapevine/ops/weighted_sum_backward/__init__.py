"""`weighted_sum_backward(order, grad, weight, x) -> (grad_x, grad_weight)`: a weighted sum's derivative in one pass.

For `out[n, f] = sum over the edges e from r to n of weight[e, f // (F / K)] * x[r, f]`, edges grouped by r:

    grad_x[r, f]      = sum over positions k of row r:  weight[e(k), f // (F / K)] * grad[other(k), f]
    grad_weight[e, k] = sum over f of group k:          x[r, f] * grad[other, f]

Args: `grad` (N, F); `weight` (E, K) with K dividing F; `x` (R, F).
Each row of `grad` is read once for both. Sums are blocked as those of `gather_reduce` are.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.weighted_sum_backward import cpu, reference, triton

weighted_sum_backward = Op(
    "weighted_sum_backward",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
