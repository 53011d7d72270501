"""Graph transformer for several types of nodes and edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.dense.linear import HeteroDictLinear, HeteroLinear
from grapevine.nn.inits import ones
from grapevine.nn.message_passing import MessagePassing
from grapevine.nn.module_dict import ParameterDict
from grapevine.utils import softmax
from grapevine.utils.hetero import construct_bipartite_edge_index

EdgeType = tuple[str, str, str]


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
        queries = {key: q for key, (_, q, _) in kqv.items()}
        # The sources are numbered anew for each edge type, since it maps them by matrices of its own.
        keys = [self._mapped(self.k_rel, kqv[key[0]][0], key) for key in edge_index_dict]
        values = [self._mapped(self.v_rel, kqv[key[0]][2], key) for key in edge_index_dict]
        edge_index, edge_attr = construct_bipartite_edge_index(
            edge_index_dict,
            dict(zip(edge_index_dict, _starts(keys))),
            dict(zip(queries, _starts(list(queries.values())))),
            edge_attr_dict=self.p_rel,
        )
        query, key, value = torch.cat(list(queries.values())), torch.cat(keys), torch.cat(values)
        size = (key.shape[0], query.shape[0])
        out = self.propagate(edge_index, k=key, q=query, v=value, edge_attr=edge_attr, size=size).flatten(1)

        outs = dict(zip(queries, out.split([q.shape[0] for q in queries.values()])))
        outs = self.out_lin({key: F.gelu(outs[key]) for key in queries if key in self.dst_node_types})
        return {key: self._beside(outs[key], x, key) for key, x in x_dict.items() if key in outs}

    def _mapped(self, lin: HeteroLinear, x: Tensor, edge_type: EdgeType) -> Tensor:
        """(N, H, D) times the matrix of each head for this edge type."""
        matrices = lin.weight.view(self.heads, len(self.edge_types), *lin.weight.shape[1:])
        return torch.einsum("nhd,hde->nhe", x, matrices[:, self.edge_types_map[edge_type]])

    def _beside(self, out: Tensor, x: Tensor, node_type: str) -> Tensor:
        """The residual connection."""
        if out.shape[-1] != x.shape[-1]:
            return out
        beta = self.skip[node_type].sigmoid()
        return beta * out + (1 - beta) * x

    def message(
        self,
        k_j: Tensor,
        q_i: Tensor,
        v_j: Tensor,
        edge_attr: Tensor,
        index: Tensor,
        ptr: Tensor | None,
        size_i: int | None,
    ) -> Tensor:
        alpha = (q_i * k_j).sum(-1) * edge_attr / math.sqrt(q_i.shape[-1])
        alpha = softmax(alpha, index, ptr, size_i)
        return alpha.unsqueeze(-1) * v_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(-1, {self.out_channels}, heads={self.heads})"


def _starts(parts: Sequence[Tensor]) -> list[int]:
    """At which row each part begins, where they stand one below another."""
    sizes = [part.shape[0] for part in parts]
    return [sum(sizes[:i]) for i in range(len(sizes))]
