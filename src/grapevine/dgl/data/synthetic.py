"""Graphs with planted motifs, on which explanations are measured."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.batch import batch
from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import Contents, OneGraphDataset, PublishedDataset, Record, integers
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.rewire import reorder_graph
from grapevine.io import read_pickle

__all__ = [
    "BA2MotifDataset",
    "BACommunityDataset",
    "BAShapeDataset",
    "TreeCycleDataset",
    "TreeGridDataset",
]

# numpy's global generator draws, in DGL's order: a seed gives the same graph in both.


class _Planted:
    """A base graph to which motifs and random edges are added.

    Args:
        base: an undirected graph; each of its edges is taken in one direction.
        ratio: random edges per edge.
    """

    def __init__(self, base: Any, ratio: float) -> None:
        self.edges = list(base.edges())
        self.num_base = self.num_nodes = base.number_of_nodes()
        self.labels = [0] * self.num_nodes
        self.ratio = ratio

    def plant(self, pairs: list[tuple[int, int]], labels: list[int], anchor: int) -> None:
        """Adds a motif whose first node is joined to `anchor`."""
        n = self.num_nodes
        self.edges += [(n + u, n + v) for u, v in pairs]
        self.labels += labels
        self.edges.append((n, anchor))
        self.num_nodes += len(labels)

    def finish(self) -> DGLGraph:
        n, count = self.num_nodes, len(self.edges)
        most = (n * (n - 1) - count) / count
        if self.ratio > most:
            raise DGLError(f"perturb_ratio cannot exceed {most:.4f}, got {self.ratio}")
        known = set(self.edges)
        for _ in range(int(count * self.ratio)):
            while True:
                pair = (np.random.randint(0, n), np.random.randint(0, n))  # noqa: NPY002
                if pair[0] != pair[1] and pair not in known:
                    break
            known.add(pair)
            self.edges.append(pair)
        src, dst = zip(*self.edges)
        g = graph((integers(src), integers(dst)), num_nodes=n)
        g.ndata["label"] = integers(self.labels)
        g.ndata["feat"] = torch.ones(n, 1)
        return reorder_graph(g, "rcmk", "dst", store_ids=False)


_HOUSE = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 0), (4, 1)]


def _houses(nodes: int, each: int, motifs: int, ratio: float, seed: int | None) -> DGLGraph:
    planted = _Planted(nx.barabasi_albert_graph(nodes, each, seed), ratio)
    for i in range(motifs):
        planted.plant(_HOUSE, [1, 1, 2, 2, 3], i * (nodes // motifs))
    if seed is not None:
        np.random.seed(seed)  # noqa: NPY002
    return planted.finish()


def _read_houses(data: Any) -> Contents:
    return Contents(
        [
            _houses(
                data.num_base_nodes,
                data.num_base_edges_per_node,
                data.num_motifs,
                data.perturb_ratio,
                data.seed,
            )
        ]
    )


def _read_communities(data: Any) -> Contents:
    if data.seed is not None:
        random.seed(data.seed)
        np.random.seed(data.seed)  # noqa: NPY002
    sizes = (data.num_base_nodes, data.num_base_edges_per_node, data.num_motifs, data.perturb_ratio)
    parts = [_houses(*sizes, None) for _ in range(2)]
    g = batch(parts)
    n = parts[0].num_nodes()
    ends = [np.random.randint(low, low + n, (data.num_inter_edges,)) for low in (0, n)]  # noqa: NPY002
    src, dst = (torch.from_numpy(side).to(g.idtype) for side in ends)
    g.add_edges(src, dst)
    g.ndata["label"] = torch.cat([part.ndata["label"] + 4 * i for i, part in enumerate(parts)])
    spread = np.diag([0.5] * 2 + [1.0] * 8)
    means = [np.array([mean] * 2 + [0.0] * 8) for mean in (-1.0, 1.0)]
    drawn = [np.random.multivariate_normal(mean, spread, n) for mean in means]  # noqa: NPY002
    g.ndata["feat"] = torch.from_numpy(np.concatenate(drawn))
    return Contents([reorder_graph(g, "rcmk", "dst", store_ids=False)])


def _tree(data: Any) -> _Planted:
    if data.seed is not None:
        np.random.seed(data.seed)  # noqa: NPY002
    return _Planted(nx.balanced_tree(r=2, h=data.tree_height), data.perturb_ratio)


def _read_cycles(data: Any) -> Contents:
    planted = _tree(data)
    size = data.cycle_size
    cycle = [(i, (i + 1) % size) for i in range(size)]
    for i in range(data.num_motifs):
        anchor = i * (planted.num_base // data.num_motifs)
        first = planted.num_nodes
        planted.plant(cycle, [1] * size, anchor)
        if np.random.random() > 0.5:  # noqa: NPY002
            a, b = np.random.randint(1, 4), np.random.randint(1, 4)  # noqa: NPY002
            planted.edges.append((first + a, anchor + b))
    return Contents([planted.finish()])


def _read_grids(data: Any) -> Contents:
    planted = _tree(data)
    grid = nx.convert_node_labels_to_integers(nx.grid_graph([data.grid_size, data.grid_size]))
    for i in range(data.num_motifs):
        anchor = i * (planted.num_base // data.num_motifs)
        planted.plant(list(grid.edges()), [1] * grid.number_of_nodes(), anchor)
    return Contents([planted.finish()])


def _record(name: str, read: Callable[[Any], Contents], num_classes: int) -> Record:
    # Nothing is published: drawn, not downloaded.
    return Record(name, "", read, "{self.name}_dgl_graph.bin", num_classes)


class _Drawn(OneGraphDataset):
    """Kept on disk under its name alone, whatever its arguments, as in DGL: `force_reload` draws anew."""

    def _get_hash_url_suffix(self) -> str:
        return ""

    def download(self) -> None:
        """Nothing is published."""


class BAShapeDataset(_Drawn):
    """A scale-free graph with houses attached; classes: elsewhere, middle, bottom, roof.

    Args:
        num_base_nodes: nodes of the scale-free graph.
        num_base_edges_per_node: edges of every new node in it.
        num_motifs: houses.
        perturb_ratio: random edges per edge.
        seed: of the draw; None takes the global generators.
        raw_dir: folder of the processed file; None means `get_download_dir()`.
        force_reload: whether to draw again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Raises:
        DGLError: for more random edges than there is room for.

    Source: Ying et al., GNNExplainer, arXiv:1903.03894.
    """

    record = _record("BA-SHAPES", _read_houses, 4)

    def __init__(
        self,
        num_base_nodes: int = 300,
        num_base_edges_per_node: int = 5,
        num_motifs: int = 80,
        perturb_ratio: float = 0.01,
        seed: int | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.num_base_nodes = num_base_nodes
        self.num_base_edges_per_node = num_base_edges_per_node
        self.num_motifs = num_motifs
        self.perturb_ratio = perturb_ratio
        self.seed = seed
        super().__init__(raw_dir, force_reload, verbose, transform)


class BACommunityDataset(_Drawn):
    """Two graphs of `BAShapeDataset` with edges between them, and features of two communities; 8 classes.

    Args:
        num_base_nodes: as of `BAShapeDataset`, like the next three.
        num_base_edges_per_node: edges of every new node.
        num_motifs: houses.
        perturb_ratio: random edges per edge.
        num_inter_edges: edges between the two.
        seed: of the draw; None takes the global generators.
        raw_dir: folder of the processed file; None means `get_download_dir()`.
        force_reload: whether to draw again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Ying et al., GNNExplainer, arXiv:1903.03894.
    """

    record = _record("BA-COMMUNITY", _read_communities, 8)

    def __init__(
        self,
        num_base_nodes: int = 300,
        num_base_edges_per_node: int = 4,
        num_motifs: int = 80,
        perturb_ratio: float = 0.01,
        num_inter_edges: int = 350,
        seed: int | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.num_base_nodes = num_base_nodes
        self.num_base_edges_per_node = num_base_edges_per_node
        self.num_motifs = num_motifs
        self.perturb_ratio = perturb_ratio
        self.num_inter_edges = num_inter_edges
        self.seed = seed
        super().__init__(raw_dir, force_reload, verbose, transform)


class TreeCycleDataset(_Drawn):
    """A binary tree with cycles attached; 2 classes.

    Args:
        tree_height: of the tree.
        num_motifs: cycles.
        cycle_size: nodes of each.
        perturb_ratio: random edges per edge.
        seed: of the draw; None takes the global generator.
        raw_dir: folder of the processed file; None means `get_download_dir()`.
        force_reload: whether to draw again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Departure: cycles of any size are closed; DGL's have the edges of six nodes whatever their size.

    Source: Ying et al., GNNExplainer, arXiv:1903.03894.
    """

    record = _record("TREE-CYCLES", _read_cycles, 2)

    def __init__(
        self,
        tree_height: int = 8,
        num_motifs: int = 60,
        cycle_size: int = 6,
        perturb_ratio: float = 0.01,
        seed: int | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.tree_height = tree_height
        self.num_motifs = num_motifs
        self.cycle_size = cycle_size
        self.perturb_ratio = perturb_ratio
        self.seed = seed
        super().__init__(raw_dir, force_reload, verbose, transform)


class TreeGridDataset(_Drawn):
    """A binary tree with square grids attached; 2 classes.

    Args:
        tree_height: of the tree.
        num_motifs: grids.
        grid_size: nodes along a side.
        perturb_ratio: random edges per edge.
        seed: of the draw; None takes the global generator.
        raw_dir: folder of the processed file; None means `get_download_dir()`.
        force_reload: whether to draw again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Ying et al., GNNExplainer, arXiv:1903.03894.
    """

    record = _record("TREE-GRIDS", _read_grids, 2)

    def __init__(
        self,
        tree_height: int = 8,
        num_motifs: int = 80,
        grid_size: int = 3,
        perturb_ratio: float = 0.1,
        seed: int | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.tree_height = tree_height
        self.num_motifs = num_motifs
        self.grid_size = grid_size
        self.perturb_ratio = perturb_ratio
        self.seed = seed
        super().__init__(raw_dir, force_reload, verbose, transform)


def _read_motifs(data: Any) -> Contents:
    adjacencies, features, labels = read_pickle(data.raw_file)
    graphs = []
    for adjacency, rows in zip(adjacencies, features):
        g = graph(adjacency.nonzero(), num_nodes=len(rows))
        g.ndata["feat"] = torch.from_numpy(rows)
        graphs.append(g)
    return Contents(graphs, {"labels": integers(labels)})


class BA2MotifDataset(PublishedDataset):
    """1,000 scale-free graphs, half with a house and half with a cycle of five; the labels are one-hot.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw file again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Luo et al., Parameterized Explainer for Graph Neural Network, arXiv:2011.04573.
    """

    record = Record(
        "BA-2motifs",
        "dataset/BA-2motif.pkl",
        _read_motifs,
        "{self.name}_dgl_graph.bin",
        num_classes=2,
        packed=False,
    )

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)
