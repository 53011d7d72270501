"""Signed graph convolutions: friends and foes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.errors import require
from grapevine.graph import coalesce, negative_sampling, structured_negative_sampling
from grapevine.graph.num_nodes import maybe_num_nodes
from grapevine.nn.conv.signed_conv import SignedConv


class SignedGCN(torch.nn.Module):
    r"""Embeddings of the nodes of a graph whose edges are positive or negative, by `SignedConv`.

    Args:
        in_channels: features F.
        hidden_channels: size of the embeddings, even.
        num_layers: number of layers.
        lamb: weight of the losses that compare distances.
        bias: learn shifts.

    Forward:
        x: features, (N, F).
        pos_edge_index: positive edges, (2, E+).
        neg_edge_index: negative edges, (2, E-).

    Returns:
        embeddings, (N, hidden_channels).

    Example:
        >>> model = SignedGCN(4, 8, num_layers=2)
        >>> pos, neg = torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0], [3]])
        >>> model(torch.randn(4, 4), pos, neg).shape
        torch.Size([4, 8])

    Source: "Signed Graph Convolutional Network" (arXiv:1808.06354).
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, num_layers: int, lamb: float = 5, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.lamb = lamb
        half = hidden_channels // 2
        self.conv1 = SignedConv(in_channels, half, first_aggr=True)
        self.convs = ModuleList(SignedConv(half, half, first_aggr=False) for _ in range(num_layers - 1))
        self.lin = Linear(2 * hidden_channels, 3)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in (self.conv1, *self.convs, self.lin):
            layer.reset_parameters()

    def split_edges(self, edge_index: Tensor, test_ratio: float = 0.2) -> tuple[Tensor, Tensor]:
        """Splits edges (2, E) at random into those for training and those for a test.

        Args:
            edge_index: edges.
            test_ratio: share of those for the test.
        """
        num_edges = edge_index.size(1)
        test = torch.zeros(num_edges, dtype=torch.bool)
        test[torch.randperm(num_edges)[: int(test_ratio * num_edges)]] = True
        return edge_index[:, ~test], edge_index[:, test]

    def create_spectral_features(
        self, pos_edge_index: Tensor, neg_edge_index: Tensor, num_nodes: int | None = None
    ) -> Tensor:
        """Features from the signed adjacency: its first `in_channels` right singular vectors (needs scikit-learn).

        Args:
            pos_edge_index: positive edges, (2, E+).
            neg_edge_index: negative edges, (2, E-).
            num_nodes: N.

        Returns:
            (N, in_channels).
        """
        decomposition = require("sklearn.decomposition", "scikit-learn")
        sparse = require("scipy.sparse", "scipy")
        edge_index = torch.cat([pos_edge_index, neg_edge_index], dim=1).cpu()
        num_nodes = maybe_num_nodes(edge_index, num_nodes)
        sign = torch.ones(edge_index.size(1))
        sign[pos_edge_index.size(1) :] = -1.0
        # An edge that is there several times counts as 2 (k - 1) + 1 for k positive ones, as in the reference code.
        both_ways = torch.cat([edge_index, edge_index.flip(0)], dim=1)
        pairs, total = coalesce(both_ways, (sign + 1).repeat(2), num_nodes=num_nodes)
        matrix = sparse.coo_matrix((total.numpy() - 1, pairs.numpy()), shape=(num_nodes, num_nodes))
        svd = decomposition.TruncatedSVD(n_components=self.in_channels, n_iter=128)
        found = torch.from_numpy(svd.fit(matrix).components_.T.copy())
        return found.to(torch.float).to(pos_edge_index.device)

    def forward(self, x: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
        z: Tensor = self.conv1(x, pos_edge_index, neg_edge_index).relu()
        for conv in self.convs:
            z = conv(z, pos_edge_index, neg_edge_index).relu()
        return z

    def discriminate(self, z: Tensor, edge_index: Tensor) -> Tensor:
        """Log-probabilities that pairs of nodes (2, M) are joined positively, negatively, or not at all, (M, 3)."""
        return self.lin(torch.cat([z[edge_index[0]], z[edge_index[1]]], dim=1)).log_softmax(dim=1)

    def nll_loss(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
        """How badly positive, negative and (randomly drawn) missing edges are told apart."""
        edge_index = torch.cat([pos_edge_index, neg_edge_index], dim=1)
        none_edge_index = negative_sampling(edge_index, z.size(0))
        losses = [
            F.nll_loss(self.discriminate(z, pairs), pairs.new_full((pairs.size(1),), label))
            for label, pairs in enumerate((pos_edge_index, neg_edge_index, none_edge_index))
        ]
        return torch.stack(losses).sum() / 3.0

    def pos_embedding_loss(self, z: Tensor, pos_edge_index: Tensor) -> Tensor:
        """By how much friends are farther apart than nodes that are not joined."""
        i, j, k = structured_negative_sampling(pos_edge_index, z.size(0))
        return (_distance(z, i, j) - _distance(z, i, k)).clamp(min=0).mean()

    def neg_embedding_loss(self, z: Tensor, neg_edge_index: Tensor) -> Tensor:
        """By how much foes are nearer to each other than nodes that are not joined."""
        i, j, k = structured_negative_sampling(neg_edge_index, z.size(0))
        return (_distance(z, i, k) - _distance(z, i, j)).clamp(min=0).mean()

    def loss(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
        """The whole objective.

        Args:
            z: embeddings, (N, hidden_channels).
            pos_edge_index: positive edges, (2, E+).
            neg_edge_index: negative edges, (2, E-).
        """
        nll = self.nll_loss(z, pos_edge_index, neg_edge_index)
        distances = self.pos_embedding_loss(z, pos_edge_index) + self.neg_embedding_loss(z, neg_edge_index)
        return nll + self.lamb * distances

    @torch.no_grad()
    def test(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> tuple[float, float]:
        """Area under the ROC curve and F1 score of telling positive from negative edges (needs scikit-learn)."""
        metrics = require("sklearn.metrics", "scikit-learn")
        found = [
            1 - self.discriminate(z, pairs)[:, :2].argmax(dim=1).cpu()
            for pairs in (pos_edge_index, neg_edge_index)
        ]
        y = torch.cat([torch.ones_like(found[0]), torch.zeros_like(found[1])]).numpy()
        pred = torch.cat(found).numpy()
        f1 = metrics.f1_score(y, pred) if pred.sum() > 0 else 0.0
        return float(metrics.roc_auc_score(y, pred)), float(f1)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.hidden_channels}, num_layers={self.num_layers})"
        )


def _distance(z: Tensor, i: Tensor, j: Tensor) -> Tensor:
    return (z[i] - z[j]).square().sum(dim=1)
