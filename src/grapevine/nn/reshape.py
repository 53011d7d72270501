"""`Reshape`: a view as a module."""

from __future__ import annotations

import torch
from torch import Tensor


class Reshape(torch.nn.Module):
    """Views its input in another shape.

    Args:
        shape: the shape; one size may be -1.

    Example:
        >>> Reshape(2, -1)(torch.zeros(6)).shape
        torch.Size([2, 3])
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.view(*self.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.shape))})"
