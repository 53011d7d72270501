"""`extreme_backward(order, x, weight, x_on, out, share, ties=None) -> (grad_x, grad_weight)`: of max and min.

A message attains an output where it equals it; `share` is the output's gradient over the number of messages that do, so
ties share evenly, as in torch's `amax`. Where those numbers are given, `share` is the gradient, still to be divided.

    x_on="other", order by source:
        grad_x[s, f] = sum over edges e = (s -> n) that attain out[n, f] of w[e] * share[n, f]
        grad_weight[e, h] = sum over f of head h attained by e of x[s, f] * share[n, f]
    x_on="edge", order by destination:
        grad_x[e, f] = share[n, f] where x[e, f] attains out[n, f]; no weight

Args: `x` (M, F); `weight` (E, K) on the edges or None; `out`, `share` (num_dst, F); `ties` int32 (num_dst, F) or None.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.extreme_backward import cpu, reference, triton

extreme_backward = Op(
    "extreme_backward",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
