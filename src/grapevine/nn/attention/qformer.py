"""A small querying transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import LayerNorm, Linear, ReLU, TransformerEncoder, TransformerEncoderLayer


class QFormer(torch.nn.Module):
    """A transformer encoder between a normalisation and a linear map.

    Args:
        input_dim: features F.
        hidden_dim: features inside the feed-forward parts.
        output_dim: size of the output F'.
        num_heads: number of heads.
        num_layers: number of layers.
        dropout: probability with which something is dropped in training.
        activation: of the feed-forward parts.

    Forward:
        x: sequences, (B, N, F).

    Returns:
        (B, N, F').

    Departures from the paper: there are no learned queries.

    Example:
        >>> QFormer(8, 16, 4, num_heads=2, num_layers=1)(torch.rand(1, 5, 8)).shape
        torch.Size([1, 5, 4])

    Source: "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and Large Language Models"
    (arXiv:2301.12597).
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        output_dim: int,
        num_heads: int,
        num_layers: int,
        dropout: float = 0.0,
        activation: Callable[..., Any] = ReLU(),  # noqa: B008 (it has no state)
    ) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.layer_norm = LayerNorm(input_dim)
        self.encoder_layer = TransformerEncoderLayer(
            input_dim, num_heads, hidden_dim, dropout, activation, batch_first=True
        )  # a pattern, of which the encoder has copies
        self.encoder = TransformerEncoder(self.encoder_layer, num_layers)
        self.project = Linear(input_dim, output_dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.encoder(self.layer_norm(x)))
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_heads={self.num_heads}, num_layers={self.num_layers})"
