"""LightGCN, for recommendation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Embedding, ModuleList
from torch.nn.modules.loss import _Loss

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index
from grapevine.nn.conv.lg_conv import LGConv


class LightGCN(torch.nn.Module):
    r"""Embeddings of nodes, propagated by `LGConv`; the weighted sum of all layers counts.

    .. math:: \mathbf{x}_i = \sum_{l=0}^{L} \alpha_l \mathbf{x}^{(l)}_i

    Args:
        num_nodes: N.
        embedding_dim: size of the embeddings F.
        num_layers: number of layers L.
        alpha: weights of the layers, one number or (L + 1,); 1 / (L + 1) if None.
        kwargs: of `LGConv`.

    Forward:
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_label_index: pairs of nodes to score, (2, M); the edges themselves if None.
        edge_weight: weights, (E,).

    Returns:
        scores, (M,).

    Raises:
        GraphValueError: for an `alpha` of another length.

    Example:
        >>> model = LightGCN(4, 8, num_layers=2)
        >>> model(torch.tensor([[0, 1], [2, 3]])).shape
        torch.Size([2])

    Source: "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation" (arXiv:2002.02126).
    """

    alpha: Tensor

    def __init__(
        self,
        num_nodes: int,
        embedding_dim: int,
        num_layers: int,
        alpha: float | Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.embedding_dim = embedding_dim
        self.num_layers = num_layers
        alpha = 1.0 / (num_layers + 1) if alpha is None else alpha
        if not isinstance(alpha, Tensor):
            alpha = torch.tensor([alpha] * (num_layers + 1))
        if alpha.size(0) != num_layers + 1:
            raise GraphValueError(
                f"expected an alpha for each of {num_layers + 1} layers, got {alpha.size(0)}"
            )
        self.register_buffer("alpha", alpha)
        self.embedding = Embedding(num_nodes, embedding_dim)
        self.convs = ModuleList(LGConv(**kwargs) for _ in range(num_layers))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        torch.nn.init.xavier_uniform_(self.embedding.weight)

    def get_embedding(self, edge_index: Tensor | Edges, edge_weight: Tensor | None = None) -> Tensor:
        """The final embeddings, (N, F); arguments as of `forward`."""
        x = self.embedding.weight
        out = self.alpha[0] * x
        for alpha, conv in zip(self.alpha[1:], self.convs):
            x = conv(x, edge_index, edge_weight)
            out = out + alpha * x
        return out

    def forward(
        self,
        edge_index: Tensor | Edges,
        edge_label_index: Tensor | None = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        if edge_label_index is None:
            edge_label_index = _pairs(edge_index)
        out = self.get_embedding(edge_index, edge_weight)
        return (out[edge_label_index[0]] * out[edge_label_index[1]]).sum(dim=-1)

    def predict_link(
        self,
        edge_index: Tensor | Edges,
        edge_label_index: Tensor | None = None,
        edge_weight: Tensor | None = None,
        prob: bool = False,
    ) -> Tensor:
        """Whether pairs are linked, 0 or 1, or with `prob` how probably; arguments as of `forward`."""
        found = self(edge_index, edge_label_index, edge_weight).sigmoid()
        return found if prob else found.round()

    def recommend(
        self,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        src_index: Tensor | None = None,
        dst_index: Tensor | None = None,
        k: int = 1,
        sorted: bool = True,
    ) -> Tensor:
        """The best destinations for each source.

        Args:
            edge_index, edge_weight: as of `forward`.
            src_index: sources, (S,); all nodes if None.
            dst_index: possible destinations; all nodes if None.
            k: how many.
            sorted: best first.

        Returns:
            numbers of nodes, (S, k).
        """
        out = self.get_embedding(edge_index, edge_weight)
        source = out if src_index is None else out[src_index]
        target = out if dst_index is None else out[dst_index]
        best = (source @ target.t()).topk(k, dim=-1, sorted=sorted).indices
        return best if dst_index is None else dst_index[best]

    def link_pred_loss(self, pred: Tensor, edge_label: Tensor, **kwargs: Any) -> Tensor:
        """Binary cross entropy of scores (M,) and labels (M,); `kwargs` of `torch.nn.BCEWithLogitsLoss`."""
        loss: Tensor = torch.nn.BCEWithLogitsLoss(**kwargs)(pred, edge_label.to(pred.dtype))
        return loss

    def recommendation_loss(
        self,
        pos_edge_rank: Tensor,
        neg_edge_rank: Tensor,
        node_id: Tensor | None = None,
        lambda_reg: float = 1e-4,
        **kwargs: Any,
    ) -> Tensor:
        """`BPRLoss` of the scores of edges and of other pairs, (M,) each, pairwise from the same source.

        Args:
            node_id: nodes whose embeddings are regularised; all if None.
            lambda_reg: strength of that.
            kwargs: of `BPRLoss`.
        """
        embedding = self.embedding.weight if node_id is None else self.embedding.weight[node_id]
        loss: Tensor = BPRLoss(lambda_reg, **kwargs)(pos_edge_rank, neg_edge_rank, embedding)
        return loss

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_nodes}, {self.embedding_dim}, num_layers={self.num_layers})"


def _pairs(edge_index: Tensor | Edges) -> Tensor:
    if isinstance(edge_index, Edges):
        return edge_index.edge_index
    return to_edge_index(edge_index)[0] if is_torch_sparse_tensor(edge_index) else edge_index


class BPRLoss(_Loss):
    r"""Bayesian personalised ranking: edges shall score higher than other pairs.

    .. math::
        - \frac{1}{M} \sum_{m} \ln \sigma ( \hat{y}^+_m - \hat{y}^-_m ) + \frac{\lambda}{M} \Vert \mathbf{X} \Vert^2

    Args:
        lambda_reg: strength lambda of the regularisation.
        kwargs: of the base class of losses.

    Forward:
        positives, negatives: scores, (M,) each.
        parameters: what to regularise, where lambda is not 0.

    Returns:
        a number.

    Example:
        >>> round(float(BPRLoss()(torch.tensor([1.0]), torch.tensor([1.0]))), 4)
        0.6931

    Source: "BPR: Bayesian Personalized Ranking from Implicit Feedback" (arXiv:1205.2618).
    """

    __constants__ = ["lambda_reg"]

    def __init__(self, lambda_reg: float = 0, **kwargs: Any) -> None:
        super().__init__(None, None, "sum", **kwargs)
        self.lambda_reg = lambda_reg

    def forward(self, positives: Tensor, negatives: Tensor, parameters: Tensor | None = None) -> Tensor:
        loss = -F.logsigmoid(positives - negatives).mean()
        if self.lambda_reg == 0:
            return loss
        if parameters is None:
            raise GraphValueError(f"expected parameters for lambda_reg={self.lambda_reg}, got none")
        return loss + self.lambda_reg * parameters.norm(p=2).pow(2) / positives.size(0)
