"""The kernels with derivatives of any order: each backward is written with the same few functions.

gather      rows of nodes -> rows of edges        derivative: sum over the edges of a node
reduce_sum  (weighted) sum or mean of node rows   derivative: the same along the reversed edges, and `dot`
segment     reduction of edge rows                derivative: gather
dot         a number per edge and head            derivative: two weighted sums
softmax     over the edges of a node              derivative: weighted by the same numbers
attention   softmax and weighted sum              derivative: one pass along the reversed edges
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from grapevine import ops
from grapevine.ops._core import is_transformed
from grapevine.topology import Topology


def run_all(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    """Applies a kernel with its own derivative, or its plain form, where nobody asks for one.

    So too under `torch.func` transforms (batched gradients): there every op refuses its compiled backend, and the
    reference is made of ops that torch can transform.
    """
    wanted = False
    for i in inputs:
        if isinstance(i, Tensor):
            wanted = wanted or i.requires_grad
            if is_transformed(i):
                return function.forward(_Nothing(), *inputs)
    if not wanted or not torch.is_grad_enabled() or torch._C._are_functorch_transforms_active():
        return function.forward(_Nothing(), *inputs)
    return function.apply(*inputs)


def run(function: type[torch.autograd.Function], *inputs: Any) -> Tensor:
    """The same for a kernel with one result."""
    return cast(Tensor, run_all(function, *inputs))


class _Nothing:
    """Stands in for a context where nothing needs to be kept."""

    def save_for_backward(self, *tensors: Any) -> None:
        pass

    def set_materialize_grads(self, value: bool) -> None:
        pass


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
    return run(Gather, x, topology)


class SegmentSum(torch.autograd.Function):
    """`out[n] = sum (or mean) of m[e] over the edges e that arrive at n`."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, topology: Topology, reduce: str) -> Any:
        ctx.topology, ctx.reduce = topology, reduce
        out, _ = ops.gather_reduce(topology.by_dst, flat(m), None, "edge", "edge", reduce)
        # Not a view: what a custom function returns could then not be changed in place.
        return torch.ops.aten._unsafe_view(out, (topology.num_dst, *m.shape[1:]))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        topology = ctx.topology
        if ctx.reduce == "mean":
            grad = grad * inverse_degrees(topology, grad).view(-1, *[1] * (grad.dim() - 1))
        return gather(topology.reverse(), grad), None, None


def segment_sum(topology: Topology, m: Tensor) -> Tensor:
    """Sum of edge rows at their destinations."""
    return run(SegmentSum, m, topology, "sum")


def inverse_degrees(topology: Topology, like: Tensor) -> Tensor:
    """`(num_dst,)`: one over the in-degree, one for nodes without edges."""
    return topology.derived(
        ("inverse_degrees", like.dtype),
        lambda: topology.in_degrees().clamp(min=1).to(like.dtype).reciprocal(),
    )


class ReduceSum(torch.autograd.Function):
    """`out[n, h, d] = scale(n) * sum of w[e, h] * x[src(e), h, d]`; `scale` is 1 or one over the degree.

    `spread` is the transposed mean: each source's row is divided by that source's out-degree first.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, topology: Topology, reduce: str) -> Any:
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
                grad_x = run(ReduceSum, grad, None, back, transposed)
            return grad_x, None, None, None
        if ctx.reduce == "mean":
            grad = grad * inverse_degrees(topology, grad).unsqueeze(1)
        if all(ctx.needs_input_grad[:2]) and not torch.is_grad_enabled():
            return *ops.weighted_sum_backward(topology.by_src, grad, weight, x), None, None
        if ctx.needs_input_grad[0]:
            grad_x = run(ReduceSum, grad, weight, back, "sum")
        if ctx.needs_input_grad[1]:
            grad_w = dot(topology, grad, x, weight.shape[1])
        return grad_x, grad_w, None, None


class WeighEdges(torch.autograd.Function):
    """`out[n, h, d] = scale(n) * sum of w[e, h] * x[e, h, d]`; `scale` is 1 or one over the degree."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, topology: Topology, reduce: str) -> Any:
        ctx.topology, ctx.reduce = topology, reduce
        ctx.save_for_backward(x, weight)
        out, _ = ops.gather_reduce(topology.by_dst, x, weight, "edge", "edge", reduce)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        topology = ctx.topology
        if ctx.reduce == "mean":
            grad = grad * inverse_degrees(topology, grad).unsqueeze(1)
        grad_x = spread(topology, grad, weight) if ctx.needs_input_grad[0] else None
        grad_w = dot(topology, grad, x, weight.shape[1], "edge") if ctx.needs_input_grad[1] else None
        return grad_x, grad_w, None, None


def spread(topology: Topology, rows: Tensor, weight: Tensor) -> Tensor:
    """The destination's row for every edge, scaled by the edge's weights per head."""
    heads = (weight.shape[1], -1 if rows.shape[1] else 0)
    given: Tensor = gather(topology.reverse(), rows).unflatten(1, heads) * weight.unsqueeze(-1)
    return given.flatten(1)


class Dot(torch.autograd.Function):
    """`out[e, h] = sum over d of a[dst(e), h, d] * b[i, h, d]`; `i` is the source, or the edge itself."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, topology: Topology, heads: int, b_on: str) -> Any:
        ctx.topology, ctx.b_on = topology, b_on
        ctx.save_for_backward(a, b)
        return ops.edge_dot(topology.by_dst, a, b, heads, b_on)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        a, b = ctx.saved_tensors
        topology, (needs_a, needs_b, *_) = ctx.topology, ctx.needs_input_grad
        if ctx.b_on == "edge":
            grad_a = run(WeighEdges, b, grad, topology, "sum") if needs_a else None
            grad_b = spread(topology, a, grad) if needs_b else None
        else:
            grad_a = run(ReduceSum, b, grad, topology, "sum") if needs_a else None
            grad_b = run(ReduceSum, a, grad, topology.reverse(), "sum") if needs_b else None
        return grad_a, grad_b, None, None, None


def dot(topology: Topology, a: Tensor, b: Tensor, heads: int, b_on: str = "other") -> Tensor:
    """A dot product per edge and head, `(E, heads)`.

    Args:
        a: `(num_dst, F)`.
        b: `(num_src, F)` where `b_on` is "other", `(E, F)` where it is "edge".
        heads: divides F.
    """
    return run(Dot, a, b, topology, heads, b_on)


class Extreme(torch.autograd.Function):
    """`out[n] = max (or min) of w[e] * x[i]` over the edges of n; `i` is the source, or the edge itself."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, topology: Topology, reduce: str, x_on: str
    ) -> Any:
        out, ties = ops.gather_reduce(topology.by_dst, x, weight, x_on, "edge", reduce)
        ctx.topology, ctx.x_on = topology, x_on
        ctx.save_for_backward(x, weight, out, ties)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        x, weight, out, ties = ctx.saved_tensors
        if torch.is_grad_enabled():
            share = grad / ties.clamp(min=1)
            grad_x, grad_w = _shares(share, x, weight, out.detach(), ctx.topology, ctx.x_on)
        else:
            order = ctx.topology.by_dst if ctx.x_on == "edge" else ctx.topology.by_src
            grad_x, grad_w = ops.extreme_backward(order, x, weight, ctx.x_on, out, grad, ties)
        return grad_x, grad_w, None, None, None


def _shares(
    share: Tensor, x: Tensor, weight: Tensor | None, out: Tensor, topology: Topology, x_on: str
) -> tuple[Tensor, Tensor | None]:
    """The gradient of `Extreme` as differentiable ops, message by message: for derivatives of higher order."""
    x_e = x if x_on == "edge" else gather(topology, x)
    split = (1 if weight is None else weight.shape[1], -1 if x.shape[1] else 0)
    back = topology.reverse()
    w_e = None if weight is None else weight.unsqueeze(-1)
    messages = x_e if w_e is None else (x_e.unflatten(1, split) * w_e).flatten(1)
    given = gather(back, share) * (messages.detach() == gather(back, out)).to(x.dtype)
    grad_e = given if w_e is None else (given.unflatten(1, split) * w_e).flatten(1)
    grad_x = grad_e if x_on == "edge" else segment_sum(back, grad_e)
    return grad_x, None if weight is None else (given * x_e).unflatten(1, split).sum(-1)


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
        return _softmax_gradient(topology, p, grad), None


def _softmax_gradient(topology: Topology, p: Tensor, grad: Tensor) -> Tensor:
    """The gradient of the scores of weights `p`, as differentiable ops."""
    mixed = segment_sum(topology, p * grad)
    return p * (grad - gather(topology.reverse(), mixed))


class Attention(torch.autograd.Function):
    """`out[n, h, d] = sum of p[e, h] * x[src(e), h, d]`, p the softmax of scores; the backward pass finds p again."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, x: Tensor, topology: Topology) -> Any:
        out, norm = ops.attention(topology.by_dst, scores, x)
        ctx.topology = topology
        ctx.save_for_backward(scores, x, out, norm)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        scores, x, out, norm = ctx.saved_tensors
        topology, back = ctx.topology, ctx.topology.reverse()
        if not torch.is_grad_enabled():
            grad_x, grad_scores = ops.attention_backward(topology.by_src, grad, out, scores, norm, x)
            return grad_scores, grad_x, None
        p = softmax(topology, scores)
        grad_p = dot(topology, grad, x, scores.shape[1])
        return _softmax_gradient(topology, p, grad_p), run(ReduceSum, grad, p, back, "sum"), None


def attention(topology: Topology, scores: Tensor, x: Tensor) -> Tensor:
    """Sums `softmax(scores)[e] * x[src(e)]` at the destinations; neither messages nor weights are stored.

    Args:
        scores: `(E, ...)`, K numbers a row, with K dividing the features of a row of `x`.
        x: `(num_src, ...)`.
    """
    return run(Attention, flat(scores), flat(x), topology).view(topology.num_dst, *x.shape[1:])


def reduce_source(topology: Topology, x: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduces `w[e] * x[src(e)]` at the destinations without storing the messages.

    Args:
        x: `(num_src, ...)`.
        weight: `(E, K)` with K dividing the features of a row, or None.
        reduce: sum, mean, max or min.
    """
    rows = flat(x)
    if reduce in ("sum", "mean"):
        out = run(ReduceSum, rows, weight, topology, reduce)
    else:
        out = run(Extreme, rows, weight, topology, reduce, "other")
    return out.view(topology.num_dst, *x.shape[1:])


def reduce_edges(topology: Topology, m: Tensor, reduce: str, weight: Tensor | None = None) -> Tensor:
    """Reduces stored messages `(E, ...)` at the destinations, scaled by weights `(E, K)` if there are any."""
    if weight is None and reduce in ("sum", "mean"):
        return run(SegmentSum, m, topology, reduce)
    if reduce in ("sum", "mean"):
        out = run(WeighEdges, flat(m), weight, topology, reduce)
    else:
        out = run(Extreme, flat(m), weight, topology, reduce, "edge")
    return out.view(topology.num_dst, *m.shape[1:])


def softmax(topology: Topology, e: Tensor) -> Tensor:
    """Softmax of `(E, ...)` scores over the edges of each destination."""
    return run(Softmax, flat(e), topology).view(e.shape)
