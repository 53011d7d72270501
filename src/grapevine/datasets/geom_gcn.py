"""Graphs of Geom-GCN, whose neighbours tend to differ: web pages, actors, articles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.data import Data
from grapevine.datasets._published import NamedDataset, PublishedDataset, pairs, rows
from grapevine.datasets.musae import read_musae
from grapevine.errors import GraphValueError
from grapevine.utils import coalesce

_URL = "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn"
_TABLES = ("out1_node_feature_label.txt", "out1_graph_edges.txt")


def _geom_gcn_urls(name: str, revision: str = "master") -> dict[str, str]:
    splits = [f"{name}_split_0.6_0.2_{i}.npz" for i in range(10)]
    tables = {file: f"{_URL}/{revision}/new_data/{name}/{file}" for file in _TABLES}
    return {**tables, **{file: f"{_URL}/{revision}/splits/{file}" for file in splits}}


def read_geom_gcn(folder: Path, words: bool = False) -> Data:
    """Reads a table of nodes (number, features, class), one of edges, and ten splits, which are columns of the masks.

    Args:
        folder: where the files lie.
        words: features are the places of ones instead of all numbers.
    """
    table = rows(folder / _TABLES[0], "\t", skip=1)
    node = torch.tensor([int(row[0]) for row in table])
    given = [row[1].split(",") for row in table]
    if words:
        places = [[int(word) for word in line] for line in given]
        x = torch.zeros(len(table), max(map(max, places)) + 1)
        for i, line in zip(node.tolist(), places):
            x[i, line] = 1.0
        y = torch.empty(len(table), dtype=torch.int64)
        y[node] = torch.tensor([int(row[2]) for row in table])
    else:
        x = torch.tensor([[float(value) for value in line] for line in given])
        y = torch.tensor([int(row[2]) for row in table])
    splits = [np.load(file) for file in sorted(folder.glob("*_split_0.6_0.2_*.npz"))]
    masks = {
        name: torch.stack([torch.from_numpy(split[name]).bool() for split in splits], dim=1)
        for name in ("train_mask", "val_mask", "test_mask")
    }
    edge_index = coalesce(pairs(folder / _TABLES[1], "\t", skip=1), num_nodes=len(table))
    return Data(x=x, edge_index=edge_index, y=y, **masks)


class WebKB(NamedDataset):
    """Web pages of three universities that link to each other; features are words, classes kinds of pages.

    | name      | nodes | edges | features | classes |
    |-----------|-------|-------|----------|---------|
    | Cornell   | 183   | 298   | 1,703    | 5       |
    | Texas     | 183   | 325   | 1,703    | 5       |
    | Wisconsin | 251   | 515   | 1,703    | 5       |

    Ten splits are the columns of the masks. Arguments as for `NamedDataset`.

    Source: Pei et al., "Geom-GCN: Geometric Graph Convolutional Networks", arXiv:2002.05287.
    """

    names = ("cornell", "texas", "wisconsin")

    def _urls(self) -> Mapping[str, str]:
        return _geom_gcn_urls(self.name)

    def _read(self, folder: Path) -> Data:
        return read_geom_gcn(folder)

    def __repr__(self) -> str:
        return f"{self.name}()"


class Actor(PublishedDataset):
    """Actors who are named on the same page of Wikipedia: 7,600 nodes, 30,019 edges, 932 words, 5 classes.

    Ten splits are the columns of the masks. Arguments as for `PublishedDataset`.

    Source: Pei et al., "Geom-GCN: Geometric Graph Convolutional Networks", arXiv:2002.05287.
    """

    def _urls(self) -> Mapping[str, str]:
        return _geom_gcn_urls("film")

    def _read(self, folder: Path) -> Data:
        return read_geom_gcn(folder, words=True)


class WikipediaNetwork(NamedDataset):
    """Articles of Wikipedia that link to each other; features are informative nouns.

    | name      | nodes  | edges   | features | classes |
    |-----------|--------|---------|----------|---------|
    | Chameleon | 2,277  | 36,101  | 2,325    | 5       |
    | Squirrel  | 5,201  | 217,073 | 2,089    | 5       |
    | Crocodile | 11,631 | 180,020 | 128      | traffic |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        geom_gcn_preprocess: classes by traffic, words as features and ten splits, as in Geom-GCN; else the logarithm of
            the traffic as target, as in MUSAE.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for an unknown name; and for Crocodile as in Geom-GCN, which has none.

    Source: Rozemberczki et al., "Multi-Scale Attributed Node Embedding", arXiv:1909.13021; Pei et al.,
    arXiv:2002.05287.
    """

    names = ("chameleon", "crocodile", "squirrel")

    def __init__(
        self,
        root: str,
        name: str,
        geom_gcn_preprocess: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.geom_gcn_preprocess = geom_gcn_preprocess
        if geom_gcn_preprocess and name.lower() == "crocodile":
            raise GraphValueError(
                "expected chameleon or squirrel, got 'crocodile'; use geom_gcn_preprocess=False"
            )
        super().__init__(root, name, transform, pre_transform, force_reload)

    @property
    def _folder(self) -> Path:
        return Path(self.root) / self.name / ("geom_gcn" if self.geom_gcn_preprocess else "")

    @property
    def raw_dir(self) -> str:
        return str(self._folder / "raw")

    @property
    def processed_dir(self) -> str:
        return str(self._folder / "processed")

    def _urls(self) -> Mapping[str, str]:
        if self.geom_gcn_preprocess:
            return _geom_gcn_urls(self.name, "f1fc0d14b3b019c562737240d06ec83b07d16a8f")
        file = f"{self.name}.npz"
        return {file: f"https://graphmining.ai/datasets/ptg/wiki/{file}"}

    def _read(self, folder: Path) -> Data:
        if self.geom_gcn_preprocess:
            return read_geom_gcn(folder)
        data = read_musae(folder / f"{self.name}.npz")
        return Data(
            x=data.x, edge_index=coalesce(data["edge_index"], num_nodes=data.num_nodes), y=data["y"].float()
        )
