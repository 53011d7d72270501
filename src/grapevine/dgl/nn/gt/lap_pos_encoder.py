"""Eigenvectors of the Laplacian as positions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError


def _layers(*widths: int) -> nn.Sequential:
    """Linear layers, each followed by a ReLU."""
    return nn.Sequential(*(m for pair in pairwise(widths) for m in (nn.Linear(*pair), nn.ReLU())))


class LapPosEncoder(nn.Module):
    """A position for each node from its entries of the eigenvectors, and the eigenvalues, of the Laplacian.

    Args:
        model_type: what reads the eigenvectors: "Transformer" or "DeepSet".
        num_layer: its layers.
        k: number of eigenvectors K.
        dim: size of a position D.
        n_head: heads of the transformer.
        batch_norm: normalise the input.
        num_post_layer: layers of a network on the result.

    Forward:
        eigvals: (N, K), nan where a graph has fewer.
        eigvecs: (N, K), likewise.

    Returns:
        (N, D).

    Raises:
        GraphValueError: for another model type.

    Example:
        >>> encoder = LapPosEncoder("DeepSet", num_layer=2, k=3, dim=4)
        >>> encoder(torch.randn(5, 3), torch.randn(5, 3)).shape
        torch.Size([5, 4])

    Source: "Recipe for a General, Powerful, Scalable Graph Transformer" (arXiv:2205.12454).
    """

    def __init__(
        self,
        model_type: str,
        num_layer: int,
        k: int,
        dim: int,
        n_head: int = 1,
        batch_norm: bool = False,
        num_post_layer: int = 0,
    ) -> None:
        super().__init__()
        if model_type not in ("Transformer", "DeepSet"):
            raise GraphValueError(
                f"model_type '{model_type}' is not allowed, must be 'Transformer' or 'DeepSet'."
            )
        self.model_type = model_type
        deep_set = model_type == "DeepSet"
        self.linear = nn.Linear(2, 2 * dim if deep_set and num_layer > 1 else dim)
        if deep_set:
            widths = [*[2 * dim] * (num_layer - 1), dim]
            self.pe_encoder: nn.Module = nn.Sequential(nn.ReLU(), *_layers(*widths))
        else:
            layer = nn.TransformerEncoderLayer(d_model=dim, nhead=n_head, batch_first=True)
            self.pe_encoder = nn.TransformerEncoder(layer, num_layers=num_layer, enable_nested_tensor=False)
        self.raw_norm = nn.BatchNorm1d(k) if batch_norm else None
        inner = [2 * dim] * (num_post_layer - 1)
        self.post_mlp = _layers(dim, *inner, dim) if num_post_layer > 0 else None

    def forward(self, eigvals: Tensor, eigvecs: Tensor) -> Tensor:
        pairs = torch.stack((eigvecs, eigvals), dim=2).to(self.linear.weight.dtype)
        missing = pairs.isnan()
        pairs = pairs.masked_fill(missing, 0.0)
        missing = missing[:, :, 1]
        if self.raw_norm is not None:
            pairs = self.raw_norm(pairs)
        out = self.linear(pairs)
        if self.model_type == "Transformer":
            out = self.pe_encoder(src=out, src_key_padding_mask=missing)
        else:
            out = self.pe_encoder(out)
        out = out.masked_fill(missing.unsqueeze(-1), 0.0).sum(1)
        return out if self.post_mlp is None else self.post_mlp(out)
