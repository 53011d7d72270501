"""Relations as diagonal matrices."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.kge.base import MatchingModel
from grapevine.nn.kge.known import Side


class DistMult(MatchingModel):
    r"""A relation weighs what head and tail have in common; so every relation is symmetric.

    .. math::
        s(h, r, t) = \langle \mathbf{e}_h, \mathbf{e}_r, \mathbf{e}_t \rangle

    Args:
        num_nodes: number of entities N.
        num_relations: number of relations R.
        hidden_channels: features F of an embedding.
        margin: of the ranking loss.
        sparse: make the gradients of the embeddings sparse.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,).

    Example:
        >>> model = DistMult(num_nodes=4, num_relations=2, hidden_channels=8)
        >>> h, r, t = torch.tensor([[0, 1], [0, 1], [2, 3]])
        >>> torch.allclose(model(h, r, t), model(t, r, h))
        True

    Source: Yang et al., "Embedding Entities and Relations for Learning and Inference in Knowledge Bases",
    arXiv:1412.6575.
    """

    def __init__(
        self,
        num_nodes: int,
        num_relations: int,
        hidden_channels: int,
        margin: float = 1.0,
        sparse: bool = False,
    ) -> None:
        super().__init__(num_nodes, num_relations, hidden_channels, sparse)
        self.margin = margin
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        torch.nn.init.xavier_uniform_(self.node_emb.weight)
        torch.nn.init.xavier_uniform_(self.rel_emb.weight)

    def query(self, given: Tensor, relation: Tensor, side: Side) -> Tensor:
        return given * relation

    def loss(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        true, false = self._with_negatives(head_index, rel_type, tail_index)
        return F.margin_ranking_loss(true, false, target=torch.ones_like(true), margin=self.margin)
