"""Anti-symmetric deep graph networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.nn.conv.gcn_conv import GCNConv
from grapevine.nn.inits import zeros
from grapevine.nn.resolver import activation_resolver


class AntiSymmetricConv(torch.nn.Module):
    r"""Steps of a stable ordinary differential equation on the graph.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{x}_i + \epsilon \, \sigma \bigl( (\mathbf{W} - \mathbf{W}^{\top} -
        \gamma \mathbf{I}) \mathbf{x}_i + \Phi(\mathbf{X}, \mathcal{N}_i) + \mathbf{b} \bigr)

    Args:
        in_channels: size of input and output F.
        phi: the layer that sends messages; `GCNConv` without a shift if None.
        num_iters: number of steps.
        epsilon: size of a step.
        gamma: strength of the diffusion.
        act: activation sigma, by name or as a callable; None: none.
        act_kwargs: arguments of an activation given by name.
        bias: learn the shift b.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        args, kwargs: further arguments of `phi`.

    Returns:
        (N, F).

    Example:
        >>> conv = AntiSymmetricConv(16)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "Anti-Symmetric DGN: a stable architecture for Deep Graph Networks" (arXiv:2210.09789).
    """

    eye: Tensor

    def __init__(
        self,
        in_channels: int,
        phi: torch.nn.Module | None = None,
        num_iters: int = 1,
        epsilon: float = 0.1,
        gamma: float = 0.1,
        act: str | Callable[..., Any] | None = "tanh",
        act_kwargs: dict[str, Any] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.num_iters = num_iters
        self.gamma = gamma
        self.epsilon = epsilon
        self.act = activation_resolver(act, **(act_kwargs or {}))
        phi = GCNConv(in_channels, in_channels, bias=False) if phi is None else phi
        self.W = Parameter(torch.empty(in_channels, in_channels))
        self.register_buffer("eye", torch.eye(in_channels))
        self.phi: Any = phi
        self.register_parameter("bias", Parameter(torch.empty(in_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        torch.nn.init.kaiming_uniform_(self.W, a=math.sqrt(5))
        self.phi.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor | Edges, *args: Any, **kwargs: Any) -> Tensor:
        matrix = self.W - self.W.t() - self.gamma * self.eye
        for _ in range(self.num_iters):
            h = x @ matrix.t() + self.phi(x, edge_index, *args, **kwargs)
            h = h if self.bias is None else h + self.bias
            h = h if self.act is None else self.act(h)
            x = x + self.epsilon * h
        return x

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, phi={self.phi}, num_iters={self.num_iters}, "
            f"epsilon={self.epsilon}, gamma={self.gamma})"
        )
