"""The collections of graphs of TU Dortmund."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset
from grapevine.dgl.data.utils import load_graphs, load_info, loadtxt, save_graphs, save_info
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["LegacyTUDataset", "TUDataset"]

# DGL stores edge attributes under this name too; programs look for them there.
_COLUMNS = {
    "node_labels": ("ndata", "node_labels"),
    "node_attributes": ("ndata", "node_attr"),
    "edge_labels": ("edata", "edge_labels"),
    "edge_attributes": ("edata", "node_labels"),
}


class TUDataset(DGLBuiltinDataset):
    """Graphs with a class each, such as MUTAG, ENZYMES, PROTEINS, IMDB-BINARY.

    Nodes may have `node_labels` and `node_attr`; edges `edge_labels`, and attributes under the name `node_labels` (as
    in DGL). Duplicate edges are kept. Labels count from 0.

    Args:
        name: of the collection.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Raises:
        DGLError: if the collection has neither classes nor attributes of graphs.
        DownloadError: if the archive is missing and cannot be downloaded.

    Source: Morris et al., TUDataset, arXiv:2007.08663.
    """

    graph_lists: list[DGLGraph]
    graph_labels: Tensor
    num_labels: int | None
    max_num_node: int

    def __init__(
        self,
        name: str,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        url = f"https://www.chrsmrrs.com/graphkerneldatasets/{name}.zip"
        super().__init__(name, url, raw_dir, (), force_reload, verbose, transform)

    def process(self) -> None:
        ends, member = self._table("A"), self._table("graph_indicator")
        if ends is None or member is None:
            raise DGLError(f"expected {self._file_path('A')} and {self._file_path('graph_indicator')}")
        classes, values = self._table("graph_labels"), self._table("graph_attributes")
        if classes is not None:
            self.graph_labels = classes.unique(sorted=True, return_inverse=True)[1]
            self.num_labels = int(self.graph_labels.max()) + 1
        elif values is not None:
            self.graph_labels, self.num_labels = values.double(), None
        else:
            raise DGLError("Unknown graph label or graph attributes")
        src, dst = (ends - ends.min()).unbind(1)
        whole = graph((src, dst), num_nodes=int(ends.max() - ends.min()) + 1)
        for file, (side, name) in _COLUMNS.items():
            if (column := self._table(file)) is not None:
                getattr(whole, side)[name] = column - column.min() if "label" in file else column
        member = member.view(-1) - member.min()
        sizes = torch.bincount(member)
        groups = torch.argsort(member, stable=True).split(sizes.tolist())
        self.graph_lists = [whole.subgraph(nodes) for nodes in groups]
        self.max_num_node = int(sizes.max())

    def _file_path(self, category: str) -> str:
        return os.path.join(self.raw_path, self.name, f"{self.name}_{category}.txt")

    def _table(self, category: str) -> Tensor | None:
        path = self._file_path(category)
        return torch.from_numpy(loadtxt(path, delimiter=",")) if os.path.exists(path) else None

    @property
    def graph_path(self) -> str:
        """Where the processed graphs are."""
        return os.path.join(self.save_path, f"tu_{self.name}.bin")

    @property
    def info_path(self) -> str:
        """Where the sizes are."""
        return os.path.join(self.save_path, f"tu_{self.name}.pkl")

    def has_cache(self) -> bool:
        return os.path.exists(self.graph_path) and os.path.exists(self.info_path)

    def save(self) -> None:
        save_graphs(self.graph_path, self.graph_lists, {"labels": self.graph_labels})
        save_info(self.info_path, {"max_num_node": self.max_num_node, "num_labels": self.num_labels})

    def load(self) -> None:
        self.graph_lists, labels = load_graphs(self.graph_path)
        info = load_info(self.info_path)
        self.graph_labels = labels["labels"]
        self.max_num_node, self.num_labels = info["max_num_node"], info["num_labels"]

    @property
    def num_classes(self) -> int | None:
        """The number of classes; None where graphs have attributes instead."""
        return self.num_labels

    def statistics(self) -> tuple[int, int | None, int]:
        """The width of the feature `feat`, if a transform or the user gave one; classes; nodes of the largest graph."""
        return self.graph_lists[0].ndata["feat"].shape[1], self.num_labels, self.max_num_node

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor]:
        return self._transformed(self.graph_lists[idx]), self.graph_labels[idx]

    def __len__(self) -> int:
        return len(self.graph_lists)


class LegacyTUDataset(TUDataset):
    """The same collections as older programs want them: one node feature `feat`, and few large graphs if need be.

    `feat` holds the attributes of nodes, else their one-hot labels, else ones.

    Args:
        name: of the collection.
        use_pandas: accepted; tables are read with numpy.
        hidden_size: the width of `feat` where nodes have neither attributes nor labels.
        max_allow_node: leaves out graphs with more nodes; None keeps all.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Morris et al., TUDataset, arXiv:2007.08663.
    """

    def __init__(
        self,
        name: str,
        use_pandas: bool = False,
        hidden_size: int = 10,
        max_allow_node: int | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.use_pandas = use_pandas
        self.hidden_size = hidden_size
        self.max_allow_node = max_allow_node
        key = (name, use_pandas, hidden_size, max_allow_node)
        url = f"https://www.chrsmrrs.com/graphkerneldatasets/{name}.zip"
        DGLBuiltinDataset.__init__(self, name, url, raw_dir, key, force_reload, verbose, transform)

    def process(self) -> None:
        super().process()
        if (classes := self._table("graph_labels")) is not None:
            self.graph_labels = (classes - classes.min()).view(-1)
            self.num_labels = int(self.graph_labels.max()) + 1
        labels, attributes = self._table("node_labels"), self._table("node_attributes")
        width = 0 if labels is None else int(labels.max() - labels.min()) + 1
        self.data_mode = "constant" if attributes is None and labels is None else "node_label"
        if attributes is not None:
            self.data_mode = "node_attr"
        for g in self.graph_lists:
            if attributes is not None:
                feat = g.ndata["node_attr"].float()
            elif labels is not None:
                feat = one_hot(g.ndata["node_labels"].view(-1), width).float()
            else:
                feat = torch.ones(g.num_nodes(), self.hidden_size)
            for name in ("node_labels", "node_attr"):
                g.ndata.pop(name, None)
            g.ndata["feat"] = feat
            for name in ("edge_labels", "node_labels"):
                g.edata.pop(name, None)
        if self.max_allow_node:
            small = [i for i, g in enumerate(self.graph_lists) if g.num_nodes() <= self.max_allow_node]
            self.graph_lists = [self.graph_lists[i] for i in small]
            self.graph_labels = self.graph_labels[small]
            self.max_num_node = self.max_allow_node

    @property
    def graph_path(self) -> str:
        """Where the processed graphs are."""
        return os.path.join(self.save_path, f"legacy_tu_{self.name}_{self.hash}.bin")

    @property
    def info_path(self) -> str:
        """Where the sizes are."""
        return os.path.join(self.save_path, f"legacy_tu_{self.name}_{self.hash}.pkl")

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return int(self.num_labels or 0)
