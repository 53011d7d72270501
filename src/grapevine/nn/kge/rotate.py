"""Relations as rotations."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grapevine.nn.kge.complex import ComplexModel


class RotatE(ComplexModel):
    r"""A relation turns every complex feature of the head by an angle, towards the tail.

    .. math::
        s(h, r, t) = \gamma - \| \mathbf{e}_h \circ e^{i \theta_r} - \mathbf{e}_t \|

    Args:
        num_nodes: number of entities N.
        num_relations: number of relations R.
        hidden_channels: complex features F of an embedding.
        margin: gamma.
        sparse: make the gradients of the embeddings sparse.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,), at most gamma.

    Departures from the paper: the Euclidean norm over all features, as in PyTorch Geometric, instead of the sum of
    moduli.

    Example:
        >>> model = RotatE(num_nodes=4, num_relations=2, hidden_channels=8, margin=9.0)
        >>> h, r, t = torch.tensor([[0, 1], [0, 1], [2, 3]])
        >>> bool((model(h, r, t) <= 9).all())
        True

    Source: Sun et al., "RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space", arXiv:1902.10197.
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
        torch.nn.init.xavier_uniform_(self.node_emb_im.weight)
        torch.nn.init.uniform_(self.rel_emb.weight, 0, 2 * math.pi)

    def relation(self, rel_type: Tensor) -> Tensor:
        angle = self.rel_emb(rel_type)
        return torch.cat([angle.cos(), angle.sin()], dim=-1)

    def similarity(self, query: Tensor, answer: Tensor) -> Tensor:
        return self.margin - (query - answer).norm(dim=-1)

    def similarities(self, query: Tensor, answers: Tensor) -> Tensor:
        return self.margin - torch.cdist(query, answers)
