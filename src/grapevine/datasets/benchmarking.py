"""Graphs for comparing layers: superpixels, mixtures of communities, tours, circles with chords."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from scipy.sparse import coo_matrix

from grapevine.data import Data
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import NamedFolder, fetch
from grapevine.errors import GraphValueError
from grapevine.io import ArrayUnpickler
from grapevine.utils import remove_self_loops

_PYG = "https://data.pyg.org/datasets/benchmarking-gnns"
_CSL = ("graphs_Kary_Deterministic_Graphs.pkl", "y_Kary_Deterministic_Graphs.pt")


class GNNBenchmarkDataset(NamedFolder, PartsDataset):
    """Collections of graphs that are fixed in size, split and task, to compare layers.

    | name    | graphs | task                                             |
    |---------|--------|--------------------------------------------------|
    | PATTERN | 14,000 | which nodes belong to a pattern                  |
    | CLUSTER | 12,000 | which of 6 communities a node belongs to         |
    | MNIST   | 70,000 | digits, as about 70 superpixels                  |
    | CIFAR10 | 60,000 | pictures, as about 117 superpixels               |
    | TSP     | 12,000 | which edges belong to the shortest tour          |
    | CSL     | 150    | how long the chords are that a circle has; 10    |

    Args:
        root: folder of the collection.
        name: which one.
        split: ``"train"``, ``"val"`` or ``"test"``; CSL has one part only, for cross validation.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for an unknown name or split.

    Source: Dwivedi et al., "Benchmarking Graph Neural Networks" (arXiv:2003.00982).
    """

    names = ("PATTERN", "CLUSTER", "MNIST", "CIFAR10", "TSP", "CSL")

    def __init__(
        self,
        root: str,
        name: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if name not in self.names:
            raise GraphValueError(f"expected a dataset of {self.names}, got {name!r}")
        self.name = name
        if name == "CSL":
            if split in self.parts[1:]:
                warnings.warn(
                    "CSL has no split: all graphs are loaded; do this instead: 5-fold cross validation",
                    stacklevel=2,
                )
                split = "train"
            self.parts = ("train",)
        super().__init__(root, split, transform, pre_transform, pre_filter, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return list(_CSL) if self.name == "CSL" else [f"{self.name}_v2.pt"]

    def download(self) -> None:
        archive = f"{self.name}_v2.zip", f"{_PYG}/{self.name}_v2.zip"
        if self.name == "CSL":
            archive = "CSL.zip", "https://www.dropbox.com/s/rnbkp5ubgk82ocu/CSL.zip?dl=1"
        fetch(
            dict.fromkeys(self.raw_file_names, ""), archive, Path(self.raw_dir), self.root, self.name.lower()
        )

    def _read(self, part: str) -> Iterator[Data]:
        if self.name == "CSL":
            yield from self._circles()
        else:
            graphs = torch.load(self.raw_paths[0], weights_only=True)[self.parts.index(part)]
            yield from (Data(**graph) for graph in graphs)

    def _circles(self) -> Iterator[Data]:
        with Path(self.raw_paths[0]).open("rb") as file:
            adjacencies = _Unpickler(file).load()
        for adjacency, y in zip(adjacencies, torch.load(self.raw_paths[1], weights_only=True).tolist()):
            ends = torch.stack([torch.from_numpy(adjacency.row), torch.from_numpy(adjacency.col)]).long()
            yield Data(edge_index=remove_self_loops(ends)[0], y=y, num_nodes=adjacency.shape[0])

    def __repr__(self) -> str:
        return f"{self.name}({len(self)})"


class _Unpickler(ArrayUnpickler):
    """Unpickles COO matrices too, of which only the indices are read."""

    def find_class(self, module: str, name: str) -> Any:
        known = module.startswith("scipy.sparse") and name == "coo_matrix"
        return coo_matrix if known else super().find_class(module, name)
