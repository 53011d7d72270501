"""Relations as translations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.kge.base import MatchingModel
from grapevine.nn.kge.known import Side


class TransE(MatchingModel):
    r"""A relation leads from the head to the tail; entities lie on the unit sphere.

    .. math::
        s(h, r, t) = - {\| \mathbf{e}_h + \mathbf{e}_r - \mathbf{e}_t \|}_p

    Args:
        num_nodes: number of entities N.
        num_relations: number of relations R.
        hidden_channels: features F of an embedding.
        margin: of the ranking loss.
        p_norm: p, of distances and of the sphere.
        sparse: make the gradients of the embeddings sparse.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,), at most 0.

    Example:
        >>> model = TransE(num_nodes=4, num_relations=2, hidden_channels=8)
        >>> h, r, t = torch.tensor([[0, 1], [0, 1], [2, 3]])
        >>> model(h, r, t).shape, model.loss(h, r, t).dim()
        (torch.Size([2]), 0)

    Source: Bordes et al., "Translating Embeddings for Modeling Multi-relational Data", NeurIPS 2013.
    """

    def __init__(
        self,
        num_nodes: int,
        num_relations: int,
        hidden_channels: int,
        margin: float = 1.0,
        p_norm: float = 1.0,
        sparse: bool = False,
    ) -> None:
        super().__init__(num_nodes, num_relations, hidden_channels, sparse)
        self.p_norm = p_norm
        self.margin = margin
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        bound = 6 / math.sqrt(self.hidden_channels)
        torch.nn.init.uniform_(self.node_emb.weight, -bound, bound)
        torch.nn.init.uniform_(self.rel_emb.weight, -bound, bound)
        with torch.no_grad():
            self.rel_emb.weight.copy_(F.normalize(self.rel_emb.weight, p=self.p_norm, dim=-1))

    def normalized(self, x: Tensor) -> Tensor:
        return F.normalize(x, p=self.p_norm, dim=-1)

    def query(self, given: Tensor, relation: Tensor, side: Side) -> Tensor:
        return given + relation if side == "tail" else given - relation

    def similarity(self, query: Tensor, answer: Tensor) -> Tensor:
        return -(query - answer).norm(p=self.p_norm, dim=-1)

    def similarities(self, query: Tensor, answers: Tensor) -> Tensor:
        return -torch.cdist(query, answers, p=self.p_norm)

    def loss(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        true, false = self._with_negatives(head_index, rel_type, tail_index)
        return F.margin_ranking_loss(true, false, target=torch.ones_like(true), margin=self.margin)
