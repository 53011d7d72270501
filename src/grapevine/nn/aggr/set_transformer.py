"""The blocks of the Set Transformer, on padded groups (N, D, F); a `mask`, bool (N, D), says what is real."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import LayerNorm, Linear, MultiheadAttention, Parameter


class MultiheadAttentionBlock(torch.nn.Module):
    r"""Lets the elements of one set attend to those of another.

    .. math::
        \mathrm{MAB}(\mathbf{X}, \mathbf{Y}) =
        \mathrm{LayerNorm}(\mathbf{H} + \mathrm{relu}(\mathbf{H} \mathbf{W})), \qquad
        \mathbf{H} = \mathrm{LayerNorm}(\mathbf{X} + \mathrm{Multihead}(\mathbf{X}, \mathbf{Y}, \mathbf{Y}))

    Args:
        channels: F.
        heads: number of attention heads.
        layer_norm: with the two layer normalisations.
        dropout: probability of dropping an attention weight in training.
        device: of the parameters.

    Forward:
        x: (N, D, F), those that attend.
        y: (N, D', F), those that are attended to.
        x_mask, y_mask: which of them are real.

    Returns:
        (N, D, F).

    Source: "Set Transformer: A Framework for Attention-based Permutation-Invariant Neural Networks"
    (arXiv:1810.00825).
    """

    def __init__(
        self,
        channels: int,
        heads: int = 1,
        layer_norm: bool = True,
        dropout: float = 0.0,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.heads = heads
        self.dropout = dropout
        self.attn = MultiheadAttention(channels, heads, batch_first=True, dropout=dropout, device=device)
        self.lin = Linear(channels, channels, device=device)
        self.layer_norm1 = LayerNorm(channels, device=device) if layer_norm else None
        self.layer_norm2 = LayerNorm(channels, device=device) if layer_norm else None

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.attn._reset_parameters()
        self.lin.reset_parameters()
        if self.layer_norm1 is not None and self.layer_norm2 is not None:
            self.layer_norm1.reset_parameters()
            self.layer_norm2.reset_parameters()

    def forward(
        self, x: Tensor, y: Tensor, x_mask: Tensor | None = None, y_mask: Tensor | None = None
    ) -> Tensor:
        out, _ = self.attn(x, y, y, None if y_mask is None else ~y_mask, need_weights=False)
        if x_mask is not None:
            out = out.masked_fill(~x_mask.unsqueeze(-1), 0.0)
        out = out + x
        if self.layer_norm1 is not None:
            out = self.layer_norm1(out)
        out = out + self.lin(out).relu()
        return out if self.layer_norm2 is None else self.layer_norm2(out)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.channels}, heads={self.heads}, "
            f"layer_norm={self.layer_norm1 is not None}, dropout={self.dropout})"
        )


class SetAttentionBlock(torch.nn.Module):
    r"""Lets the elements of a set attend to each other.

    .. math::
        \mathrm{SAB}(\mathbf{X}) = \mathrm{MAB}(\mathbf{X}, \mathbf{X})

    Args, shapes and source: see `MultiheadAttentionBlock`.
    """

    def __init__(self, channels: int, heads: int = 1, layer_norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.mab = MultiheadAttentionBlock(channels, heads, layer_norm, dropout)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.mab.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.mab(x, x, mask, mask)

    def __repr__(self) -> str:
        return repr(self.mab).replace(self.mab.__class__.__name__, self.__class__.__name__)


class InducedSetAttentionBlock(torch.nn.Module):
    r"""Self-attention of a set by way of a few learned points, whose cost is linear in the size of the set.

    .. math::
        \mathrm{ISAB}(\mathbf{X}) = \mathrm{MAB}(\mathbf{X}, \mathrm{MAB}(\mathbf{I}, \mathbf{X}))

    Args:
        num_induced_points: number of the learned points I.
        channels, heads, layer_norm, dropout: as for `MultiheadAttentionBlock`.

    Shapes and source: see `MultiheadAttentionBlock`.
    """

    def __init__(
        self,
        channels: int,
        num_induced_points: int,
        heads: int = 1,
        layer_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.ind = Parameter(torch.empty(1, num_induced_points, channels))
        self.mab1 = MultiheadAttentionBlock(channels, heads, layer_norm, dropout)
        self.mab2 = MultiheadAttentionBlock(channels, heads, layer_norm, dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        torch.nn.init.xavier_uniform_(self.ind)
        self.mab1.reset_parameters()
        self.mab2.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h = self.mab1(self.ind.expand(x.size(0), -1, -1), x, y_mask=mask)
        return self.mab2(x, h, x_mask=mask)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.ind.size(2)}, num_induced_points={self.ind.size(1)}, "
            f"heads={self.mab1.heads}, layer_norm={self.mab1.layer_norm1 is not None}, "
            f"dropout={self.mab1.dropout})"
        )


class PoolingByMultiheadAttention(torch.nn.Module):
    r"""Summarises a set by a few learned seeds that attend to it.

    .. math::
        \mathrm{PMA}(\mathbf{X}) = \mathrm{MAB}(\mathbf{S}, \mathrm{relu}(\mathbf{X} \mathbf{W}))

    Args:
        num_seed_points: number K of the learned seeds S.
        channels, heads, layer_norm, dropout: as for `MultiheadAttentionBlock`.

    Returns:
        (N, K, F).

    Source: see `MultiheadAttentionBlock`.
    """

    def __init__(
        self,
        channels: int,
        num_seed_points: int = 1,
        heads: int = 1,
        layer_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.lin = Linear(channels, channels)
        self.seed = Parameter(torch.empty(1, num_seed_points, channels))
        self.mab = MultiheadAttentionBlock(channels, heads, layer_norm, dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()
        torch.nn.init.xavier_uniform_(self.seed)
        self.mab.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.mab(self.seed.expand(x.size(0), -1, -1), self.lin(x).relu(), y_mask=mask)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.seed.size(2)}, num_seed_points={self.seed.size(1)}, "
            f"heads={self.mab.heads}, layer_norm={self.mab.layer_norm1 is not None}, "
            f"dropout={self.mab.dropout})"
        )
