"""Generators of graphs, to which `ExplainerDataset` attaches motifs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.graph import barabasi_albert_graph, erdos_renyi_graph, grid, to_undirected
from grapevine.nn.resolver import Resolver

__all__ = ["BAGraph", "ERGraph", "GraphGenerator", "GridGraph", "TreeGraph"]

_GENERATORS = Resolver("graph generator", "Graph")


class GraphGenerator(ABC):
    """Makes a graph when called."""

    @abstractmethod
    def __call__(self) -> Data:
        """A new graph."""

    @staticmethod
    def resolve(query: Any, *args: Any, **kwargs: Any) -> GraphGenerator:
        """The generator of that name with these arguments; a generator comes back as it is.

        Example:
            >>> GraphGenerator.resolve("grid", height=2, width=3)
            GridGraph(height=2, width=3)
        """
        found: GraphGenerator = _GENERATORS(query, *args, **kwargs)
        return found

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"


class BAGraph(GraphGenerator):
    """Random graphs after Barabasi and Albert.

    Args:
        num_nodes: how many nodes.
        num_edges: how many edges each new node has to former ones.

    Example:
        >>> BAGraph(num_nodes=20, num_edges=2)().num_nodes
        20
    """

    def __init__(self, num_nodes: int, num_edges: int) -> None:
        self.num_nodes = num_nodes
        self.num_edges = num_edges

    def __call__(self) -> Data:
        """A new graph."""
        return Data(
            edge_index=barabasi_albert_graph(self.num_nodes, self.num_edges), num_nodes=self.num_nodes
        )


class ERGraph(GraphGenerator):
    """Random graphs after Erdos and Renyi.

    Args:
        num_nodes: how many nodes.
        edge_prob: probability of each edge.

    Example:
        >>> ERGraph(num_nodes=20, edge_prob=0.2)().num_nodes
        20
    """

    def __init__(self, num_nodes: int, edge_prob: float) -> None:
        self.num_nodes = num_nodes
        self.edge_prob = edge_prob

    def __call__(self) -> Data:
        """A new graph."""
        return Data(edge_index=erdos_renyi_graph(self.num_nodes, self.edge_prob), num_nodes=self.num_nodes)


class GridGraph(GraphGenerator):
    """Grids, with the places of their nodes as `pos`.

    Args:
        height: how many rows.
        width: how many columns.
        dtype: of the places.

    Example:
        >>> GridGraph(height=2, width=3)().num_nodes
        6
    """

    def __init__(self, height: int, width: int, dtype: torch.dtype | None = None) -> None:
        self.height = height
        self.width = width
        self.dtype = dtype

    def __call__(self) -> Data:
        """The graph."""
        edge_index, pos = grid(self.height, self.width, dtype=self.dtype)
        return Data(edge_index=edge_index, pos=pos)

    def __repr__(self) -> str:
        return f"GridGraph(height={self.height}, width={self.width})"


class TreeGraph(GraphGenerator):
    """Trees, with the depth of each node as `depth`.

    Args:
        depth: how many generations follow the root.
        branch: how many children each node has.
        undirected: whether edges lead back to the parent too.

    Example:
        >>> TreeGraph(depth=2)().depth
        tensor([0, 1, 1, 2, 2, 2, 2])
    """

    def __init__(self, depth: int, branch: int = 2, undirected: bool = False) -> None:
        self.depth = depth
        self.branch = branch
        self.undirected = undirected

    def __call__(self) -> Data:
        """The graph."""
        edge_index, depth = tree(self.depth, self.branch, self.undirected)
        return Data(edge_index=edge_index, depth=depth, num_nodes=depth.numel())


def tree(
    depth: int, branch: int = 2, undirected: bool = False, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """A tree, its nodes numbered generation by generation.

    Args:
        depth: how many generations follow the root.
        branch: how many children each node has.
        undirected: whether edges lead back to the parent too.
        device: where to put it.

    Returns:
        Edges (2, E), and the depth of each node (N,).

    Departures from PyTorch Geometric: its nodes are numbered in another order, and from a depth of 3 on (with two
    children) some get two parents, others none.

    Example:
        >>> tree(1, branch=3)
        (tensor([[0, 0, 0],
            [1, 2, 3]]), tensor([0, 1, 1, 1]))
    """
    sizes = torch.tensor([branch**generation for generation in range(depth + 1)], device=device)
    depths = torch.arange(depth + 1, device=device).repeat_interleave(sizes)
    child = torch.arange(1, depths.numel(), device=device)
    edge_index = torch.stack([(child - 1) // max(branch, 1), child])
    return to_undirected(edge_index, num_nodes=depths.numel()) if undirected else edge_index, depths


_GENERATORS.register(BAGraph, ERGraph, GridGraph, TreeGraph)
