"""Pooling of each whole graph to one row."""

from __future__ import annotations

from torch import Tensor

from grapevine.utils import scatter


def global_add_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Sums the rows of each graph.

    .. math::
        \mathbf{r}_b = \sum_{n \in \mathcal{V}_b} \mathbf{x}_n

    Args:
        x: rows, (*, N, F) or (N,).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        size: B, counted if None.

    Returns:
        (*, B, F) or (B,); without `batch` and with more than two dimensions, (*, F).

    Example:
        >>> import torch
        >>> global_add_pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[4.0], [5.0]]
    """
    dim = _row_dim(x)
    if batch is None:
        return x.sum(dim=dim, keepdim=x.dim() <= 2)
    return scatter(x, batch, dim, size, reduce="sum")


def global_mean_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Averages the rows of each graph.

    .. math::
        \mathbf{r}_b = \frac{1}{|\mathcal{V}_b|} \sum_{n \in \mathcal{V}_b} \mathbf{x}_n

    Args:
        x: rows, (*, N, F) or (N,).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        size: B, counted if None.

    Returns:
        (*, B, F) or (B,); without `batch` and with more than two dimensions, (*, F).

    Example:
        >>> import torch
        >>> global_mean_pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[2.0], [5.0]]
    """
    dim = _row_dim(x)
    if batch is None:
        return x.mean(dim=dim, keepdim=x.dim() <= 2)
    return scatter(x, batch, dim, size, reduce="mean")


def global_max_pool(x: Tensor, batch: Tensor | None, size: int | None = None) -> Tensor:
    r"""Takes the largest value of each feature in each graph.

    .. math::
        \mathbf{r}_b = \max_{n \in \mathcal{V}_b} \mathbf{x}_n

    Args:
        x: rows, (*, N, F) or (N,).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        size: B, counted if None.

    Returns:
        (*, B, F) or (B,); without `batch` and with more than two dimensions, (*, F).

    Example:
        >>> import torch
        >>> global_max_pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[3.0], [5.0]]
    """
    dim = _row_dim(x)
    if batch is None:
        return x.max(dim=dim, keepdim=x.dim() <= 2).values
    return scatter(x, batch, dim, size, reduce="max")


def _row_dim(x: Tensor) -> int:
    return -1 if x.dim() == 1 else -2
