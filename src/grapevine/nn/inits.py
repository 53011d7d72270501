"""Initialisers: each takes a tensor, a module (all its parameters and buffers) or None (nothing happens)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "constant",
    "glorot",
    "glorot_orthogonal",
    "kaiming_uniform",
    "normal",
    "ones",
    "reset",
    "uniform",
    "zeros",
]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value.data
    elif isinstance(value, torch.nn.Module):
        yield from (tensor.data for tensor in chain(value.parameters(), value.buffers()))
    elif isinstance(value, torch.nn.ParameterList):
        yield from (tensor.data for tensor in value)


def uniform(size: int, value: Any) -> None:
    """Fills with numbers from the uniform distribution over `±1/sqrt(size)`.

    Args:
        size: fan-in, at least 1.
        value: what to fill.
    """
    bound = 1.0 / math.sqrt(size)
    for tensor in _tensors(value):
        tensor.uniform_(-bound, bound)


def kaiming_uniform(value: Any, fan: int, a: float) -> None:
    """Fills with numbers from the uniform distribution over `±sqrt(6 / ((1 + a²) fan))`.

    Args:
        value: what to fill.
        fan: fan-in, at least 1.
        a: negative slope of the leaky ReLU that follows.

    Source: "Delving Deep into Rectifiers" (arXiv:1502.01852).
    """
    bound = math.sqrt(6.0 / ((1.0 + a**2) * fan))
    for tensor in _tensors(value):
        tensor.uniform_(-bound, bound)


def glorot(value: Any) -> None:
    """Fills with numbers from the uniform distribution over `±sqrt(6 / (rows + columns))`.

    Args:
        value: what to fill; tensors whose last two dimensions are rows and columns.

    Example:
        >>> weight = torch.empty(2, 4)
        >>> glorot(weight)
        >>> bool((weight.abs() <= 1).all())
        True

    Source: "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010).
    """
    for tensor in _tensors(value):
        bound = math.sqrt(6.0 / (tensor.size(-2) + tensor.size(-1)))
        tensor.uniform_(-bound, bound)


def glorot_orthogonal(tensor: Tensor | None, scale: float) -> None:
    """Fills with an orthogonal matrix, rescaled to the variance `scale / (rows + columns)`.

    Args:
        tensor: a matrix, or None.
        scale: positive factor.

    Source: DimeNet, "Directional Message Passing for Molecular Graphs" (arXiv:2003.03123).
    """
    if tensor is not None:
        torch.nn.init.orthogonal_(tensor.data)
        variance = scale / (tensor.size(-2) + tensor.size(-1))
        tensor.data.mul_((variance / tensor.data.var()).sqrt())


def constant(value: Any, fill_value: float) -> None:
    """Fills with one number."""
    for tensor in _tensors(value):
        tensor.fill_(fill_value)


def zeros(value: Any) -> None:
    """Fills with zeros."""
    constant(value, 0.0)


def ones(tensor: Any) -> None:
    """Fills with ones."""
    constant(tensor, 1.0)


def normal(value: Any, mean: float, std: float) -> None:
    """Fills with normal numbers."""
    for tensor in _tensors(value):
        tensor.normal_(mean, std)


def reset(value: Any) -> None:
    """Calls `reset_parameters` of a module; of its children, recursively, where it has no such method itself.

    Args:
        value: a module; anything else, such as None or a function, is left alone.

    Example:
        >>> reset(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()))
    """
    if hasattr(value, "reset_parameters"):
        value.reset_parameters()
    elif isinstance(value, torch.nn.Module):
        for child in value.children():
            reset(child)
