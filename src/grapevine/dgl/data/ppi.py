"""Proteins that interact, in 24 tissues."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.data.published import Contents, PublishedDataset, Record, floats
from grapevine.dgl.foreign import from_networkx
from grapevine.dgl.heterograph import DGLGraph
from grapevine.errors import require

__all__ = ["LegacyPPIDataset", "PPIDataset"]

_TISSUES = {"train": range(1, 21), "valid": range(21, 23), "test": range(23, 25)}


def _read(data: Any) -> Contents:
    folder = Path(data.raw_path)
    given = json.loads((folder / f"{data.mode}_graph.json").read_text())
    nx = require("networkx")
    whole = nx.DiGraph() if given["directed"] else nx.Graph()
    whole.add_nodes_from(node["id"] for node in given["nodes"])
    whole.add_edges_from((link["source"], link["target"]) for link in given["links"])
    g = from_networkx(nx.DiGraph(whole))
    names = {"feat": "feats", "label": "labels"}
    for feature, file in names.items():
        g.ndata[feature] = floats(np.load(folder / f"{data.mode}_{file}.npy"))
    tissue = np.load(folder / f"{data.mode}_graph_id.npy")
    return Contents([g.subgraph(np.where(tissue == i)[0]) for i in _TISSUES[data.mode]])


class PPIDataset(PublishedDataset):
    """Graphs of proteins with 50 features and 121 functions, several of them at once.

    Args:
        mode: `"train"` (20 graphs), `"valid"` (2) or `"test"` (2).
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Raises:
        DGLError: for another mode.

    Source: Zitnik, Leskovec, Predicting Multicellular Function through Multi-layer Tissue Networks,
    arXiv:1707.04638.
    """

    record = Record("ppi", "dataset/ppi.zip", _read, "{self.mode}_dgl_graph_list.bin", num_classes=121)
    #: The number of functions.
    num_labels = 121

    def __init__(
        self,
        mode: str = "train",
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if mode not in _TISSUES:
            raise DGLError(f"expected mode 'train', 'valid' or 'test', got {mode!r}")
        self.mode = mode
        super().__init__(raw_dir, force_reload, verbose, transform)


class LegacyPPIDataset(PPIDataset):
    """`PPIDataset` whose items are `(graph, features, functions)`."""

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor, Tensor]:
        g = super().__getitem__(idx)
        return g, g.ndata["feat"], g.ndata["label"]
