"""The SE(3)-Transformer, in NVIDIA's and RFdiffusion's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._vectors import norm
from grapevine.nn.equivariant.attention import AttentionBlockSE3
from grapevine.nn.equivariant.basis import get_basis
from grapevine.nn.equivariant.convolution import ConvSE3, ConvSE3FuseLevel
from grapevine.nn.equivariant.fiber import Fiber
from grapevine.nn.equivariant.graphs import with_vectors
from grapevine.nn.equivariant.layers import Features, GPooling, NormSE3


class SE3Transformer(nn.Module):
    """Attention blocks over a point cloud, then one convolution: features of any degrees in, features of any
    degrees out.

    Outputs of degree d turn with the points as spherical harmonics of degree d do (degree 1: as vectors); nothing
    depends on the origin. Forces by autograd are right.

    Args:
        num_layers: number of attention blocks, each followed by a `NormSE3`.
        fiber_in: structure of the input.
        fiber_hidden: structure between the blocks.
        fiber_out: structure of the output.
        num_heads: number of attention heads.
        channels_div: see `AttentionBlockSE3`.
        fiber_edge: structure of the edge features, without the distance.
        return_type: return this degree alone.
        pooling: "max" or "avg" over the nodes of each graph; needs `return_type`.
        norm: a `NormSE3` after every block.
        use_layer_norm: in the radial nets.
        tensor_cores: one radial net for all pairs of degrees where the channels allow it; decides names of parameters.
        low_memory: one radial net per pair of degrees; decides names of parameters too. Memory is low anyway.
        convention: signs of the couplings; "e3nn-0.3" for checkpoints of three or more degrees from e3nn < 0.5.

    Forward:
        graph: a `PointGraph`, a DGL graph with `edata["rel_pos"]`, or `gv.Edges` together with `rel_pos`.
        node_feats: degree -> (N, C, 2d + 1).
        edge_feats: degree -> (E, C, 2d + 1).
        basis: of `get_basis`, where it is known already.
        rel_pos: x_dst - x_src, (E, 3).

    Returns:
        degree -> (N, C', 2d + 1); with `return_type` that degree's tensor; with `pooling` one row per graph.

    Raises:
        GraphValueError: for `pooling` without `return_type`, or a graph without vectors.

    Example:
        >>> import torch
        >>> from grapevine.nn.equivariant import PointGraph
        >>> import grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
        >>> fibers = Fiber({0: 2}), Fiber.create(2, 8), Fiber({0: 1, 1: 1})
        >>> model = SE3Transformer(1, *fibers, num_heads=2, channels_div=2)
        >>> out = model(PointGraph.of(edges, torch.randn(3, 3)), {"0": torch.randn(3, 2, 1)})
        >>> {degree: tuple(x.shape) for degree, x in out.items()}
        {'0': (3, 1, 1), '1': (3, 1, 3)}

    Source: "SE(3)-Transformers: 3D Roto-Translation Equivariant Attention Networks" (arXiv:2006.10503); NVIDIA's code.
    """

    def __init__(
        self,
        num_layers: int,
        fiber_in: Fiber,
        fiber_hidden: Fiber,
        fiber_out: Fiber,
        num_heads: int,
        channels_div: int,
        fiber_edge: Fiber | None = None,
        return_type: int | None = None,
        pooling: str | None = None,
        norm: bool = True,
        use_layer_norm: bool = True,
        tensor_cores: bool = False,
        low_memory: bool = False,
        convention: str = "e3nn",
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if pooling is not None and return_type is None:
            raise GraphValueError(
                "expected return_type together with pooling; do this instead: return_type=0"
            )
        self.num_layers = num_layers
        self.fiber_edge = Fiber({}) if fiber_edge is None else fiber_edge
        self.return_type = return_type
        self.pooling = pooling
        self.convention = convention
        self.max_degree = max(*fiber_in.degrees, *fiber_hidden.degrees, *fiber_out.degrees)
        self.fuse_level = ConvSE3FuseLevel.FULL if tensor_cores else ConvSE3FuseLevel.PARTIAL
        if low_memory:
            self.fuse_level = ConvSE3FuseLevel.NONE
        modules: list[nn.Module] = []
        for _ in range(num_layers):
            modules.append(
                AttentionBlockSE3(
                    fiber_in,
                    fiber_hidden,
                    self.fiber_edge,
                    num_heads,
                    channels_div,
                    use_layer_norm,
                    self.max_degree,
                    self.fuse_level,
                )
            )
            modules += [NormSE3(fiber_hidden)] if norm else []
            fiber_in = fiber_hidden
        modules.append(
            ConvSE3(
                fiber_in,
                fiber_out,
                self.fiber_edge,
                use_layer_norm=use_layer_norm,
                self_interaction=True,
                max_degree=self.max_degree,
                fuse_level=self.fuse_level,
            )
        )
        self.graph_modules = nn.ModuleList(modules)
        if pooling is not None:
            self.pooling_module = GPooling(0 if return_type is None else return_type, pooling)

    def forward(
        self,
        graph: Any,
        node_feats: Mapping[str, Tensor],
        edge_feats: Mapping[str, Tensor] | None = None,
        basis: Mapping[str, Tensor] | None = None,
        rel_pos: Tensor | None = None,
    ) -> Features | Tensor:
        points = with_vectors(graph, rel_pos)
        vectors = points.edata["rel_pos"]
        if basis is None:
            basis = get_basis(vectors, self.max_degree, self.convention)
        edge_feats = with_distance(vectors, edge_feats)
        x: Any = node_feats
        for module in self.graph_modules:
            x = module(x) if isinstance(module, NormSE3) else module(x, edge_feats, points, basis)
        if self.pooling is not None:
            pooled: Tensor = self.pooling_module(x, points)
            return pooled
        return x if self.return_type is None else x[str(self.return_type)]


def with_distance(rel_pos: Tensor, edge_feats: Mapping[str, Tensor] | None = None) -> Features:
    """Edge features whose invariant part ends with the length of the edge.

    Args:
        rel_pos: (E, 3).
        edge_feats: degree -> (E, C, 2d + 1).

    Example:
        >>> import torch
        >>> with_distance(torch.tensor([[3.0, 0.0, 4.0]]))["0"]
        tensor([[[5.]]])
    """
    found = dict(edge_feats or {})
    distance = norm(rel_pos).unsqueeze(-1)
    found["0"] = torch.cat([found["0"], distance], dim=1) if "0" in found else distance
    return found


class SE3TransformerPooled(nn.Module):
    """One prediction per graph: an `SE3Transformer`, pooled, and an MLP.

    Args:
        fiber_in: structure of the input.
        fiber_out: structure before pooling; degree 0 alone.
        fiber_edge: structure of the edge features, without the distance.
        num_degrees: degrees 0 to `num_degrees - 1` between the blocks,
        num_channels: with so many channels each.
        output_dim: size of the prediction.
        kwargs: of `SE3Transformer`; `pooling` is "max" by default.

    Forward: `(graph, node_feats, edge_feats, basis=None, rel_pos=None)`.

    Returns:
        (G, output_dim); (G,) where that is 1.

    Example:
        >>> import torch, grapevine as gv
        >>> from grapevine.nn.equivariant import PointGraph
        >>> edges = gv.Edges(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
        >>> model = SE3TransformerPooled(Fiber({0: 2}), Fiber({0: 8}), Fiber({}), 2, 8, 1, num_layers=1, num_heads=2,
        ...                              channels_div=2)
        >>> model(PointGraph.of(edges, torch.randn(3, 3)), {"0": torch.randn(3, 2, 1)}).shape
        torch.Size([1])

    Source: NVIDIA's SE(3)-Transformer.
    """

    def __init__(
        self,
        fiber_in: Fiber,
        fiber_out: Fiber,
        fiber_edge: Fiber,
        num_degrees: int,
        num_channels: int,
        output_dim: int,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        kwargs["pooling"] = kwargs.get("pooling") or "max"
        hidden = Fiber.create(num_degrees, num_channels)
        self.transformer = SE3Transformer(
            fiber_in=fiber_in, fiber_hidden=hidden, fiber_out=fiber_out, fiber_edge=fiber_edge, return_type=0, **kwargs
        )  # fmt: skip
        width = fiber_out.num_features
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, output_dim))

    def forward(
        self,
        graph: Any,
        node_feats: Mapping[str, Tensor],
        edge_feats: Mapping[str, Tensor] | None = None,
        basis: Mapping[str, Tensor] | None = None,
        rel_pos: Tensor | None = None,
    ) -> Tensor:
        pooled = self.transformer(graph, node_feats, edge_feats, basis, rel_pos)
        out: Tensor = self.mlp(pooled).squeeze(-1)
        return out


class SE3TransformerWrapper(nn.Module):
    """RFdiffusion's and RoseTTAFold's SE(3)-Transformer of degrees 0 and 1.

    Args:
        num_layers: number of attention blocks.
        num_channels: channels of every hidden degree.
        num_degrees: hidden degrees 0 to `num_degrees - 1`.
        n_heads: number of attention heads.
        div: see `AttentionBlockSE3`.
        l0_in_features: scalars per node.
        l0_out_features: scalars per node in the output; 0 for none.
        l1_in_features: vectors per node; 0 for none.
        l1_out_features: vectors per node in the output; 0 for none.
        num_edge_features: scalars per edge.
        convention: see `SE3Transformer`; matters from three degrees on.

    Forward:
        G: a `PointGraph`, a DGL graph with `edata["rel_pos"]`, or `gv.Edges` together with `rel_pos`.
        type_0_features: (N, l0_in_features, 1).
        type_1_features: (N, l1_in_features, 3), or None.
        edge_features: (E, num_edge_features, 1), or None.
        rel_pos: x_dst - x_src, (E, 3).

    Returns:
        {"0": (N, l0_out_features, 1), "1": (N, l1_out_features, 3)}.

    A fresh model returns zeros: the last radial maps and self-interactions start at zero, as in the reference.

    Departures from the reference: gradients flow to positions; `l1_out_features=0` works.

    Example:
        >>> import torch
        >>> from grapevine.nn.equivariant import make_full_graph
        >>> model = SE3TransformerWrapper(1, 16, 2, 4, 4, l0_in_features=8, l0_out_features=8, l1_in_features=3,
        ...                               l1_out_features=2, num_edge_features=5)
        >>> graph, edge = make_full_graph(torch.randn(1, 4, 3), torch.randn(1, 4, 4, 5), torch.arange(4).view(1, 4))
        >>> out = model(graph, torch.randn(4, 8, 1), torch.randn(4, 3, 3), edge)
        >>> out["0"].shape, out["1"].shape
        (torch.Size([4, 8, 1]), torch.Size([4, 2, 3]))

    Source: RFdiffusion (doi:10.1038/s41586-023-06415-8).
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_channels: int = 32,
        num_degrees: int = 3,
        n_heads: int = 4,
        div: int = 4,
        l0_in_features: int = 32,
        l0_out_features: int = 32,
        l1_in_features: int = 3,
        l1_out_features: int = 2,
        num_edge_features: int = 32,
        convention: str = "e3nn",
    ) -> None:
        super().__init__()

        def fiber(l0: int, l1: int) -> Fiber:
            return Fiber({d: c for d, c in ((0, l0), (1, l1)) if c > 0})

        self.l1_in = l1_in_features
        self.se3 = SE3Transformer(
            num_layers, fiber(l0_in_features, l1_in_features), Fiber.create(num_degrees, num_channels),
            fiber(l0_out_features, l1_out_features), n_heads, div, Fiber({0: num_edge_features}),
            use_layer_norm=True, convention=convention,
        )  # fmt: skip
        self.reset_parameter()

    def reset_parameter(self) -> None:
        """The reference's initial weights: He's in hidden radial layers; zero in the last ones and in
        self-interactions."""
        for name, parameter in self.named_parameters():
            if "bias" in name or ("radial_func" in name and ("net.6" in name)):
                nn.init.zeros_(parameter)
            elif "radial_func" in name and parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            elif "to_kernel_self" in name:
                nn.init.zeros_(parameter)

    def forward(
        self,
        G: Any,
        type_0_features: Tensor,
        type_1_features: Tensor | None = None,
        edge_features: Tensor | None = None,
        rel_pos: Tensor | None = None,
    ) -> Features:
        nodes = {"0": type_0_features}
        if self.l1_in > 0:
            if type_1_features is None:
                raise GraphValueError(f"expected type_1_features of shape [N, {self.l1_in}, 3], got None")
            nodes["1"] = type_1_features
        edge = None if edge_features is None else {"0": edge_features}
        out: Features = self.se3(G, nodes, edge, rel_pos=rel_pos)
        return out
