"""The SE(3)-Transformer's attention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant.convolution import ConvSE3, ConvSE3FuseLevel
from grapevine.nn.equivariant.fiber import Fiber, degree_to_dim
from grapevine.nn.equivariant.graphs import edges_of
from grapevine.nn.equivariant.layers import Features, LinearSE3


class AttentionSE3(nn.Module):
    r"""Attention over incoming edges whose scores no rotation changes.

    .. math::
        \alpha_e = \mathrm{softmax}_{e \to n} \frac{\sum_d \langle \mathbf{k}_d[e], \mathbf{q}_d[n] \rangle}
        {\sqrt{\sum_d C_d (2d + 1)}}, \quad \mathbf{z}_d[n] = \sum_{e \to n} \alpha_e \mathbf{v}_d[e]

    Args:
        num_heads: H; heads split the channels of every degree.
        key_fiber: structure of keys and queries.
        value_fiber: structure of values.

    Forward:
        value: degree -> (E, C, 2d + 1), or all degrees side by side.
        key: likewise.
        query: degree -> (N, C, 2d + 1).
        graph: `gv.Edges`, a `PointGraph`, or a DGL graph.

    Returns:
        degree -> (N, C, 2d + 1); zero where nothing arrives.

    Departures from the paper: the scale counts the key's components of all heads, as in the reference.

    Raises:
        GraphValueError: where the heads do not divide the channels.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> fiber = Fiber({0: 4})
        >>> k, q, v = ({"0": torch.randn(2, 4, 1)} for _ in range(3))
        >>> AttentionSE3(2, fiber, fiber)(v, k, q, edges)["0"].shape
        torch.Size([2, 4, 1])

    Source: "SE(3)-Transformers" (arXiv:2006.10503); NVIDIA's code.
    """

    def __init__(self, num_heads: int, key_fiber: Fiber, value_fiber: Fiber) -> None:
        super().__init__()
        for name, fiber in (("key", key_fiber), ("value", value_fiber)):
            if any(channels % num_heads for channels in fiber.channels):
                raise GraphValueError(
                    f"expected channels that {num_heads} heads divide, got {name}s of {fiber}"
                )
        self.num_heads = num_heads
        self.key_fiber = key_fiber
        self.value_fiber = value_fiber

    def forward(
        self,
        value: Mapping[str, Tensor] | Tensor,
        key: Mapping[str, Tensor] | Tensor,
        query: Mapping[str, Tensor],
        graph: Any,
    ) -> Features:
        edges = edges_of(graph)
        value, key = unfused(value, self.value_fiber), unfused(key, self.key_fiber)
        dots = [
            (edges.edge(self._heads(key[d])) * edges.dst(self._heads(query[d]))).sum(dim=-1)
            for d in map(str, self.key_fiber.degrees)
        ]
        scores = torch.stack(list(dots)).sum(0) if len(dots) > 1 else dots[0]
        attention = edges.softmax(scores / math.sqrt(self.key_fiber.num_features)).unsqueeze(-1)
        return {d: self._attended(edges, attention, value[d]) for d in map(str, self.value_fiber.degrees)}

    def _heads(self, x: Tensor) -> Tensor:
        """(R, C, 2d + 1) -> (R, H, C / H (2d + 1))."""
        return x.reshape(x.shape[0], self.num_heads, -1)

    def _attended(self, edges: Edges, attention: Tensor, value: Tensor) -> Tensor:
        z = edges.sum(edges.edge(attention) * edges.edge(self._heads(value)))
        return z.reshape(z.shape[0], *value.shape[1:])


class AttentionBlockSE3(nn.Module):
    """Attention over neighbours' features of all degrees, beside a node's own.

    Keys and values come from one convolution, queries from a linear map; a linear map joins the result and the input.

    Args:
        fiber_in: structure of the input.
        fiber_out: structure of the output.
        fiber_edge: structure of the edge features, without the distance.
        num_heads: number of heads.
        channels_div: values and keys have `channels // channels_div` of the output's channels.
        use_layer_norm: in the radial nets.
        max_degree: the largest degree of the basis.
        fuse_level: of the convolution, see `ConvSE3`.

    Forward: `(node_features, edge_features, graph, basis)`, as of `ConvSE3`.

    Returns:
        degree -> (N, C', 2d + 1).

    Example:
        >>> import torch, grapevine as gv
        >>> from grapevine.nn.equivariant import get_basis
        >>> edges, r = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2), torch.randn(2, 3)
        >>> block = AttentionBlockSE3(Fiber({0: 4}), Fiber({0: 8, 1: 8}), num_heads=2, max_degree=1)
        >>> out = block({"0": torch.randn(2, 4, 1)}, {"0": r.norm(dim=1).view(2, 1, 1)}, edges, get_basis(r, 1))
        >>> {degree: tuple(x.shape) for degree, x in out.items()}
        {'0': (2, 8, 1), '1': (2, 8, 3)}

    Source: "SE(3)-Transformers" (arXiv:2006.10503); NVIDIA's code.
    """

    def __init__(
        self,
        fiber_in: Fiber,
        fiber_out: Fiber,
        fiber_edge: Fiber | None = None,
        num_heads: int = 4,
        channels_div: int = 2,
        use_layer_norm: bool = False,
        max_degree: int = 4,
        fuse_level: ConvSE3FuseLevel = ConvSE3FuseLevel.FULL,
        low_memory: bool = False,
    ) -> None:
        super().__init__()
        self.fiber_in = fiber_in
        value_fiber = Fiber([(degree, channels // channels_div) for degree, channels in fiber_out])
        key_fiber = Fiber([el for el in value_fiber if fiber_in[el.degree]])
        self.key_fiber = key_fiber
        self.value_fiber = value_fiber
        self.to_key_value = ConvSE3(
            fiber_in, value_fiber + key_fiber, fiber_edge, pool=False, use_layer_norm=use_layer_norm,
            max_degree=max_degree, fuse_level=fuse_level,
        )  # fmt: skip
        self.to_query = LinearSE3(fiber_in, key_fiber)
        self.attention = AttentionSE3(num_heads, key_fiber, value_fiber)
        self.project = LinearSE3(value_fiber + fiber_in, fiber_out)

    def forward(
        self,
        node_features: Mapping[str, Tensor],
        edge_features: Mapping[str, Tensor],
        graph: Any,
        basis: Mapping[str, Tensor],
    ) -> Features:
        edges = edges_of(graph)
        both = self.to_key_value(node_features, edge_features, edges, basis)
        value: Features = {}
        key: Features = {}
        for degree, x in both.items():
            if self.key_fiber[int(degree)]:
                value[degree], key[degree] = x.chunk(2, dim=1)
            else:
                value[degree] = x
        z = self.attention(value, key, self.to_query(node_features), edges)
        joined = {d: torch.cat([z[d], node_features[d]], dim=1) if d in node_features else z[d] for d in z}
        out: Features = self.project(joined)
        return out


def unfused(x: Mapping[str, Tensor] | Tensor, fiber: Fiber) -> Mapping[str, Tensor]:
    """Degrees that lie side by side, taken apart."""
    if not isinstance(x, Tensor):
        return x
    parts = x.split([degree_to_dim(d) for d in fiber.degrees], dim=-1)
    return {str(d): part for d, part in zip(fiber.degrees, parts, strict=True)}
