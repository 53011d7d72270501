"""Batches as PyTorch's nested tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.dense import unbatch


def to_nested_tensor(
    x: Tensor, batch: Tensor | None = None, ptr: Tensor | None = None, batch_size: int | None = None
) -> Tensor:
    """The features of every graph as one nested tensor.

    Args:
        x: `(N, ...)` features.
        batch: `(N,)` the graph of every node, ascending.
        ptr: `(B + 1,)` where the graphs begin; instead of `batch`.
        batch_size: number of graphs.

    Returns:
        A nested tensor of B tensors.
    """
    if ptr is not None:
        parts = x.split(ptr.diff().tolist())
    else:
        parts = (x,) if batch is None else unbatch(x, batch, batch_size=batch_size)
    return torch.nested.as_nested_tensor(list(parts))


def from_nested_tensor(x: Tensor, return_batch: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """The features of all graphs in one tensor.

    Args:
        x: a nested tensor of B tensors that differ in their first dimension only.
        return_batch: return the graph of every node too.

    Returns:
        `(N, ...)` features and, if asked for, `batch` (N,).

    Raises:
        GraphValueError: if `x` is not nested, or its tensors differ in another dimension.
    """
    if not x.is_nested:
        raise GraphValueError(
            "expected a nested tensor, got a plain one; use to_nested_tensor(x, batch) first"
        )
    parts = x.unbind()
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise GraphValueError(
            "expected tensors that differ in their first dimension only, got the sizes "
            f"{[tuple(part.shape) for part in parts]}"
        )
    out = torch.cat(parts)
    if not return_batch:
        return out
    count = torch.tensor([part.size(0) for part in parts], device=out.device)
    return out, torch.arange(len(parts), device=out.device).repeat_interleave(count)
