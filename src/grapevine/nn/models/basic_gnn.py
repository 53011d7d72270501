"""Whole networks of one kind of layer."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.edges import Edges
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.conv.edge_conv import EdgeConv
from grapevine.nn.conv.gat_conv import GATConv
from grapevine.nn.conv.gatv2_conv import GATv2Conv
from grapevine.nn.conv.gcn_conv import GCNConv
from grapevine.nn.conv.gin_conv import GINConv
from grapevine.nn.conv.pna_conv import PNAConv
from grapevine.nn.conv.sage_conv import SAGEConv
from grapevine.nn.dense.mlp import MLP
from grapevine.nn.models.jumping_knowledge import JumpingKnowledge
from grapevine.nn.resolver import activation_resolver, normalization_resolver
from grapevine.utils._trim_to_layer import TrimToLayer


class BasicGNN(torch.nn.Module):
    """Base of the networks of one kind of layer: convolution, normalisation, activation, dropout, and again.

    A subclass says in `init_conv` which layer it is made of, and in `supports_edge_weight` and `supports_edge_attr`
    what that layer takes.

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        hidden_channels: size of each layer but the last.
        num_layers: number of layers.
        out_channels: size of the output F'; `hidden_channels` if None.
        dropout: probability of dropout after each layer.
        act: activation, by name or as a callable; None: none.
        act_first: activate before normalising.
        act_kwargs: arguments of an activation given by name.
        norm: normalisation, by name or as a module; None: none.
        norm_kwargs: further arguments of a normalisation given by name.
        jk: "cat", "max", "lstm": join the layers by `JumpingKnowledge` and map the result linearly to `out_channels`;
            "last": only that map, after the last layer; None: the last layer's output as it is.
        kwargs: of the layers.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).
        edge_weight: weights, (E,), where the layers take them.
        edge_attr: features of the edges, (E, D), where the layers take them.
        batch: graph of each node, int64 (N,) in [0, B), for a normalisation that wants it.
        batch_size: B, counted if None.
        num_sampled_nodes_per_hop, num_sampled_edges_per_hop: how many each hop of sampling added, seeds first; then
            every layer works only on what later ones still need.

    Returns:
        (N, F').

    Raises:
        GraphValueError: for both `edge_weight` and `edge_attr` with numbers of sampled nodes.

    Example:
        >>> model = GCN(16, hidden_channels=32, num_layers=2, out_channels=7)
        >>> model(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 7])
    """

    supports_edge_weight: bool = False
    supports_edge_attr: bool = False
    supports_norm_batch: bool = False

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        hidden_channels: int,
        num_layers: int,
        out_channels: int | None = None,
        dropout: float = 0.0,
        act: str | Callable[..., Any] | None = "relu",
        act_first: bool = False,
        act_kwargs: dict[str, Any] | None = None,
        norm: str | Callable[..., Any] | None = None,
        norm_kwargs: dict[str, Any] | None = None,
        jk: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.out_channels = hidden_channels if out_channels is None else out_channels
        self.dropout = torch.nn.Dropout(p=dropout)
        self.act = activation_resolver(act, **(act_kwargs or {}))
        self.jk_mode = jk
        self.act_first = act_first
        self.norm = norm if isinstance(norm, str) else None
        self.norm_kwargs = norm_kwargs

        pair = isinstance(in_channels, (tuple, list))
        hidden = (hidden_channels, hidden_channels) if pair else hidden_channels
        inputs = [in_channels, *[hidden] * (num_layers - 1)]
        self.convs = ModuleList()
        for channels in inputs[:-1]:
            self.convs.append(self.init_conv(channels, hidden_channels, **kwargs))
        self._is_conv_to_out = out_channels is not None and jk is None
        last = self.out_channels if self._is_conv_to_out else hidden_channels
        self.convs.append(self.init_conv(inputs[-1], last, **kwargs))

        norm_layer = normalization_resolver(norm, hidden_channels, **(norm_kwargs or {}))
        norm_layer = torch.nn.Identity() if norm_layer is None else norm_layer
        if hasattr(norm_layer, "forward"):
            self.supports_norm_batch = "batch" in inspect.signature(norm_layer.forward).parameters
        self.norms = ModuleList(copy.deepcopy(norm_layer) for _ in range(num_layers - 1))
        self.norms.append(torch.nn.Identity() if jk is None else copy.deepcopy(norm_layer))

        if jk is not None:
            if jk != "last":
                self.jk = JumpingKnowledge(jk, hidden_channels, num_layers)
            self.lin = Linear(
                num_layers * hidden_channels if jk == "cat" else hidden_channels, self.out_channels
            )
        self._trim = TrimToLayer()

    def init_conv(self, in_channels: Any, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        """A layer of this network.

        Args:
            in_channels: size of its input, or a pair.
            out_channels: size of its output.
            kwargs: those of the constructor that it does not know itself.
        """
        raise GraphTypeError(
            f"expected {type(self).__name__} to define init_conv(in_channels, out_channels, **kwargs), got none; "
            "return one layer there"
        )

    def _mlp(self, in_channels: int, out_channels: int) -> MLP:
        """A network of two layers in the style of this one, for layers that are made of one."""
        return MLP(
            [in_channels, out_channels, out_channels],
            act=self.act,
            act_first=self.act_first,
            norm=self.norm,
            norm_kwargs=self.norm_kwargs,
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in (*self.convs, *self.norms, getattr(self, "jk", None), getattr(self, "lin", None)):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        num_sampled_nodes_per_hop: list[int] | None = None,
        num_sampled_edges_per_hop: list[int] | None = None,
    ) -> Tensor:
        both = isinstance(edge_weight, Tensor) and isinstance(
            edge_attr, Tensor
        )  # neither is, while being traced
        if num_sampled_nodes_per_hop is not None and both:
            raise GraphValueError(
                "expected edge_weight or edge_attr with num_sampled_nodes_per_hop, got both; "
                "append the weights to edge_attr"
            )
        xs: list[Tensor] = []
        for i, conv in enumerate(self.convs):
            if num_sampled_nodes_per_hop is not None:
                weighted = self.supports_edge_weight and edge_weight is not None
                x, edge_index, value = self._trim(
                    i,
                    num_sampled_nodes_per_hop,
                    num_sampled_edges_per_hop,
                    x,
                    edge_index,
                    edge_weight if weighted else edge_attr,
                )
                edge_weight, edge_attr = (value, edge_attr) if weighted else (edge_weight, value)
            of_edges = {}
            if self.supports_edge_weight:
                of_edges["edge_weight"] = edge_weight
            if self.supports_edge_attr:
                of_edges["edge_attr"] = edge_attr
            x = conv(x, edge_index, **of_edges)
            if i < self.num_layers - 1 or self.jk_mode is not None:
                x = self.dropout(self._activated(i, x, batch, batch_size))
                xs.append(x)
        x = self.jk(xs) if hasattr(self, "jk") else x
        return self.lin(x) if hasattr(self, "lin") else x

    def _activated(
        self, layer: int, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        norm = self.norms[layer]
        if self.act is not None and self.act_first:
            x = self.act(x)
        x = norm(x, batch, batch_size) if self.supports_norm_batch else norm(x)
        if self.act is not None and not self.act_first:
            x = self.act(x)
        return x

    @torch.no_grad()
    def inference_per_layer(
        self, layer: int, x: Tensor, edge_index: Tensor | Edges, batch_size: int
    ) -> Tensor:
        """What one layer makes of a neighbourhood.

        Args:
            layer: its number, from 0.
            x: output of the layer below, (N, F).
            edge_index: (2, E) or any other adjacency.
            batch_size: number of nodes wanted, the first ones.

        Returns:
            (batch_size, F').
        """
        x = self.convs[layer](x, edge_index)[:batch_size]
        last = layer == self.num_layers - 1
        if last and self.jk_mode is None:
            return x
        x = self._activated(layer, x)
        return self.lin(x) if last and hasattr(self, "lin") else x

    @torch.no_grad()
    def inference(
        self,
        loader: Any,
        device: str | torch.device | None = None,
        embedding_device: str | torch.device = "cpu",
        progress_bar: bool = False,
        cache: bool = False,
    ) -> Tensor:
        """The output for all nodes, layer by layer, so that no node is computed twice.

        Args:
            loader: gives batches of one hop with all neighbours, `n_id`, `batch_size` and `edge_index` or `adj_t` each,
                seeds first and in order; `loader.data.x` holds the features.
            device: to compute on.
            embedding_device: to keep the outputs of each layer on.
            progress_bar: show how far it is.
            cache: keep the batches of the first layer for the others.

        Returns:
            (N, F').

        Raises:
            GraphValueError: in training mode, and for a model that joins its layers.
        """
        if self.jk_mode not in (None, "last"):
            raise GraphValueError(
                f"expected jk=None or jk='last' for inference layer by layer, got {self.jk_mode!r}; call the model"
            )
        if self.training:
            raise GraphValueError(
                "expected a model in evaluation mode, got training mode; call model.eval() first"
            )
        batches: Iterable[Any] = list(loader) if cache else loader
        x_all = loader.data.x
        in_memory = isinstance(x_all, Tensor)  # else the loader reads what each batch needs
        x_all = x_all.to(embedding_device) if in_memory else x_all
        for layer in range(self.num_layers):
            outs = []
            label = f"layer {layer + 1} of {self.num_layers}"
            for batch in track(batches, label, total=len(loader), disable=not progress_bar):
                adjacency = batch.adj_t if "adj_t" in batch else batch.edge_index
                read = batch.x if layer == 0 and not in_memory else x_all[batch.n_id.to(x_all.device)]
                x = read.to(device)
                out = self.inference_per_layer(layer, x, adjacency.to(device), batch.batch_size)
                outs.append(out.to(embedding_device))
            x_all = torch.cat(outs)
        return x_all

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, num_layers={self.num_layers})"


class GCN(BasicGNN):
    """A network of `GCNConv` layers; arguments as of `BasicGNN`.

    Example:
        >>> GCN(16, 32, num_layers=2, out_channels=7)
        GCN(16, 7, num_layers=2)

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    supports_edge_weight = True

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        return GCNConv(in_channels, out_channels, **kwargs)


class GraphSAGE(BasicGNN):
    """A network of `SAGEConv` layers; arguments as of `BasicGNN`.

    Example:
        >>> GraphSAGE(16, 32, num_layers=2, out_channels=7, aggr="max")
        GraphSAGE(16, 7, num_layers=2)

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    def init_conv(self, in_channels: Any, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        return SAGEConv(in_channels, out_channels, **kwargs)


class GIN(BasicGNN):
    """A network of `GINConv` layers, with MLPs of two layers; arguments as of `BasicGNN`.

    Example:
        >>> GIN(16, 32, num_layers=2, out_channels=7, train_eps=True)
        GIN(16, 7, num_layers=2)

    Source: "How Powerful are Graph Neural Networks?" (arXiv:1810.00826).
    """

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        return GINConv(self._mlp(in_channels, out_channels), **kwargs)


class GAT(BasicGNN):
    """A network of `GATConv` layers, or `GATv2Conv` with `v2=True`; further arguments as of `BasicGNN`.

    Every layer but one that is the output concatenates its `heads`, each of them of size hidden_channels / heads.

    Raises:
        GraphValueError: where `heads` does not divide the size of a layer.

    Example:
        >>> GAT(16, 32, num_layers=2, out_channels=7, heads=4)
        GAT(16, 7, num_layers=2)

    Source: "Graph Attention Networks" (arXiv:1710.10903); "How Attentive are Graph Attention Networks?"
    (arXiv:2105.14491).
    """

    supports_edge_attr = True
    _is_conv_to_out = False

    def init_conv(self, in_channels: Any, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        layer = GATv2Conv if kwargs.pop("v2", False) else GATConv
        heads = kwargs.pop("heads", 1)
        concat = kwargs.pop("concat", True) and not self._is_conv_to_out
        if concat and out_channels % heads != 0:
            raise GraphValueError(
                f"expected heads to divide the {out_channels} features of a layer, got {heads}; "
                "choose another hidden_channels, or concat=False"
            )
        size = out_channels // heads if concat else out_channels
        return layer(in_channels, size, heads=heads, concat=concat, dropout=self.dropout.p, **kwargs)


class PNA(BasicGNN):
    """A network of `PNAConv` layers, whose aggregators, scalers and `deg` are to be given; else as of `BasicGNN`.

    Example:
        >>> deg = torch.tensor([0, 3, 1])
        >>> PNA(16, 32, num_layers=2, out_channels=8, aggregators=["mean"], scalers=["identity"], deg=deg)
        PNA(16, 8, num_layers=2)

    Source: "Principal Neighbourhood Aggregation for Graph Nets" (arXiv:2004.05718).
    """

    supports_edge_attr = True

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        return PNAConv(in_channels, out_channels, **kwargs)


class EdgeCNN(BasicGNN):
    """A network of `EdgeConv` layers, with MLPs of two layers; arguments as of `BasicGNN`.

    Example:
        >>> EdgeCNN(16, 32, num_layers=2, out_channels=7)
        EdgeCNN(16, 7, num_layers=2)

    Source: "Dynamic Graph CNN for Learning on Point Clouds" (arXiv:1801.07829).
    """

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> torch.nn.Module:
        return EdgeConv(self._mlp(2 * in_channels, out_channels), **kwargs)


__all__ = ["GAT", "GCN", "GIN", "PNA", "EdgeCNN", "GraphSAGE"]
