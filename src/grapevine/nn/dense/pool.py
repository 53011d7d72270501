"""Pooling of dense graphs by learned soft clusters; shapes as in `grapevine.nn.dense.conv`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.dense.conv import batched, masked
from grapevine.nn.dense.mlp import MLP

EPS = 1e-15


def _trace(x: Tensor) -> Tensor:
    return x.diagonal(dim1=-2, dim2=-1).sum(dim=-1)


def _orthogonality_loss(s: Tensor) -> Tensor:
    """How far the clusters, (B, N, C), are from orthogonal and equally large."""
    ss = s.mT @ s
    eye = torch.eye(s.size(-1), dtype=s.dtype, device=s.device)
    return torch.linalg.matrix_norm(ss / torch.linalg.matrix_norm(ss, keepdim=True) - eye / eye.norm()).mean()


def _without_loops_normalized(adj: Tensor) -> Tensor:
    """Drops the diagonal, then normalises symmetrically by the degrees."""
    loops = torch.eye(adj.size(-1), dtype=torch.bool, device=adj.device)
    adj = adj.masked_fill(loops, 0.0)
    root = adj.sum(dim=-1).sqrt() + EPS
    return adj / root.unsqueeze(-2) / root.unsqueeze(-1)


def dense_diff_pool(
    x: Tensor, adj: Tensor, s: Tensor, mask: Tensor | None = None, normalize: bool = True
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Pools each graph to C clusters by the soft assignment that DiffPool learns.

    .. math::
        \mathbf{X}^{\prime} = \mathbf{S}^{\top} \mathbf{X}, \qquad
        \mathbf{A}^{\prime} = \mathbf{S}^{\top} \mathbf{A} \mathbf{S}, \qquad
        \mathcal{L}_{LP} = \|\mathbf{A} - \mathbf{S} \mathbf{S}^{\top}\|_F, \qquad
        \mathcal{L}_E = \frac{1}{N} \sum_n H(\mathbf{S}_n)

    Args:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N).
        s: scores of the clusters, (B, N, C) or (N, C); the softmax is taken here.
        mask: which nodes exist, bool (B, N).
        normalize: divide the link prediction loss by the number of entries of `adj`.

    Returns:
        features (B, C, F), adjacency (B, C, C), link prediction loss, entropy loss.

    Example:
        >>> x, adj, *losses = dense_diff_pool(torch.ones(4, 3), torch.ones(4, 4), torch.randn(4, 2))
        >>> x.shape, adj.shape
        (torch.Size([1, 2, 3]), torch.Size([1, 2, 2]))

    Source: "Hierarchical Graph Representation Learning with Differentiable Pooling" (arXiv:1806.08804).
    """
    x, adj, s = batched(x), batched(adj), batched(s)
    x, s = masked(x, mask), masked(s.softmax(dim=-1), mask)
    link_loss = torch.linalg.vector_norm(adj - s @ s.mT)
    if normalize:
        link_loss = link_loss / adj.numel()
    entropy_loss = -(s * (s + EPS).log()).sum(dim=-1).mean()
    return s.mT @ x, s.mT @ adj @ s, link_loss, entropy_loss


def dense_mincut_pool(
    x: Tensor, adj: Tensor, s: Tensor, mask: Tensor | None = None, temp: float = 1.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Pools each graph to C clusters that cut few edges.

    .. math::
        \mathbf{X}^{\prime} = \mathbf{S}^{\top} \mathbf{X}, \qquad
        \mathbf{A}^{\prime} = \mathbf{S}^{\top} \mathbf{A} \mathbf{S}, \qquad
        \mathcal{L}_c = - \frac{\mathrm{Tr}(\mathbf{S}^{\top} \mathbf{A} \mathbf{S})}
        {\mathrm{Tr}(\mathbf{S}^{\top} \mathbf{D} \mathbf{S})}, \qquad
        \mathcal{L}_o = \left\| \frac{\mathbf{S}^{\top} \mathbf{S}}{\|\mathbf{S}^{\top} \mathbf{S}\|_F}
        - \frac{\mathbf{I}_C}{\sqrt{C}} \right\|_F

    Args:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N), symmetric.
        s: scores of the clusters, (B, N, C) or (N, C); the softmax is taken here.
        mask: which nodes exist, bool (B, N).
        temp: temperature of the softmax.

    Returns:
        features (B, C, F), adjacency (B, C, C) without self-loops and symmetrically normalised, cut loss,
        orthogonality loss.

    Example:
        >>> x, adj, *losses = dense_mincut_pool(torch.ones(4, 3), torch.ones(4, 4), torch.randn(4, 2))
        >>> x.shape, adj.shape
        (torch.Size([1, 2, 3]), torch.Size([1, 2, 2]))

    Source: "Spectral Clustering with Graph Neural Networks for Graph Pooling" (arXiv:1907.00481).
    """
    x, adj, s = batched(x), batched(adj), batched(s)
    x, s = masked(x, mask), masked((s / temp).softmax(dim=-1), mask)
    pooled = s.mT @ adj @ s
    degrees = adj.sum(dim=-1, keepdim=True)
    cut_loss = -(_trace(pooled) / _trace(s.mT @ (degrees * s))).mean()
    return s.mT @ x, _without_loops_normalized(pooled), cut_loss, _orthogonality_loss(s)


class DMoNPooling(torch.nn.Module):
    r"""Pools each graph to clusters of high modularity.

    .. math::
        \mathbf{X}^{\prime} = \mathrm{selu}(\mathbf{S}^{\top} \mathbf{X}), \qquad
        \mathbf{A}^{\prime} = \mathbf{S}^{\top} \mathbf{A} \mathbf{S}, \qquad
        \mathcal{L}_s = - \frac{1}{2m} \mathrm{Tr}(\mathbf{S}^{\top} \mathbf{B} \mathbf{S}), \qquad
        \mathcal{L}_c = \frac{\sqrt{C}}{n} \left\| \sum_i \mathbf{S}_i \right\|_2 - 1

    where B is the modularity matrix and S the softmax of an MLP of the features; the orthogonality loss is
    that of `dense_mincut_pool`.

    Args:
        channels: F, or the sizes of all layers of the MLP but its last.
        k: number of clusters C.
        dropout: probability of dropping a score in training.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N).
        mask: which nodes exist, bool (B, N).

    Returns:
        assignment (B, N, C), features (B, C, F), adjacency (B, C, C) without self-loops and symmetrically
        normalised, spectral loss, orthogonality loss, cluster loss.

    Example:
        >>> s, x, adj, *losses = DMoNPooling(3, k=2)(torch.randn(4, 3), torch.ones(4, 4))
        >>> s.shape, x.shape, adj.shape
        (torch.Size([1, 4, 2]), torch.Size([1, 2, 3]), torch.Size([1, 2, 2]))

    Source: "Graph Clustering with Graph Neural Networks" (arXiv:2006.16904).
    """

    def __init__(self, channels: int | list[int], k: int, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [channels] if isinstance(channels, int) else list(channels)
        self.mlp = MLP([*sizes, k], act=None, norm=None)
        self.dropout = dropout
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.mlp.reset_parameters()

    def forward(
        self, x: Tensor, adj: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        x, adj = batched(x), batched(adj)
        s = F.dropout(self.mlp(x), self.dropout, training=self.training).softmax(dim=-1)
        x, s = masked(x, mask), masked(s, mask)
        pooled = s.mT @ adj @ s

        degrees = masked(adj.sum(dim=-1, keepdim=True), mask)  # (B, N, 1)
        twice_edges = degrees.sum(dim=(1, 2))
        cluster_degrees = s.mT @ degrees  # (B, C, 1)
        expected = cluster_degrees @ cluster_degrees.mT / twice_edges.view(-1, 1, 1)
        spectral_loss = -(_trace(pooled - expected) / twice_edges).mean()

        num_nodes = masked(torch.ones_like(degrees), mask).sum(dim=1)  # (B, 1)
        collapse = torch.linalg.vector_norm(s.sum(dim=1), dim=1, keepdim=True)
        cluster_loss = (collapse / num_nodes * s.size(-1) ** 0.5 - 1).mean()

        out = F.selu(s.mT @ x)
        return s, out, _without_loops_normalized(pooled), spectral_loss, _orthogonality_loss(s), cluster_loss

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.mlp.in_channels}, num_clusters={self.mlp.out_channels})"
