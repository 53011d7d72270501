"""Complex embeddings: relations as diagonal complex matrices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Embedding

from grapevine.nn.kge.base import MatchingModel
from grapevine.nn.kge.known import Side


class ComplexModel(MatchingModel):
    """What models with complex entities share: embeddings (B, 2F) hold real parts, then imaginary parts.

    Arguments as for `KGEModel`.
    """

    def __init__(
        self, num_nodes: int, num_relations: int, hidden_channels: int, sparse: bool = False
    ) -> None:
        super().__init__(num_nodes, num_relations, hidden_channels, sparse)
        self.node_emb_im = Embedding(num_nodes, hidden_channels, sparse=sparse)

    def lookup(self, index: Tensor | None = None) -> Tensor:
        if index is None:
            return torch.cat([self.node_emb.weight, self.node_emb_im.weight], dim=-1)
        return torch.cat([self.node_emb(index), self.node_emb_im(index)], dim=-1)

    def query(self, given: Tensor, relation: Tensor, side: Side) -> Tensor:
        a, b = given.chunk(2, dim=-1)
        c, d = relation.chunk(2, dim=-1)
        if side == "head":  # the complex conjugate leads back
            d = -d
        return torch.cat([a * c - b * d, a * d + b * c], dim=-1)

    def modulus(self, x: Tensor) -> Tensor:
        return torch.complex(
            *x.chunk(2, dim=-1)
        ).abs()  # a norm over two strided rows takes twenty times as long


class ComplEx(ComplexModel):
    r"""The real part of a product of complex embeddings, in which head and tail play different roles.

    .. math::
        s(h, r, t) = \mathrm{Re} \langle \mathbf{e}_h, \mathbf{e}_r, \overline{\mathbf{e}_t} \rangle

    Args:
        num_nodes: number of entities N.
        num_relations: number of relations R.
        hidden_channels: complex features F of an embedding.
        sparse: make the gradients of the embeddings sparse.

    Forward:
        head_index: heads, int64 (B,).
        rel_type: relations, int64 (B,).
        tail_index: tails, int64 (B,).

    Returns:
        Scores (B,).

    Example:
        >>> model = ComplEx(num_nodes=4, num_relations=2, hidden_channels=8)
        >>> h, r, t = torch.tensor([[0, 1], [0, 1], [2, 3]])
        >>> torch.allclose(model(h, r, t), model(t, r, h))
        False

    Source: Trouillon et al., "Complex Embeddings for Simple Link Prediction", arXiv:1606.06357.
    """

    def __init__(
        self, num_nodes: int, num_relations: int, hidden_channels: int, sparse: bool = False
    ) -> None:
        super().__init__(num_nodes, num_relations, hidden_channels, sparse)
        self.rel_emb_im = Embedding(num_relations, hidden_channels, sparse=sparse)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for embedding in (self.node_emb, self.node_emb_im, self.rel_emb, self.rel_emb_im):
            torch.nn.init.xavier_uniform_(embedding.weight)

    def relation(self, rel_type: Tensor) -> Tensor:
        return torch.cat([self.rel_emb(rel_type), self.rel_emb_im(rel_type)], dim=-1)
