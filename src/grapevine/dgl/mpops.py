"""Messages along the edges as functions of tensors, by name of the edge type."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grapevine.dgl import ops
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.structure import EType

__all__ = ["copy_u", "copy_v", "u_add_v", "u_div_v", "u_dot_v", "u_mul_v", "u_sub_v"]


def copy_u(g: DGLGraph, x_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """`(N_src, ...)` -> `(E, ...)`: what the source of every edge has.

    Args:
        g: a graph.
        x_node: features of the sources.
        etype: the edge type.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> copy_u(dgl.graph(([0, 1], [1, 0])), torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    return ops.copy_u(_one(g, etype), x_node)


def copy_v(g: DGLGraph, x_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """`(N_dst, ...)` -> `(E, ...)`: what the destination of every edge has; arguments as of `copy_u`."""
    return ops.copy_v(_one(g, etype), x_node)


def u_add_v(g: DGLGraph, x_node: Tensor, y_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """Source plus destination, `(E, ...)`; features broadcast.

    Args:
        g: a graph.
        x_node: features of the sources.
        y_node: features of the destinations.
        etype: the edge type.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> x = torch.tensor([1.0, 2.0])
        >>> u_add_v(dgl.graph(([0, 1], [1, 1])), x, x)
        tensor([3., 4.])
    """
    return ops.u_add_v(_one(g, etype), x_node, y_node)


def u_sub_v(g: DGLGraph, x_node: Tensor, y_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """Source minus destination; arguments as of `u_add_v`."""
    return ops.u_sub_v(_one(g, etype), x_node, y_node)


def u_mul_v(g: DGLGraph, x_node: Tensor, y_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """Source times destination; arguments as of `u_add_v`."""
    return ops.u_mul_v(_one(g, etype), x_node, y_node)


def u_div_v(g: DGLGraph, x_node: Tensor, y_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """Source over destination; arguments as of `u_add_v`."""
    return ops.u_div_v(_one(g, etype), x_node, y_node)


def u_dot_v(g: DGLGraph, x_node: Tensor, y_node: Tensor, etype: str | EType | None = None) -> Tensor:
    """The inner product of source and destination over the last dimension, which is kept as 1; see `u_add_v`."""
    return ops.u_dot_v(_one(g, etype), x_node, y_node)


def _one(g: Any, etype: str | EType | None) -> Any:
    return g if etype is None else g[etype]
