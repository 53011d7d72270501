"""Graph transformer layer: messages along edges, and attention among all nodes."""

from __future__ import annotations

import inspect
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Dropout, Linear, Sequential

from grapevine.errors import GraphValueError
from grapevine.nn.attention.performer import PerformerAttention
from grapevine.nn.inits import reset
from grapevine.nn.resolver import activation_resolver, normalization_resolver
from grapevine.utils import to_dense_batch


class GPSConv(torch.nn.Module):
    r"""Adds what a layer sends along the edges and what attention among all nodes of a graph finds, then an MLP.

    .. math::
        \mathbf{X}_M = \mathrm{norm}(\mathbf{X} + \mathrm{conv}(\mathbf{X}, \mathbf{E})), \qquad
        \mathbf{X}_T = \mathrm{norm}(\mathbf{X} + \mathrm{attention}(\mathbf{X})), \qquad
        \mathbf{X}^{\prime} = \mathrm{norm}(\mathbf{H} + \mathrm{MLP}(\mathbf{H})), \quad
        \mathbf{H} = \mathbf{X}_M + \mathbf{X}_T

    Args:
        channels: features F of a node.
        conv: the layer that sends along the edges, F to F features; None: attention alone.
        heads: number of attention heads.
        dropout: probability with which an intermediate value is dropped in training.
        act: activation of the MLP.
        act_kwargs: its arguments.
        norm: normalisation; None: none.
        norm_kwargs: its arguments.
        attn_type: `"multihead"`, or `"performer"` for attention in linear time.
        attn_kwargs: arguments of the attention.

    Forward:
        x: node features, (N, F).
        edge_index: int64 (2, E), or any other adjacency.
        batch: graph of each node, int64 (N,), sorted; None: one graph.
        kwargs: further arguments of `conv`.

    Returns:
        (N, F).

    Raises:
        GraphValueError: for another `attn_type`.

    Example:
        >>> conv = GPSConv(4, conv=None, heads=2)
        >>> conv(torch.rand(3, 4), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 4])

    Source: "Recipe for a General, Powerful, Scalable Graph Transformer" (arXiv:2205.12454).
    """

    def __init__(
        self,
        channels: int,
        conv: torch.nn.Module | None,
        heads: int = 1,
        dropout: float = 0.0,
        act: str = "relu",
        act_kwargs: dict[str, Any] | None = None,
        norm: str | None = "batch_norm",
        norm_kwargs: dict[str, Any] | None = None,
        attn_type: str = "multihead",
        attn_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.conv = conv
        self.heads = heads
        self.dropout = dropout
        self.attn_type = attn_type
        self.attn: Any
        if attn_type == "multihead":
            self.attn = torch.nn.MultiheadAttention(channels, heads, batch_first=True, **(attn_kwargs or {}))
        elif attn_type == "performer":
            self.attn = PerformerAttention(channels=channels, heads=heads, **(attn_kwargs or {}))
        else:
            raise GraphValueError(f"expected attn_type 'multihead' or 'performer', got {attn_type!r}")
        self.mlp = Sequential(
            Linear(channels, channels * 2),
            activation_resolver(act, **(act_kwargs or {})),
            Dropout(dropout),
            Linear(channels * 2, channels),
            Dropout(dropout),
        )
        self.norm1, self.norm2, self.norm3 = (
            normalization_resolver(norm, channels, **(norm_kwargs or {})) for _ in range(3)
        )
        self.norm_with_batch = (
            norm is not None and "batch" in inspect.signature(self.norm1.forward).parameters
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.conv)
        self.attn._reset_parameters()
        reset(self.mlp)
        for norm in (self.norm1, self.norm2, self.norm3):
            reset(norm)

    def forward(self, x: Tensor, edge_index: Any, batch: Tensor | None = None, **kwargs: Any) -> Tensor:
        parts = []
        if self.conv is not None:
            parts.append(self._beside(self.conv(x, edge_index, **kwargs), x, self.norm1, batch))
        parts.append(self._beside(self._attend(x, batch), x, self.norm2, batch))
        out = sum(parts)
        return self._normed(out + self.mlp(out), self.norm3, batch)

    def _attend(self, x: Tensor, batch: Tensor | None) -> Tensor:
        h, mask = to_dense_batch(x, batch)
        if isinstance(self.attn, torch.nn.MultiheadAttention):
            h, _ = self.attn(h, h, h, key_padding_mask=~mask, need_weights=False)
        else:
            h = self.attn(h, mask=mask)
        return h[mask]

    def _beside(self, h: Tensor, x: Tensor, norm: Any, batch: Tensor | None) -> Tensor:
        """A residual connection, normalised."""
        return self._normed(F.dropout(h, p=self.dropout, training=self.training) + x, norm, batch)

    def _normed(self, h: Tensor, norm: Any, batch: Tensor | None) -> Tensor:
        if norm is None:
            return h
        return norm(h, batch=batch) if self.norm_with_batch else norm(h)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.channels}, conv={self.conv}, heads={self.heads}, "
            f"attn_type={self.attn_type})"
        )
