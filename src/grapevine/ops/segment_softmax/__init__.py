"""`segment_softmax(order, e) -> p` and its derivative: a softmax over the edges of each row.

    p[e, h] = exp(x[e, h] - max) / (sum over the edges of the row of exp(x - max) + 1e-16)

`segment_softmax_backward(order, p, grad)` returns `p * (grad - sum over the row of p * grad)`.
The 1e-16 is torch_geometric's; after subtracting the maximum the sum is at least 1, so it changes no value in float32.
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.segment_softmax import cpu, reference, triton

segment_softmax = Op(
    "segment_softmax",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", triton.run, triton.reasons),
    Backend("reference", reference.run, no_reasons),
)
segment_softmax_backward = Op(
    "segment_softmax_backward",
    Backend("cpu", cpu.run_backward, cpu.reasons_backward),
    Backend("triton", triton.run_backward, triton.reasons_backward),
    Backend("reference", reference.run_backward, no_reasons),
)
