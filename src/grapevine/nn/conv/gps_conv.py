"""Graph transformer layer: messages along edges, and attention among all nodes."""

from __future__ import annotations

import inspect
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Dropout, Linear, Sequential

from grapevine.errors import GraphValueError
from grapevine.nn.attention._ragged import attend
from grapevine.nn.attention.performer import PerformerAttention
from grapevine.nn.inits import reset
from grapevine.nn.resolver import activation_resolver, normalization_resolver


def all_pairs(batch: Tensor | None, num_nodes: int) -> Tensor:
    """Edges from every node of a graph to every one, itself included, int64 (2, E), sorted by target.

    Example:
        >>> all_pairs(torch.tensor([0, 1, 1]), 3)
        tensor([[0, 1, 2, 1, 2],
                [0, 1, 1, 2, 2]])
    """
    nodes = torch.arange(num_nodes) if batch is None else torch.arange(num_nodes, device=batch.device)
    if batch is None:
        return torch.stack([nodes.repeat(num_nodes), nodes.repeat_interleave(num_nodes)])
    counts = batch.bincount()
    first = counts.cumsum(0) - counts
    sources = counts[batch]  # of each target
    target = nodes.repeat_interleave(sources)
    begin = (sources.cumsum(0) - sources)[target]
    return torch.stack(
        [torch.arange(target.numel(), device=batch.device) - begin + first[batch][target], target]
    )


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
        heads: number of attention heads; or a layer such as `TransformerConv`, F to F features, which attends along the
            edges between all pairs of nodes of a graph.
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

    Graphs of similar size attend together: time and memory grow with the sum of the squared sizes, not with the number
    of graphs times the largest squared.

    Raises:
        GraphValueError: for another `attn_type`, or a `batch` that is not sorted.

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
        heads: int | torch.nn.Module = 1,
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
        self.dropout = dropout
        self.attn_type = attn_type
        self.attn: Any
        self.heads = heads if isinstance(heads, int) else int(getattr(heads, "heads", 1))
        if isinstance(heads, torch.nn.Module):
            self.attn, self.attn_type = heads, "layer"
        elif attn_type == "multihead":
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
        if isinstance(self.attn, torch.nn.MultiheadAttention | PerformerAttention):
            self.attn._reset_parameters()
        else:
            reset(self.attn)
        reset(self.mlp)
        for norm in (self.norm1, self.norm2, self.norm3):
            reset(norm)

    def forward(self, x: Tensor, edge_index: Any, batch: Tensor | None = None, **kwargs: Any) -> Tensor:
        parts = []
        if self.conv is not None:
            parts.append(self._beside(self.conv(x, edge_index, **kwargs), x, self.norm1, batch))
        if self.attn_type == "layer":
            found = self.attn(x, all_pairs(batch, x.size(0)).to(x.device))
        else:
            found = attend(self._attend, x, batch)
        parts.append(self._beside(found, x, self.norm2, batch))
        out = sum(parts)
        return self._normed(out + self.mlp(out), self.norm3, batch)

    def _attend(self, h: Tensor, mask: Tensor | None, missing: int) -> Tensor:
        """Attention within each row of padded graphs, (B, M, F)."""
        if not isinstance(self.attn, torch.nn.MultiheadAttention):
            out: Tensor = self.attn(h, mask, missing)
            return out
        absent = None if mask is None else ~mask
        out, _ = self.attn(h, h, h, key_padding_mask=absent, need_weights=False)
        return out

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
