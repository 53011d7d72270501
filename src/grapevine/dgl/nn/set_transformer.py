"""Attention among the nodes of each graph, without regard to its edges: the set transformer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.base import dgl_warning
from grapevine.errors import GraphKeyError
from grapevine.graph.sorting import ptr2index
from grapevine.utils import cumsum, to_dense_batch

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["SetTransformerDecoder", "SetTransformerEncoder"]


def _sets(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of all sets, below one another, as (B, largest, ...) with a mask of what is there."""
    return to_dense_batch(x, ptr2index(cumsum(lengths), output_size=x.shape[0]), batch_size=lengths.shape[0])


class MultiHeadAttention(nn.Module):
    """Attention of each set's elements to the elements of another, then a network; both with residual and layer norm.

    Args:
        d_model: F.
        num_heads: H.
        d_head: features per head.
        d_ff: hidden width of the network.
        dropouth: probability with which a hidden feature is dropped in training.
        dropouta: accepted; DGL does not use it either.

    Forward:
        x: elements that look, of all sets: (N, F).
        mem: elements that are looked at: (M, F).
        lengths_x, lengths_mem: their numbers for each set, (B,).

    Returns:
        (N, F).
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        d_head: int,
        d_ff: int,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.d_model = d_model
        self.num_heads = num_heads
        self.d_head = d_head
        self.d_ff = d_ff
        self.proj_q = nn.Linear(d_model, num_heads * d_head, bias=False)
        self.proj_k = nn.Linear(d_model, num_heads * d_head, bias=False)
        self.proj_v = nn.Linear(d_model, num_heads * d_head, bias=False)
        self.proj_o = nn.Linear(num_heads * d_head, d_model, bias=False)
        self.ffn = feed_forward(d_model, d_ff, dropouth)
        self.norm_in = nn.LayerNorm(d_model)
        self.norm_inter = nn.LayerNorm(d_model)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new matrices."""
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, x: Tensor, mem: Tensor, lengths_x: Tensor, lengths_mem: Tensor) -> Tensor:
        shape = (-1, self.num_heads, self.d_head)
        queries, is_query = _sets(self.proj_q(x).view(shape), lengths_x)
        keys, is_key = _sets(self.proj_k(mem).view(shape), lengths_mem)
        values, _ = _sets(self.proj_v(mem).view(shape), lengths_mem)
        missing = ~is_key[:, None, None, :]
        scores = torch.einsum("bxhd,byhd->bhxy", queries, keys) / math.sqrt(self.d_head)
        alpha = scores.masked_fill(missing, -torch.inf).softmax(-1).masked_fill(missing, 0.0)
        out = torch.einsum("bhxy,byhd->bxhd", alpha, values)[is_query].flatten(1)
        x = self.norm_in(x + self.proj_o(out))
        return self.norm_inter(x + self.ffn(x))


def feed_forward(d_model: int, d_ff: int, dropout: float) -> nn.Sequential:
    """Two linear layers with a ReLU in between."""
    return nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model))


class SetAttentionBlock(nn.Module):
    """Attention of the elements of each set to one another; arguments as of `MultiHeadAttention`."""

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        d_head: int,
        d_ff: int,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.mha = MultiHeadAttention(d_model, num_heads, d_head, d_ff, dropouth, dropouta)

    def forward(self, feat: Tensor, lengths: Tensor) -> Tensor:
        return self.mha(feat, feat, lengths, lengths)


class _Learned(nn.Module):
    """Elements that are learned, the same for every set."""

    def _make(self, number: int, d_model: int, name: str) -> nn.Parameter:
        if number == 1:
            dgl_warning(
                f"if {name} is set to 1, the parameters corresponding to query and key projections would not get "
                "updated during training."
            )
        return nn.Parameter(torch.empty(number, d_model))


class InducedSetAttentionBlock(_Learned):
    """Attention of the elements of each set to m points, which look at the elements first.

    Args:
        m: number of points.
        d_model, num_heads, d_head, d_ff, dropouth, dropouta: as of `MultiHeadAttention`.
    """

    def __init__(
        self,
        m: int,
        d_model: int,
        num_heads: int,
        d_head: int,
        d_ff: int,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.m = m
        self.d_model = d_model
        self.inducing_points = self._make(m, d_model, "m")
        self.mha = nn.ModuleList(
            MultiHeadAttention(d_model, num_heads, d_head, d_ff, dropouth, dropouta) for _ in range(2)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new points."""
        nn.init.xavier_uniform_(self.inducing_points)

    def forward(self, feat: Tensor, lengths: Tensor) -> Tensor:
        points = torch.full_like(lengths, self.m)
        memory = self.mha[0](self.inducing_points.repeat(len(lengths), 1), feat, points, lengths)
        return self.mha[1](feat, memory, lengths, points)

    def extra_repr(self) -> str:
        return f"InducedVector: {tuple(self.inducing_points.shape)}"


class PMALayer(_Learned):
    """Pooling: k seeds look at the elements of each set.

    Args:
        k: number of seeds.
        d_model, num_heads, d_head, d_ff, dropouth, dropouta: as of `MultiHeadAttention`.

    Returns:
        (B k, F).
    """

    def __init__(
        self,
        k: int,
        d_model: int,
        num_heads: int,
        d_head: int,
        d_ff: int,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.k = k
        self.d_model = d_model
        self.seed_vectors = self._make(k, d_model, "k")
        self.mha = MultiHeadAttention(d_model, num_heads, d_head, d_ff, dropouth, dropouta)
        self.ffn = feed_forward(d_model, d_ff, dropouth)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new seeds."""
        nn.init.xavier_uniform_(self.seed_vectors)

    def forward(self, feat: Tensor, lengths: Tensor) -> Tensor:
        seeds = torch.full_like(lengths, self.k)
        return self.mha(self.seed_vectors.repeat(len(lengths), 1), self.ffn(feat), seeds, lengths)

    def extra_repr(self) -> str:
        return f"SeedVector: {tuple(self.seed_vectors.shape)}"


class SetTransformerEncoder(nn.Module):
    """Layers of attention among the nodes of each graph.

    Args:
        d_model: F.
        n_heads: number of heads.
        d_head: features per head.
        d_ff: hidden width of the networks.
        n_layers: number of layers.
        block_type: "sab": among all nodes; "isab": by way of m learned points.
        m: their number.
        dropouth: probability with which a hidden feature is dropped in training.
        dropouta: accepted; DGL does not use it either.

    Forward:
        graph: a batch of graphs.
        feat: (N, F).

    Returns:
        (N, F).

    Raises:
        GraphKeyError: for another block type, or "isab" without m.

    Example:
        >>> import grapevine.dgl as dgl
        >>> SetTransformerEncoder(4, 2, 3, 8)(dgl.graph(([0], [1])), torch.ones(2, 4)).shape
        torch.Size([2, 4])

    Source: "Set Transformer" (arXiv:1810.00825).
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_head: int,
        d_ff: int,
        n_layers: int = 1,
        block_type: str = "sab",
        m: int | None = None,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.block_type = block_type
        self.m = m
        if block_type not in ("sab", "isab"):
            raise GraphKeyError(f"Unrecognized block type {block_type}: we only support sab/isab")
        if block_type == "isab" and m is None:
            raise GraphKeyError("The number of inducing points is not specified in ISAB block.")
        self.layers = nn.ModuleList(
            SetAttentionBlock(d_model, n_heads, d_head, d_ff, dropouth, dropouta)
            if m is None or block_type == "sab"
            else InducedSetAttentionBlock(m, d_model, n_heads, d_head, d_ff, dropouth, dropouta)
            for _ in range(n_layers)
        )

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:
        lengths = graph.batch_num_nodes().long()
        for layer in self.layers:
            feat = layer(feat, lengths)
        return feat


class SetTransformerDecoder(nn.Module):
    """Pools the nodes of each graph into k seeds, followed by layers of attention among these.

    Args:
        d_model: F.
        num_heads: number of heads.
        d_head: features per head.
        d_ff: hidden width of the networks.
        n_layers: number of layers.
        k: number of seeds.
        dropouth: probability with which a hidden feature is dropped in training.
        dropouta: accepted; DGL does not use it either.

    Forward:
        graph: a batch of B graphs.
        feat: (N, F).

    Returns:
        (B, k F).

    Example:
        >>> import grapevine.dgl as dgl
        >>> SetTransformerDecoder(4, 2, 3, 8, n_layers=1, k=2)(dgl.graph(([0], [1])), torch.ones(2, 4)).shape
        torch.Size([1, 8])

    Source: "Set Transformer" (arXiv:1810.00825).
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        d_head: int,
        d_ff: int,
        n_layers: int,
        k: int,
        dropouth: float = 0.0,
        dropouta: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.k = k
        self.d_model = d_model
        self.pma = PMALayer(k, d_model, num_heads, d_head, d_ff, dropouth, dropouta)
        self.layers = nn.ModuleList(
            SetAttentionBlock(d_model, num_heads, d_head, d_ff, dropouth, dropouta) for _ in range(n_layers)
        )

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:
        lengths = graph.batch_num_nodes().long()
        feat = self.pma(feat, lengths)
        for layer in self.layers:
            feat = layer(feat, torch.full_like(lengths, self.k))
        return feat.view(graph.batch_size, self.k * self.d_model)
