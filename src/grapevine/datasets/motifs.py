"""Graphs whose right explanation is known: motifs that decide about a label, infections that spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._published import FilteredDataset, PublishedDataset
from grapevine.datasets.graph_generator import GraphGenerator
from grapevine.datasets.motif_generator import HouseMotif
from grapevine.errors import GraphValueError
from grapevine.explain import Explanation
from grapevine.graph import barabasi_albert_graph
from grapevine.io import read_pickle


class _PickledGraphs(PublishedDataset):
    """A pickle of dense adjacencies, features, and labels or their one-hot rows."""

    url: str
    raw_file: str

    def _urls(self) -> Mapping[str, str]:
        return {self.raw_file: f"{self.url}/{self.raw_file}"}

    def _read(self, folder: Path) -> list[Data]:
        graphs = []
        for adjacency, x, y in zip(*read_pickle(folder / self.raw_file)):
            edge_index = torch.from_numpy(np.stack(np.nonzero(adjacency)))
            label = int(y) if np.ndim(y) == 0 else int(np.argmax(y))
            graph = Data(x=torch.from_numpy(np.asarray(x, np.float32)), edge_index=edge_index, y=label)
            graphs.append(graph)
        return graphs


class BA2MotifDataset(_PickledGraphs):
    """BA-2motifs: 1,000 random graphs of 20 nodes with a motif of five, a house or a ring, which is the class.

    The graphs are those of the paper; `ExplainerDataset` draws others.

    Args:
        root: folder of the dataset. The raw file ``BA-2motif.pkl`` is taken from here, or from the folder
            ``$GRAPEVINE_DATA``, where it lies there, and downloaded otherwise.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        force_reload: whether to read the raw file again.

    Returns:
        Graphs with `x` (25, 10), all 0.1, `edge_index` (2, about 51) and `y`, 0 or 1.

    Raises:
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: "Parameterized Explainer for Graph Neural Network" (arXiv:2011.04573).
    """

    url = "https://github.com/flyingdoog/PGExplainer/raw/master/dataset"
    raw_file = "BA-2motif.pkl"


class BAMultiShapesDataset(_PickledGraphs, FilteredDataset):
    """1,000 random graphs of 40 nodes with houses, wheels and grids: class 1 has exactly two of these kinds.

    Args:
        root: folder of the dataset. The raw file ``BAMultiShapes.pkl`` is taken from here, or from the folder
            ``$GRAPEVINE_DATA``, where it lies there, and downloaded otherwise.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw file again.

    Returns:
        Graphs with `x` (40, 10), `edge_index` (2, about 87) and `y`, 0 or 1.

    Raises:
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: "Global Explainability of GNNs via Logic Combination of Learned Concepts" (arXiv:2210.07147).
    """

    url = "https://github.com/steveazzolin/gnn_logic_global_expl/raw/master/datasets/BAMultiShapes"
    raw_file = "BAMultiShapes.pkl"


class BAShapes(InMemoryDataset):
    """BA-Shapes: a random graph of 300 nodes to which 80 houses are attached; see also `ExplainerDataset`.

    Args:
        connection_distribution: whether houses are attached at nodes drawn at random ("random"), or at every third
            ("uniform").
        transform: called on the graph at every access.

    Returns:
        A graph with `x` (700, 10), all 1, `y`, 0 or the part of a house from 1 to 3, `edge_label`, 1 within houses, and
        `expl_mask`, the first node of each house from the twenty-first on.

    Raises:
        GraphValueError: for another distribution.

    Example:
        >>> data = BAShapes()[0]
        >>> data.num_nodes, int(data.edge_label.sum())
        (700, 960)

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(
        self, connection_distribution: str = "random", transform: Callable[..., Any] | None = None
    ) -> None:
        super().__init__(None, transform)
        doors = {"random": torch.randperm(300), "uniform": torch.arange(0, 300, 3)}
        if connection_distribution not in doors:
            raise GraphValueError(f"expected 'random' or 'uniform', got {connection_distribution!r}")
        house = HouseMotif()()
        first = 300 + 5 * torch.arange(80)
        walls = (house["edge_index"].unsqueeze(1) + first.view(1, -1, 1)).flatten(1)
        door = torch.stack([doors[connection_distribution][:80], first])
        parts = [barabasi_albert_graph(300, 5), walls, door, door.flip(0)]
        inside = [torch.full((pairs.size(1),), int(pairs is walls)) for pairs in parts]
        expl_mask = torch.zeros(700, dtype=torch.bool)
        expl_mask[400::5] = True
        data = Data(
            x=torch.ones(700, 10),
            edge_index=torch.cat(parts, dim=1),
            y=torch.cat([torch.zeros(300, dtype=torch.long), (house["y"] + 1).repeat(80)]),
            expl_mask=expl_mask,
            edge_label=torch.cat(inside),
        )
        self.data, self.slices = self.collate([data])


class InfectionDataset(InMemoryDataset):
    """Random graphs with infected nodes; how far is each node from the next one?

    Args:
        graph_generator: such as `ERGraph(500, 0.004)`, or a name ("er") with `graph_generator_kwargs`.
        num_infected_nodes: how many; a list has a number for each graph.
        max_path_length: how far the infection spreads; a list has a number for each graph.
        num_graphs: how many graphs; the length of the lists, or 1, by default.
        graph_generator_kwargs: arguments of a generator given by name.
        transform: called on a graph at every access.

    Returns:
        Graphs with `x` (N, 2), healthy or infected, `y`, the steps along edges from an infected node, at most one more
        than `max_path_length`, and `edge_mask` (E,), 1 for the edges along which the infection spreads.

    Raises:
        GraphValueError: for numbers below 1, and lists of another length than the number of graphs.

    Example:
        >>> from grapevine.datasets.graph_generator import ERGraph
        >>> InfectionDataset(ERGraph(50, 0.1), num_infected_nodes=5, max_path_length=2)[0].x.sum(0)
        tensor([45.,  5.])

    Source: "Explainability Techniques for Graph Convolutional Networks" (arXiv:1905.13686).
    """

    def __init__(
        self,
        graph_generator: GraphGenerator | str,
        num_infected_nodes: int | list[int],
        max_path_length: int | list[int],
        num_graphs: int | None = None,
        graph_generator_kwargs: dict[str, Any] | None = None,
        transform: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(None, transform)
        self.graph_generator = GraphGenerator.resolve(graph_generator, **(graph_generator_kwargs or {}))
        self.num_infected_nodes = num_infected_nodes
        self.max_path_length = max_path_length
        lists = [given for given in (num_infected_nodes, max_path_length) if isinstance(given, list)]
        self.num_graphs = num_graphs or (len(lists[0]) if lists else 1)
        infected = self._one_each("num_infected_nodes", num_infected_nodes)
        lengths = self._one_each("max_path_length", max_path_length)
        graphs = [self.get_graph(count, length) for count, length in zip(infected, lengths)]
        self.data, self.slices = self.collate(graphs)

    def _one_each(self, name: str, given: int | Sequence[int]) -> list[int]:
        numbers = [given] * self.num_graphs if isinstance(given, int) else list(given)
        if len(numbers) != self.num_graphs:
            raise GraphValueError(f"expected {name} for {self.num_graphs} graphs, got {len(numbers)} numbers")
        if min(numbers, default=1) < 1:
            raise GraphValueError(f"expected {name} of at least 1, got {min(numbers)}")
        return numbers

    def get_graph(self, num_infected_nodes: int, max_path_length: int) -> Explanation:
        """Draws a graph, with its labels and mask."""
        graph = self.graph_generator()
        assert graph.num_nodes is not None
        infected = torch.randperm(graph.num_nodes)[:num_infected_nodes]
        x = torch.tensor([1.0, 0.0]).repeat(graph.num_nodes, 1)
        x[infected] = torch.tensor([0.0, 1.0])
        src, dst = graph["edge_index"]
        y = torch.full((graph.num_nodes,), max_path_length + 1)
        y[infected] = 0
        for step in range(1, max_path_length + 1):
            reached = dst[y[src] == step - 1]
            y[reached] = y[reached].clamp(max=step)
        edge_mask = (y[src] < max_path_length).float()
        return Explanation(x=x, edge_index=graph["edge_index"], y=y, edge_mask=edge_mask)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)}, graph_generator={self.graph_generator}, "
            f"num_infected_nodes={self.num_infected_nodes}, max_path_length={self.max_path_length})"
        )
