"""Entities that know their neighbours: a relational graph convolution in front of any scoring model."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module, ModuleList

from grapevine.errors import GraphValueError
from grapevine.nn.conv.rgcn_conv import RGCNConv
from grapevine.nn.inits import reset
from grapevine.nn.kge.base import MatchingModel
from grapevine.nn.kge.known import Side


class RGCNAutoEncoder(MatchingModel):
    r"""R-GCN encodes the entities of a knowledge graph, another model scores triplets of what comes out.

    .. math::
        \mathbf{Z} = \mathrm{RGCN}(\mathbf{E}, \mathcal{G}), \quad s(h, r, t) = s_{\mathrm{decoder}}(\mathbf{z}_h,
        \mathbf{e}_r, \mathbf{z}_t)

    The decoder's embeddings of entities enter the encoder; messages go along every triplet and, as relations of their
    own, against it.

    Args:
        decoder: `TransE`, `DistMult`, `ComplEx`, `RotatE` or another `MatchingModel`.
        edge_index: triplets to send messages along: heads and tails, int64 (2, E).
        edge_type: their relations, int64 (E,).
        num_layers: number of convolutions, with a ReLU between two.
        num_bases: as for `RGCNConv`.
        num_blocks: as for `RGCNConv`.
        dropout: probability of dropping a feature after each layer but the last.
        edge_dropout: probability, while training, that no messages go along a triplet: else the layers learn to look up
            the very triplets they are asked for.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,).

    Example:
        >>> from grapevine.nn.kge import DistMult
        >>> h, r, t = torch.tensor([[0, 1], [0, 1], [2, 3]])
        >>> model = RGCNAutoEncoder(DistMult(4, 2, 8), torch.stack([h, t]), r)
        >>> model(h, r, t).shape, model.rank(h, r, t).mean_rank <= 4
        (torch.Size([2]), True)

    Departures from the paper: features and triplets are dropped alike for self-loops; any decoder, instead of DistMult.

    Source: Schlichtkrull et al., "Modeling Relational Data with Graph Convolutional Networks", arXiv:1703.06103.
    """

    edge_index: Tensor
    edge_type: Tensor

    def __init__(
        self,
        decoder: MatchingModel,
        edge_index: Tensor,
        edge_type: Tensor,
        num_layers: int = 2,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        dropout: float = 0.0,
        edge_dropout: float = 0.4,
    ) -> None:
        Module.__init__(self)  # no embeddings of its own: it encodes those of the decoder
        if edge_index.shape != (2, edge_type.numel()):
            raise GraphValueError(
                f"expected edge_index of shape [2, {edge_type.numel()}], a relation for each edge, got "
                f"{list(edge_index.shape)}"
            )
        self.num_nodes = decoder.num_nodes
        self.num_relations = decoder.num_relations
        self.hidden_channels = decoder.hidden_channels
        self.decoder = decoder
        self.dropout = dropout
        self.edge_dropout = edge_dropout
        width = decoder.lookup(torch.zeros(1, dtype=torch.int64, device=edge_index.device)).size(1)
        self.convs = ModuleList(
            RGCNConv(width, width, 2 * decoder.num_relations, num_bases, num_blocks)
            for _ in range(num_layers)
        )
        self.register_buffer(
            "edge_index", torch.cat([edge_index, edge_index.flip(0)], dim=1), persistent=False
        )
        both_types = torch.cat([edge_type, edge_type + decoder.num_relations])
        self.register_buffer("edge_type", both_types, persistent=False)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.decoder.reset_parameters()
        reset(self.convs)

    def lookup(self, index: Tensor | None = None) -> Tensor:
        edge_index, edge_type = self.edge_index, self.edge_type
        if self.training and self.edge_dropout > 0:
            kept = torch.rand(edge_type.numel() // 2, device=edge_type.device) >= self.edge_dropout
            kept = kept.repeat(2)  # a triplet, and its way back
            edge_index, edge_type = edge_index[:, kept], edge_type[kept]
        x = self.decoder.lookup()
        for i, conv in enumerate(self.convs):
            x = conv(x if i == 0 else F.dropout(x.relu(), self.dropout, self.training), edge_index, edge_type)
        return x if index is None else x[index]

    def normalized(self, x: Tensor) -> Tensor:
        return self.decoder.normalized(x)

    def relation(self, rel_type: Tensor) -> Tensor:
        return self.decoder.relation(rel_type)

    def query(self, given: Tensor, relation: Tensor, side: Side) -> Tensor:
        return self.decoder.query(given, relation, side)

    def similarity(self, query: Tensor, answer: Tensor) -> Tensor:
        return self.decoder.similarity(query, answer)

    def similarities(self, query: Tensor, answers: Tensor) -> Tensor:
        return self.decoder.similarities(query, answers)

    def modulus(self, x: Tensor) -> Tensor:
        return self.decoder.modulus(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.decoder}, num_layers={len(self.convs)})"
