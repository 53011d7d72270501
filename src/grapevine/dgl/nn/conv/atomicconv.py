"""Atomic convolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class RadialPooling(nn.Module):
    r"""Gaussians of the distance, faded out towards a cutoff.

    .. math::
        \exp ( -\gamma_k (r - \mu_k)^2 ) \cdot \tfrac{1}{2} \left( \cos ( \pi r / c_k ) + 1 \right) [r \le c_k]

    Args:
        interaction_cutoffs: :math:`c`, (K,).
        rbf_kernel_means: :math:`\mu`, (K,).
        rbf_kernel_scaling: :math:`\gamma`, (K,).

    Forward:
        distances: (E, 1).

    Returns:
        (K, E, 1).

    Example:
        >>> ones = torch.ones(3)
        >>> RadialPooling(ones, ones, ones)(torch.ones(5, 1)).shape
        torch.Size([3, 5, 1])
    """

    def __init__(
        self, interaction_cutoffs: Tensor, rbf_kernel_means: Tensor, rbf_kernel_scaling: Tensor
    ) -> None:
        super().__init__()
        self.interaction_cutoffs = nn.Parameter(interaction_cutoffs.reshape(-1, 1, 1))
        self.rbf_kernel_means = nn.Parameter(rbf_kernel_means.reshape(-1, 1, 1))
        self.rbf_kernel_scaling = nn.Parameter(rbf_kernel_scaling.reshape(-1, 1, 1))

    def forward(self, distances: Tensor) -> Tensor:
        gaussian = torch.exp(-self.rbf_kernel_scaling * (distances - self.rbf_kernel_means).square())
        fade = 0.5 * (torch.cos(math.pi * distances / self.interaction_cutoffs) + 1)
        return gaussian * torch.where(distances <= self.interaction_cutoffs, fade, torch.zeros_like(fade))


class AtomicConv(nn.Module):
    r"""Counts the neighbours of each kind by radial filters of their distance.

    .. math::
        h'_{i, c, k} = \sum_{j \in \mathcal{N}(i)} h_{j, c} \, f_k(r_{ij})

    Args:
        interaction_cutoffs: of each filter, (K,); see `RadialPooling`.
        rbf_kernel_means: (K,).
        rbf_kernel_scaling: (K,).
        features_to_use: the C values of a feature, such as atomic numbers, that count as kinds; None: take the feature
            itself.

    Forward:
        graph: a homogeneous graph.
        feat: (N, 1).
        distances: (E, 1).

    Returns:
        (N, C K).

    Example:
        >>> import grapevine.dgl as dgl
        >>> g, ones = dgl.graph(([0, 1, 2], [1, 2, 0])), torch.ones(4)
        >>> AtomicConv(ones, ones, ones, torch.tensor([6.0, 8.0]))(g, torch.ones(3, 1), torch.ones(3, 1)).shape
        torch.Size([3, 8])

    Source: "Atomic Convolutional Networks for Predicting Protein-Ligand Binding Affinity" (arXiv:1703.10603).
    """

    features_to_use: Tensor | None

    def __init__(
        self,
        interaction_cutoffs: Tensor,
        rbf_kernel_means: Tensor,
        rbf_kernel_scaling: Tensor,
        features_to_use: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.radial_pooling = RadialPooling(interaction_cutoffs, rbf_kernel_means, rbf_kernel_scaling)
        self.num_channels = 1 if features_to_use is None else len(features_to_use)
        self.features_to_use = (
            None if features_to_use is None else nn.Parameter(features_to_use, requires_grad=False)
        )

    def forward(self, graph: DGLGraph, feat: Tensor, distances: Tensor) -> Tensor:
        edges = graph._relation()
        radial = self.radial_pooling(distances).to(feat).squeeze(-1).t()  # (E, K)
        if self.features_to_use is not None:
            feat = (feat == self.features_to_use).to(feat)
        return edges.sum(edges.src(feat.unsqueeze(-1)) * edges.edge(radial.unsqueeze(1))).flatten(1)
