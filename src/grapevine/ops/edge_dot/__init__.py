"""`edge_dot(order, a, b, heads, b_on) -> (E, heads)`: a dot product per edge and head.

    out[e, h] = sum over f of head h:  a[row(e), f] * b[i, f],   i = e where b_on is "edge", else the other end of e

Args: `a` (R, F) rows of the order's nodes; `b` (M, F); `heads` divides F. The derivative of a weighted sum with respect
to its weights.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.edge_dot import cpu, reference, triton

edge_dot = Op(
    "edge_dot",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
