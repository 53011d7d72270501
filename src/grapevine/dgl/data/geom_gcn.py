"""Web pages of three universities, pages of Wikipedia, and actors: graphs whose neighbours differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import MASKS, Contents, OneGraphDataset, Record

__all__ = [
    "ActorDataset",
    "ChameleonDataset",
    "CornellDataset",
    "SquirrelDataset",
    "TexasDataset",
    "WisconsinDataset",
]


def _rows(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text().splitlines()[1:] if line]


def _dense(rows: list[list[str]]) -> tuple[Tensor, Tensor]:
    features = [[float(v) for v in row[1].split(",")] for row in rows]
    return torch.tensor(features), torch.tensor([int(row[2]) for row in rows])


def _words(rows: list[list[str]]) -> tuple[Tensor, Tensor]:
    """Features given as the places of their ones."""
    ids = torch.tensor([int(row[0]) for row in rows])
    words = [[int(v) for v in row[1].split(",")] for row in rows]
    features = torch.zeros(len(rows), max(max(w) for w in words) + 1)
    for node, places in zip(ids, words):
        features[node, places] = 1.0
    labels = torch.empty(len(rows), dtype=torch.int64)
    labels[ids] = torch.tensor([int(row[2]) for row in rows])
    return features, labels


def _read(data: OneGraphDataset, table: Callable[[list[list[str]]], tuple[Tensor, Tensor]]) -> Contents:
    folder = Path(data.raw_path)
    features, labels = table(_rows(folder / "out1_node_feature_label.txt"))
    pairs = torch.tensor([[int(v) for v in row] for row in _rows(folder / "out1_graph_edges.txt")])
    dst, src = pairs.view(-1, 2).unbind(1)
    g = graph((src.contiguous(), dst.contiguous()), num_nodes=len(features))
    g.ndata["feat"], g.ndata["label"] = features, labels
    splits = [np.load(folder / f"{data.name}_split_0.6_0.2_{i}.npz") for i in range(10)]
    for name in MASKS:
        g.ndata[name] = torch.stack([torch.from_numpy(split[name]) for split in splits], dim=1).bool()
    return Contents([g])


def _record(name: str, table: Any = _dense) -> Record:
    return Record(name, f"dataset/{name}.zip", partial(_read, table=table), cache=None)


class _GeomGCN(OneGraphDataset):
    """Ten public splits are the columns of the masks.

    Args:
        raw_dir: folder of raw files; None means `get_download_dir()`.
        force_reload: accepted; the raw files are read every time.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Pei et al., Geom-GCN: Geometric Graph Convolutional Networks, arXiv:2002.05287.
    """

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)


class ActorDataset(_GeomGCN):
    """Actors who share a page of Wikipedia: 7,600 nodes, 33,391 edges, 932 words, 5 classes."""

    record = _record("actor", _words)


class ChameleonDataset(_GeomGCN):
    """Pages about chameleons: 2,277 nodes, 36,101 edges, 2,325 words, 5 classes of traffic."""

    record = _record("chameleon")


class SquirrelDataset(_GeomGCN):
    """Pages about squirrels: 5,201 nodes, 217,073 edges, 2,089 words, 5 classes of traffic."""

    record = _record("squirrel")


class CornellDataset(_GeomGCN):
    """Web pages of Cornell: 183 nodes, 298 edges, 1,703 words, 5 classes."""

    record = _record("cornell")


class TexasDataset(_GeomGCN):
    """Web pages of Texas: 183 nodes, 325 edges, 1,703 words, 5 classes."""

    record = _record("texas")


class WisconsinDataset(_GeomGCN):
    """Web pages of Wisconsin: 251 nodes, 515 edges, 1,703 words, 5 classes."""

    record = _record("wisconsin")
