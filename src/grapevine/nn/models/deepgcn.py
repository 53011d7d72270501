"""Blocks of deep networks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from grapevine.errors import GraphValueError

_BLOCKS = ("res+", "res", "dense", "plain")


class DeepGCNLayer(torch.nn.Module):
    r"""A layer within a skip connection.

    "res+": normalisation, activation, dropout, convolution, addition; "res": convolution, normalisation, activation,
    addition, dropout; "dense": as "res", but both are put side by side; "plain": as "res" without the addition.

    Args:
        conv: the convolution.
        norm: the normalisation; None: none.
        act: the activation; None: none.
        block: "res+", "res", "dense" or "plain".
        dropout: probability of dropout.
        ckpt_grad: compute the convolution once more in the backward pass, instead of keeping what it needs.

    Forward:
        x: features, (N, F).
        args, kwargs: further arguments of `conv`.

    Returns:
        (N, F), or (N, F + F') for "dense".

    Raises:
        GraphValueError: for another block.

    Example:
        >>> from grapevine.nn.conv import GCNConv
        >>> layer = DeepGCNLayer(GCNConv(16, 16), torch.nn.LayerNorm(16), torch.nn.ReLU())
        >>> layer(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "DeepGCNs: Can GCNs Go as Deep as CNNs?" (arXiv:1904.03751); "DeeperGCN: All You Need to Train Deeper GCNs"
    (arXiv:2006.07739).
    """

    def __init__(
        self,
        conv: torch.nn.Module | None = None,
        norm: torch.nn.Module | None = None,
        act: torch.nn.Module | None = None,
        block: str = "res+",
        dropout: float = 0.0,
        ckpt_grad: bool = False,
    ) -> None:
        super().__init__()
        self.conv: Any = conv
        self.norm: Any = norm
        self.act = act
        self.block = block.lower()
        if self.block not in _BLOCKS:
            raise GraphValueError(f"expected block to be one of {', '.join(_BLOCKS)}, got {block!r}")
        self.dropout = dropout
        self.ckpt_grad = ckpt_grad

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in (self.conv, self.norm):
            if module is not None:
                module.reset_parameters()

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.block == "res+":
            h = F.dropout(self._activated(x), p=self.dropout, training=self.training)
            return x + self._convolved(h, *args, **kwargs)
        h = self._activated(self._convolved(x, *args, **kwargs))
        if self.block == "res":
            h = x + h
        elif self.block == "dense":
            h = torch.cat([x, h], dim=-1)
        return F.dropout(h, p=self.dropout, training=self.training)

    def _activated(self, x: Tensor) -> Tensor:
        x = x if self.norm is None else self.norm(x)
        return x if self.act is None else self.act(x)

    def _convolved(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.ckpt_grad and x.requires_grad:
            out: Tensor = checkpoint(self.conv, x, *args, use_reentrant=False, **kwargs)
            return out
        return self.conv(x, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(block={self.block})"
