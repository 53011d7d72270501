"""Reductions in plain ATen ops: what tracers and transforms see, and the oracle inside `gv.materialised()`."""

from __future__ import annotations

from torch import Tensor


def spread(index: Tensor, like: Tensor) -> Tensor:
    """`(E,)` indices repeated over the trailing dims of `like`."""
    return index.view(-1, *[1] * (like.dim() - 1)).expand_as(like)


def reduce(index: Tensor, num_rows: int, m: Tensor, reduce: str) -> Tensor:
    """Reduces rows of `m` by index; zero where nothing arrives."""
    out = m.new_zeros((num_rows, *m.shape[1:]))
    if reduce in ("sum", "mean"):
        out = out.index_add(0, index, m)
        if reduce == "sum":
            return out
        counts = m.new_zeros(num_rows).index_add(0, index, m.new_ones(index.shape[0])).clamp(min=1)
        counts = counts.view(-1, *[1] * (m.dim() - 1))
        return out / counts if out.is_floating_point() else out.div(counts, rounding_mode="floor")
    name = {"max": "amax", "min": "amin", "mul": "prod"}[reduce]
    if name == "prod":
        out = out + 1
    return out.scatter_reduce(0, spread(index, m), m, name, include_self=name == "prod")


def softmax(index: Tensor, num_rows: int, e: Tensor) -> Tensor:
    """Softmax of rows within their group."""
    top = reduce(index, num_rows, e.detach(), "max")
    weights = (e - top.index_select(0, index)).exp()
    total = reduce(index, num_rows, weights, "sum") + 1e-16
    return weights / total.index_select(0, index)
