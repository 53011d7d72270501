"""Attention over the neighbours of each type, and over the types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear as TorchLinear
from torch.nn import ModuleDict, Parameter, ParameterDict

from grapevine.nn.conv._joined import EdgeType, Part, Rows, joined, rows_at
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, reset
from grapevine.nn.message_passing import MessagePassing


class HANConv(MessagePassing):
    r"""Attention over the neighbours along each edge type, then attention over the edge types.

    .. math::
        \mathbf{z}^{(r)}_i = \mathrm{ReLU} \Big( \sum_{j \in \mathcal{N}_r(i)} \alpha^{(r)}_{ij} \mathbf{W} \mathbf{x}_j
        \Big), \qquad
        \mathbf{x}^{\prime}_i = \sum_r \beta_r \mathbf{z}^{(r)}_i, \qquad
        \beta_r = \mathrm{softmax}_r \, \mathbf{q}^{\top} \frac{1}{N} \sum_i
        \tanh (\mathbf{K} \mathbf{z}^{(r)}_i + \mathbf{b})

    Args:
        in_channels: features of a node, or those of each node type; -1: those of the first input.
        out_channels: features F' of the output, a multiple of `heads`.
        metadata: node types, and edge types (source, relation, destination): `HeteroData.metadata()`.
        heads: number of heads.
        negative_slope: of the leaky ReLU in α.
        dropout: probability with which an attention weight α is dropped in training.
        kwargs: for `MessagePassing`.

    Forward:
        x_dict: node features by node type, (N, F) each.
        edge_index_dict: by edge type, int64 (2, E), or any other adjacency.
        return_semantic_attention_weights: return β too.

    Returns:
        (N, F') by node type, None for a type at which no edge type ends; with `return_semantic_attention_weights`
        beside it β by node type, (R,) each, in the order of `edge_index_dict`.

    Example:
        >>> metadata = (["user", "item"], [("user", "rates", "item")])
        >>> conv = HANConv(-1, 8, metadata, heads=2)
        >>> edges = {("user", "rates", "item"): torch.tensor([[0, 1], [0, 0]])}
        >>> conv({"user": torch.ones(2, 3), "item": torch.ones(1, 4)}, edges)["item"].shape
        torch.Size([1, 8])

    Source: "Heterogeneous Graph Attention Network" (arXiv:1903.07293).
    """

    def __init__(
        self,
        in_channels: int | dict[str, int],
        out_channels: int,
        metadata: tuple[Sequence[str], Sequence[EdgeType]],
        heads: int = 1,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr="add", node_dim=0, **kwargs)
        if not isinstance(in_channels, dict):
            in_channels = dict.fromkeys(metadata[0], in_channels)
        self.heads = heads
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.negative_slope = negative_slope
        self.metadata = metadata
        self.dropout = dropout
        self.k_lin = TorchLinear(out_channels, out_channels)
        self.q = Parameter(torch.empty(1, out_channels))
        self.proj = ModuleDict({key: Linear(channels, out_channels) for key, channels in in_channels.items()})

        self.lin_src, self.lin_dst = ParameterDict(), ParameterDict()
        for edge_type in metadata[1]:
            for scores in (self.lin_src, self.lin_dst):
                scores["__".join(edge_type)] = Parameter(torch.empty(1, heads, out_channels // heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.proj)
        glorot(self.lin_src)
        glorot(self.lin_dst)
        self.k_lin.reset_parameters()
        glorot(self.q)

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[EdgeType, Any],
        return_semantic_attention_weights: bool = False,
    ) -> Any:
        nodes = {key: self.proj[key](x).unflatten(1, (self.heads, -1)) for key, x in x_dict.items()}
        found = self._attended(nodes, edge_index_dict) if edge_index_dict else {}
        merged = {key: self._merged(found.get(key)) for key in x_dict}
        out = {key: x for key, (x, _) in merged.items()}
        if return_semantic_attention_weights:
            return out, {key: beta for key, (_, beta) in merged.items()}
        return out

    def _attended(
        self, nodes: Mapping[str, Tensor], edge_index_dict: Mapping[EdgeType, Any]
    ) -> dict[str, Tensor]:
        """What R edge types bring to the N nodes of each type, (R, N, F'): one pass over the edges of all types."""
        sizes = {key: len(x) for key, x in nodes.items()}
        starts = dict(zip(sizes, accumulate(sizes.values(), initial=0)))
        sources, targets = (rows_at(end, sizes, edge_index_dict) for end in (0, -1))
        # A score belongs to a node and an edge type, a message to the node alone.
        scored, sent = {}, {}
        for key, target in targets.start.items():
            size = (sizes[key[0]], sizes[key[-1]])
            scored[key] = Part(sources.start[key], target, size)
            sent[key] = Part(starts[key[0]], target, size)
        edges = joined(edge_index_dict, scored, (sources.total, targets.total))
        score = edges.src(self._scores(nodes, sources, self.lin_src))
        score = score + edges.dst(self._scores(nodes, targets, self.lin_dst))
        alpha = edges.softmax(F.leaky_relu(score, self.negative_slope))
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)

        edges = joined(edge_index_dict, sent, (sum(sizes.values()), targets.total))
        x = torch.cat(list(nodes.values()))
        out = self.propagate(edges, x=x, alpha=alpha, size=edges.size).flatten(1).relu()
        outs = out.split([len(types) * sizes[key] for key, types in targets.types.items()])
        return {
            key: h.view(len(types), sizes[key], -1) for (key, types), h in zip(targets.types.items(), outs)
        }

    def _scores(self, nodes: Mapping[str, Tensor], rows: Rows, vectors: Any) -> Tensor:
        """The product of each node with the vector of each edge type at it, (rows, H)."""
        found = []
        for key, types in rows.types.items():
            of_types = torch.cat([vectors["__".join(edge_type)] for edge_type in types])
            found.append(torch.einsum("nhd,rhd->rnh", nodes[key], of_types).flatten(0, 1))
        return torch.cat(found)

    def _merged(self, z: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """What the edge types brought, (R, N, F'), as one; and how much each counts."""
        if z is None:
            return None, None
        if z.numel() == 0:
            return z[0], None
        beta = (self.q * self.k_lin(z).tanh().mean(1)).sum(-1).softmax(0)
        return (beta.view(-1, 1, 1) * z).sum(0), beta

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        return alpha.unsqueeze(-1) * x_j

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.out_channels}, heads={self.heads})"
