"""Attention-based propagation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.edges import Edges
from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class AGNNConv(MessagePassing):
    r"""Sums the neighbours, each weighted by an attention that the angle to the node decides.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i) \cup \{ i \}} \mathrm{softmax}_j
        \bigl( \beta \cos(\mathbf{x}_i, \mathbf{x}_j) \bigr) \, \mathbf{x}_j

    Args:
        requires_grad: learn beta; 1 otherwise.
        add_self_loops: replace self-loops by one at each node.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N), whose values do not matter.

    Returns:
        (N, F).

    Example:
        >>> AGNNConv()(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "Attention-based Graph Neural Network for Semi-Supervised Learning" (arXiv:1803.03735).
    """

    beta: Tensor

    def __init__(self, requires_grad: bool = True, add_self_loops: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.requires_grad = requires_grad
        self.add_self_loops = add_self_loops
        if requires_grad:
            self.register_parameter("beta", Parameter(torch.empty(1)))
        else:
            self.register_buffer("beta", torch.ones(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets beta to 1."""
        super().reset_parameters()
        self.beta.data.fill_(1.0)

    def forward(self, x: Tensor, edge_index: Tensor | Edges) -> Tensor:
        if self.add_self_loops:
            num_nodes = x.size(self.node_dim)
            edge_index, _ = replace_self_loops(edge_index, (num_nodes, num_nodes))
        return self.propagate(edge_index, x=x, x_norm=F.normalize(x, p=2.0, dim=-1))

    def message(
        self,
        x_j: Tensor,
        x_norm_i: Tensor,
        x_norm_j: Tensor,
        index: Tensor,
        ptr: Tensor | None,
        size_i: int | None,
    ) -> Tensor:
        alpha = softmax(self.beta * (x_norm_i * x_norm_j).sum(dim=-1), index, ptr, size_i)
        return alpha.view(-1, 1) * x_j
