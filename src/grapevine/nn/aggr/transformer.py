"""Aggregations by attention among the elements of a group.

All need a sorted `index` and two-dimensional `x`; the other arguments of `forward` are those of
`Aggregation`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.errors import GraphValueError
from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.aggr.set_transformer import (
    MultiheadAttentionBlock,
    PoolingByMultiheadAttention,
    SetAttentionBlock,
)
from grapevine.nn.encoding import PositionalEncoding
from grapevine.utils import degree


class _AttentionAggregation(Aggregation):
    """Attends within the padded groups; in an empty one there is nothing to attend to."""

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """From (N, D, F) to (N, F')."""
        raise AssertionError("each subclass has its own")

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        dense, mask = self.to_dense_batch(x, index, ptr, dim_size, dim, max_num_elements=max_num_elements)
        if dense.size(1) == 0:  # attention needs a place, be it taken or not
            dense, mask = dense.new_zeros(dense.size(0), 1, dense.size(2)), mask.new_zeros(mask.size(0), 1)
        return self.attend(dense, mask)


class SetTransformerAggregation(_AttentionAggregation):
    """The Set Transformer: attention blocks, pooling by attention, attention blocks.

    Args:
        channels: F.
        num_seed_points: number of rows K that the pooling leaves of each group.
        num_encoder_blocks: number of blocks ahead of the pooling.
        num_decoder_blocks: number of blocks after it.
        heads: number of attention heads.
        concat: concatenate the K rows, instead of averaging them.
        layer_norm: with layer normalisations.
        dropout: probability of dropping an attention weight in training.

    Returns:
        (N, K · F), or (N, F) without `concat`.

    Example:
        >>> aggr = SetTransformerAggregation(4, num_seed_points=2)
        >>> aggr(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Graph Neural Networks with Adaptive Readouts" (arXiv:2211.04952).
    """

    def __init__(
        self,
        channels: int,
        num_seed_points: int = 1,
        num_encoder_blocks: int = 1,
        num_decoder_blocks: int = 1,
        heads: int = 1,
        concat: bool = True,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.num_seed_points = num_seed_points
        self.heads = heads
        self.concat = concat
        self.layer_norm = layer_norm
        self.dropout = dropout
        self.encoders = ModuleList(
            SetAttentionBlock(channels, heads, layer_norm, dropout) for _ in range(num_encoder_blocks)
        )
        self.pma = PoolingByMultiheadAttention(channels, num_seed_points, heads, layer_norm, dropout)
        self.decoders = ModuleList(
            SetAttentionBlock(channels, heads, layer_norm, dropout) for _ in range(num_decoder_blocks)
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for block in [*self.encoders, self.pma, *self.decoders]:
            block.reset_parameters()

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        for encoder in self.encoders:
            x = encoder(x, mask)
        x = self.pma(x, mask)
        for decoder in self.decoders:
            x = decoder(x)
        return x.flatten(1, 2) if self.concat else x.mean(dim=1)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.channels}, num_seed_points={self.num_seed_points}, "
            f"heads={self.heads}, layer_norm={self.layer_norm}, dropout={self.dropout})"
        )


class GraphMultisetTransformer(_AttentionAggregation):
    """Pools each group to k rows by attention, lets these attend to each other, and pools them to one.

    Args:
        channels: F.
        k: number of rows in between.
        num_encoder_blocks: number of attention blocks among them.
        heads: number of attention heads.
        layer_norm: with layer normalisations.
        dropout: probability of dropping an attention weight in training.

    Returns:
        (N, F).

    Example:
        >>> GraphMultisetTransformer(4, k=2)(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 4])

    Source: "Accurate Learning of Graph Representations with Graph Multiset Pooling" (arXiv:2102.11533).
    """

    def __init__(
        self,
        channels: int,
        k: int,
        num_encoder_blocks: int = 1,
        heads: int = 1,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.k = k
        self.heads = heads
        self.layer_norm = layer_norm
        self.dropout = dropout
        self.pma1 = PoolingByMultiheadAttention(channels, k, heads, layer_norm, dropout)
        self.encoders = ModuleList(
            SetAttentionBlock(channels, heads, layer_norm, dropout) for _ in range(num_encoder_blocks)
        )
        self.pma2 = PoolingByMultiheadAttention(channels, 1, heads, layer_norm, dropout)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for block in [self.pma1, *self.encoders, self.pma2]:
            block.reset_parameters()

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.pma1(x, mask)
        for encoder in self.encoders:
            x = encoder(x)
        return self.pma2(x).squeeze(1)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.channels}, k={self.k}, heads={self.heads}, "
            f"layer_norm={self.layer_norm}, dropout={self.dropout})"
        )


class PatchTransformerAggregation(Aggregation):
    """Cuts each group, padded with zeros, into patches that attend to each other, and reduces over them.

    Args:
        in_channels: F.
        out_channels: F'.
        patch_size: elements in a patch.
        hidden_channels: size of a patch's row; even.
        num_transformer_blocks: number of attention blocks.
        heads: number of attention heads.
        dropout: probability of dropping an attention weight in training.
        aggr: reduction over the patches, among `"sum"`, `"mean"`, `"min"`, `"max"`, `"var"`, `"std"`, or
            several.
        device: of the parameters.

    Returns:
        (N, F').

    Raises:
        GraphValueError: for another reduction.

    Departures from the paper: without `max_num_elements`, groups are padded to their largest size plus one,
    rounded down to whole patches (at least one); elements beyond that are dropped.

    Example:
        >>> aggr = PatchTransformerAggregation(4, 8, patch_size=2, hidden_channels=6)
        >>> aggr(torch.randn(3, 4), torch.tensor([0, 0, 1])).shape
        torch.Size([2, 8])

    Source: "Simplifying Temporal Heterogeneous Network for Continuous-Time Link Prediction" (CIKM 2023).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        patch_size: int,
        hidden_channels: int,
        num_transformer_blocks: int = 1,
        heads: int = 1,
        dropout: float = 0.0,
        aggr: str | list[str] = "mean",
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.patch_size = patch_size
        self.aggrs = [aggr] if isinstance(aggr, str) else list(aggr)
        reductions = ("sum", "mean", "min", "max", "var", "std")
        if not self.aggrs or not set(self.aggrs) <= set(reductions):
            raise GraphValueError(f"expected reductions among {', '.join(reductions)}, got aggr={aggr!r}")
        self.lin = Linear(in_channels, hidden_channels, device=device)
        self.pad_projector = Linear(patch_size * hidden_channels, hidden_channels, device=device)
        self.pe = PositionalEncoding(hidden_channels, device=device)
        self.blocks = ModuleList(
            MultiheadAttentionBlock(hidden_channels, heads, layer_norm=True, dropout=dropout, device=device)
            for _ in range(num_transformer_blocks)
        )
        self.fc = Linear(hidden_channels * len(self.aggrs), out_channels, device=device)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in [self.lin, self.pad_projector, *self.blocks, self.fc]:
            layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        max_num_elements: int | None = None,
    ) -> Tensor:
        assert index is not None and dim_size is not None
        if max_num_elements is None:
            sizes = degree(index, dim_size, torch.long)
            max_num_elements = int(sizes.max()) + 1 if dim_size > 0 else 1
        num_patches = max(max_num_elements // self.patch_size, 1)

        dense, _ = self.to_dense_batch(
            self.lin(x), index, ptr, dim_size, dim, max_num_elements=num_patches * self.patch_size
        )
        patches = self.pad_projector(dense.view(dim_size, num_patches, -1))
        patches = patches + self.pe(torch.arange(num_patches, device=x.device))
        for block in self.blocks:
            patches = block(patches, patches)
        return self.fc(torch.cat([self._over_patches(patches, aggr) for aggr in self.aggrs], dim=1))

    @staticmethod
    def _over_patches(patches: Tensor, aggr: str) -> Tensor:
        out = getattr(torch, aggr)(patches, dim=1)
        return out if isinstance(out, Tensor) else out.values

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, patch_size={self.patch_size}"
        return f"{self.__class__.__name__}({sizes})"
