"""Eigenvectors as features, whichever sign the solver gave them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.nn.dense.mlp import MLP
from grapevine.nn.inits import reset


class SignNet(torch.nn.Module):
    r"""Encodes eigenvectors so that flipping the sign of any of them changes nothing.

    .. math::
        \mathbf{h}_i = \rho \left( \big[ \phi(\mathbf{v}_1) + \phi(-\mathbf{v}_1), \ldots, \phi(\mathbf{v}_k) +
        \phi(-\mathbf{v}_k) \big]_i \right)

    Args:
        num_vectors: number of eigenvectors k.
        hidden_channels: features D that φ makes of an eigenvector.
        out_channels: size of the output F'.
        phi: the network φ, from (k, N, 1) to (k, N, D), with the edges as its second argument: a `GIN` of one input
            feature, say; None: an MLP of two layers for each entry alone, which loses the signs within a vector too.
        num_layers: number of layers of ρ, an MLP.

    Forward:
        v: eigenvectors, (N, k), as `transforms.AddLaplacianEigenvectorPE` finds them.
        edge_index: of a `phi` that sends messages.

    Returns:
        (N, F').

    Example:
        >>> encoder = SignNet(3, 8, 4)
        >>> v = torch.randn(5, 3)
        >>> torch.allclose(encoder(v), encoder(v * torch.tensor([1.0, -1.0, -1.0])))
        True

    Source: "Sign and Basis Invariant Networks for Spectral Graph Representation Learning" (arXiv:2202.13013).
    """

    def __init__(
        self,
        num_vectors: int,
        hidden_channels: int,
        out_channels: int,
        phi: torch.nn.Module | None = None,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        self.num_vectors = num_vectors
        self.out_channels = out_channels
        self.sends = phi is not None
        self.phi = MLP([1, hidden_channels, hidden_channels], norm=None) if phi is None else phi
        sizes = [num_vectors * hidden_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.rho = MLP(sizes, norm=None)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.phi)
        self.rho.reset_parameters()

    def forward(self, v: Tensor, edge_index: Any = None) -> Tensor:
        columns = v.t().unsqueeze(-1)
        of_graph = (edge_index,) if self.sends else ()
        h = self.phi(columns, *of_graph) + self.phi(-columns, *of_graph)
        out: Tensor = self.rho(h.transpose(0, 1).flatten(1))
        return out

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.num_vectors}, {self.out_channels})"
