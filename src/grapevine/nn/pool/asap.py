"""Adaptive structure aware pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear

from grapevine.nn._products import Entries, sparse_product
from grapevine.nn.conv import LEConv
from grapevine.nn.inits import reset
from grapevine.nn.pool.select import SelectTopK
from grapevine.utils import add_remaining_self_loops, remove_self_loops, scatter, softmax


class ASAPooling(torch.nn.Module):
    r"""Makes of each node and its neighbours a cluster, by attention, and keeps the best clusters of each graph.

    .. math::
        \mathbf{x}^c_i = \sum_{j \in \mathcal{N}(i) \cup \{i\}} \alpha_{ij} \mathbf{x}_j, \quad
        \phi = \sigma(\mathrm{LEConv}(\mathbf{X}^c, \mathbf{A})), \quad
        \mathbf{i} = \mathrm{top}_k(\phi), \quad
        \mathbf{X}^{\prime} = (\phi \odot \mathbf{X}^c)_{\mathbf{i}}, \quad
        \mathbf{A}^{\prime} = \mathbf{S}^{\top} \mathbf{A} \mathbf{S}

    with :math:`\alpha_{ij} = \mathrm{softmax}_j(\mathrm{LeakyReLU}(\mathbf{a}^{\top}
    [\mathbf{W} \max_j \mathbf{x}_j \Vert \mathbf{x}_j]))` and :math:`\mathbf{S}` the columns
    :math:`\mathbf{i}` of :math:`\alpha^{\top}`.

    Args:
        in_channels: F.
        ratio: share of the nodes of each graph to keep, rounded up; from 1 on, how many to keep.
        GNN: class of a convolution that the attention's features pass first, made with sizes F and F; None: none.
        dropout: probability of dropping an attention weight in training.
        negative_slope: of the leaky ReLU.
        add_self_loops: put self-loops on the pooled graph, instead of dropping them.
        kwargs: further arguments of the convolution.

    Forward:
        x: features, (N, F).
        edge_index: (2, E).
        edge_weight: weights, (E,), or None.
        batch: graph of each node, int64 (N,); None: one graph.

    Returns:
        features (K, F), edges (2, E'), their weights (E',) or None, graph of each cluster (K,), the nodes (K,) that
        the clusters are around.

    Example:
        >>> x, *_ = ASAPooling(4)(torch.randn(6, 4), torch.tensor([[0, 1], [1, 2]]))
        >>> x.shape
        torch.Size([3, 4])

    Source: "ASAP: Adaptive Structure Aware Pooling for Learning Hierarchical Graph Representations"
    (arXiv:1911.07979).
    """

    def __init__(
        self,
        in_channels: int,
        ratio: float | int = 0.5,
        GNN: Callable[..., torch.nn.Module] | None = None,
        dropout: float = 0.0,
        negative_slope: float = 0.2,
        add_self_loops: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.ratio = ratio
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.GNN = GNN
        self.add_self_loops = add_self_loops
        self.lin = Linear(in_channels, in_channels)
        self.att = Linear(2 * in_channels, 1)
        self.gnn_score = LEConv(in_channels, 1)
        self.gnn_intra_cluster = None if GNN is None else GNN(in_channels, in_channels, **kwargs)
        self.select = SelectTopK(1, ratio)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in (self.lin, self.att, self.gnn_score, self.gnn_intra_cluster, self.select):
            reset(module)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, batch: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
        N = x.size(0)
        x = x.view(N, -1)
        if batch is None:
            batch = torch.zeros(N, dtype=torch.long, device=x.device)
        edge_index, edge_weight = add_remaining_self_loops(
            edge_index, edge_weight, fill_value=1.0, num_nodes=N
        )
        src, dst = edge_index

        pooled = x
        if self.gnn_intra_cluster is not None:
            pooled = self.gnn_intra_cluster(x=x, edge_index=edge_index, edge_weight=edge_weight)
        members = pooled[src]
        master = self.lin(scatter(members, dst, 0, N, reduce="max"))
        score = self.att(torch.cat([master[dst], members], dim=-1)).view(-1)
        score = softmax(F.leaky_relu(score, self.negative_slope), dst, num_nodes=N)
        score = F.dropout(score, p=self.dropout, training=self.training)

        clusters = scatter(x[src] * score.view(-1, 1), dst, 0, N, reduce="sum")
        fitness = self.gnn_score(clusters, edge_index).sigmoid().view(-1)
        kept = self.select(fitness, batch).node_index
        out = clusters[kept] * fitness[kept].view(-1, 1)

        # S' A S, where column k of S holds the members of the cluster around node kept[k]
        members_of, strength = filter_columns(edge_index, score, kept, N)
        weight = torch.ones_like(score) if edge_weight is None else edge_weight
        edge_index, weight = sparse_product((edge_index, weight), (members_of, strength), N)
        edge_index, weight = sparse_product((members_of.flip(0), strength), (edge_index, weight), N)
        edge_weight = None if edge_weight is None else weight
        if self.add_self_loops:
            edge_index, edge_weight = add_remaining_self_loops(
                edge_index, edge_weight, num_nodes=kept.numel()
            )
        else:
            edge_index, edge_weight = remove_self_loops(edge_index, edge_weight)
        return out, edge_index, edge_weight, batch[kept], kept

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, ratio={self.ratio})"


def filter_columns(edge_index: Tensor, value: Tensor, kept: Tensor, num_columns: int) -> Entries:
    """The entries in the kept columns, (K,), whose numbers count from 0 then."""
    number = torch.full((num_columns,), -1, dtype=torch.long, device=kept.device)
    number[kept] = torch.arange(kept.numel(), device=kept.device)
    column = number[edge_index[1]]
    return torch.stack([edge_index[0], column])[:, column >= 0], value[column >= 0]
