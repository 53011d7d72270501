"""MetaPath2Vec: embeddings from walks along given types of edges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from grapevine.errors import GraphValueError
from grapevine.graph import sort_edge_index
from grapevine.graph.sorting import index2ptr
from grapevine.nn.models._walks import WalkEmbedding, windows

EdgeType = tuple[str, str, str]


class MetaPath2Vec(WalkEmbedding):
    """Embeddings under which nodes that meet on walks along a metapath are near each other.

    Args:
        edge_index_dict: edges, (2, E), by edge type.
        embedding_dim: size of the embeddings F.
        metapath: the edge types to follow, one after the other, then again from the first.
        walk_length: steps of a walk.
        context_size: nodes of a stretch that count as neighbours of its first one, with that one.
        walks_per_node: how many walks start at each node of a batch.
        num_negative_samples: how many random stretches for each of a walk.
        num_nodes_dict: number of nodes by type; read off the edges by default.
        sparse: sparse gradients, for `torch.optim.SparseAdam`.

    Forward:
        node_type: a type of nodes.
        batch: nodes of it, int64 (B,); all if None.

    Returns:
        embeddings, (B, F).

    Raises:
        GraphValueError: for a metapath that does not hang together, or no cycle though walks are longer, and for walks
            shorter than a stretch.

    A walk that meets a dead end goes to a node of its own, outside the graph, and stays there.

    Example:
        >>> writes, by = ("author", "writes", "paper"), ("paper", "by", "author")
        >>> edges = torch.tensor([[0, 1, 1], [0, 0, 1]])
        >>> model = MetaPath2Vec({writes: edges, by: edges.flip(0)}, 8, [writes, by], walk_length=4, context_size=3)
        >>> for pos_rw, neg_rw in model.loader(batch_size=2):
        ...     loss = model.loss(pos_rw, neg_rw)
        >>> model("author").shape
        torch.Size([2, 8])

    Source: "metapath2vec: Scalable Representation Learning for Heterogeneous Networks" (KDD 2017).
    """

    def __init__(
        self,
        edge_index_dict: dict[EdgeType, Tensor],
        embedding_dim: int,
        metapath: list[EdgeType],
        walk_length: int,
        context_size: int,
        walks_per_node: int = 1,
        num_negative_samples: int = 1,
        num_nodes_dict: dict[str, int] | None = None,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        for before, after in pairwise(metapath):
            if before[-1] != after[0]:
                raise GraphValueError(
                    f"expected a metapath that hangs together, got {before} followed by {after}"
                )
        if walk_length > len(metapath) and metapath[0][0] != metapath[-1][-1]:
            raise GraphValueError(
                f"expected a metapath that ends where it starts, since walk_length={walk_length} is longer, got one "
                f"from {metapath[0][0]!r} to {metapath[-1][-1]!r}; choose walk_length <= {len(metapath)}"
            )
        if walk_length + 1 < context_size:
            raise GraphValueError(
                f"expected walks of at least context_size={context_size} nodes, got {walk_length + 1}"
            )
        counts = _counted(edge_index_dict) if num_nodes_dict is None else num_nodes_dict
        self.adjacency = {}
        for kind, edge_index in edge_index_dict.items():
            sizes = (counts[kind[0]], counts[kind[-1]])
            row, col = sort_edge_index(edge_index, num_nodes=max(sizes)).cpu()
            self.adjacency[kind] = (index2ptr(row, sizes[0]), col)
        self.embedding_dim = embedding_dim
        self.metapath = metapath
        self.walk_length = walk_length
        self.context_size = context_size
        self.walks_per_node = walks_per_node
        self.num_negative_samples = num_negative_samples
        self.num_nodes_dict = counts

        self.start: dict[str, int] = {}
        self.end: dict[str, int] = {}
        total = 0
        for node_type in sorted({kind[0] for kind in metapath} | {kind[-1] for kind in metapath}):
            self.start[node_type], self.end[node_type] = total, total + counts[node_type]
            total += counts[node_type]
        steps = [self.metapath[i % len(metapath)] for i in range(walk_length)]
        self.offset = torch.tensor([self.start[metapath[0][0]], *(self.start[kind[-1]] for kind in steps)])
        self.dummy_idx = total
        self.embedding = torch.nn.Embedding(total + 1, embedding_dim, sparse=sparse)
        self.reset_parameters()

    def forward(self, node_type: str, batch: Tensor | None = None) -> Tensor:
        """The embeddings of nodes of a type."""
        z = self.embedding.weight[self.start[node_type] : self.end[node_type]]
        return z if batch is None else z.index_select(0, batch)

    def loader(self, **kwargs: Any) -> DataLoader[Any]:
        """Batches of stretches of walks, and random ones, for `loss`.

        Args:
            **kwargs: of `torch.utils.data.DataLoader`, such as `batch_size`, `shuffle`, `num_workers`.
        """
        nodes: Any = range(self.num_nodes_dict[self.metapath[0][0]])
        return DataLoader(nodes, collate_fn=self.sample, **kwargs)

    def sample(self, batch: list[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Stretches of walks that start at some nodes, and random ones."""
        nodes = torch.as_tensor(batch, dtype=torch.int64)
        walks = [self._pos_walks(nodes.repeat(self.walks_per_node))]
        walks.append(self._neg_walks(nodes.repeat(self.walks_per_node * self.num_negative_samples)))
        first, second = (windows(found, self.context_size) for found in walks)
        return first, second

    def _pos_walks(self, at: Tensor) -> Tensor:
        trace = [at]
        for step in range(self.walk_length):
            ptr, col = self.adjacency[self.metapath[step % len(self.metapath)]]
            lost = at >= self.dummy_idx
            row = at.clamp(max=ptr.numel() - 2)
            count = ptr[row + 1] - ptr[row]
            chosen = (torch.rand(at.numel(), 1) * count.view(-1, 1)).long().view(-1) + ptr[row]
            found = torch.cat([col, col.new_zeros(1)])[chosen.clamp(max=col.numel())]
            at = torch.where(lost | (count == 0), self.dummy_idx, found)
            trace.append(at)
        return (torch.stack(trace, dim=1) + self.offset).clamp(max=self.dummy_idx)

    def _neg_walks(self, at: Tensor) -> Tensor:
        trace = [at]
        for step in range(self.walk_length):
            kind = self.metapath[step % len(self.metapath)]
            trace.append(torch.randint(self.num_nodes_dict[kind[-1]], at.shape))
        return torch.stack(trace, dim=1) + self.offset

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dummy_idx}, {self.embedding_dim})"


def _counted(edge_index_dict: dict[EdgeType, Tensor]) -> dict[str, int]:
    """The number of nodes of each type, from the largest ones that edges mention."""
    counts: dict[str, int] = {}
    for kind, edge_index in edge_index_dict.items():
        for node_type, nodes in ((kind[0], edge_index[0]), (kind[-1], edge_index[1])):
            counts[node_type] = max(counts.get(node_type, 0), int(nodes.max()) + 1)
    return counts
