"""Random graphs of communities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, InMemoryDataset
from grapevine.errors import GraphValueError, require
from grapevine.utils import stochastic_blockmodel_graph


class StochasticBlockModelDataset(InMemoryDataset):
    """Graphs whose nodes are joined with a chance for each two communities, which are the classes.

    Args:
        root: folder of the dataset.
        block_sizes: nodes of each of C communities.
        edge_probs: chances of edges between communities, (C, C).
        num_graphs: number of graphs, with the same edges and features of their own.
        num_channels: features, which `sklearn.datasets.make_classification` draws for each community; None: none.
        is_undirected: join both ways.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        force_reload: whether to draw again.
        **kwargs: further arguments of `make_classification`.

    Raises:
        GraphValueError: for fewer than one graph.

    Example:
        >>> import tempfile
        >>> dataset = StochasticBlockModelDataset(tempfile.mkdtemp(), [5, 3], [[1.0, 0.0], [0.0, 1.0]])
        >>> dataset[0].y.tolist(), dataset[0].num_edges
        ([0, 0, 0, 0, 0, 1, 1, 1], 26)
    """

    def __init__(
        self,
        root: str,
        block_sizes: Sequence[int] | Tensor,
        edge_probs: Sequence[Sequence[float]] | Tensor,
        num_graphs: int = 1,
        num_channels: int | None = None,
        is_undirected: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
        **kwargs: Any,
    ) -> None:
        if num_graphs < 1:
            raise GraphValueError(f"expected at least one graph, got num_graphs={num_graphs}")
        self.block_sizes = torch.as_tensor(block_sizes, dtype=torch.int64)
        self.edge_probs = torch.as_tensor(edge_probs, dtype=torch.float32)
        self.num_graphs = num_graphs
        self.num_channels = num_channels
        self.is_undirected = is_undirected
        self.kwargs = {
            "n_informative": num_channels,
            "n_redundant": 0,
            "flip_y": 0.0,
            "shuffle": False,
            **kwargs,
        }
        super().__init__(root, transform, pre_transform, force_reload=force_reload)
        self.load(self.processed_paths[0])

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / type(self).__name__ / "processed")

    @property
    def processed_file_names(self) -> str:
        sizes, chances = (
            "-".join(f"{value:g}" for value in given.flatten().tolist())
            for given in (self.block_sizes, self.edge_probs)
        )
        way = "undirected" if self.is_undirected else "directed"
        return f"grapevine_{self.num_channels}_{sizes}_{chances}_{self.num_graphs}_{way}.pt"

    def process(self) -> None:
        sizes = self.block_sizes
        edge_index = stochastic_blockmodel_graph(sizes, self.edge_probs, directed=not self.is_undirected)
        y = torch.arange(sizes.numel()).repeat_interleave(sizes)
        graphs = [Data(edge_index=edge_index, y=y) for _ in range(self.num_graphs)]
        for graph in graphs:
            if self.num_channels is None:
                graph.num_nodes = y.numel()
            else:
                graph.x = self._features(self.num_channels)
        self.save(self._kept(graphs), self.processed_paths[0])

    def _features(self, num_channels: int) -> Tensor:
        """Features of the nodes, in the order of the classes."""
        count = int(self.block_sizes.sum())
        x, y = require("sklearn.datasets", "scikit-learn").make_classification(
            n_samples=count,
            n_features=num_channels,
            n_classes=self.block_sizes.numel(),
            weights=(self.block_sizes / count).tolist(),
            **self.kwargs,
        )
        return torch.from_numpy(x[np.argsort(y)]).float()


class RandomPartitionGraphDataset(StochasticBlockModelDataset):
    r"""Communities of equal size, by homophily and mean degree.

    .. math::
        p_{in} = h \frac{d}{n}, \quad p_{out} = \frac{(1 - h)}{C - 1} \frac{d}{n}

    Args:
        root: folder of the dataset.
        num_classes: C communities.
        num_nodes_per_class: n nodes in each.
        node_homophily_ratio: h, the share of neighbours in the same community.
        average_degree: d.
        num_graphs: number of graphs.
        num_channels: features of a node; None: none.
        is_undirected: join both ways.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        **kwargs: further arguments of `sklearn.datasets.make_classification`.

    Example:
        >>> import tempfile
        >>> dataset = RandomPartitionGraphDataset(tempfile.mkdtemp(), 2, 50, 0.8, 5.0)
        >>> dataset[0].num_nodes
        100

    Source: Kim, Oh, "How to Find Your Friendly Neighborhood: Graph Attention Design with Self-Supervision", ICLR 2021.
    """

    def __init__(
        self,
        root: str,
        num_classes: int,
        num_nodes_per_class: int,
        node_homophily_ratio: float,
        average_degree: float,
        num_graphs: int = 1,
        num_channels: int | None = None,
        is_undirected: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.num_nodes_per_class = num_nodes_per_class
        self.node_homophily_ratio = node_homophily_ratio
        self.average_degree = average_degree
        all_in = average_degree / num_nodes_per_class
        inside = node_homophily_ratio * all_in
        outside = (all_in - inside) / (num_classes - 1)
        chances = torch.full((num_classes, num_classes), outside).fill_diagonal_(inside)
        sizes = [num_nodes_per_class] * num_classes
        graphs = (num_graphs, num_channels, is_undirected)
        super().__init__(root, sizes, chances, *graphs, transform, pre_transform, **kwargs)
