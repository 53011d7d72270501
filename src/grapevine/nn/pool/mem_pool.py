"""Memory based pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Conv2d, Linear, Parameter

from grapevine.utils import to_dense_batch

EPS = 1e-15


class MemPooling(torch.nn.Module):
    r"""Pools each graph to K rows by its similarity to learned keys.

    .. math::
        S^{(h)}_{ik} \propto (1 + \|\mathbf{x}_i - \mathbf{k}^{(h)}_k\|^2 / \tau)^{-(1 + \tau) / 2}, \qquad
        \mathbf{S} = \mathrm{softmax}(\mathrm{Conv}(\Vert_h \mathbf{S}^{(h)})), \qquad
        \mathbf{X}^{\prime} = \mathbf{S}^{\top} \mathbf{X} \mathbf{W}

    Args:
        in_channels: F.
        out_channels: F'.
        heads: number of sets of keys H.
        num_clusters: number of keys K in each.
        tau: temperature τ.

    Forward:
        x: features, (N, F), or (B, D, F).
        batch: graph of each row, sorted int64 (N,), where `x` is (N, F).
        mask: which rows exist, bool (B, D), where `x` is (B, D, F).
        max_num_nodes: D, counted if None.
        batch_size: B, counted if None.

    Returns:
        features (B, K, F'), assignment (B, D, K).

    Example:
        >>> x, S = MemPooling(4, 8, heads=2, num_clusters=3)(torch.randn(5, 4), torch.tensor([0, 0, 0, 1, 1]))
        >>> x.shape, S.shape
        (torch.Size([2, 3, 8]), torch.Size([2, 3, 3]))

    Source: "Memory-Based Graph Networks" (arXiv:2002.09518).
    """

    def __init__(
        self, in_channels: int, out_channels: int, heads: int, num_clusters: int, tau: float = 1.0
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.num_clusters = num_clusters
        self.tau = tau
        self.k = Parameter(torch.empty(heads, num_clusters, in_channels))
        self.conv = Conv2d(heads, 1, kernel_size=1, padding=0, bias=False)
        self.lin = Linear(in_channels, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        torch.nn.init.uniform_(self.k, -1.0, 1.0)
        self.conv.reset_parameters()
        self.lin.reset_parameters()

    @staticmethod
    def kl_loss(S: Tensor) -> Tensor:
        r"""How far the assignment is from a sharper one; a loss to add.

        .. math::
            \mathcal{L} = \mathrm{KL}(\mathbf{P} \Vert \mathbf{S}), \qquad
            P_{ik} \propto S_{ik}^2 / \sum_n S_{nk}

        Args:
            S: assignment, (B, D, K).
        """
        P = S.square() / S.sum(dim=1, keepdim=True)
        total = P.sum(dim=2, keepdim=True)
        P = P / total.masked_fill(S.sum(dim=2, keepdim=True) == 0, 1.0)
        return F.kl_div(S.clamp(min=EPS).log(), P.clamp(min=EPS), reduction="batchmean")

    def forward(
        self,
        x: Tensor,
        batch: Tensor | None = None,
        mask: Tensor | None = None,
        max_num_nodes: int | None = None,
        batch_size: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        if x.dim() <= 2:
            x, mask = to_dense_batch(x, batch, max_num_nodes=max_num_nodes, batch_size=batch_size)
        elif mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)

        distance = torch.cdist(x.flatten(0, 1), self.k.flatten(0, 1)).square()
        similarity = (1 + distance / self.tau).pow(-(self.tau + 1) / 2)
        S = similarity.view(*x.shape[:2], self.heads, self.num_clusters).transpose(1, 2)  # (B, H, D, K)
        S = S / S.sum(dim=-1, keepdim=True)
        S = self.conv(S).squeeze(1).softmax(dim=-1) * mask.unsqueeze(-1)
        return self.lin(S.mT @ x), S

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads}, "
            f"num_clusters={self.num_clusters})"
        )
