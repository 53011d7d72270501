"""Graph transformer for several types of nodes and edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.conv._joined import EdgeType, Part, joined, rows_at
from grapevine.nn.dense.linear import HeteroDictLinear, HeteroLinear
from grapevine.nn.inits import ones
from grapevine.nn.message_passing import MessagePassing
from grapevine.nn.module_dict import ParameterDict
from grapevine.utils import softmax


class HGTConv(MessagePassing):
    r"""Attention over the neighbours of all types, with maps of its own for each type of node and edge.

    For an edge of type r from j of type s to i of type t:

    .. math::
        \mathbf{x}^{\prime}_i = \beta_t \mathbf{A}_t \, \mathrm{GELU} \Big( \sum_j \alpha_{ij} \mathbf{W}_r \mathbf{V}_s
        \mathbf{x}_j \Big) + (1 - \beta_t) \mathbf{x}_i, \qquad
        \alpha_{ij} = \mathrm{softmax}_j \, \frac{\mu_r}{\sqrt{D}} (\mathbf{Q}_t \mathbf{x}_i)^{\top} \mathbf{U}_r
        \mathbf{K}_s \mathbf{x}_j

    Args:
        in_channels: features of a node, or those of each node type; -1: those of the first input.
        out_channels: features F' of the output, a multiple of `heads`.
        metadata: node types, and edge types (source, relation, destination): `HeteroData.metadata()`.
        heads: number of heads H; D = F' / H.
        kwargs: for `MessagePassing`.

    Forward:
        x_dict: node features by node type, (N, F) each.
        edge_index_dict: by edge type, int64 (2, E), or a sparse adjacency.

    Returns:
        (N, F') by node type, of those at which some edge type ends. The residual connection is left out where the
        input has another size.

    Raises:
        GraphValueError: for channels that are no multiple of `heads`.

    Example:
        >>> metadata = (["user", "item"], [("user", "rates", "item")])
        >>> conv = HGTConv(-1, 8, metadata, heads=2)
        >>> edges = {("user", "rates", "item"): torch.tensor([[0, 1], [0, 0]])}
        >>> conv({"user": torch.ones(2, 3), "item": torch.ones(1, 4)}, edges)["item"].shape
        torch.Size([1, 8])

    Source: "Heterogeneous Graph Transformer" (arXiv:2003.01332).
    """

    def __init__(
        self,
        in_channels: int | dict[str, int],
        out_channels: int,
        metadata: tuple[Sequence[str], Sequence[EdgeType]],
        heads: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr="add", node_dim=0, **kwargs)
        if out_channels % heads:
            raise GraphValueError(
                f"expected out_channels to be a multiple of heads={heads}, got {out_channels}"
            )
        self.node_types, self.edge_types = metadata
        if not isinstance(in_channels, dict):
            in_channels = dict.fromkeys(self.node_types, in_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.edge_types_map = {edge_type: i for i, edge_type in enumerate(self.edge_types)}
        self.dst_node_types = {edge_type[-1] for edge_type in self.edge_types}

        dim, num_types = out_channels // heads, heads * len(self.edge_types)
        self.kqv_lin = HeteroDictLinear(in_channels, out_channels * 3)
        self.out_lin = HeteroDictLinear(out_channels, out_channels, types=self.node_types)
        self.k_rel = HeteroLinear(dim, dim, num_types, bias=False, is_sorted=True)
        self.v_rel = HeteroLinear(dim, dim, num_types, bias=False, is_sorted=True)
        self.skip = ParameterDict({node_type: Parameter(torch.empty(1)) for node_type in self.node_types})
        self.p_rel = ParameterDict()
        for edge_type in self.edge_types:
            self.p_rel["__".join(edge_type)] = Parameter(torch.empty(1, heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        for lin in (self.kqv_lin, self.out_lin, self.k_rel, self.v_rel):
            lin.reset_parameters()
        ones(self.skip)
        ones(self.p_rel)

    def forward(
        self, x_dict: Mapping[str, Tensor], edge_index_dict: Mapping[EdgeType, Any]
    ) -> dict[str, Tensor]:
        kqv = {key: x.unflatten(1, (3, self.heads, -1)).unbind(1) for key, x in self.kqv_lin(x_dict).items()}
        query = torch.cat([q for _, q, _ in kqv.values()])
        sizes = {key: len(q) for key, (_, q, _) in kqv.items()}
        starts = dict(zip(sizes, accumulate(sizes.values(), initial=0)))
        # Each source has a row for each edge type that begins at it, since these map it by matrices of their own.
        rows = rows_at(0, sizes, edge_index_dict)
        if not rows.total:
            return self._results(torch.zeros_like(query), sizes, x_dict)
        mapped = (self._by_type(kqv[key][0], kqv[key][2], types) for key, types in rows.types.items())
        keys, values = (torch.cat(side) for side in zip(*mapped))
        parts = {
            key: Part(first, starts[key[-1]], (sizes[key[0]], sizes[key[-1]]))
            for key, first in rows.start.items()
        }
        edges = joined(edge_index_dict, parts, (rows.total, len(query)))
        out = self.propagate(edges, k=keys, q=query, v=values, size=edges.size)
        return self._results(out, sizes, x_dict)

    def _by_type(self, k: Tensor, v: Tensor, edge_types: Sequence[EdgeType]) -> tuple[Tensor, Tensor]:
        """Keys and values (N, H, D) of a node type, times the matrices of R edge types: (R N, H, D) each."""
        numbers = torch.tensor([self.edge_types_map[key] for key in edge_types], device=k.device)
        prior = torch.cat([self.p_rel["__".join(key)] for key in edge_types]) / math.sqrt(k.shape[-1])

        def matrices(lin: HeteroLinear) -> Tensor:
            return lin.weight.unflatten(0, (self.heads, -1)).index_select(1, numbers)

        keys = torch.einsum("nhd,hrde->rnhe", k, matrices(self.k_rel) * prior.t()[..., None, None])
        return keys.flatten(0, 1), torch.einsum("nhd,hrde->rnhe", v, matrices(self.v_rel)).flatten(0, 1)

    def _results(self, out: Tensor, sizes: dict[str, int], x_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
        arrived = zip(sizes, out.flatten(1).split(list(sizes.values())))
        outs = self.out_lin({key: F.gelu(h) for key, h in arrived if key in self.dst_node_types})
        return {key: self._beside(outs[key], x, key) for key, x in x_dict.items() if key in outs}

    def _beside(self, out: Tensor, x: Tensor, node_type: str) -> Tensor:
        """The residual connection."""
        if out.shape[-1] != x.shape[-1]:
            return out
        beta = self.skip[node_type].sigmoid()
        return beta * out + (1 - beta) * x

    def message(
        self, k_j: Tensor, q_i: Tensor, v_j: Tensor, index: Tensor, ptr: Tensor | None, size_i: int | None
    ) -> Tensor:
        alpha = softmax((q_i * k_j).sum(-1), index, ptr, size_i)
        return alpha.unsqueeze(-1) * v_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(-1, {self.out_channels}, heads={self.heads})"
