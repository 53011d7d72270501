"""`extreme_backward(order, x, weight, x_on, weight_on, out, arg, grad) -> (grad_x, grad_weight)`: the gradient of max or min.

    grad_x[i, f]      = sum over (r, f) attained by an edge that reads row i:   grad[r, f] * w / ties[r, f]
    grad_weight[e, h] = sum over f of head h attained by edge e:                grad[r, f] * x / ties[r, f]

Ties share the gradient evenly, as torch's `amax` does. Args as in `gather_reduce`, whose `out` and `arg` come with them.
`grad_weight` is None without a weight; a weight must lie on the edges.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.extreme_backward import cpu, reference

extreme_backward = Op(
    "extreme_backward", Backend("cpu", cpu.run, cpu.reasons), Backend("reference", reference.run, no_reasons)
)
