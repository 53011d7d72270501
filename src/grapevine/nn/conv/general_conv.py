"""A layer to choose all the usual design options of."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Identity, Parameter

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import sparse_features
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import softmax


class GeneralConv(MessagePassing):
    r"""A general layer: linear messages of both ends and the edge, several heads, attention, a skip connection.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{1}{H} \sum_{h=1}^{H} \mathrm{AGG}_{j \in \mathcal{N}(i)} \bigl( \alpha^h_{ij}
        \mathbf{m}^h_{ij} \bigr) + \mathbf{W}_s \mathbf{x}_i, \qquad
        \mathbf{m}_{ij} = \mathbf{W}_m \mathbf{x}_j \; [ + \mathbf{W}_i \mathbf{x}_i ]
        \; [ + \mathbf{W}_e \mathbf{e}_{ji} ]

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        in_edge_channels: size of the edges' features D; None: there are none.
        aggr: aggregation of the neighbours, "add", "mean", "max", ...
        skip_linear: learn W_s even where F equals F'; it is the identity there otherwise.
        directed_msg: let the source alone decide on the message, not the node itself.
        heads: number of heads H.
        attention: weight the messages by attention; otherwise alpha is 1.
        attention_type: "additive": scores :math:`\mathbf{a}^{\top} \mathbf{m}_{ij}`; "dot_product": the product of the
            messages in both directions, over the root of F'.
        l2_normalize: give every output row length 1.
        bias: let the linear maps learn shifts.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src).
        edge_attr: features of the edges, (E, D).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for an unknown `attention_type`.

    Example:
        >>> conv = GeneralConv(16, 32, heads=2, attention=True)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Design Space for Graph Neural Networks" (arXiv:2011.08843).
    """

    scaler: Tensor

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        in_edge_channels: int | None = None,
        aggr: str = "add",
        skip_linear: bool = False,
        directed_msg: bool = True,
        heads: int = 1,
        attention: bool = False,
        attention_type: str = "additive",
        l2_normalize: bool = False,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr, node_dim=0, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.in_edge_channels = in_edge_channels
        self.skip_linear = skip_linear
        self.directed_msg = directed_msg
        self.heads = heads
        self.attention = attention
        self.attention_type = attention_type
        self.normalize_l2 = l2_normalize
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        self.lin_msg = Linear(source, out_channels * heads, bias=bias)
        if not directed_msg:
            self.lin_msg_i = Linear(source, out_channels * heads, bias=bias)
        same = in_channels == out_channels
        self.lin_self = Identity() if same and not skip_linear else Linear(target, out_channels, bias=bias)
        if in_edge_channels is not None:
            self.lin_edge = Linear(in_edge_channels, out_channels * heads, bias=bias)
        if attention:
            if attention_type == "additive":
                self.att_msg = Parameter(torch.empty(1, heads, out_channels))
            elif attention_type == "dot_product":
                self.register_buffer("scaler", torch.tensor(math.sqrt(out_channels)))
            else:
                raise GraphValueError(
                    f"expected attention_type 'additive' or 'dot_product', got {attention_type!r}"
                )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for name in ("lin_msg", "lin_msg_i", "lin_self", "lin_edge"):
            lin = getattr(self, name, None)
            if isinstance(lin, Linear):
                lin.reset_parameters()
        glorot(getattr(self, "att_msg", None))

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Tensor | Edges,
        edge_attr: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        pair = (x, x) if isinstance(x, Tensor) else x
        edge_attr = sparse_features(edge_index) if edge_attr is None else edge_attr
        out = self.propagate(edge_index, x=pair, edge_attr=edge_attr, size=size)
        out = out.mean(dim=1) + self.lin_self(pair[1])
        return F.normalize(out, p=2.0, dim=-1) if self.normalize_l2 else out

    def message_basic(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor | None) -> Tensor:
        """The message from j to i, all heads side by side, (E, H F')."""
        m = self.lin_msg(x_j)
        if not self.directed_msg:
            m = m + self.lin_msg_i(x_i)
        return m if edge_attr is None else m + self.lin_edge(edge_attr)

    def message(
        self, x_i: Tensor, x_j: Tensor, edge_index_i: Tensor, size_i: int, edge_attr: Tensor | None
    ) -> Tensor:
        shape = (-1, self.heads, self.out_channels)
        m = self.message_basic(x_i, x_j, edge_attr).view(shape)
        if not self.attention:
            return m
        if self.attention_type == "dot_product":
            alpha = (self.message_basic(x_j, x_i, edge_attr).view(shape) * m).sum(dim=-1) / self.scaler
        else:
            alpha = (m * self.att_msg).sum(dim=-1)
        alpha = softmax(F.leaky_relu(alpha, negative_slope=0.2), edge_index_i, num_nodes=size_i)
        return m * alpha.view(-1, self.heads, 1)
