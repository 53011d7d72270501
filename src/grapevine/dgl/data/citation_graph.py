"""Cora, Citeseer and Pubmed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch

from grapevine.datasets import Planetoid
from grapevine.dgl.base import DGLError
from grapevine.dgl.batch import batch
from grapevine.dgl.construct import graph
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset
from grapevine.dgl.data.utils import (
    _get_dgl_url,
    deprecate_property,
    load_graphs,
    load_info,
    makedirs,
    save_graphs,
    save_info,
)
from grapevine.dgl.foreign import from_networkx
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.rewire import reorder_graph
from grapevine.errors import require
from grapevine.io import obtain, read_pickle, read_planetoid_data

__all__ = [
    "CitationGraphDataset",
    "CiteseerGraphDataset",
    "CoraBinary",
    "CoraGraphDataset",
    "PubmedGraphDataset",
    "load_citeseer",
    "load_cora",
    "load_pubmed",
]

_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
_MASKS = ("train_mask", "val_mask", "test_mask")


class CitationGraphDataset(DGLBuiltinDataset):
    """A citation network: papers with normalised bags of words, their classes, and the public split.

    The raw files are those of `grapevine.datasets.Planetoid`, found in `raw_dir` or `$GRAPEVINE_DATA` or downloaded;
    a folder that DGL filled is read as it is. The order of edges, and self-loops, are as in DGL.

    Args:
        name: `"cora"`, `"citeseer"` or `"pubmed"`.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print the sizes.
        reverse_edge: whether every citation goes in both directions.
        transform: called on the graph at every access.
        reorder: whether to renumber the nodes for locality (reverse Cuthill-McKee).

    Raises:
        DGLError: for another name.
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Yang, Cohen, Salakhutdinov, arXiv:1603.08861.
    """

    def __init__(
        self,
        name: str,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        reverse_edge: bool = True,
        transform: Callable[[Any], Any] | None = None,
        reorder: bool = False,
    ) -> None:
        if name.lower() not in ("cora", "citeseer", "pubmed"):
            raise DGLError(f"expected 'cora', 'citeseer' or 'pubmed', got {name!r}")
        self._prefix = name.lower()
        stored = "cora_v2" if self._prefix == "cora" else self._prefix
        self._reverse_edge = reverse_edge
        self._reorder = reorder
        url = _get_dgl_url(f"dataset/{stored}.zip")
        super().__init__(stored, url, raw_dir, (), force_reload, verbose, transform)
        if self.verbose:
            sizes = f"{self._g.num_nodes()} nodes, {self._g.num_edges()} edges, {self.num_classes} classes"
            print(f"{name}: {sizes}")  # noqa: T201

    def download(self) -> None:
        makedirs(self.raw_path)
        obtain(
            [f"ind.{self._prefix}.{part}" for part in _PARTS],
            into=self.raw_path,
            url=Planetoid.url,
            root=self.raw_dir,
            archive=f"{self._prefix}.zip",
        )

    def process(self) -> None:
        folder = Path(self.raw_path)
        prefix = self.name if (folder / f"ind.{self.name}.x").exists() else self._prefix
        data: Any = read_planetoid_data(folder, prefix)
        # The edges are read anew: their order, and self-loops, are networkx's.
        nx = require("networkx")
        cited = nx.from_dict_of_lists(read_pickle(folder / f"ind.{prefix}.graph"))
        g = from_networkx(nx.DiGraph(cited)) if self._reverse_edge else graph(tuple(zip(*cited.edges())))
        for mask in _MASKS:
            g.ndata[mask] = data[mask]
        g.ndata["label"] = data.y
        g.ndata["feat"] = data.x / data.x.sum(1, keepdim=True).where(data.x.sum(1, keepdim=True) != 0, 1.0)
        self._g = reorder_graph(g, "rcmk", "dst", store_ids=False) if self._reorder else g
        self._num_classes = int(data.y.max()) + 1

    @property
    def save_name(self) -> str:
        """The stem of the processed files."""
        return self.name + "_dgl_graph"

    @property
    def _graph_path(self) -> str:
        return os.path.join(self.save_path, self.save_name + ".bin")

    @property
    def _info_path(self) -> str:
        return os.path.join(self.save_path, self.save_name + ".pkl")

    def has_cache(self) -> bool:
        return os.path.exists(self._graph_path) and os.path.exists(self._info_path)

    def save(self) -> None:
        save_graphs(self._graph_path, self._g)
        save_info(self._info_path, {"num_classes": self.num_classes})

    def load(self) -> None:
        self._g = load_graphs(self._graph_path)[0][0]
        self._num_classes = load_info(self._info_path)["num_classes"]
        for mask in _MASKS:
            self._g.ndata[mask] = self._g.ndata[mask].bool()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._num_classes

    @property
    def num_labels(self) -> int:
        """The number of classes, under its old name."""
        deprecate_property("dataset.num_labels", "dataset.num_classes")
        return self.num_classes

    @property
    def reverse_edge(self) -> bool:
        """Whether every citation goes in both directions."""
        return self._reverse_edge

    def __getitem__(self, idx: int) -> DGLGraph:
        if idx != 0:
            raise DGLError(f"This dataset has only one graph, got index {idx}")
        found: DGLGraph = self._transformed(self._g)
        return found

    def __len__(self) -> int:
        return 1


class CoraGraphDataset(CitationGraphDataset):
    """Cora: 2,708 papers, 10,556 edges, 1,433 words, 7 classes. Arguments as of `CitationGraphDataset`."""

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        reverse_edge: bool = True,
        transform: Callable[[Any], Any] | None = None,
        reorder: bool = False,
    ) -> None:
        super().__init__("cora", raw_dir, force_reload, verbose, reverse_edge, transform, reorder)


class CiteseerGraphDataset(CitationGraphDataset):
    """Citeseer: 3,327 papers, 9,228 edges, 3,703 words, 6 classes. Arguments as of `CitationGraphDataset`."""

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        reverse_edge: bool = True,
        transform: Callable[[Any], Any] | None = None,
        reorder: bool = False,
    ) -> None:
        super().__init__("citeseer", raw_dir, force_reload, verbose, reverse_edge, transform, reorder)


class PubmedGraphDataset(CitationGraphDataset):
    """Pubmed: 19,717 papers, 88,651 edges, 500 words, 3 classes. Arguments as of `CitationGraphDataset`."""

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        reverse_edge: bool = True,
        transform: Callable[[Any], Any] | None = None,
        reorder: bool = False,
    ) -> None:
        super().__init__("pubmed", raw_dir, force_reload, verbose, reverse_edge, transform, reorder)


def load_cora(
    raw_dir: str | None = None, force_reload: bool = False, verbose: bool = True, reverse_edge: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> CoraGraphDataset:  # fmt: skip
    """Makes a `CoraGraphDataset`."""
    return CoraGraphDataset(raw_dir, force_reload, verbose, reverse_edge, transform)


def load_citeseer(
    raw_dir: str | None = None, force_reload: bool = False, verbose: bool = True, reverse_edge: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> CiteseerGraphDataset:  # fmt: skip
    """Makes a `CiteseerGraphDataset`."""
    return CiteseerGraphDataset(raw_dir, force_reload, verbose, reverse_edge, transform)


def load_pubmed(
    raw_dir: str | None = None, force_reload: bool = False, verbose: bool = True, reverse_edge: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> PubmedGraphDataset:  # fmt: skip
    """Makes a `PubmedGraphDataset`."""
    return PubmedGraphDataset(raw_dir, force_reload, verbose, reverse_edge, transform)


class CoraBinary(DGLBuiltinDataset):
    """Parts of Cora with papers of two classes each: which community does a paper belong to?

    Items are `(graph, community marks of edges, labels)`, the marks a sparse matrix of scipy, the labels an array.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Chen, Li, Bruna, Supervised Community Detection with Line Graph Neural Networks, arXiv:1705.08415.
    """

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        url = _get_dgl_url("dataset/cora_binary.zip")
        super().__init__("cora_binary", url, raw_dir, (), force_reload, verbose, transform)

    def process(self) -> None:
        folder = Path(self.raw_path)
        pairs = [[line.split() for line in part] for part in _parts(folder / "graphs.txt")]
        self.graphs = [graph([(int(u), int(v)) for u, v in part]) for part in pairs]
        self.labels = [np.array([int(line) for line in part]) for part in _parts(folder / "labels.txt")]
        self._read_marks()

    def _read_marks(self) -> None:
        self.pmpds: list[Any] = read_pickle(Path(self.raw_path) / "pmpds.pkl")
        if not len(self.graphs) == len(self.labels) == len(self.pmpds):
            raise DGLError(
                f"expected as many graphs as labels and marks, got {len(self.graphs)}, {len(self.labels)} and "
                f"{len(self.pmpds)}"
            )

    @property
    def save_name(self) -> str:
        """The stem of the processed file."""
        return self.name + "_dgl_graph"

    @property
    def _graph_path(self) -> str:
        return os.path.join(self.save_path, self.save_name + ".bin")

    def has_cache(self) -> bool:
        return os.path.exists(self._graph_path)

    def save(self) -> None:
        labels = {str(i): torch.from_numpy(label) for i, label in enumerate(self.labels)}
        save_graphs(self._graph_path, self.graphs, labels)

    def load(self) -> None:
        self.graphs, labels = load_graphs(self._graph_path)
        self.labels = [labels[str(i)].numpy() for i in range(len(labels))]
        self._read_marks()

    def __getitem__(self, i: int) -> tuple[DGLGraph, Any, Any]:
        return self._transformed(self.graphs[i]), self.pmpds[i], self.labels[i]

    def __len__(self) -> int:
        return len(self.graphs)

    @staticmethod
    def collate_fn(cur: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Items as one: a batched graph, a block-diagonal matrix, one array.

        Args:
            cur: items.
        """
        graphs, marks, labels = zip(*cur)
        return batch(graphs), scipy.sparse.block_diag(marks), np.concatenate(labels, axis=0)


def _parts(file: Path) -> list[list[str]]:
    """The lines of a file between those that begin with "graph"."""
    parts: list[list[str]] = []
    for line in file.read_text().splitlines():
        if line.startswith("graph"):
            parts.append([])
        elif line:
            parts[-1].append(line)
    return [part for part in parts if part]
