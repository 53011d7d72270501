"""The tensor field convolution of the SE(3)-Transformer, contracted on the nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.nn.equivariant._grouped import Groups, at_edges, at_nodes
from grapevine.nn.equivariant.fiber import Fiber, degree_to_dim
from grapevine.nn.equivariant.graphs import edges_of
from grapevine.nn.equivariant.layers import Features, mix

Y0 = 1 / math.sqrt(4 * math.pi)


class ConvSE3FuseLevel(Enum):
    """How many pairs of degrees share a radial net: all, those of one output or input degree, or none."""

    FULL = 2
    PARTIAL = 1
    NONE = 0


class RadialProfile(nn.Module):
    """The net that turns distance and invariant edge features into the weights of a convolution.

    Two hidden layers with ReLU, then a linear map without bias. `hidden` stops before that map: a convolution
    applies it on the nodes.

    Args:
        num_freq: number of frequencies F.
        channels_in: I.
        channels_out: O.
        edge_dim: size of the input, the distance included.
        mid_dim: size of the hidden layers.
        use_layer_norm: normalise before each ReLU.

    Forward:
        features: (E, edge_dim).

    Returns:
        (E, O I F), the index being (o I + i) F + f.

    Example:
        >>> import torch
        >>> RadialProfile(3, channels_in=4, channels_out=5, edge_dim=2)(torch.randn(7, 2)).shape
        torch.Size([7, 60])

    Source: NVIDIA's SE(3)-Transformer.
    """

    def __init__(
        self,
        num_freq: int,
        channels_in: int,
        channels_out: int,
        edge_dim: int = 1,
        mid_dim: int = 32,
        use_layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.num_freq = num_freq
        self.channels_in = channels_in
        self.channels_out = channels_out
        layers: list[nn.Module] = []
        for size in (edge_dim, mid_dim):
            layers.append(nn.Linear(size, mid_dim))
            layers += [nn.LayerNorm(mid_dim)] if use_layer_norm else []
            layers.append(nn.ReLU())
        layers.append(nn.Linear(mid_dim, num_freq * channels_in * channels_out, bias=False))
        self.net = nn.Sequential(*layers)

    def hidden(self, features: Tensor) -> Tensor:
        """The hidden units that the output is linear in, (E, mid_dim)."""
        out: Tensor = self.net[:-1](features)
        return out

    def weight(self) -> Tensor:
        """The last map, (O, I, F, mid_dim)."""
        last = cast("nn.Linear", self.net[-1])
        return last.weight.view(self.channels_out, self.channels_in, self.num_freq, -1)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.net(features)
        return out


class VersatileConvSE3(nn.Module):
    """The radial net of some pairs of degrees, under the reference's name."""

    def __init__(
        self, num_freq: int, channels_in: int, channels_out: int, edge_dim: int, use_layer_norm: bool
    ) -> None:
        super().__init__()
        self.radial_func = RadialProfile(
            num_freq, channels_in, channels_out, edge_dim, use_layer_norm=use_layer_norm
        )


class Path(NamedTuple):
    """A pair of degrees, and where its frequencies start in the output of its radial net."""

    d_in: int
    d_out: int
    first: int

    @property
    def freqs(self) -> slice:
        return slice(self.first, self.first + degree_to_dim(min(self.d_in, self.d_out)))


class ConvSE3(nn.Module):
    r"""The tensor field convolution: neighbours' features of all degrees become messages of all degrees.

    .. math::
        \mathbf{y}_{d'}[e, o, k] = \sum_{d, i, f, l} R[e, o, i, f] \; \mathbf{x}_d[\mathrm{src}(e), i, l] \;
        B_{d,d'}[e, l, f, k], \qquad R = \mathbf{W} \, \mathrm{hidden}(\mathbf{a}_e)

    R is linear in 32 hidden units per edge, so it is never computed: W meets the features on the nodes, before the
    edges (at their sources) or after the sum (at their destinations), whichever is less work.

    Args:
        fiber_in: structure of the input.
        fiber_out: structure of the output.
        fiber_edge: structure of the edge features, without the distance.
        pool: sum the messages at their destinations; else return them.
        use_layer_norm: in the radial nets.
        self_interaction: add :math:`\mathbf{W} \mathbf{x}[\mathrm{dst}(e)]` to every message.
        max_degree: the largest degree of the basis.
        fuse_level: how many pairs may share a radial net. FULL: one for all, where all inputs and all outputs have
            equal numbers of channels and degrees 0 to `max_degree`; PARTIAL: one per output degree where the
            inputs are so, or one per input degree where the outputs are; NONE: one per pair.
        allow_fused_output: return the degrees side by side, (E, C, sum of 2d + 1), where the radial net spans them.
        low_memory: accepted; there is nothing to save.

    Forward:
        node_feats: degree -> (N, C, 2d + 1).
        edge_feats: degree -> (E, C, 2d + 1); "0" ends with the distance. Others are taken as channels of the source.
        graph: `gv.Edges`, a `PointGraph`, or a DGL graph.
        basis: of `get_basis`.

    Returns:
        degree -> (N, C', 2d + 1), or (E, C', 2d + 1) with `pool=False`.

    Departures from the paper, all those of the reference: shared radial nets, no bias in their last layer, a sum
    over the neighbours, the self-interaction once per message. In the pairwise mode the pair (0, 0) lacks the
    factor Y_0 = 0.28209.

    Example:
        >>> import torch, grapevine as gv
        >>> from grapevine.nn.equivariant import get_basis
        >>> edges = gv.Edges(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
        >>> r = torch.randn(3, 3)
        >>> conv = ConvSE3(Fiber({0: 4}), Fiber({0: 2, 1: 2}), Fiber({}), max_degree=1)
        >>> out = conv({"0": torch.randn(3, 4, 1)}, {"0": r.norm(dim=1).view(3, 1, 1)}, edges, get_basis(r, 1))
        >>> {degree: tuple(x.shape) for degree, x in out.items()}
        {'0': (3, 2, 1), '1': (3, 2, 3)}

    Source: "Tensor field networks" (arXiv:1802.08219); "SE(3)-Transformers" (arXiv:2006.10503); NVIDIA's code.
    """

    def __init__(
        self,
        fiber_in: Fiber,
        fiber_out: Fiber,
        fiber_edge: Fiber | None = None,
        pool: bool = True,
        use_layer_norm: bool = False,
        self_interaction: bool = False,
        max_degree: int = 4,
        fuse_level: ConvSE3FuseLevel = ConvSE3FuseLevel.FULL,
        allow_fused_output: bool = False,
        low_memory: bool = False,
    ) -> None:
        super().__init__()
        fiber_edge = Fiber({}) if fiber_edge is None else fiber_edge
        self.fiber_in = fiber_in
        self.fiber_out = fiber_out
        self.pool = pool
        self.self_interaction = self_interaction
        self.max_degree = max_degree
        self.allow_fused_output = allow_fused_output
        channels_in = {d: c + (fiber_edge[d] if d > 0 else 0) for d, c in fiber_in}
        all_degrees = list(range(max_degree + 1))
        equal_in = len(set(channels_in.values())) == 1 and fiber_in.degrees == all_degrees
        equal_out = len(set(fiber_out.channels)) == 1 and fiber_out.degrees == all_degrees

        def net(d_in: int, d_out: int, paths: list[Path]) -> VersatileConvSE3:
            freqs = sum(degree_to_dim(min(p.d_in, p.d_out)) for p in paths)
            edge_dim = fiber_edge[0] + 1
            return VersatileConvSE3(freqs, channels_in[d_in], fiber_out[d_out], edge_dim, use_layer_norm)

        #: name of a radial net -> the pairs that it serves
        self.paths: dict[str, list[Path]] = {}
        if fuse_level is ConvSE3FuseLevel.FULL and equal_in and equal_out:
            self.used_fuse_level = ConvSE3FuseLevel.FULL
            self.paths["conv"] = _numbered([(i, o) for o in all_degrees for i in all_degrees])
            self.conv: nn.Module = net(0, 0, self.paths["conv"])
        elif fuse_level is not ConvSE3FuseLevel.NONE and equal_in:
            self.used_fuse_level = ConvSE3FuseLevel.PARTIAL
            self.conv_out = nn.ModuleDict()
            for o, _ in fiber_out:
                paths = self.paths[f"conv_out.{o}"] = _numbered([(i, o) for i in fiber_in.degrees])
                self.conv_out[str(o)] = net(0, o, paths)
        elif fuse_level is not ConvSE3FuseLevel.NONE and equal_out:
            self.used_fuse_level = ConvSE3FuseLevel.PARTIAL
            self.conv_in = nn.ModuleDict()
            for i, _ in fiber_in:
                paths = self.paths[f"conv_in.{i}"] = _numbered([(i, o) for o in fiber_out.degrees])
                self.conv_in[str(i)] = net(i, 0, paths)
        else:
            self.used_fuse_level = ConvSE3FuseLevel.NONE
            pairs = nn.ModuleDict()
            for i, _ in fiber_in:
                for o, _ in fiber_out:
                    paths = self.paths[f"conv.{i},{o}"] = _numbered([(i, o)])
                    pairs[f"{i},{o}"] = net(i, o, paths)
            self.conv = pairs
        if self_interaction:
            self.to_kernel_self = nn.ParameterDict()
            for d, channels in fiber_out:
                if fiber_in[d]:
                    weight = torch.randn(channels, fiber_in[d]) / math.sqrt(fiber_in[d])
                    self.to_kernel_self[str(d)] = nn.Parameter(weight)

    def forward(
        self,
        node_feats: Mapping[str, Tensor],
        edge_feats: Mapping[str, Tensor],
        graph: Any,
        basis: Mapping[str, Tensor],
    ) -> Features | Tensor:
        edges = edges_of(graph)
        invariant = edge_feats["0"].squeeze(-1)
        at_edge: dict[str, Tensor] = {}  # messages
        at_node: dict[str, Tensor] = {}  # sums of messages
        for name, paths in self.paths.items():
            radial: RadialProfile = self.get_submodule(name).radial_func  # type: ignore[assignment]
            hidden, weight = radial.hidden(invariant), radial.weight()
            late = [p for p in paths if self.pool and _cheaper_at_destinations(p, radial, edges)]
            early = [p for p in paths if p not in late]
            _add(
                at_node,
                _at_destinations(late, weight, hidden, node_feats, edge_feats, edges, self._basis(basis)),
            )
            _add(
                at_edge, _at_sources(early, weight, hidden, node_feats, edge_feats, edges, self._basis(basis))
            )
        if self.self_interaction:
            _add(at_node if self.pool else at_edge, self._self_interaction(node_feats, edges))
        if self.pool:
            _add(at_node, {d: edges.sum(y.flatten(1)).view(-1, *y.shape[1:]) for d, y in at_edge.items()})
            return {str(d): at_node[str(d)] for d in self.fiber_out.degrees}
        out = {str(d): at_edge[str(d)] for d in self.fiber_out.degrees}
        spans = "conv_in" in self._modules or self.used_fuse_level is ConvSE3FuseLevel.FULL
        if self.allow_fused_output and spans and not self.self_interaction:
            return torch.cat(list(out.values()), dim=-1)
        return out

    def _basis(self, basis: Mapping[str, Tensor]) -> dict[tuple[int, int], Tensor | float]:
        """Degrees -> (E, 2d + 1, F, 2d' + 1); the pair (0, 0) is a number, which in the pairwise mode is left out."""
        found: dict[tuple[int, int], Tensor | float] = {
            (i, o): basis[f"{i},{o}"] for i in self.fiber_in.degrees for o in self.fiber_out.degrees if i or o
        }
        found[0, 0] = 1.0 if self.used_fuse_level is ConvSE3FuseLevel.NONE else Y0
        return found

    def _self_interaction(self, node_feats: Mapping[str, Tensor], edges: Edges) -> Features:
        own = {d: mix(weight, node_feats[d]) for d, weight in self.to_kernel_self.items()}
        if self.pool:
            degrees = edges.in_degrees(next(iter(node_feats.values())).dtype).view(-1, 1, 1)
            return {d: degrees * y for d, y in own.items()}
        return {d: materialise(edges.dst(y)) for d, y in own.items()}


def _numbered(pairs: list[tuple[int, int]]) -> list[Path]:
    """Pairs of degrees that share a radial net, one after the other in its output."""
    paths, first = [], 0
    for d_in, d_out in pairs:
        paths.append(Path(d_in, d_out, first))
        first = paths[-1].freqs.stop
    return paths


def _add(total: dict[str, Tensor], more: Mapping[str, Tensor]) -> None:
    for degree, x in more.items():
        total[degree] = total[degree] + x if degree in total else x


def _cheaper_at_destinations(path: Path, radial: RadialProfile, edges: Edges) -> bool:
    """Which order of contraction multiplies less, edges and nodes together."""
    l, f, k = degree_to_dim(path.d_in), path.freqs.stop - path.freqs.start, degree_to_dim(path.d_out)
    i, o = radial.channels_in, radial.channels_out
    hidden = radial.weight().shape[-1]
    at_sources = edges.num_edges * o * l * f * (hidden + k) + edges.num_src * hidden * i * o * l * f
    at_destinations = edges.num_edges * i * f * k * (hidden + l) + edges.num_dst * hidden * i * o * f * k
    return at_destinations < at_sources


Couplings = dict[tuple[int, int], "Tensor | float"]


def _at_sources(
    paths: list[Path],
    weight: Tensor,
    hidden: Tensor,
    node_feats: Mapping[str, Tensor],
    edge_feats: Mapping[str, Tensor],
    edges: Edges,
    basis: Couplings,
) -> Features:
    """Messages (E, O, 2d' + 1): the last radial map meets the features at the sources.

    P[n, m, o, l, f] = sum_i W[o, i, f, m] x[n, i, l];  y[e, o, k] = sum_{l, f} (hidden[e] P[src(e)])[o, l, f] B[e,
    l, f, k]
    """
    out: Features = {}
    if not paths:
        return out
    parts = []
    for path in paths:
        x, w = node_feats[str(path.d_in)], weight[:, : node_feats[str(path.d_in)].shape[1], path.freqs]
        B = basis[path.d_in, path.d_out]
        w = w if isinstance(B, Tensor) else w * B
        parts.append(torch.einsum("oifm,nil->nmolf", w, x).flatten(2))
    joint = at_edges(Groups.by_src(edges), hidden, torch.cat(parts, dim=2))
    for path, t in zip(paths, joint.split([p.shape[2] for p in parts], dim=1), strict=True):
        B = basis[path.d_in, path.d_out]
        t = t.unflatten(1, (weight.shape[0], -1))
        y = t @ B.flatten(1, 2) if isinstance(B, Tensor) else t
        own = _edge_channels(path, edge_feats)
        if own is not None:  # channels that are given per edge: there is no node to meet on
            w = weight[:, -own.shape[1] :, path.freqs].flatten(0, 2)
            z = torch.einsum("eil,elfk->eifk", own, B).flatten(1, 2)
            y = y + F.linear(hidden, w).view(len(own), -1, z.shape[1]) @ z
        _add(out, {str(path.d_out): y})
    return out


def _at_destinations(
    paths: list[Path],
    weight: Tensor,
    hidden: Tensor,
    node_feats: Mapping[str, Tensor],
    edge_feats: Mapping[str, Tensor],
    edges: Edges,
    basis: Couplings,
) -> Features:
    """Sums of messages (N, O, 2d' + 1): the last radial map meets what has arrived at the destinations.

    A[n, m, i, f, k] = sum_{e -> n} hidden[e, m] sum_l x[src(e), i, l] B[e, l, f, k];  out[n, o, k] = W[o, i, f, m]
    A[n, m, i, f, k]
    """
    out: Features = {}
    if not paths:
        return out
    arriving = {}
    for d in {p.d_in for p in paths}:
        x = materialise(edges.src(node_feats[str(d)].flatten(1))).view(edges.num_edges, -1, degree_to_dim(d))
        own = _edge_channels(paths[0]._replace(d_in=d), edge_feats)
        arriving[d] = x if own is None else torch.cat([x, own], dim=1)
    parts = []
    for path in paths:
        x, B = arriving[path.d_in], basis[path.d_in, path.d_out]
        parts.append((x @ B.flatten(2) if isinstance(B, Tensor) else x * B).flatten(1))
    joint = at_nodes(Groups.by_dst(edges), hidden, torch.cat(parts, dim=1))
    for path, a in zip(paths, joint.split([p.shape[1] for p in parts], dim=2), strict=True):
        w = weight[:, :, path.freqs]
        a = a.unflatten(2, (w.shape[1], w.shape[2], -1))
        _add(out, {str(path.d_out): torch.einsum("oifm,nmifk->nok", w, a)})
    return out


def _edge_channels(path: Path, edge_feats: Mapping[str, Tensor]) -> Tensor | None:
    return edge_feats.get(str(path.d_in)) if path.d_in > 0 else None
