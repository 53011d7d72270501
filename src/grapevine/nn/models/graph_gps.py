"""The graph transformer as a whole: encoders, layers, readout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import BatchNorm1d, Linear, ModuleList, ReLU, Sequential

from grapevine.errors import GraphValueError
from grapevine.nn.conv.gatv2_conv import GATv2Conv
from grapevine.nn.conv.gin_conv import GINConv, GINEConv
from grapevine.nn.conv.gps_conv import GPSConv
from grapevine.nn.conv.pna_conv import PNAConv
from grapevine.nn.conv.transformer_conv import TransformerConv
from grapevine.nn.dense.mlp import MLP
from grapevine.nn.inits import reset
from grapevine.nn.models.category_encoder import CategoryEncoder
from grapevine.nn.models.sign_net import SignNet
from grapevine.nn.resolver import aggregation_resolver


def _two_layers(channels: int) -> Sequential:
    return Sequential(Linear(channels, channels), ReLU(), Linear(channels, channels))


def _transformer(layer: Any, channels: int, edge_dim: int | None, **kwargs: Any) -> torch.nn.Module:
    made: torch.nn.Module = layer(channels, channels, **({"concat": False, "edge_dim": edge_dim} | kwargs))
    return made


#: From (features F, features of an edge or None, further arguments) to a layer of F to F features.
_LOCAL: dict[str, Callable[..., torch.nn.Module]] = {
    "gin": lambda channels, edge_dim, **kwargs: GINConv(_two_layers(channels), **kwargs),
    "gine": lambda channels, edge_dim, **kwargs: GINEConv(_two_layers(channels), edge_dim=edge_dim, **kwargs),
    "pna": lambda channels, edge_dim, **kwargs: PNAConv(channels, channels, edge_dim=edge_dim, **kwargs),
    "gatv2": lambda *args, **kwargs: _transformer(GATv2Conv, *args, **kwargs),
    "transformer": lambda *args, **kwargs: _transformer(TransformerConv, *args, **kwargs),
}
_WITHOUT_EDGE_FEATURES = ("gin",)


class GraphGPS(torch.nn.Module):
    r"""A graph transformer: encoders of nodes, edges and positions, `GPSConv` layers, and a readout.

    .. math::
        \mathbf{X}^{(0)} = \mathrm{encode}(\mathbf{X}) \, \Vert \, \mathrm{encode}(\mathbf{P}), \qquad
        \mathbf{X}^{(\ell + 1)} = \mathrm{GPS}(\mathbf{X}^{(\ell)}, \mathbf{E}), \qquad
        \mathbf{y} = \mathrm{MLP} \Big( \bigoplus_i \mathbf{x}^{(L)}_i \Big)

    Args:
        in_channels: features of a node; or the numbers of categories of each column, where they are integers.
        hidden_channels: features inside, F.
        num_layers: number of layers.
        out_channels: size of the output F'.
        edge_dim: features of an edge, or numbers of categories; None: none.
        pe_dim: size P of the positional or structural encodings of nodes; 0: none.
        pe_channels: how many of the features inside they become.
        pe_encoder: `"linear"`, after a batch normalisation; `"sign_net"`, for eigenvectors; or a module, from (N, P) to
            (N, pe_channels).
        local: the layer that sends along the edges: `"gin"`, `"gine"`, `"pna"` (its `deg`, `aggregators` and `scalers`
            in `local_kwargs`), `"gatv2"`, `"transformer"`; a function from F to a layer; None: attention alone.
        local_kwargs: further arguments of a `local` given by name.
        readout: aggregation from nodes to graphs, by name or as a module; None: one output for each node.
        heads, dropout, act, norm, attn_type, attn_kwargs: of the layers, as for `GPSConv`.

    Forward:
        x: node features, (N, in_channels), or integers.
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: edge features, (E, edge_dim), or integers.
        pe: encodings, (N, P).
        batch: graph of each node, int64 (N,), sorted; None: one graph.
        batch_size: number of graphs B, counted if None.

    Returns:
        (B, F'), or (N, F') without `readout`.

    Raises:
        GraphValueError: for an unknown name, edge features for a `local` that takes none, encodings that leave no room
            for the features, and where `edge_attr` or `pe` are given but not declared, or the other way round.

    Example:
        >>> model = GraphGPS(4, 16, num_layers=2, out_channels=1, edge_dim=3, pe_dim=5, pe_channels=4, heads=2)
        >>> edges = torch.tensor([[0, 1, 2], [1, 0, 2]])
        >>> batch = torch.tensor([0, 0, 1])
        >>> model(torch.rand(3, 4), edges, torch.rand(3, 3), torch.rand(3, 5), batch).shape
        torch.Size([2, 1])

    Source: "Recipe for a General, Powerful, Scalable Graph Transformer" (arXiv:2205.12454).
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        hidden_channels: int,
        num_layers: int,
        out_channels: int,
        *,
        edge_dim: int | Sequence[int] | None = None,
        pe_dim: int = 0,
        pe_channels: int = 16,
        pe_encoder: str | torch.nn.Module = "linear",
        local: str | Callable[[int], torch.nn.Module] | None = "gine",
        local_kwargs: dict[str, Any] | None = None,
        readout: Any = "mean",
        heads: int = 4,
        dropout: float = 0.0,
        act: str = "relu",
        norm: str | None = "batch_norm",
        attn_type: str = "multihead",
        attn_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(local, str) and local not in _LOCAL:
            raise GraphValueError(f"expected local among {', '.join(_LOCAL)}, got {local!r}")
        if local == "gine" and edge_dim is None:
            local = "gin"  # the same without edge features
        if edge_dim is not None and (local is None or local in _WITHOUT_EDGE_FEATURES):
            raise GraphValueError(f"expected edge_dim=None with local={local!r}, got {edge_dim}; use 'gine'")
        of_positions = pe_channels if pe_dim else 0
        if of_positions >= hidden_channels:
            raise GraphValueError(
                f"expected pe_channels below hidden_channels={hidden_channels}, got {pe_channels}; "
                "the node features get the rest"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.pe_dim = pe_dim
        self.node_encoder = _encoder(in_channels, hidden_channels - of_positions)
        self.edge_encoder = None if edge_dim is None else _encoder(edge_dim, hidden_channels)
        self.pe_encoder = _position_encoder(pe_encoder, pe_dim, pe_channels) if pe_dim else None
        inner = None if edge_dim is None else hidden_channels

        def layer() -> torch.nn.Module | None:
            if isinstance(local, str):
                return _LOCAL[local](hidden_channels, inner, **(local_kwargs or {}))
            return local if local is None else local(hidden_channels)

        self.layers = ModuleList(
            GPSConv(
                hidden_channels,
                layer(),
                heads,
                dropout,
                act,
                norm=norm,
                attn_type=attn_type,
                attn_kwargs=attn_kwargs,
            )
            for _ in range(num_layers)
        )
        self.readout = None if readout is None else aggregation_resolver(readout)
        sizes = [hidden_channels, max(hidden_channels // 2, 1), out_channels]
        self.head = MLP(sizes, dropout=dropout, act=act, norm=None)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in self.children():
            reset(module)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        pe: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        for name, value, encoder, declared in (
            ("edge_attr", edge_attr, self.edge_encoder, "edge_dim"),
            ("pe", pe, self.pe_encoder, "pe_dim"),
        ):
            if (value is None) != (encoder is None):
                given, wanted = ("none", "some") if value is None else ("some", "none")
                raise GraphValueError(
                    f"expected {wanted} as {name!r}, got {given}; {declared}= declares its size to the model"
                )
        h = self.node_encoder(x)
        if self.pe_encoder is not None:
            h = torch.cat([h, self.pe_encoder(pe)], dim=-1)
        of_edges = {} if self.edge_encoder is None else {"edge_attr": self.edge_encoder(edge_attr)}
        for layer in self.layers:
            h = layer(h, edge_index, batch, **of_edges)
        if self.readout is not None:
            h = self.readout(h, batch, dim_size=batch_size)
        out: Tensor = self.head(h)
        return out

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, num_layers={self.num_layers})"


def _encoder(sizes: int | Sequence[int], channels: int) -> torch.nn.Module:
    return Linear(sizes, channels) if isinstance(sizes, int) else CategoryEncoder(sizes, channels)


def _position_encoder(kind: str | torch.nn.Module, pe_dim: int, channels: int) -> torch.nn.Module:
    if isinstance(kind, torch.nn.Module):
        return kind
    if kind == "linear":
        return Sequential(BatchNorm1d(pe_dim), Linear(pe_dim, channels))
    if kind == "sign_net":
        return SignNet(pe_dim, 2 * channels, channels)
    raise GraphValueError(f"expected pe_encoder 'linear', 'sign_net' or a module, got {kind!r}")
