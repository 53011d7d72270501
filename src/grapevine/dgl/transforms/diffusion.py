"""Transforms that replace edges by those of a diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.transforms.base import BaseTransform, restructured

__all__ = ["GDC", "PPR", "HeatKernel"]


class _Diffusion(BaseTransform):
    """Keeps the entries of a dense diffusion matrix that are large enough, as weighted edges."""

    def __init__(self, eweight_name: str, eps: float | None, avg_degree: int) -> None:
        self.eweight_name = eweight_name
        self.eps = eps
        self.avg_degree = avg_degree

    def diffusion(self, adjacency: Tensor) -> Tensor:
        """`(N, N)` from destinations to sources, of the weighted adjacency matrix likewise."""
        return adjacency

    def __call__(self, g: DGLGraph) -> DGLGraph:
        n = g.num_nodes()
        relation = g._relation()
        adjacency = torch.zeros(n, n, device=g.device)
        weights = g.edata.get(self.eweight_name)
        ones = torch.ones(g.num_edges(), device=g.device)
        adjacency[relation.dst_index, relation.src_index] = ones if weights is None else weights
        matrix = self.diffusion(adjacency)
        dst, src = (matrix >= self._threshold(matrix)).nonzero(as_tuple=True)
        new = restructured(g, {g.canonical_etypes[0]: (src, dst)}, copy_edata=False)
        new.edata[self.eweight_name] = matrix[dst, src]
        return new

    def _threshold(self, matrix: Tensor) -> float | Tensor:
        if self.eps is not None:
            return self.eps
        if self.avg_degree > len(matrix):
            return float("-inf")
        return matrix.flatten().sort(descending=True).values[self.avg_degree * len(matrix) - 1]


class PPR(_Diffusion):
    """Personalised PageRank: `alpha (I - (1 - alpha) A)^-1`.

    Args:
        alpha: the probability to return.
        eweight_name: the edge feature: the weights, if there are any, and the result.
        eps: entries below are dropped; None means as many are kept as fit the average degree.
        avg_degree: the average degree of the result.

    Example:
        >>> from grapevine import dgl
        >>> PPR(avg_degree=1)(dgl.graph(([0, 1], [1, 0]))).edata["w"].shape
        torch.Size([2])

    Source: "Diffusion Improves Graph Learning" (arXiv:1911.05485).
    """

    def __init__(
        self, alpha: float = 0.15, eweight_name: str = "w", eps: float | None = None, avg_degree: int = 5
    ) -> None:
        super().__init__(eweight_name, eps, avg_degree)
        self.alpha = alpha

    def diffusion(self, adjacency: Tensor) -> Tensor:
        eye = torch.eye(len(adjacency), device=adjacency.device)
        return self.alpha * torch.linalg.inv(eye - (1 - self.alpha) * adjacency)


class HeatKernel(_Diffusion):
    """The heat kernel: `exp(t (A - I))`.

    Args:
        t: for how long it diffuses.
        eweight_name: the edge feature: the weights, if there are any, and the result.
        eps: entries below are dropped; None means as many are kept as fit the average degree.
        avg_degree: the average degree of the result.

    Source: "Diffusion Improves Graph Learning" (arXiv:1911.05485).
    """

    def __init__(
        self, t: float = 2.0, eweight_name: str = "w", eps: float | None = None, avg_degree: int = 5
    ) -> None:
        super().__init__(eweight_name, eps, avg_degree)
        self.t = t

    def diffusion(self, adjacency: Tensor) -> Tensor:
        eye = torch.eye(len(adjacency), device=adjacency.device)
        return torch.linalg.matrix_exp(self.t * (adjacency - eye))


class GDC(_Diffusion):
    """A power series of the adjacency matrix: `sum_k coefs[k] A^k`.

    Args:
        coefs: the coefficients, from that of the identity on.
        eweight_name: the edge feature: the weights, if there are any, and the result.
        eps: entries below are dropped; None means as many are kept as fit the average degree.
        avg_degree: the average degree of the result.

    Source: "Diffusion Improves Graph Learning" (arXiv:1911.05485).
    """

    def __init__(
        self,
        coefs: Sequence[float],
        eweight_name: str = "w",
        eps: float | None = None,
        avg_degree: int = 5,
    ) -> None:
        super().__init__(eweight_name, eps, avg_degree)
        self.coefs = coefs

    def diffusion(self, adjacency: Tensor) -> Tensor:
        power = torch.eye(len(adjacency), device=adjacency.device)
        total = self.coefs[0] * power
        for coefficient in self.coefs[1:]:
            power = power @ adjacency
            total = total + coefficient * power
        return total
