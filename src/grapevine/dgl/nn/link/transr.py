"""Translations in a space of each relation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.nn.inits import reset


class TransR(nn.Module):
    r"""The score :math:`-\Vert \mathbf{h} \mathbf{M}_r + \mathbf{r} - \mathbf{t} \mathbf{M}_r \Vert_p` of triples.

    Args:
        num_rels: number of relations.
        rfeats: size of a relation.
        nfeats: F.
        p: of the norm.

    Forward:
        h_head, h_tail: (E, F).
        rels: integers (E,).

    Returns:
        (E,).

    Example:
        >>> TransR(2, rfeats=3, nfeats=4)(torch.ones(3, 4), torch.ones(3, 4), torch.tensor([0, 1, 1])).shape
        torch.Size([3])

    Source: "Learning Entity and Relation Embeddings for Knowledge Graph Completion" (AAAI 2015).
    """

    def __init__(self, num_rels: int, rfeats: int, nfeats: int, p: float = 1) -> None:
        super().__init__()
        self.rel_emb = nn.Embedding(num_rels, rfeats)
        self.rel_project = nn.Embedding(num_rels, nfeats * rfeats)
        self.rfeats = rfeats
        self.nfeats = nfeats
        self.p = p

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.rel_emb)
        reset(self.rel_project)

    def forward(self, h_head: Tensor, h_tail: Tensor, rels: Tensor) -> Tensor:
        project = self.rel_project(rels).view(-1, self.nfeats, self.rfeats)
        apart = torch.einsum("nf,nfr->nr", h_head - h_tail, project) + self.rel_emb(rels)
        return -torch.linalg.vector_norm(apart, ord=self.p, dim=-1)
