"""Frequency adaptive graph convolution."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from grapevine import engine
from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._attention import with_weights
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv.gcn_conv import NormalizedConv
from grapevine.nn.dense.linear import Linear


class FAConv(NormalizedConv):
    r"""Sums the neighbours with coefficients between -1 and 1, so that what differs may pass as well as what agrees.

    .. math::
        \mathbf{x}^{\prime}_i = \epsilon \, \mathbf{x}^{(0)}_i + \sum_{j \in \mathcal{N}(i)}
        \frac{\alpha_{ij}}{\sqrt{d_i d_j}}
        \mathbf{x}_j, \qquad \alpha_{ij} = \tanh \bigl( \mathbf{a}^{\top} [\mathbf{x}_i \, \Vert \, \mathbf{x}_j] \bigr)

    Args:
        channels: size of input and output F; -1: that of the first input.
        eps: share epsilon of the first features.
        dropout: probability with which a coefficient is dropped in training.
        cached: keep the normalised graph of the first call, whatever graph comes later.
        add_self_loops: give a self-loop to every node that has none.
        normalize: weight the edges by degree; else `edge_weight` takes that place.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F).
        x_0: features of the first layer, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_weight: weights, (E,), where `normalize` is False.
        return_attention_weights: True or False: return the coefficients too; None: do not.

    Returns:
        (N, F); with the coefficients beside it `(edge_index, alpha)`, the graph with its self-loops and (E,).

    Raises:
        GraphValueError: for `edge_weight` with `normalize`, or neither of them.

    Example:
        >>> import torch
        >>> x = torch.randn(4, 16)
        >>> FAConv(16)(x, x, torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 16])

    Source: "Beyond Low-Frequency Information in Graph Convolutional Networks" (arXiv:2101.00797).
    """

    in_order = True  # the coefficients are handed out
    _alpha: Tensor | None = None

    def __init__(
        self,
        channels: int,
        eps: float = 0.1,
        dropout: float = 0.0,
        cached: bool = False,
        add_self_loops: bool = True,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"aggr": "add", **kwargs})
        self.channels = channels
        self.eps = eps
        self.dropout = dropout
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self.att_l = Linear(channels, 1, bias=False)
        self.att_r = Linear(channels, 1, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets the cached graph."""
        super().reset_parameters()
        self.att_l.reset_parameters()
        self.att_r.reset_parameters()

    def forward(
        self,
        x: Tensor,
        x_0: Tensor,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        if edge_weight is None and not self.normalize:
            edge_weight = sparse_values(edge_index, unless_ones=False)
        if self.normalize != (edge_weight is None):
            raise GraphValueError(
                "expected edge_weight with normalize=False and only then, got "
                f"normalize={self.normalize} and {'no' if edge_weight is None else 'an'} edge_weight"
            )
        edges, edge_weight = self.weighted(edge_index, edge_weight, x)
        out = self.propagate(edges, x=x, alpha=(self.att_l(x), self.att_r(x)), edge_weight=edge_weight)
        alpha, self._alpha = self._alpha, None
        if self.eps != 0.0:
            out = out + self.eps * x_0
        if isinstance(return_attention_weights, bool):
            assert alpha is not None
            return out, with_weights(edge_index, edges, alpha)
        return out

    def message(self, x_j: Tensor, alpha_j: Tensor, alpha_i: Tensor, edge_weight: Tensor) -> Tensor:
        alpha = engine.materialise((alpha_j + alpha_i).tanh().squeeze(-1))
        self._alpha = alpha
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        return (alpha * edge_weight).view(-1, 1) * x_j

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, eps={self.eps})"
