"""GPSE: positions and structures in a graph, as a network learned to tell them from random features."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, Dropout, Linear, Module, ModuleDict, ModuleList, Sequential

from grapevine.data import Data
from grapevine.data.files import download_url
from grapevine.errors import GraphValueError
from grapevine.nn.conv.res_gated_graph_conv import ResGatedGraphConv
from grapevine.nn.resolver import activation_resolver
from grapevine.utils import scatter

_ZENODO = "https://zenodo.org/record/8145095/files"
_PRETRAINED = ("molpcba", "zinc", "pcqm4mv2", "geom", "chembl")


class GPSE(Module):
    r"""Encodes where each node stands, from random features: a deep stack of gated convolutions.

    .. math::
        \mathbf{X}^{(0)} \sim \mathcal{N}(0, 1), \qquad
        \mathbf{X}^{(\ell + 1)} = \mathbf{X}^{(\ell)} + \mathrm{norm} \big( \mathrm{act}(\mathrm{BN}(\mathrm{ResGated}(
        \mathbf{X}^{(\ell)}, \mathbf{A}))) \big)

    Trained to predict encodings such as Laplacian eigenvectors and return probabilities, node by node and of graphs;
    what comes before the predictions is the encoding. `transforms.AddGPSE` adds it to graphs.

    Args:
        dim_in: random features of a node.
        dim_out: not used; the targets tell.
        dim_inner: features inside.
        layer_type: the convolution; ``"resgatedgcnconv"``.
        layers_pre_mp: linear layers before the convolutions.
        layers_mp: convolutions.
        layers_post_mp: linear layers of a prediction.
        num_node_targets: predictions of a node, each by a network of its own.
        num_graph_targets: predictions of a graph.
        stage_type: ``"skipsum"`` adds a layer's input to its output, ``"skipconcat"`` puts it beside; else neither.
        has_bn: batch normalisation in layers.
        head_bn: batch normalisation in predictions.
        final_l2norm: give the encodings length 1.
        has_l2norm: give the output of every layer length 1.
        dropout: probability with which something is dropped after a layer, in training.
        has_act: an activation after convolutions.
        final_act: an activation after the last of the linear layers before.
        act: the activation.
        virtual_node: the last node of each graph is a virtual one, without predictions.
        multi_head_dim_inner: features inside the prediction of a node.
        graph_pooling: ``"add"``, ``"mean"`` or ``"max"`` for predictions of graphs.
        use_repr, repr_type, bernoulli_threshold: kept as attributes.

    Forward:
        batch: graphs with ``x`` (N, dim_in), ``edge_index`` and ``batch``; ``y`` (N, targets) and ``y_graph``.

    Returns:
        predictions and targets: rows of nodes, without virtual ones, above rows of graphs, zeros in each other's
        columns. A pretrained model: the encodings (N, dim_inner) and ``y``.

    Raises:
        GraphValueError: for another layer or pooling.

    Example:
        >>> model = GPSE(dim_in=4, dim_inner=8, layers_mp=2, num_node_targets=3, num_graph_targets=2)
        >>> graph = Data(x=torch.rand(4, 4), edge_index=torch.tensor([[0, 1, 2], [3, 3, 3]]), y=torch.rand(4, 3))
        >>> graph.batch, graph.y_graph = torch.zeros(4, dtype=torch.long), torch.rand(1, 2)
        >>> model(graph)[0].shape
        torch.Size([4, 5])

    Source: "Graph Positional and Structural Encoder" (arXiv:2307.07107).
    """

    def __init__(
        self,
        dim_in: int = 20,
        dim_out: int = 51,
        dim_inner: int = 512,
        layer_type: str = "resgatedgcnconv",
        layers_pre_mp: int = 1,
        layers_mp: int = 20,
        layers_post_mp: int = 2,
        num_node_targets: int = 51,
        num_graph_targets: int = 11,
        stage_type: str = "skipsum",
        has_bn: bool = True,
        head_bn: bool = False,
        final_l2norm: bool = True,
        has_l2norm: bool = True,
        dropout: float = 0.2,
        has_act: bool = True,
        final_act: bool = True,
        act: str = "relu",
        virtual_node: bool = True,
        multi_head_dim_inner: int = 32,
        graph_pooling: str = "add",
        use_repr: bool = True,
        repr_type: str = "no_post_mp",
        bernoulli_threshold: float = 0.5,
    ) -> None:
        super().__init__()
        if layer_type != "resgatedgcnconv":
            raise GraphValueError(f"expected layer_type 'resgatedgcnconv', got {layer_type!r}")
        self.use_repr = use_repr
        self.repr_type = repr_type
        self.bernoulli_threshold = bernoulli_threshold
        common: dict[str, Any] = {"has_bn": has_bn, "has_l2norm": has_l2norm, "dropout": dropout}
        self.pre_mp: LinearStack | None = None
        self.mp: ConvStack | None = None
        if layers_pre_mp > 0:
            self.pre_mp = LinearStack(
                dim_in, dim_inner, dim_inner, layers_pre_mp, act=act, final_act=final_act, **common
            )
            dim_in = dim_inner
        if layers_mp > 0:
            self.mp = ConvStack(
                dim_in, dim_inner, layers_mp, stage_type, final_l2norm, act=act if has_act else None, **common
            )
        self.post_mp: Module = MultiHead(
            dim_inner,
            num_node_targets,
            num_graph_targets,
            layers_post_mp,
            virtual_node,
            multi_head_dim_inner,
            graph_pooling,
            act=act,
            **(common | {"has_bn": head_bn}),
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in self.modules():
            if isinstance(module, Linear | BatchNorm1d | ResGatedGraphConv):
                module.reset_parameters()

    @classmethod
    def from_pretrained(cls, name: str, root: str = "GPSE_pretrained") -> GPSE:
        """A model that its authors trained; it returns encodings instead of predictions.

        Args:
            name: of the molecules it learned from: ``"molpcba"``, ``"zinc"``, ``"pcqm4mv2"``, ``"geom"`` or
                ``"chembl"``.
            root: folder that holds, or receives, the checkpoint ``gpse_model_{name}_1.0.pt``.

        Returns:
            the model, for evaluation.

        Raises:
            GraphValueError: for another name.
        """
        if name not in _PRETRAINED:
            raise GraphValueError(f"expected one of {_PRETRAINED}, got {name!r}")
        file = f"gpse_model_{name}_1.0.pt"
        path = download_url(f"{_ZENODO}/{file}", str(Path(root).expanduser()))
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        model = cls()
        model.load_state_dict({key.partition(".")[2]: value for key, value in state.items()})
        model.post_mp = IdentityHead()
        return model.eval()

    def forward(self, batch: Any) -> tuple[Tensor, Tensor]:
        x = batch.x if self.pre_mp is None else self.pre_mp(batch.x)
        x = x if self.mp is None else self.mp(x, batch.edge_index)
        found: tuple[Tensor, Tensor] = self.post_mp(x, batch)
        return found


class IdentityHead(Module):
    """Encodings instead of predictions."""

    def forward(self, x: Tensor, batch: Data) -> tuple[Tensor, Any]:
        return x, batch.y


class _Layer(Module):
    """A linear map or a convolution, normalised, dropped out and activated."""

    def __init__(
        self, model: Module, channels: int, has_bn: bool, has_l2norm: bool, dropout: float, act: str | None
    ) -> None:
        super().__init__()
        self.has_l2norm = has_l2norm
        self.layer = ModuleDict({"model": model})
        after: list[Module] = [BatchNorm1d(channels)] if has_bn else []
        after += [Dropout(dropout)] if dropout > 0 else []
        after += [] if act is None else [activation_resolver(act)]
        self.post_layer = Sequential(*after)

    def forward(self, *inputs: Any) -> Tensor:
        x: Tensor = self.post_layer(self.layer["model"](*inputs))
        return F.normalize(x, dim=1) if self.has_l2norm else x


class LinearStack(Module):
    """Linear layers: of `hidden_channels`, then of `out_channels`; the last is activated where `final_act` is set."""

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int,
        *,
        has_bn: bool,
        has_l2norm: bool,
        dropout: float,
        act: str,
        final_act: bool = True,
    ) -> None:
        super().__init__()
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        for i in range(num_layers):
            model = Linear(sizes[i], sizes[i + 1], bias=not has_bn)
            activation = None if i == num_layers - 1 and not final_act else act
            layer = _Layer(model, sizes[i + 1], has_bn, has_l2norm, dropout, activation)
            self.add_module(f"Layer_{i}", layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


class ConvStack(Module):
    """Convolutions with skips around each. Forward: (N, F) and the edges."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_layers: int,
        stage_type: str,
        final_l2norm: bool,
        *,
        has_bn: bool,
        has_l2norm: bool,
        dropout: float,
        act: str | None,
    ) -> None:
        super().__init__()
        self.stage_type = stage_type
        self.final_l2norm = final_l2norm
        self.num_layers = num_layers
        for i in range(num_layers):
            given = in_channels if i == 0 else out_channels
            if stage_type == "skipconcat":
                given = in_channels + i * out_channels
            model = ResGatedGraphConv(given, out_channels, bias=not has_bn)
            self.add_module(f"layer{i}", _Layer(model, out_channels, has_bn, has_l2norm, dropout, act))

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        for i, layer in enumerate(self.children()):
            out = layer(x, edge_index)
            if self.stage_type == "skipsum":
                out = x + out
            elif self.stage_type == "skipconcat" and i < self.num_layers - 1:
                out = torch.cat([x, out], dim=1)
            x = out
        return F.normalize(x, dim=-1) if self.final_l2norm else x


class _Head(Module):
    """From encodings to targets: linear layers, then a linear map."""

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, num_layers: int, **options: Any
    ) -> None:
        super().__init__()
        width = hidden_channels if num_layers > 1 else in_channels
        stack = [LinearStack(in_channels, width, width, num_layers - 1, **options)] if num_layers > 1 else []
        last = ModuleDict({"model": Linear(width, out_channels)})
        self.model = ModuleList([*stack, last])

    def forward(self, x: Tensor) -> Tensor:
        for stack in self.model[:-1]:
            x = stack(x)
        out: Tensor = self.model[-1]["model"](x)  # type: ignore[index]
        return out


class MultiHead(Module):
    """Predictions of nodes, a network for each target, and of graphs, one for all. Returns them beside the truth."""

    def __init__(
        self,
        in_channels: int,
        num_node_targets: int,
        num_graph_targets: int,
        num_layers: int,
        virtual_node: bool,
        hidden_channels: int,
        graph_pooling: str,
        **options: Any,
    ) -> None:
        super().__init__()
        if graph_pooling not in ("add", "mean", "max"):
            raise GraphValueError(f"expected graph_pooling 'add', 'mean' or 'max', got {graph_pooling!r}")
        self.virtual_node = virtual_node
        self.graph_pooling = graph_pooling
        self.num_targets = num_node_targets, num_graph_targets
        self.node_post_mps = ModuleList(
            _Head(in_channels, hidden_channels, 1, num_layers, **options) for _ in range(num_node_targets)
        )
        self.graph_post_mp = _Head(in_channels, in_channels, num_graph_targets, num_layers, **options)

    def forward(self, x: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
        owner = batch.batch
        of_nodes = torch.cat([head(x) for head in self.node_post_mps], dim=1)
        of_graphs = self.graph_post_mp(scatter(x, owner, reduce=self.graph_pooling))
        truth = batch.y
        if self.virtual_node:
            real = owner[1:] == owner[:-1]  # all but the last of each graph
            of_nodes, truth = of_nodes[:-1][real], truth[:-1][real]
        return self._stacked(of_nodes, of_graphs), self._stacked(truth, batch.y_graph)

    def _stacked(self, of_nodes: Tensor, of_graphs: Tensor) -> Tensor:
        node_targets, graph_targets = self.num_targets
        return torch.cat([F.pad(of_nodes, (0, graph_targets)), F.pad(of_graphs, (node_targets, 0))])


class GPSENodeEncoder(Module):
    r"""Puts encodings beside the features of nodes, after a network has mapped them to their share.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W} \mathbf{x}_i \, \Vert \, \mathrm{MLP}(\mathrm{BN}(\mathbf{p}_i))

    Args:
        dim_emb: size of the result.
        dim_pe_in: size of the encodings, ``pestat_GPSE``.
        dim_pe_out: their share of the result.
        dim_in: features of a node, needed for `expand_x`.
        expand_x: map the features to the rest of the result; else they have that size.
        norm_type: ``"batchnorm"``, of the encodings; else none.
        model_type: ``"mlp"`` or ``"linear"``.
        n_layers: layers of the MLP.
        dropout_be: probability with which encodings are dropped before, in training.
        dropout_ae: and after.

    Forward:
        x: features, (N, F).
        pos_enc: encodings, (N, dim_pe_in).

    Returns:
        (N, dim_emb).

    Raises:
        GraphValueError: for a share that leaves no room, another `model_type`, and `expand_x` without `dim_in`.

    Example:
        >>> encoder = GPSENodeEncoder(dim_emb=16, dim_pe_in=8, dim_pe_out=6)
        >>> encoder(torch.rand(4, 10), torch.rand(4, 8)).shape
        torch.Size([4, 16])

    Source: "Graph Positional and Structural Encoder" (arXiv:2307.07107).
    """

    def __init__(
        self,
        dim_emb: int,
        dim_pe_in: int,
        dim_pe_out: int,
        dim_in: int | None = None,
        expand_x: bool = False,
        norm_type: str = "batchnorm",
        model_type: str = "mlp",
        n_layers: int = 2,
        dropout_be: float = 0.5,
        dropout_ae: float = 0.2,
    ) -> None:
        super().__init__()
        if dim_emb <= dim_pe_out:
            raise GraphValueError(f"expected dim_pe_out below dim_emb={dim_emb}, got {dim_pe_out}")
        if model_type not in ("mlp", "linear"):
            raise GraphValueError(f"expected model_type 'mlp' or 'linear', got {model_type!r}")
        self.expand_x = expand_x
        if expand_x:
            if dim_in is None:
                raise GraphValueError(
                    "expected dim_in with expand_x=True, got None; it is the number of features of x"
                )
            self.linear_x = Linear(dim_in, dim_emb - dim_pe_out)
        self.raw_norm = BatchNorm1d(dim_pe_in) if norm_type == "batchnorm" else None
        self.dropout_be = Dropout(dropout_be)
        self.dropout_ae = Dropout(dropout_ae)
        self.pe_encoder: Module
        if model_type == "linear":
            self.pe_encoder = Linear(dim_pe_in, dim_pe_out)
        else:
            sizes = [dim_pe_in, *[2 * dim_pe_out] * (n_layers - 1), dim_pe_out]
            layers = [(Linear(a, b), torch.nn.ReLU()) for a, b in pairwise(sizes)]
            self.pe_encoder = Sequential(*(module for layer in layers for module in layer))

    def forward(self, x: Tensor, pos_enc: Tensor) -> Tensor:
        pos_enc = self.dropout_be(pos_enc)
        pos_enc = pos_enc if self.raw_norm is None else self.raw_norm(pos_enc)
        pos_enc = self.dropout_ae(self.pe_encoder(pos_enc))
        return torch.cat([self.linear_x(x) if self.expand_x else x, pos_enc], dim=1)
