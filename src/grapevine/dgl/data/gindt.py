"""The collections of graphs that GIN was measured on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset
from grapevine.dgl.data.utils import load_graphs, load_info, save_graphs, save_info
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["GINDataset"]

_INFO = ("N", "n", "m", "gclasses", "nclasses", "eclasses", "dim_nfeats", "glabel_dict", "nlabel_dict")


class GINDataset(DGLBuiltinDataset):
    """Graphs with a class each (MUTAG, COLLAB, IMDBBINARY, IMDBMULTI, NCI1, PROTEINS, PTC, REDDITBINARY, ...).

    Nodes have a `label` and the one-hot form of it, `attr`, unless the file has attributes.

    Args:
        name: of the collection.
        self_loop: whether every node gets a self-loop after its other edges.
        degree_as_nlabel: whether in-degrees take the place of labels.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Xu et al., How Powerful are Graph Neural Networks?, arXiv:1810.00826.
    """

    def __init__(
        self,
        name: str,
        self_loop: bool,
        degree_as_nlabel: bool = False,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.self_loop = self_loop
        self.degree_as_nlabel = degree_as_nlabel
        self.graphs: list[DGLGraph] = []
        self.labels = torch.empty(0, dtype=torch.int64)
        self.glabel_dict: dict[int, int] = {}
        self.nlabel_dict: dict[int, int] = {}
        self.N = self.n = self.m = self.gclasses = self.nclasses = self.eclasses = self.dim_nfeats = 0
        url = "https://raw.githubusercontent.com/weihua916/powerful-gnns/master/dataset.zip"
        super().__init__(
            name, url, raw_dir, (name, self_loop, degree_as_nlabel), force_reload, verbose, transform
        )

    @property
    def raw_path(self) -> str:
        """The folder of the raw files of all collections."""
        return os.path.join(self.raw_dir, "GINDataset")

    def process(self) -> None:
        path = Path(self.raw_path, "dataset", self.name, f"{self.name}.txt")
        lines = iter(path.read_text().splitlines())
        self.N = int(next(lines))
        classes = []
        for _ in range(self.N):
            num_nodes, kind = (int(word) for word in next(lines).split()[:2])
            classes.append(self.glabel_dict.setdefault(kind, len(self.glabel_dict)))
            self.graphs.append(self._read_graph([next(lines).split() for _ in range(num_nodes)]))
        self.labels = torch.tensor(classes)
        if "attr" not in self.graphs[0].ndata:
            self._encode_labels()
        self.n = sum(g.num_nodes() for g in self.graphs)
        self.m = sum(g.num_edges() for g in self.graphs)
        self.gclasses, self.nclasses = len(self.glabel_dict), len(self.nlabel_dict)
        self.dim_nfeats = self.graphs[0].ndata["attr"].shape[1]

    def _read_graph(self, rows: list[list[str]]) -> DGLGraph:
        """One line per node: label, number of neighbours, neighbours, attributes if any."""
        src: list[int] = []
        dst: list[int] = []
        labels, attributes = [], []
        for node, row in enumerate(rows):
            end = 2 + int(row[1])
            if len(row) < end:
                raise DGLError(f"expected {row[1]} neighbours of node {node}, got {len(row) - 2}")
            labels.append(self.nlabel_dict.setdefault(int(row[0]), len(self.nlabel_dict)))
            to = [int(word) for word in row[2:end]] + [node] * self.self_loop
            src += [node] * len(to)
            dst += to
            if len(row) > end:
                attributes.append([float(word) for word in row[end:]])
        g = graph(
            (torch.tensor(src, dtype=torch.int64), torch.tensor(dst, dtype=torch.int64)), num_nodes=len(rows)
        )
        if attributes:
            g.ndata["attr"] = torch.tensor(attributes)
        g.ndata["label"] = torch.tensor(labels, dtype=torch.int64)
        return g

    def _encode_labels(self) -> None:
        if self.degree_as_nlabel:
            for g in self.graphs:
                g.ndata["label"] = g.in_degrees()
        found = torch.cat([g.ndata["label"] for g in self.graphs]).unique()
        columns = torch.arange(len(found))
        whole = torch.equal(found, columns)
        if whole and all(label in self.nlabel_dict for label in found.tolist()):
            # As in DGL, the columns are then in the order of the labels in the file.
            columns = torch.tensor([self.nlabel_dict[label] for label in found.tolist()])
        width = max(len(self.nlabel_dict) if whole and not self.degree_as_nlabel else 0, len(found))
        for g in self.graphs:
            place = columns[torch.searchsorted(found, g.ndata["label"])]
            g.ndata["attr"] = one_hot(place, width).float()

    @property
    def graph_path(self) -> str:
        """Where the processed graphs are."""
        return os.path.join(self.save_path, f"gin_{self.name}_{self.hash}.bin")

    @property
    def info_path(self) -> str:
        """Where the sizes are."""
        return os.path.join(self.save_path, f"gin_{self.name}_{self.hash}.pkl")

    def has_cache(self) -> bool:
        return os.path.exists(self.graph_path) and os.path.exists(self.info_path)

    def save(self) -> None:
        save_graphs(self.graph_path, self.graphs, {"labels": self.labels})
        save_info(self.info_path, {name: getattr(self, name) for name in _INFO})

    def load(self) -> None:
        self.graphs, labels = load_graphs(self.graph_path)
        self.labels = labels["labels"]
        for name, value in load_info(self.info_path).items():
            if name in _INFO:
                setattr(self, name, value)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self.gclasses

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor]:
        return self._transformed(self.graphs[idx]), self.labels[idx]

    def __len__(self) -> int:
        return len(self.graphs)
