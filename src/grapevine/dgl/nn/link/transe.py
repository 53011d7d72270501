"""Translations as relations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.nn.inits import reset


class TransE(nn.Module):
    r"""The score :math:`-\Vert \mathbf{h} + \mathbf{r} - \mathbf{t} \Vert_p` of triples.

    Args:
        num_rels: number of relations.
        feats: F.
        p: of the norm.

    Forward:
        h_head, h_tail: (E, F).
        rels: integers (E,).

    Returns:
        (E,).

    Example:
        >>> TransE(num_rels=2, feats=4)(torch.ones(3, 4), torch.ones(3, 4), torch.tensor([0, 1, 1])).shape
        torch.Size([3])

    Source: "Translating Embeddings for Modeling Multi-relational Data" (NeurIPS 2013).
    """

    def __init__(self, num_rels: int, feats: int, p: float = 1) -> None:
        super().__init__()
        self.rel_emb = nn.Embedding(num_rels, feats)
        self.p = p

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.rel_emb)

    def forward(self, h_head: Tensor, h_tail: Tensor, rels: Tensor) -> Tensor:
        return -torch.linalg.vector_norm(h_head + self.rel_emb(rels) - h_tail, ord=self.p, dim=-1)
