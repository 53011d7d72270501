"""Collections that are published in DGL's own files of graphs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from grapevine.dgl.data.published import Contents, PublishedDataset, Record
from grapevine.dgl.data.utils import load_graphs

__all__ = ["CLUSTERDataset", "PATTERNDataset", "ZINCDataset"]


def _read(data: PublishedDataset) -> Contents:
    return Contents(*load_graphs(data.graph_path))


def _record(name: str, archive: str, file: str, num_classes: int | None = None) -> Record:
    return Record(name, f"dataset/{archive}.zip", _read, file + "_{self.mode}.bin", num_classes)


class _Ready(PublishedDataset):
    """The archive holds the graphs as DGL saves them.

    Args:
        mode: `"train"`, `"valid"` (`"val"` where the files say so) or `"test"`.
        raw_dir: folder of the files; None means `get_download_dir()`.
        force_reload: accepted; there is nothing to process.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Dwivedi et al., Benchmarking Graph Neural Networks, arXiv:2003.00982.
    """

    def __init__(
        self,
        mode: str = "train",
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.mode = mode
        super().__init__(raw_dir, force_reload, verbose, transform)

    def has_cache(self) -> bool:
        return os.path.exists(self.graph_path)

    def save(self) -> None:
        """Nothing: the files are there."""


class CLUSTERDataset(_Ready):
    """Random graphs with six communities, one labelled node in each: 10,000 / 1,000 / 1,000 graphs."""

    record = _record("cluster", "SBM_CLUSTER", "CLUSTER", 6)


class PATTERNDataset(_Ready):
    """Random graphs with a pattern to find: 10,000 / 2,000 / 2,000 graphs."""

    record = _record("pattern", "SBM_PATTERN", "SBM_PATTERN", 2)


class ZINCDataset(_Ready):
    """Molecules and their constrained solubility: 10,000 / 1,000 / 1,000 graphs; items are `(graph, target)`."""

    record = _record("zinc", "ZINC12k", "ZincDGL")
    #: Kinds of atoms, the values of the node feature `feat`.
    num_atom_types = 28
    #: Kinds of bonds, the values of the edge feature `feat`.
    num_bond_types = 4
