"""LPFormer: links told by attention to the nodes around both ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import LayerNorm, Linear, Module, ModuleList, Parameter

from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.errors import GraphValueError
from grapevine.nn import inits
from grapevine.nn.dense.linear import Linear as GlorotLinear
from grapevine.nn.models.basic_gnn import GCN
from grapevine.utils import get_ppr, is_torch_sparse_tensor


class LPFormer(Module):
    r"""Scores links by what both ends are, and by attention to common neighbours, neighbours and others around them.

    .. math::
        s_{ab} = \mathrm{MLP} \Big( \mathrm{MLP}(\mathbf{h}_a \odot \mathbf{h}_b) \, \Vert \, \mathrm{MLP} \big( \sum_v
        \alpha_v \mathbf{W} [\mathbf{h}_v \, \Vert \, \mathbf{r}_v] \, \Vert \, \mathbf{n}_{ab} \big) \Big), \qquad
        \mathbf{r}_v = g(p_{av}, p_{bv}) + g(p_{bv}, p_{av})

    with a GCN's features h, personalised PageRank p, an MLP g for each kind of node v, and the numbers of nodes of each
    kind in :math:`\mathbf{n}`.

    Args:
        in_channels: features F of a node.
        hidden_channels: features inside, H.
        num_gnn_layers: layers of the GCN.
        gnn_dropout: probability with which something is dropped there, in training.
        num_transformer_layers: layers of attention.
        num_heads: their heads.
        transformer_dropout: probability with which nodes, and results of the attention, are dropped, in training.
        ppr_thresholds: how much both PageRanks of a node must be at least, for common neighbours, neighbours of one
            end, and others; None: 0, 0.0001, 0.01. With 1 for the last (and the second) those kinds are left out.
        gcn_cache: let the GCN keep its weights of the edges.

    Forward:
        batch: the links, int64 (2, B).
        x: features, (N, F).
        edge_index: int64 (2, E), or a `torch.sparse` adjacency (N, N), of an undirected graph without the links.
        ppr_matrix: PageRank, sparse (N, N), as `calc_sparse_ppr` computes it.

    Returns:
        scores (logits), (B,).

    Raises:
        GraphValueError: for another number of thresholds than three.

    Departures from PyTorch Geometric: several layers and heads, and kinds of nodes left out, work; heads are normalised
    one by one.

    Example:
        >>> model = LPFormer(4, 8).eval()
        >>> edges = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
        >>> model(torch.tensor([[0], [2]]), torch.rand(4, 4), edges, model.calc_sparse_ppr(edges, 4)).shape
        torch.Size([1])

    Source: "LPFormer: An Adaptive Graph Transformer for Link Prediction" (arXiv:2310.11009).
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_gnn_layers: int = 2,
        gnn_dropout: float = 0.1,
        num_transformer_layers: int = 1,
        num_heads: int = 1,
        transformer_dropout: float = 0.1,
        ppr_thresholds: Sequence[float] | None = None,
        gcn_cache: bool = False,
    ) -> None:
        super().__init__()
        thresholds = (0.0, 1e-4, 1e-2) if ppr_thresholds is None else tuple(ppr_thresholds)
        if len(thresholds) != 3:
            raise GraphValueError(
                f"expected three ppr_thresholds, for common neighbours, neighbours and others, got {len(thresholds)}"
            )
        self.thresh_cn, self.thresh_1hop, self.thresh_non1hop = thresholds
        self.in_dim = in_channels
        self.hid_dim = hidden = hidden_channels
        self.gnn_drop = gnn_dropout
        self.trans_drop = transformer_dropout
        self.gnn = GCN(
            in_channels, hidden, num_gnn_layers, dropout=gnn_dropout, norm="layer_norm", cached=gcn_cache
        )
        self.gnn_norm = LayerNorm(hidden)
        last = num_transformer_layers - 1
        self.att_layers = ModuleList(
            LPAttLayer(
                hidden, hidden * (1 if i == last else 2), hidden, num_heads, transformer_dropout, i == last
            )
            for i in range(num_transformer_layers)
        )
        self.elementwise_lin = _MLP(hidden, hidden, hidden)
        self.ppr_encoder_cn = _MLP(2, hidden, hidden)
        self.ppr_encoder_onehop = _MLP(2, hidden, hidden)
        self.ppr_encoder_non1hop = _MLP(2, hidden, hidden)
        pairwise = hidden * num_heads + 4
        self.pairwise_lin = _MLP(pairwise, pairwise, hidden)
        self.score_func = _MLP(hidden * 2, hidden * 2, 1, norm=False)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for part in self.children():
            inits.reset(part)

    def forward(self, batch: Tensor, x: Tensor, edge_index: Any, ppr_matrix: Tensor) -> Tensor:
        batch = batch.to(x.device)
        h = self.gnn_norm(self.gnn(F.dropout(x, p=self.gnn_drop, training=self.training), edge_index))
        a, b = h[batch[0]], h[batch[1]]
        pairwise = self._around(batch, h, torch.cat([a, b], dim=-1), edge_index, ppr_matrix)
        return self.score_func(torch.cat([self.elementwise_lin(a * b), pairwise], dim=-1)).squeeze(-1)

    def calc_sparse_ppr(
        self, edge_index: Tensor, num_nodes: int, alpha: float = 0.15, eps: float = 5e-5
    ) -> Tensor:
        """Personalised PageRank of each node, sparse (N, N): `utils.get_ppr` as a matrix."""
        index, value = get_ppr(edge_index.cpu(), alpha=alpha, eps=eps, num_nodes=num_nodes)
        matrix = torch.sparse_coo_tensor(index, value, (num_nodes, num_nodes), check_invariants=False)
        return matrix.coalesce()  # once, not in every forward pass

    def _around(self, batch: Tensor, h: Tensor, pair: Tensor, edge_index: Any, ppr_matrix: Tensor) -> Tensor:
        """What the attention to the nodes around each link tells, (B, H)."""
        kinds = self._kinds(batch, h.shape[0], edge_index, ppr_matrix)
        encoders = (self.ppr_encoder_cn, self.ppr_encoder_onehop, self.ppr_encoder_non1hop)
        encodings = [
            encode(ranks.to(h.dtype)) + encode(ranks.flip(1).to(h.dtype))
            for (_, _, ranks), encode in zip(kinds, encoders, strict=True)
        ]
        link = torch.cat([kind[0] for kind in kinds])
        node = torch.cat([kind[1] for kind in kinds])
        size = (h.shape[0], batch.shape[1])
        edges = Edges.of(torch.stack([node, link]), size)
        for layer in self.att_layers:
            pair = layer(edges, pair, h, torch.cat(encodings))
        common, near, far = (kind[0].bincount(minlength=size[1]).unsqueeze(1).to(h.dtype) for kind in kinds)
        out: Tensor = self.pairwise_lin(torch.cat([pair, common, near, far, common + near], dim=-1))
        return out

    def _kinds(
        self, batch: Tensor, num_nodes: int, edge_index: Any, ppr_matrix: Tensor
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Common neighbours, neighbours of one end, and others: links (e,), nodes (e,), both PageRanks (e, 2)."""
        adjacent = _compressed(_pairs(edge_index), num_nodes)
        rank = ppr_matrix.coalesce()
        reached = _compressed(rank.indices(), num_nodes)
        ranks = [_rows(reached, end, rank.values()) for end in batch]
        near, ends = torch.cat([_rows(adjacent, end)[0] for end in batch]).unique(return_counts=True)
        of_near = torch.stack([_lookup(*each, near) for each in ranks], dim=1)
        least = of_near.amin(dim=1)
        wanted = least >= torch.where(ends == 2, self.thresh_cn, self.thresh_1hop)
        if self.thresh_1hop == 1 and self.thresh_non1hop == 1:
            wanted = wanted & (ends == 2)
        near, ends, of_near = self._some(near[wanted], ends[wanted], of_near[wanted])

        far, of_far = near[:0], of_near[:0]
        if self.thresh_non1hop != 1:
            if self.training:  # the links were taken out of the graph: their ends are neighbours nevertheless
                both = torch.cat([_pairs(edge_index), batch, batch.flip(0)], dim=1)
                adjacent = _compressed(both, num_nodes)
            far = ranks[0][0][torch.isin(ranks[0][0], ranks[1][0])]
            far = far[~torch.isin(far, torch.cat([_rows(adjacent, end)[0] for end in batch]))]
            of_far = torch.stack([_lookup(*each, far) for each in ranks], dim=1)
            wanted = of_far.amin(dim=1) >= self.thresh_non1hop
            far, of_far = self._some(far[wanted], of_far[wanted])
        found = [(near[ends == 2], of_near[ends == 2]), (near[ends == 1], of_near[ends == 1]), (far, of_far)]
        return [(key // num_nodes, key % num_nodes, of_key) for key, of_key in found]

    def _some(self, *rows: Tensor) -> tuple[Tensor, ...]:
        """The rows that stay in training."""
        if not self.training or self.trans_drop == 0:
            return rows
        kept = math.ceil(rows[0].shape[0] * (1 - self.trans_drop))
        index = torch.randperm(rows[0].shape[0])[:kept].to(rows[0].device)
        return tuple(each[index] for each in rows)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_dim}, {self.hid_dim}, num_gnn_layers={self.gnn.num_layers}, "
            f"num_transformer_layers={len(self.att_layers)})"
        )


Rows = tuple[Tensor, Tensor, int]


def _pairs(adjacency: Any) -> Tensor:
    """Rows and columns of the entries, (2, E)."""
    if isinstance(adjacency, Edges):
        return adjacency.edge_index
    return adjacency.to_sparse_coo().coalesce().indices() if is_torch_sparse_tensor(adjacency) else adjacency


def _compressed(index: Tensor, num_nodes: int) -> Rows:
    """Entries by row, each once: where the rows begin, (N + 1,), the columns, (E,), and N."""
    key = (index[0] * num_nodes + index[1]).unique()
    count = (key // num_nodes).bincount(minlength=num_nodes)
    return F.pad(count.cumsum(0), (1, 0)), key % num_nodes, num_nodes


def _rows(matrix: Rows, rows: Tensor, values: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The entries of some rows (B,), numbered `position * N + column`, ascending, and their values."""
    ptr, column, num_nodes = matrix
    count = ptr[rows + 1] - ptr[rows]
    position = torch.arange(rows.numel(), device=rows.device).repeat_interleave(count)
    within = torch.arange(position.numel(), device=rows.device) - (count.cumsum(0) - count)[position]
    entry = ptr[rows][position] + within
    return position * num_nodes + column[entry], entry if values is None else values[entry]


def _lookup(keys: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """The values of the wanted keys, 0 where there is none; `keys` ascend."""
    if keys.numel() == 0:
        return values.new_zeros(wanted.shape)
    place = torch.searchsorted(keys, wanted).clamp(max=keys.numel() - 1)
    return torch.where(keys[place] == wanted, values[place], 0)


class LPAttLayer(Module):
    r"""Attention of links to nodes.

    .. math::
        \mathbf{z}_v = \mathbf{W}_r [\mathbf{h}_v \, \Vert \, \mathbf{r}_v], \qquad
        \alpha_v = \mathrm{softmax}_v \, \mathbf{a}^{\top} \mathrm{LeakyReLU}(\mathbf{z}_v \odot (\mathbf{W}_l
        \mathbf{h}_a + \mathbf{W}_l \mathbf{h}_b)), \qquad
        \mathbf{o}_{ab} = \mathrm{norm} \Big( \sum_v \alpha_v \mathbf{z}_v + \mathbf{b} \Big)

    Args:
        in_channels: features of each end of a link.
        out_channels: features of the output, C.
        node_dim: features of a node, and of its encoding r.
        num_heads: number of heads.
        dropout: probability with which something is dropped from the output, in training.
        concat: heads side by side; else their mean.

    Forward: edges from nodes to links, (B, 2 in_channels), (N, node_dim) and encodings (E, node_dim).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        node_dim: int,
        num_heads: int,
        dropout: float,
        concat: bool = True,
    ) -> None:
        super().__init__()
        self.heads = num_heads
        self.dropout = dropout
        self.concat = concat
        wide = num_heads * out_channels
        self.lin_l = GlorotLinear(in_channels, wide, weight_initializer="glorot")
        self.lin_r = GlorotLinear(2 * node_dim, wide, weight_initializer="glorot")
        self.att = Parameter(torch.empty(1, num_heads, out_channels))
        self.bias = Parameter(torch.empty(wide if concat else out_channels))
        self.post_att_norm = LayerNorm(out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for part in (self.lin_l, self.lin_r, self.post_att_norm):
            part.reset_parameters()
        inits.glorot(self.att)
        inits.zeros(self.bias)

    def forward(self, edges: Edges, links: Tensor, nodes: Tensor, encodings: Tensor) -> Tensor:
        heads = (self.heads, -1)
        z = self.lin_r(torch.cat([edges.src(nodes), edges.edge(encodings)], dim=-1))
        z = edges.edge(materialise(z).unflatten(-1, heads))
        first, second = links.chunk(2, dim=-1)
        query = (self.lin_l(first) + self.lin_l(second)).unflatten(-1, heads)
        alpha = edges.softmax((F.leaky_relu(z * edges.dst(query), 0.2) * self.att).sum(-1))
        out = edges.sum(z * alpha.unsqueeze(-1))
        if self.concat:
            out = (out.flatten(1) + self.bias).unflatten(-1, heads)
        else:
            out = (out.mean(1) + self.bias).unsqueeze(1)
        return F.dropout(self.post_att_norm(out).flatten(1), p=self.dropout, training=self.training)


class _MLP(Module):
    """Two linear maps, with a norm and a ReLU between."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, norm: bool = True) -> None:
        super().__init__()
        self.norm = LayerNorm(hidden_channels) if norm else None
        self.linears = ModuleList(
            [Linear(in_channels, hidden_channels), Linear(hidden_channels, out_channels)]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.linears[0](x)
        x = x if self.norm is None else self.norm(x)
        out: Tensor = self.linears[1](x.relu())
        return out
