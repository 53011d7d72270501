"""`attention(order, scores, x) -> (out, norm)`: a softmax over each row's edges and the sum it weighs, in one pass.

    p[e, h]   = exp(scores[e, h] - max) / (sum over the edges of the row of exp(scores - max) + 1e-16)
    out[r, f] = sum over positions k of row r:  p[e(k), f // (F / H)] * x[other(k), f]

Args: `scores` (E, H) with H dividing F; `x` (M, F).
Returns: `out` (R, F); `norm` (R, H), at least float32: the logarithm of each row's sum of exponentials.

`attention_backward(order, grad, out, scores, norm, x) -> (grad_x, grad_scores)` is its derivative, `order` that of the
reversed edges. It finds the weights again, as exp(scores - norm), so none were kept, and reads each row of `grad` once:

    grad_x[r, f]      = sum over positions k of row r:  p[e(k), f // (F / H)] * grad[other(k), f]
    grad_scores[e, h] = p[e, h] * (sum over f of group h of grad[n, f] * (x[r, f] - out[n, f]))     edge e from r to n

Source: the derivative as in "FlashAttention" (arXiv:2205.14135).
"""

from __future__ import annotations

from grapevine.ops._backend import Backend, Op, no_reasons
from grapevine.ops.attention import composed, cpu

attention = Op(
    "attention",
    Backend("cpu", cpu.run, cpu.reasons),
    Backend("triton", composed.run, composed.reasons),
    Backend("reference", composed.run, no_reasons),
)
attention_backward = Op(
    "attention_backward",
    Backend("cpu", cpu.run_backward, cpu.reasons_backward),
    Backend("triton", composed.run_backward, composed.reasons_backward),
    Backend("reference", composed.run_backward, no_reasons),
)
