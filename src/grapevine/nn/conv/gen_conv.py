"""Generalised graph convolution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor
from torch.nn import BatchNorm1d, Dropout, InstanceNorm1d, LayerNorm, Module, ReLU, Sequential

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.aggr import Aggregation, MultiAggregation
from grapevine.nn.conv._derived import sparse_features
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing
from grapevine.nn.norm import MessageNorm

_NORMS: dict[str, Any] = {
    "batch": lambda channels: BatchNorm1d(channels, affine=True),
    "layer": lambda channels: LayerNorm(channels, elementwise_affine=True),
    "instance": lambda channels: InstanceNorm1d(channels, affine=False),
}


def _mlp(channels: list[int], norm: str | None, bias: bool) -> Sequential:
    if norm and norm not in _NORMS:
        raise GraphValueError(f"expected norm to be one of {', '.join(_NORMS)} or None, got {norm!r}")
    layers: list[Module] = []
    for before, after in pairwise(channels[:-1]):
        layers += [
            Linear(before, after, bias=bias),
            *([_NORMS[norm](after)] if norm else []),
            ReLU(),
            Dropout(0.0),
        ]
    return Sequential(*layers, Linear(channels[-2], channels[-1], bias=bias))


class GENConv(MessagePassing):
    r"""A network on a node and its neighbours, aggregated in a way that may be learned.

    .. math::
        \mathbf{x}^{\prime}_i = \mathrm{MLP} \Bigl( \mathbf{x}_i + \mathrm{AGG} \bigl( \{ \mathrm{relu}(\mathbf{x}_j
        + \mathbf{e}_{ji}) + \epsilon : j \in \mathcal{N}(i) \} \bigr) \Bigr)

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        aggr: aggregation of the neighbours: "softmax" ("softmax_sg": without a gradient through the weights),
            "powermean" (or "power"), or any other name, module or list of them.
        t, learn_t: inverse temperature of "softmax", and whether it is learned.
        p, learn_p: power of "powermean", and whether it is learned.
        msg_norm: rescale what arrives to the length of the node's own features.
        learn_msg_scale: learn the scale of that.
        norm: within the network: "batch", "layer", "instance", or None.
        num_layers: of the network.
        expansion: width of the hidden layers over F'.
        eps: epsilon.
        bias: let the linear maps learn shifts.
        edge_dim: size of the edges' features D; None where they have size F'.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src).
        edge_attr: features of the edges, (E, D).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for an unknown `norm`, and for edge features of another size than F' without `edge_dim`.

    Example:
        >>> import torch
        >>> conv = GENConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "DeeperGCN: All You Need to Train Deeper GCNs" (arXiv:2006.07739).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        aggr: str | list[str] | Aggregation | None = "softmax",
        t: float = 1.0,
        learn_t: bool = False,
        p: float = 1.0,
        learn_p: bool = False,
        msg_norm: bool = False,
        learn_msg_scale: bool = False,
        norm: str | None = "batch",
        num_layers: int = 2,
        expansion: int = 2,
        eps: float = 1e-7,
        bias: bool = False,
        edge_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        if aggr in ("softmax", "softmax_sg"):
            kwargs.setdefault("aggr_kwargs", {"t": t, "learn": learn_t, "semi_grad": aggr == "softmax_sg"})
            aggr = "softmax"
        elif aggr in ("power", "powermean"):
            kwargs.setdefault("aggr_kwargs", {"p": p, "learn": learn_p})
            aggr = "powermean"
        super().__init__(aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.eps = eps
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        arriving = out_channels
        if isinstance(self.aggr_module, MultiAggregation):
            arriving = self.aggr_module.get_out_channels(out_channels)
        # Maps exist only where sizes differ, so that a checkpoint holds no others.
        if source != out_channels:
            self.lin_src = Linear(source, out_channels, bias=bias)
        if edge_dim is not None and edge_dim != out_channels:
            self.lin_edge = Linear(edge_dim, out_channels, bias=bias)
        if arriving != out_channels:
            self.lin_aggr_out = Linear(arriving, out_channels, bias=bias)
        if target != out_channels:
            self.lin_dst = Linear(target, out_channels, bias=bias)
        hidden = [out_channels * expansion] * (num_layers - 1)
        self.mlp = _mlp([out_channels, *hidden, out_channels], norm, bias)
        if msg_norm:
            self.msg_norm = MessageNorm(learn_msg_scale)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.mlp)
        for name in ("msg_norm", "lin_src", "lin_edge", "lin_aggr_out", "lin_dst"):
            if hasattr(self, name):
                getattr(self, name).reset_parameters()

    def _map(self, name: str, x: Any) -> Any:
        return getattr(self, name)(x) if x is not None and hasattr(self, name) else x

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_attr: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        source, target = (x, x) if isinstance(x, Tensor) else x
        source = self._map("lin_src", source)
        if edge_attr is None:
            edge_attr = sparse_features(edge_index)
        edge_attr = self._map("lin_edge", edge_attr)
        if edge_attr is not None and edge_attr.size(-1) != self.out_channels:
            raise GraphValueError(
                f"expected edge features of size out_channels={self.out_channels}, got {edge_attr.size(-1)}; "
                f"do this instead: GENConv(..., edge_dim={edge_attr.size(-1)})"
            )
        out = self._map(
            "lin_aggr_out", self.propagate(edge_index, x=(source, target), edge_attr=edge_attr, size=size)
        )
        if hasattr(self, "msg_norm"):
            out = self.msg_norm(source if target is None else target, out)
        if target is not None:
            out = out + self._map("lin_dst", target)
        return self.mlp(out)

    def message(self, x_j: Tensor, edge_attr: Tensor | None) -> Tensor:
        m = x_j if edge_attr is None else x_j + edge_attr
        return m.relu() + self.eps

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, aggr={self.aggr})"
