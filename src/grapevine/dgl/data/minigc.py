"""Graphs of eight shapes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.data.utils import load_graphs, save_graphs
from grapevine.dgl.foreign import from_networkx
from grapevine.dgl.heterograph import DGLGraph
from grapevine.errors import require

__all__ = ["MiniGCDataset"]


class MiniGCDataset(DGLDataset):
    """Cycles, stars, wheels, lollipops, hypercubes, grids, cliques and circular ladders: say which is which.

    The graphs have both directions of every edge and self-loops, and come sorted by class.

    Args:
        num_graphs: how many.
        min_num_v: least number of nodes.
        max_num_v: number that the numbers of nodes stay below.
        seed: of the draw; None takes numpy's global generator.
        save_graph: whether to keep the graphs on disk.
        force_reload: whether to draw again.
        verbose: whether to print.
        transform: called on every graph at access.

    Example:
        >>> data = MiniGCDataset(16, 8, 12, save_graph=False, force_reload=True)
        >>> len(data), data[0][1]
        (16, tensor(0))
    """

    #: The number of shapes.
    num_classes = 8

    graphs: list[DGLGraph]
    labels: Tensor

    def __init__(
        self,
        num_graphs: int,
        min_num_v: int,
        max_num_v: int,
        seed: int | None = 0,
        save_graph: bool = True,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.num_graphs = num_graphs
        self.min_num_v = min_num_v
        self.max_num_v = max_num_v
        self.seed = seed
        self.save_graph = save_graph
        super().__init__(
            "minigc",
            hash_key=(num_graphs, min_num_v, max_num_v, seed),
            force_reload=force_reload,
            verbose=verbose,
            transform=transform,
        )

    def process(self) -> None:
        draw: Any = np.random if self.seed is None else np.random.RandomState(self.seed)
        each = self.num_graphs // 8
        counts = [each] * 7 + [self.num_graphs - 7 * each]
        shapes = [(kind, _shape(kind, draw, self)) for kind, n in enumerate(counts) for _ in range(n)]
        self.graphs = [from_networkx(shape.to_directed()).add_self_loop() for _, shape in shapes]
        self.labels = torch.tensor([kind for kind, _ in shapes])

    @property
    def _graph_path(self) -> str:
        return os.path.join(self.save_path, f"dgl_graph_{self.hash}.bin")

    def has_cache(self) -> bool:
        return os.path.exists(self._graph_path)

    def save(self) -> None:
        if self.save_graph:
            save_graphs(self._graph_path, self.graphs, {"labels": self.labels})

    def load(self) -> None:
        self.graphs, labels = load_graphs(self._graph_path)
        self.labels = labels["labels"]

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor]:
        return self._transformed(self.graphs[idx]), self.labels[idx]

    def __len__(self) -> int:
        return len(self.graphs)


def _shape(kind: int, draw: Any, size: MiniGCDataset) -> Any:
    return require("networkx").convert_node_labels_to_integers(
        _raw_shape(kind, draw, size), ordering="sorted"
    )


def _raw_shape(kind: int, draw: Any, size: MiniGCDataset) -> Any:
    nx = require("networkx")
    n = draw.randint(size.min_num_v, size.max_num_v)
    if kind == 3:
        path = draw.randint(2, n // 2)
        return nx.lollipop_graph(n - path, path)
    if kind == 5:
        rows = draw.randint(2, n // 2)
        return nx.convert_node_labels_to_integers(nx.grid_graph([rows, n // rows]))
    makers: dict[int, Callable[[], Any]] = {
        0: lambda: nx.cycle_graph(n),
        1: lambda: nx.star_graph(n - 1),
        2: lambda: nx.wheel_graph(n),
        4: lambda: nx.convert_node_labels_to_integers(nx.hypercube_graph(int(np.log2(n)))),
        6: lambda: nx.complete_graph(n),
        7: lambda: nx.circular_ladder_graph(n // 2),
    }
    return makers[kind]()
