"""Known labels as input."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError


class MaskLabel(torch.nn.Module):
    """Adds an embedding of the known labels to the features.

    Args:
        num_classes: number of classes C.
        out_channels: size of the embedding.
        method: "add", or "concat": put them side by side, with zeros where labels are not known.

    Forward:
        x: features, (N, F).
        y: classes, int64 (N,) in [0, C).
        mask: which of them are known, bool (N,).

    Returns:
        (N, F), or (N, F + out_channels).

    Raises:
        GraphValueError: for another method.

    Example:
        >>> MaskLabel(3, 4)(torch.zeros(2, 4), torch.tensor([0, 2]), torch.tensor([True, False]))[1].tolist()
        [0.0, 0.0, 0.0, 0.0]

    Source: "Masked Label Prediction: Unified Message Passing Model for Semi-Supervised Classification"
    (arXiv:2009.03509).
    """

    def __init__(self, num_classes: int, out_channels: int, method: str = "add") -> None:
        super().__init__()
        if method not in ("add", "concat"):
            raise GraphValueError(f"expected method 'add' or 'concat', got {method!r}")
        self.method = method
        self.emb = torch.nn.Embedding(num_classes, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.emb.reset_parameters()

    def forward(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        known = self.emb(y[mask])
        if self.method == "add":
            return x.index_put((mask,), x[mask] + known)
        empty = x.new_zeros(y.size(0), known.size(-1))
        return torch.cat([x, empty.index_put((mask,), known)], dim=-1)

    @staticmethod
    def ratio_mask(mask: Tensor, ratio: float) -> Tensor:
        """Keeps each entry of a bool mask with probability `ratio`."""
        return mask & (torch.rand(mask.shape, device=mask.device) < ratio)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
