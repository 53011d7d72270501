"""The surroundings of every node, as graphs of their own."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.edges import Edges
from grapevine.ops import random_walks
from grapevine.transforms.base import BaseTransform, count_nodes, needed
from grapevine.utils import degree, sort_edge_index


class RootedSubgraphData(Data):
    """A graph with a part of it around each of its nodes; in batches the numbers of the parts go on.

    Attributes:
        sub_edge_index: edges of all parts, int64 (2, e), between their nodes, which are numbered part by part.
        n_id: which node each of them is, int64 (n,).
        e_id: which edge, int64 (e,).
        n_sub_batch: to whose part a node belongs, int64 (n,).
        e_sub_batch: and an edge, int64 (e,).
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key == "sub_edge_index":
            return self.n_id.size(0)
        if key in ("n_sub_batch", "e_sub_batch", "n_id"):
            return self.num_nodes
        if key == "e_id":
            return self.num_edges
        return super().__inc__(key, value, *args, **kwargs)

    def map_data(self) -> Data:
        """All parts side by side as one graph, with the attributes of nodes and edges repeated."""
        out = copy.copy(self)
        for key in ("sub_edge_index", "n_id", "e_id", "e_sub_batch"):
            del out[key]
        for key, value in self.items():
            dim = self.__cat_dim__(key, value)
            if key == "num_nodes":
                out.num_nodes = self.n_id.size(0)
            elif key == "edge_index":
                out.edge_index = self.sub_edge_index
            elif key not in out or key == "n_sub_batch":
                continue
            elif self.is_node_attr(key):
                out[key] = value.index_select(dim, self.n_id)
            elif self.is_edge_attr(key):
                out[key] = value.index_select(dim, self.e_id)
        return out


class RootedSubgraph(BaseTransform):
    """Adds a part of the graph around each node; subclasses say which."""

    @abstractmethod
    def reached(self, edge_index: Tensor, num_nodes: int) -> Tensor:
        """Which nodes belong to the part of each node, boolean (N, N)."""

    def forward(self, data: Data) -> RootedSubgraphData:
        edge_index = needed(data, "edge_index", self)
        inside = self.reached(edge_index, count_nodes(data, self))
        src, dst = edge_index
        out = RootedSubgraphData.from_dict(data.to_dict())
        out.n_sub_batch, out.n_id = inside.nonzero().t().contiguous()
        out.e_sub_batch, out.e_id = (inside[:, src] & inside[:, dst]).nonzero().t().contiguous()
        number = inside.flatten().cumsum(0).view_as(inside) - 1
        out.sub_edge_index = number[out.e_sub_batch, edge_index[:, out.e_id]]
        return out


class RootedEgoNets(RootedSubgraph):
    """Adds, for each node, the graph of those from which at most k edges lead to it.

    Args:
        num_hops: k.

    Returns:
        `RootedSubgraphData`, whose `map_data` makes one graph of all parts.

    Example:
        >>> path = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
        >>> RootedEgoNets(num_hops=1)(path).n_id
        tensor([0, 0, 1, 1, 2])

    Source: "From Stars to Subgraphs: Uplifting Any GNN with Local Structure Awareness" (arXiv:2110.03753).
    """

    def __init__(self, num_hops: int) -> None:
        self.num_hops = num_hops

    def reached(self, edge_index: Tensor, num_nodes: int) -> Tensor:
        edges = Edges.of(edge_index, (num_nodes, num_nodes))
        inside = torch.eye(num_nodes, device=edge_index.device)
        for _ in range(self.num_hops):
            inside = ((inside + edges.sum(edges.src(inside))) > 0).float()
        return inside > 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_hops={self.num_hops})"


class RootedRWSubgraph(RootedSubgraph):
    """Adds, for each node, the graph of those that random walks from it meet; torch's generator decides.

    Args:
        walk_length: steps of a walk.
        repeat: walks from each node.

    Returns:
        `RootedSubgraphData`, whose `map_data` makes one graph of all parts.

    Departures from PyTorch Geometric: all walks from a node count for `repeat` above 1.

    Example:
        >>> ring = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
        >>> RootedRWSubgraph(walk_length=1)(ring).n_id
        tensor([0, 1, 1, 2, 0, 2])

    Source: "From Stars to Subgraphs: Uplifting Any GNN with Local Structure Awareness" (arXiv:2110.03753).
    """

    def __init__(self, walk_length: int, repeat: int = 1) -> None:
        self.walk_length = walk_length
        self.repeat = repeat

    def reached(self, edge_index: Tensor, num_nodes: int) -> Tensor:
        src, dst = sort_edge_index(edge_index.cpu(), num_nodes=num_nodes)
        ptr = torch.nn.functional.pad(degree(src, num_nodes, dtype=torch.long).cumsum(0), (1, 0))
        start = torch.arange(num_nodes).repeat_interleave(self.repeat)
        key = int(torch.empty((), dtype=torch.int64).random_())
        walks, _ = random_walks(ptr, dst.contiguous(), None, start, self.walk_length, 1.0, 1.0, 0.0, key)
        inside = torch.zeros(num_nodes, num_nodes, dtype=torch.bool)
        inside[start.unsqueeze(1), walks] = True
        return inside.to(edge_index.device)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(walk_length={self.walk_length})"
