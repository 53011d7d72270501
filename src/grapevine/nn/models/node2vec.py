"""Node2Vec: embeddings from random walks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from grapevine.errors import GraphValueError
from grapevine.graph import maybe_num_nodes, sort_edge_index
from grapevine.graph.sorting import index2ptr
from grapevine.nn.models._walks import WalkEmbedding, windows
from grapevine.ops import random_walks


class Node2Vec(WalkEmbedding):
    r"""Embeddings under which nodes that meet on random walks are near each other.

    Args:
        edge_index: edges, (2, E); walks go from their sources to their destinations.
        embedding_dim: size of the embeddings F.
        walk_length: nodes of a walk.
        context_size: nodes of a stretch that count as neighbours of its first one, with that one: C.
        walks_per_node: how many walks start at each node of a batch.
        p: how unlikely a walk returns at once.
        q: how unlikely it goes away.
        num_negative_samples: how many random stretches for each of a walk.
        num_nodes: N.
        sparse: sparse gradients, for `torch.optim.SparseAdam`.

    Forward:
        batch: nodes, int64 (B,); all if None.

    Returns:
        embeddings, (B, F).

    Raises:
        GraphValueError: for walks shorter than a stretch.

    Departures from PyTorch Geometric: needs no further package; a walk stays where it meets a dead end.

    Example:
        >>> model = Node2Vec(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), 8, walk_length=4, context_size=3)
        >>> for pos_rw, neg_rw in model.loader(batch_size=2, shuffle=True):
        ...     loss = model.loss(pos_rw, neg_rw)
        >>> pos_rw.shape, model(torch.tensor([0, 2])).shape
        (torch.Size([4, 3]), torch.Size([2, 8]))

    Source: "node2vec: Scalable Feature Learning for Networks" (arXiv:1607.00653).
    """

    def __init__(
        self,
        edge_index: Tensor,
        embedding_dim: int,
        walk_length: int,
        context_size: int,
        walks_per_node: int = 1,
        p: float = 1.0,
        q: float = 1.0,
        num_negative_samples: int = 1,
        num_nodes: int | None = None,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        if walk_length < context_size:
            raise GraphValueError(
                f"expected walks of at least context_size={context_size} nodes, got walk_length={walk_length}"
            )
        self.num_nodes = maybe_num_nodes(edge_index, num_nodes)
        row, col = sort_edge_index(edge_index, num_nodes=self.num_nodes).cpu()
        self.rowptr, self.col = index2ptr(row, self.num_nodes), col
        self.embedding_dim = embedding_dim
        self.walk_length = walk_length - 1  # steps
        self.context_size = context_size
        self.walks_per_node = walks_per_node
        self.p = p
        self.q = q
        self.num_negative_samples = num_negative_samples
        self.embedding = torch.nn.Embedding(self.num_nodes, embedding_dim, sparse=sparse)
        self.reset_parameters()

    def forward(self, batch: Tensor | None = None) -> Tensor:
        """The embeddings of nodes."""
        return self.embedding.weight if batch is None else self.embedding.weight[batch]

    def loader(self, **kwargs: Any) -> DataLoader[Any]:
        """Batches of stretches of walks, and random ones, for `loss`.

        Args:
            **kwargs: of `torch.utils.data.DataLoader`, such as `batch_size`, `shuffle`, `num_workers`.
        """
        return DataLoader(range(self.num_nodes), collate_fn=self.sample, **kwargs)  # type: ignore[arg-type]

    def pos_sample(self, batch: Tensor) -> Tensor:
        """Stretches of walks that start at some nodes (B,)."""
        start = batch.repeat(self.walks_per_node)
        key = int(torch.empty((), dtype=torch.int64).random_())
        walks, _ = random_walks(
            self.rowptr, self.col, None, start.cpu(), self.walk_length, float(self.p), float(self.q), 0.0, key
        )
        return windows(walks, self.context_size).to(batch.device)

    def neg_sample(self, batch: Tensor) -> Tensor:
        """Stretches of random nodes, the first ones of which are given (B,)."""
        start = batch.repeat(self.walks_per_node * self.num_negative_samples)
        others = torch.randint(self.num_nodes, (start.numel(), self.walk_length), device=start.device)
        return windows(torch.cat([start.view(-1, 1), others.to(start.dtype)], dim=1), self.context_size)

    def sample(self, batch: list[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Both, for some nodes."""
        nodes = torch.as_tensor(batch, dtype=torch.int64)
        return self.pos_sample(nodes), self.neg_sample(nodes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_nodes}, {self.embedding_dim})"
