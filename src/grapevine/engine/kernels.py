"""The kernels with derivatives of any order: each backward is written with the same few functions.

    gather      rows of nodes -> rows of edges        derivative: sum over the edges of a node
    reduce_sum  (weighted) sum or mean of node rows   derivative: the same along the reversed edges, and `dot`
    segment     reduction of edge rows                derivative: gather
    dot         a number per edge and head            derivative: two weighted sums
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from grapevine import ops
from grapevine.ops.gather_reduce.reference import messages
from grapevine.topology import Topology


def flat(x: Tensor) -> Tensor:
    """`(N, ...)` as `(N, F)`."""
    return x if x.dim() == 2 else x.reshape(x.shape[0], x[0].numel() if x.shape[0] else x.shape[1:].numel())


class Gather(torch.autograd.Function):
    """`out[e] = x[src(e)]`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, topology: Topology) -> Tensor:
        ctx.topology = topology
        return x.index_select(0, topology.src_index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return segment_sum(ctx.topology.reverse(), grad), None


def gather(topology: Topology, x: Tensor) -> Tensor:
    """The source's row for every edge, `(E, ...)`."""
    return Gather.apply(x, topology)


class SegmentSum(torch.autograd.Function):
    """`out[n] = sum (or mean) of m[e] over the edges e that arrive at n`."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, topology: Topology, reduce: str) -> Tensor:
        ctx.topology, ctx.reduce = topology, reduce
        out, _ = ops.gather_reduce(topology.by_dst, flat(m), None, "edge", "edge", reduce)
        return out.view(topology.num_dst, *m.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        topology = ctx.topology
        if ctx.reduce == "mean":
            grad = grad * inverse_degrees(topology, grad).view(-1, *[1] * (grad.dim() - 1))
        return gather(topology.reverse(), grad), None, None


def segment_sum(topology: Topology, m: Tensor) -> Tensor:
    """Sum of edge rows at their destinations."""
    return SegmentSum.apply(m, topology, "sum")


def inverse_degrees(topology: Topology, like: Tensor) -> Tensor:
    """`(num_dst,)`: one over the in-degree, one for nodes without edges."""
    return topology.derived(
        ("inverse_degrees", like.dtype), lambda: topology.in_degrees().clamp(min=1).to(like.dtype).reciprocal()
    )


class ReduceSum(torch.autograd.Function):
    """`out[n, h, d] = scale(n) * sum of w[e, h] * x[src(e), h, d]`; `scale` is 1 or one over the degree.

    `spread` is the transposed mean: each source's row is divided by that source's out-degree first.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, topology: Topology, reduce: str) -> Tensor:
        ctx.topology, ctx.reduce = topology, reduce
        ctx.save_for_backward(x, weight)
        order = topology.by_dst
        if reduce == "spread":
            scale = inverse_degrees(topology.reverse(), x).unsqueeze(1)
            out, _ = ops.gather_reduce(order, x, scale, "other", "other", "sum")
        else:
            out, _ = ops.gather_reduce(order, x, weight, "other", "edge", reduce)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        topology, back = ctx.topology, ctx.topology.reverse()
        grad_x = grad_w = None
        if weight is None:
            transposed = {"sum": "sum", "mean": "spread", "spread": "mean"}[ctx.reduce]
            if ctx.needs_input_grad[0]:
                grad_x = ReduceSum.apply(grad, None, back, transposed)
            return grad_x, None, None, None
        if ctx.reduce == "mean":
            grad = grad * inverse_degrees(topology, grad).unsqueeze(1)
        if ctx.needs_input_grad[0]:
            grad_x = ReduceSum.apply(grad, weight, back, "sum")
        if ctx.needs_input_grad[1]:
            grad_w = Dot.apply(grad, x, topology, weight.shape[1])
        return grad_x, grad_w, None, None


class Dot(torch.autograd.Function):
    """`out[e, h] = sum over d of a[dst(e), h, d] * b[src(e), h, d]`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, topology: Topology, heads: int) -> Tensor:
        ctx.topology = topology
        ctx.save_for_backward(a, b)
        return ops.edge_dot(topology.by_dst, a, b, heads, "other")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        a, b = ctx.saved_tensors
        topology = ctx.topology
        grad_a = ReduceSum.apply(b, grad, topology, "sum") if ctx.needs_input_grad[0] else None
        grad_b = ReduceSum.apply(a, grad, topology.reverse(), "sum") if ctx.needs_input_grad[1] else None
        return grad_a, grad_b, None, None


class Extreme(torch.autograd.Function):
    """`out[n] = max (or min) of w[e] * x[i]` over the edges of n; `i` is the source, or the edge itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, topology: Topology, reduce: str, x_on: str) -> Tensor:
        out, arg = ops.gather_reduce(topology.by_dst, x, weight, x_on, "edge", reduce)
        ctx.topology, ctx.x_on = topology, x_on
        ctx.save_for_backward(x, weight, out, arg)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        x, weight, out, arg = ctx.saved_tensors
        grad_x, grad_w = ExtremeBackward.apply(grad, x, weight, out, arg, ctx.topology, ctx.x_on)
        return grad_x, grad_w, None, None, None


class ExtremeBackward(torch.autograd.Function):
    """The gradient of `Extreme`; its own derivative takes the plain way, message by message."""

    @staticmethod
    def forward(
        ctx: Any,
        grad: Tensor,
        x: Tensor,
        weight: Tensor | None,
        out: Tensor,
        arg: Tensor,
        topology: Topology,
        x_on: str,
    ) -> tuple[Tensor, Tensor | None]:
        ctx.topology, ctx.x_on = topology, x_on
        ctx.save_for_backward(grad, x, weight, out)
        grads: tuple[Tensor, Tensor | None] = ops.extreme_backward(
            topology.by_dst, x, weight, x_on, "edge", out, arg, grad
        )
        return grads

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gx: Tensor, gw: Tensor | None) -> tuple[Tensor | None, ...]:
        grad, x, weight, out = ctx.saved_tensors
        order = ctx.topology.by_dst
        with torch.enable_grad():
            inputs = [t.detach().requires_grad_() for t in (grad, x, weight) if t is not None]
            free = dict(zip(("grad", "x", "weight"), inputs, strict=False))
            m = messages(order, free["x"], free.get("weight"), ctx.x_on, "edge")
            rows = order.rows()
            mask = (m.detach() == out.index_select(0, rows)).to(grad.dtype)
            ties = torch.zeros_like(grad).index_add_(0, rows, mask).clamp(min=1)
            value = (m * mask * (free["grad"] / ties).index_select(0, rows)).sum()
            firsts = torch.autograd.grad(value, inputs[1:], create_graph=True)
            total = (firsts[0] * gx).sum()
            if weight is not None and gw is not None:
                total = total + (firsts[1] * gw).sum()
            found = torch.autograd.grad(total, inputs, allow_unused=True)
        third = found[2] if weight is not None else None
        return found[0], found[1], third, None, None, None, None


class Softmax(torch.autograd.Function):
    """A softmax over the edges that arrive at each node."""

    @staticmethod
    def forward(ctx: Any, e: Tensor, topology: Topology) -> Tensor:
        p: Tensor = ops.segment_softmax(topology.by_dst, e)
        ctx.topology = topology
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (p,) = ctx.saved_tensors
        topology = ctx.topology
        if not torch.is_grad_enabled():
            return ops.segment_softmax_backward(topology.by_dst, p, grad), None
        mixed = segment_sum(topology, p * grad)
        return p * (grad - gather(topology.reverse(), mixed)), None


def reduce_source(topology: Topology, x: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduces `w[e] * x[src(e)]` at the destinations without storing the messages.

    Args:
        x: `(num_src, ...)`.
        weight: `(E, K)` with K dividing the features of a row, or None.
        reduce: sum, mean, max or min.
    """
    rows = flat(x)
    if reduce in ("sum", "mean"):
        out = ReduceSum.apply(rows, weight, topology, reduce)
    else:
        out = Extreme.apply(rows, weight, topology, reduce, "other")
    return out.view(topology.num_dst, *x.shape[1:])


def reduce_edges(topology: Topology, m: Tensor, reduce: str) -> Tensor:
    """Reduces stored messages `(E, ...)` at the destinations."""
    if reduce in ("sum", "mean"):
        return SegmentSum.apply(m, topology, reduce)
    return Extreme.apply(flat(m), None, topology, reduce, "edge").view(topology.num_dst, *m.shape[1:])


def softmax(topology: Topology, e: Tensor) -> Tensor:
    """Softmax of `(E, ...)` scores over the edges of each destination."""
    return Softmax.apply(flat(e), topology).view(e.shape)
