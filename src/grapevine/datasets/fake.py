"""Random graphs of a given shape, for tests and examples that need no download."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData, InMemoryDataset
from grapevine.errors import GraphValueError
from grapevine.utils import coalesce, remove_self_loops, to_undirected


class FakeDataset(InMemoryDataset):
    """Random homogeneous graphs; features are Gaussian noise around the class.

    Sizes are drawn from Python's generator, contents from torch's: seed both (`grapevine.seed_everything`).

    Args:
        num_graphs: number of graphs.
        avg_num_nodes: average number of nodes; each graph has between 3/4 and 5/4 of it.
        avg_degree: average number of edges a node sends, before reverse and duplicate edges are accounted
            for.
        num_channels: number of node features; 0 for none.
        edge_dim: number of edge features; one is stored as ``edge_weight``, more as ``edge_attr``.
        num_classes: number of classes; 0 for no labels.
        task: ``"node"`` or ``"graph"`` labels; ``"auto"``: labels of graphs if there are several, else of
            nodes.
        is_undirected: whether to add the reverse of every edge.
        transform: called on a graph at every access.
        pre_transform: accepted like other datasets do; nothing is saved, so it is never called.
        kwargs: names of further attributes and their shapes.

    Example:
        >>> FakeDataset(num_graphs=3, avg_num_nodes=20, num_channels=4, num_classes=2)[0].x.shape[1]
        4
    """

    def __init__(
        self,
        num_graphs: int = 1,
        avg_num_nodes: int = 1000,
        avg_degree: float = 10.0,
        num_channels: int = 64,
        edge_dim: int = 0,
        num_classes: int = 10,
        task: str = "auto",
        is_undirected: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        **kwargs: int | tuple[int, ...],
    ) -> None:
        super().__init__(None, transform)
        self.avg_num_nodes = max(avg_num_nodes, int(avg_degree))
        self.avg_degree = max(avg_degree, 1)
        self.num_channels = num_channels
        self.edge_dim = edge_dim
        self._num_classes = num_classes
        self.task = _task(task, num_graphs)
        self.is_undirected = is_undirected
        self.kwargs = kwargs
        self.data, self.slices = self.collate([self.generate_data() for _ in range(max(num_graphs, 1))])

    def generate_data(self) -> Data:
        """Draws one graph."""
        num_nodes = _num_nodes(self.avg_num_nodes, self.avg_degree)
        data = Data()
        y = _labels(self.task, self._num_classes, num_nodes) if self._num_classes > 0 else None
        data.y = y
        data.edge_index = _edge_index(
            num_nodes, num_nodes, self.avg_degree, is_undirected=self.is_undirected, remove_loops=True
        )
        if self.num_channels > 0:
            x = torch.randn(num_nodes, self.num_channels)
            data.x = x if y is None else x + y.view(-1, 1)
        else:
            data.num_nodes = num_nodes
        _add_edge_features(data, self.edge_dim)
        for name, shape in self.kwargs.items():
            data[name] = torch.randn(shape)
        return data


class FakeHeteroDataset(InMemoryDataset):
    """Random heterogeneous graphs with node types ``v0, v1, ...`` and relations ``e0, e1, ...``.

    Labels of nodes belong to type ``v0``. Sizes and edge types are drawn from Python's generator, contents
    from torch's: seed both (`grapevine.seed_everything`).

    Args:
        num_graphs: number of graphs.
        num_node_types: number of node types.
        num_edge_types: number of edge types, over random pairs of node types.
        avg_num_nodes: average number of nodes a type has.
        avg_degree: average number of edges a node sends, per edge type.
        avg_num_channels: average number of features a node type has; 0 for none.
        edge_dim: number of edge features; one is stored as ``edge_weight``, more as ``edge_attr``.
        num_classes: number of classes; 0 for no labels.
        task: ``"node"`` or ``"graph"`` labels; ``"auto"``: labels of graphs if there are several, else of
            nodes.
        transform: called on a graph at every access.
        pre_transform: accepted like other datasets do; nothing is saved, so it is never called.
        kwargs: names of further attributes of the graph and their shapes.

    Example:
        >>> FakeHeteroDataset(num_node_types=2, avg_num_nodes=20)[0].node_types
        ['v0', 'v1']
    """

    def __init__(
        self,
        num_graphs: int = 1,
        num_node_types: int = 3,
        num_edge_types: int = 6,
        avg_num_nodes: int = 1000,
        avg_degree: float = 10.0,
        avg_num_channels: int = 64,
        edge_dim: int = 0,
        num_classes: int = 10,
        task: str = "auto",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        **kwargs: int | tuple[int, ...],
    ) -> None:
        super().__init__(None, transform)
        self.node_types = [f"v{i}" for i in range(max(num_node_types, 1))]
        self.edge_types = _edge_types(self.node_types, max(num_edge_types, 1))
        self.avg_num_nodes = max(avg_num_nodes, int(avg_degree))
        self.avg_degree = max(avg_degree, 1)
        self.num_channels = [
            random.randint(3 * avg_num_channels // 4, 5 * avg_num_channels // 4) for _ in self.node_types
        ]
        self.edge_dim = edge_dim
        self._num_classes = num_classes
        self.task = _task(task, num_graphs)
        self.kwargs = kwargs
        self.data, self.slices = self.collate([self.generate_data() for _ in range(max(num_graphs, 1))])

    def generate_data(self) -> HeteroData:
        """Draws one graph."""
        data = HeteroData()
        for node_type, num_channels in zip(self.node_types, self.num_channels):
            num_nodes = _num_nodes(self.avg_num_nodes, self.avg_degree)
            if num_channels > 0:
                data[node_type].x = torch.randn(num_nodes, num_channels)
            else:
                data[node_type].num_nodes = num_nodes
            if node_type == "v0" and self.task == "node" and self._num_classes > 0:
                data[node_type].y = _labels("node", self._num_classes, num_nodes)
        for src, relation, dst in self.edge_types:
            store = data[src, relation, dst]
            store.edge_index = _edge_index(data[src].num_nodes, data[dst].num_nodes, self.avg_degree)
            _add_edge_features(store, self.edge_dim)
        if self.task == "graph" and self._num_classes > 0:
            data.y = _labels("graph", self._num_classes, 1)
        for name, shape in self.kwargs.items():
            setattr(data, name, torch.randn(shape))
        return data


def _task(task: str, num_graphs: int) -> str:
    if task not in ("auto", "node", "graph"):
        raise GraphValueError(f"expected a task of ('auto', 'node', 'graph'), got {task!r}")
    if task == "auto":
        return "graph" if num_graphs > 1 else "node"
    return task


def _labels(task: str, num_classes: int, num_nodes: int) -> Tensor:
    if task == "node":
        return torch.randint(num_classes, (num_nodes,))
    return torch.tensor([random.randint(0, num_classes - 1)])


def _num_nodes(average: int, avg_degree: float) -> int:
    return random.randint(max(3 * average // 4, int(avg_degree)), 5 * average // 4)


def _edge_types(node_types: list[str], count: int) -> list[tuple[str, str, str]]:
    pairs = list(product(node_types, node_types))
    pairs *= -(-count // len(pairs))
    random.shuffle(pairs)
    seen: Counter[tuple[str, str]] = Counter()
    edge_types = []
    for src, dst in pairs[:count]:
        edge_types.append((src, f"e{seen[src, dst]}", dst))
        seen[src, dst] += 1
    return edge_types


def _edge_index(
    num_src: int, num_dst: int, avg_degree: float, is_undirected: bool = False, remove_loops: bool = False
) -> Tensor:
    num_edges = int(num_src * avg_degree)
    edge_index = torch.stack([torch.randint(num_src, (num_edges,)), torch.randint(num_dst, (num_edges,))])
    if remove_loops:
        edge_index, _ = remove_self_loops(edge_index)
    merge = to_undirected if is_undirected else coalesce
    return merge(edge_index, num_nodes=max(num_src, num_dst))


def _add_edge_features(store: Any, edge_dim: int) -> None:
    if edge_dim > 1:
        store.edge_attr = torch.rand(store.num_edges, edge_dim)
    elif edge_dim == 1:
        store.edge_weight = torch.rand(store.num_edges)
