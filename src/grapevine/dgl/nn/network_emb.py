"""Embeddings of nodes from random walks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from grapevine.dgl.base import DGLError
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.random import choice
from grapevine.dgl.sampling import random_walk

__all__ = ["DeepWalk", "MetaPath2Vec"]


def _tables(num_nodes: int, emb_dim: int, sparse: bool) -> tuple[nn.Embedding, nn.Embedding]:
    return tuple(nn.Embedding(num_nodes, emb_dim, sparse=sparse) for _ in range(2))  # type: ignore[return-value]


def _start(node: nn.Embedding, context: nn.Embedding) -> None:
    bound = 1.0 / node.embedding_dim
    nn.init.uniform_(node.weight, -bound, bound)
    nn.init.zeros_(context.weight)


class DeepWalk(nn.Module):
    """Nodes that meet on random walks get similar embeddings.

        loss = -mean log sigmoid(z_u . c_v) - weight K mean log sigmoid(-z_u . c_w)

    over pairs (u, v) of a walk at most a window apart, and K random w for each.

    Args:
        g: a graph with one type of nodes and edges.
        emb_dim: size of an embedding.
        walk_length: nodes of a walk.
        window_size: how far apart the nodes of a pair may be.
        neg_weight: weight of the random pairs.
        negative_size: random nodes per pair.
        fast_neg: whether they are drawn among the nodes of the batch, or by degree among all.
        sparse: whether gradients are sparse, as `torch.optim.SparseAdam` wants them.

    Forward:
        batch_walk: (B, walk_length) nodes of walks, from `sample`.

    Returns:
        the loss.

    Raises:
        DGLError: if a walk is shorter than a window.

    Example:
        >>> from grapevine import dgl
        >>> model = DeepWalk(dgl.graph(([0, 1, 2], [1, 2, 0])), emb_dim=4, walk_length=4, window_size=2)
        >>> model(model.sample(torch.tensor([0, 1]))).item() > 0
        True

    Source: Perozzi, Al-Rfou, Skiena, DeepWalk: Online Learning of Social Representations, arXiv:1403.6652.
    """

    def __init__(
        self,
        g: DGLGraph,
        emb_dim: int = 128,
        walk_length: int = 40,
        window_size: int = 5,
        neg_weight: float = 1,
        negative_size: int = 5,
        fast_neg: bool = True,
        sparse: bool = True,
    ) -> None:
        super().__init__()
        if walk_length < window_size + 1:
            raise DGLError(f"Expect walk_length >= window_size + 1, got {walk_length} and {window_size + 1}")
        self.g = g
        self.emb_dim = emb_dim
        self.window_size = window_size
        self.walk_length = walk_length
        self.neg_weight = neg_weight
        self.negative_size = negative_size
        self.fast_neg = fast_neg
        self.node_embed, self.context_embed = _tables(g.num_nodes(), emb_dim, sparse)
        self.reset_parameters()
        if not fast_neg:
            degrees = g.out_degrees().pow(0.75)
            self.neg_prob = degrees / degrees.sum()
        steps = torch.arange(walk_length)
        apart = steps - steps.unsqueeze(1)
        near = (apart.abs() <= window_size) & (apart != 0)
        # Pairs by destination, as they count only as a set.
        self._dst, self._src = near.nonzero(as_tuple=True)

    def reset_parameters(self) -> None:
        """Small random embeddings; zeros as contexts."""
        _start(self.node_embed, self.context_embed)

    def sample(self, indices: Tensor) -> Tensor:
        """Walks from some nodes, (B, walk_length).

        Args:
            indices: (B,) nodes.
        """
        return random_walk(self.g, indices, length=self.walk_length - 1)[0]

    def forward(self, batch_walk: Tensor) -> Tensor:
        device = batch_walk.device
        starts = torch.arange(len(batch_walk), device=device).unsqueeze(1) * self.walk_length
        src, dst = ((starts + side.to(device)).view(-1) for side in (self._src, self._dst))
        nodes, contexts = (e(batch_walk.view(-1)) for e in (self.node_embed, self.context_embed))
        positive = (nodes[src] * contexts[dst]).sum(1).clamp(-6, 6)
        alike = dst.repeat_interleave(self.negative_size)
        if self.fast_neg:
            # A shuffled list that holds every place of the batch equally often.
            times = -(-len(alike) // len(nodes))
            order = torch.randperm(len(nodes) * times, device=device)[: len(alike)] % len(nodes)
            other = contexts[order]
        else:
            drawn = choice(self.g.num_nodes(), len(alike), prob=self.neg_prob)
            other = self.context_embed(drawn.to(device))
        negative = (nodes[alike] * other).sum(1).clamp(-6, 6)
        weight = self.negative_size * self.neg_weight
        return -logsigmoid(positive).mean() - logsigmoid(-negative).mean() * weight


class MetaPath2Vec(nn.Module):
    """Nodes of several types that meet on walks along a metapath get similar embeddings.

    Nodes are numbered over all types, in the order of `g.ntypes`; `local_to_global_nid` says how.

    Args:
        g: a graph.
        metapath: the edge type of every step.
        window_size: how far apart the nodes of a pair may be.
        emb_dim: size of an embedding.
        negative_size: random nodes per pair.
        sparse: whether gradients are sparse, as `torch.optim.SparseAdam` wants them.

    Forward:
        pos_u: (P,) nodes, from `sample`.
        pos_v: (P,) nodes that they meet.
        neg_v: (P, negative_size) random nodes.

    Returns:
        the loss.

    Raises:
        DGLError: if the metapath is shorter than a window.

    Departure: pairs are of two places of a walk; in DGL some places are paired with themselves, and places after a dead
    end with the last node of all.

    Source: Dong, Chawla, Swami, metapath2vec: Scalable Representation Learning for Heterogeneous Networks, 2017.
    """

    def __init__(
        self,
        g: DGLGraph,
        metapath: Sequence[Any],
        window_size: int,
        emb_dim: int = 128,
        negative_size: int = 5,
        sparse: bool = True,
    ) -> None:
        super().__init__()
        if len(metapath) + 1 < window_size:
            raise DGLError(f"Expect len(metapath) >= window_size - 1, got {list(metapath)} and {window_size}")
        self.hg = g
        self.emb_dim = emb_dim
        self.metapath = metapath
        self.window_size = window_size
        self.negative_size = negative_size
        etypes = [g.to_canonical_etype(etype) for etype in metapath]
        self.node_metapath = [etypes[0][0], *(etype[2] for etype in etypes)]
        starts = {ntype: sum(g._counts[:i]) for i, ntype in enumerate(g.ntypes)}
        self.local_to_global_nid = {
            ntype: list(range(first, first + g.num_nodes(ntype))) for ntype, first in starts.items()
        }
        self._starts = torch.tensor([starts[ntype] for ntype in self.node_metapath])
        total = sum(g._counts)
        met = self._walks(g.nodes(self.node_metapath[0])).view(-1)
        often = torch.bincount(met[met >= 0], minlength=total).pow(0.75)
        self.neg_prob = often / often.sum()
        self.node_embed, self.context_embed = _tables(total, emb_dim, sparse)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Small random embeddings; zeros as contexts."""
        _start(self.node_embed, self.context_embed)

    def _walks(self, nodes: Any) -> Tensor:
        """Walks in numbers over all types; -1 after a dead end."""
        traces = random_walk(self.hg, nodes, metapath=self.metapath)[0].long()
        return torch.where(traces < 0, traces, traces + self._starts.to(traces.device))

    def sample(self, indices: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs of nodes on walks, and random nodes for each.

        Args:
            indices: nodes of the metapath's first type.

        Returns:
            `(P,)`, `(P,)` and `(P, negative_size)` nodes, numbered over all types.
        """
        walks = self._walks(indices)
        steps = torch.arange(walks.shape[1])
        apart = steps - steps.unsqueeze(1)  # as DGL: the window reaches one step less far ahead
        near = (apart >= -self.window_size) & (apart < self.window_size) & (apart != 0)
        first, second = near.nonzero(as_tuple=True)
        u, v = walks[:, first].reshape(-1), walks[:, second].reshape(-1)
        there = (u >= 0) & (v >= 0)
        count = int(there.sum()) * self.negative_size
        drawn = choice(len(self.neg_prob), count, prob=self.neg_prob)
        return u[there], v[there], drawn.view(-1, self.negative_size)

    def forward(self, pos_u: Tensor, pos_v: Tensor, neg_v: Tensor) -> Tensor:
        nodes = self.node_embed(pos_u)
        positive = (nodes * self.context_embed(pos_v)).sum(1).clamp(-10, 10)
        negative = (self.context_embed(neg_v) @ nodes.unsqueeze(2)).squeeze(2).clamp(-10, 10)
        return -(logsigmoid(positive) + logsigmoid(-negative).sum(1)).mean()
